// Maven as every format.
import { createHash } from "node:crypto";
import type { PackageKey } from "../../core/coordinates.ts";
import { type BuiltVersion, formatSuite, type PublicFile } from "../format.suite.ts";
import { metadataOf, pomOf } from "./fake-registry.ts";
import { maven } from "./index.ts";
import { folderOf } from "./layout.ts";

const DEPENDENCY = { namespace: "org.base", name: "base", type: "runtime", requirement: "[1,2)" };
const DEPENDENCIES =
  "<dependencies><dependency><groupId>org.base</groupId><artifactId>base</artifactId><version>[1,2)</version><scope>runtime</scope></dependency></dependencies>";

formatSuite({
  format: maven,
  key: (word): PackageKey => ({ format: "maven", namespace: "com.acme.suite", name: word }),
  versions: ["0.9", "1.0-rc1", "1.0", "1.1", "1.10", "2.0"],
  build({ namespace, name }, version, content) {
    const pom = pomOf(namespace, name, version, `<description>${content}</description>${DEPENDENCIES}`);
    return {
      assets: new Map([
        [`${name}-${version}.jar`, Buffer.from(`jar of ${name} ${version}: ${content}`)],
        [`${name}-${version}.pom`, Buffer.from(pom)],
      ]),
      upload: undefined,
      dependencies: [DEPENDENCY],
    };
  },
  async publish(client, { key, version, built }, { wrong, unfinished } = {}) {
    const folder = folderOf(key);
    const put = (path: string, body: Buffer | string) =>
      client.send(path, { method: "PUT", body: body as string });
    let answer: Response | undefined;
    for (const [asset, bytes] of built.assets) {
      const path = `${folder}${version}/${asset}`;
      // Before the file, as clients that upload in parallel do: then nothing of it is kept.
      const early = wrong === undefined ? undefined : await put(`${path}.${wrong}`, digest(wrong, "another"));
      if (early?.ok === false) return early;
      answer = await put(path, bytes);
      if (!answer.ok) return answer;
    }
    if (unfinished === true && answer !== undefined) return answer;
    return put(`${folder}maven-metadata.xml`, metadataOf(key.namespace, key.name, [version]));
  },
  digests: ["md5", "sha1", "sha256", "sha512"],
  unfinished: true,
  listings: (key) => [
    {
      what: "maven-metadata.xml",
      path: `${folderOf(key)}maven-metadata.xml`,
      read: (body) =>
        [...body.matchAll(/<version>([^<]+)<\/version>/g)].map(([, version]) => version as string),
    },
  ],
  files: ({ key, version, built }) =>
    [...built.assets.keys()].map((asset) => ({ asset, path: `${folderOf(key)}${version}/${asset}` })),
  documents: ({ key, version, built }) =>
    [...built.assets.keys()].flatMap((asset) =>
      ["md5", "sha1", "sha256", "sha512"].map((algorithm) => ({
        path: `${folderOf(key)}${version}/${asset}.${algorithm}`,
        when: "readable" as const,
      })),
    ),
  publicFiles(_base, versions) {
    const files = new Map<string, PublicFile>();
    const add = (path: string, body: Buffer | string): void => {
      files.set(`/${path}`, { type: "application/octet-stream", body });
      files.set(`/${path}.sha1`, { type: "text/plain", body: digest("sha1", body) });
    };
    for (const { key, version, built } of versions)
      for (const [asset, bytes] of built.assets) add(`${folderOf(key)}${version}/${asset}`, bytes);
    for (const of of Map.groupBy(versions, ({ key }: BuiltVersion) => folderOf(key)).values()) {
      const [{ key }] = of as [BuiltVersion];
      add(
        `${folderOf(key)}maven-metadata.xml`,
        metadataOf(key.namespace, key.name, [...new Set(of.map(({ version }) => version))]),
      );
    }
    return files;
  },
});

function digest(algorithm: string, bytes: Buffer | string): string {
  return createHash(algorithm).update(bytes).digest("hex");
}
