// What a held npm version says beyond its installation: its direct dependencies and its readme (spec 5.8.4, 5.8.5).
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import type { AssetRow, Dependency, VersionRow } from "../../registry/registry.ts";
import type { HeldAssets } from "../format.ts";
import { isObject } from "./documents.ts";
import { ASSET_NAME, parseName } from "./names.ts";

/** Optional ones first: registries repeat them among the regular ones. */
const KINDS = [
  ["optionalDependencies", "optional"],
  ["dependencies", "regular"],
  ["devDependencies", "dev"],
  ["peerDependencies", "peer"],
] as const;

/** In the manifest's own order, kind by kind. A name that no package can have is left out. */
export function dependencies({ document }: Pick<VersionRow, "document">): readonly Dependency[] {
  const manifest: unknown = JSON.parse(document);
  if (!isObject(manifest)) return [];
  const optional = new Set(Object.keys(objectOf(manifest["optionalDependencies"])));
  return KINDS.flatMap(([member, type]) =>
    Object.entries(objectOf(manifest[member])).flatMap(([name, requirement]) => {
      const key = parseName(name);
      if (key === undefined || typeof requirement !== "string") return [];
      if (type === "regular" && optional.has(name)) return [];
      const namespace = key.namespace === "" ? {} : { namespace: key.namespace };
      return [{ ...namespace, name: key.name, type, requirement }];
    }),
  );
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** What the publisher sent along, else the file in the tarball. */
export async function readme(
  { document }: Pick<VersionRow, "document">,
  held: HeldAssets,
): Promise<string | undefined> {
  const manifest: unknown = JSON.parse(document);
  const sent = isObject(manifest) ? manifest["readme"] : undefined;
  if (typeof sent === "string" && sent !== "" && sent !== NO_README) return sent;
  const tarball = held.assets.find(({ name }) => name === ASSET_NAME);
  return tarball === undefined ? undefined : readFromTarball(held, tarball);
}

/** npm's own words for a package without one. */
const NO_README = "ERROR: No README data found!";
const README_BYTES_MAX = 1024 * 1024;

/** In the package's folder, whatever its case; of several the plainest name wins, as npm picks. */
async function readFromTarball(held: HeldAssets, tarball: AssetRow): Promise<string | undefined> {
  const found = new Map<string, Buffer[]>();
  let current: Buffer[] = [];
  const reader = createTgzReader(
    {
      entry({ path, size, kind }) {
        const file = /^[^/]+\/(readme(?:\.[a-z]+)?)$/i.exec(path)?.[1];
        if (kind !== "file" || file === undefined || size > README_BYTES_MAX) return false;
        current = [];
        found.set(file.toLowerCase(), current);
        return true;
      },
      data: (bytes) => void current.push(Buffer.from(bytes)),
    },
    ARCHIVE_LIMITS,
    "The tarball",
  );
  try {
    for await (const chunk of await held.open(tarball)) await reader.write(chunk as Uint8Array);
    await reader.finish();
  } finally {
    reader.destroy();
  }
  const best = ["readme.md", "readme", "readme.markdown", ...[...found.keys()].toSorted()].find((name) =>
    found.has(name),
  );
  return best === undefined ? undefined : Buffer.concat(found.get(best) ?? []).toString("utf8");
}
