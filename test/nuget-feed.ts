// A public V3 feed's documents for tests, laid out otherwise than Portcullis's own: registrations that point to catalogue leaves.
import { createHash } from "node:crypto";

export interface PublicPackage {
  readonly id: string;
  readonly version: string;
  readonly nupkg: Buffer;
  readonly published?: string;
  readonly listed?: boolean;
  /** Instead of the right one; "": it tells none. */
  readonly hash?: string;
  /** Further members of the catalogEntry. */
  readonly entry?: object;
}

export interface FeedFile {
  readonly type: string;
  readonly body: Buffer | string;
}

/** Path → document. `pages`: the registration's pages are documents of their own. */
export function publicFeed(
  base: string,
  packages: readonly PublicPackage[],
  pages = false,
): ReadonlyMap<string, FeedFile> {
  const files = new Map<string, FeedFile>();
  const add = (path: string, value: unknown) =>
    files.set(`/${path}`, { type: "application/json", body: JSON.stringify(value) });
  add("index.json", {
    version: "3.0.0",
    resources: [
      { "@id": `${base}content/`, "@type": "PackageBaseAddress/3.0.0" },
      { "@id": `${base}old-registration/`, "@type": "RegistrationsBaseUrl" },
      { "@id": `${base}registration/`, "@type": "RegistrationsBaseUrl/3.6.0" },
    ],
  });
  for (const [name, of] of Map.groupBy(packages, ({ id }) => id.toLowerCase())) {
    const items = of.map((one) => {
      const file = `content/${name}/${one.version}/${name}.${one.version}.nupkg`;
      const leaf = `catalog/${name}.${one.version}.json`;
      const sha512 = createHash("sha512").update(one.nupkg).digest("base64");
      files.set(`/${file}`, { type: "application/octet-stream", body: one.nupkg });
      add(leaf, {
        id: one.id,
        version: one.version,
        ...(one.hash === "" ? {} : { packageHash: one.hash ?? sha512, packageHashAlgorithm: "SHA512" }),
      });
      return {
        "@id": `${base}registration/${name}/${one.version}.json`,
        packageContent: `${base}${file}`,
        catalogEntry: {
          "@id": `${base}${leaf}`,
          id: one.id,
          version: one.version,
          description: `What ${one.id} is`,
          authors: "Somebody",
          listed: one.listed ?? true,
          published: one.published ?? "2024-05-06T07:08:09.123Z",
          ...one.entry,
        },
      };
    });
    const page = { count: items.length, lower: of[0]?.version, upper: of.at(-1)?.version };
    const at = `registration/${name}/page/1.json`;
    add(at, { "@id": `${base}${at}`, ...page, items });
    const shown = pages ? { ...page, "@id": `${base}${at}`, stamp: items.length } : { ...page, items };
    add(`registration/${name}/index.json`, { count: 1, items: [shown] });
  }
  return files;
}
