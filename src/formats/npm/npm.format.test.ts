// The npm format, held to what every format must do.
import { encodeName, publishBody } from "../../../test/server.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { formatSuite } from "../format.suite.ts";
import { npm } from "./index.ts";

interface Body {
  readonly versions: Readonly<Record<string, { dist: Record<string, string> }>>;
  readonly _attachments: Readonly<Record<string, { data: string }>>;
}

const nameOf = ({ namespace, name }: PackageKey) => (namespace === "" ? name : `@${namespace}/${name}`);
const at = (key: PackageKey) => encodeName(nameOf(key));
const tarballAt = (key: PackageKey, version: string) => `${at(key)}/-/${key.name}-${version}.tgz`;
const numbers = (body: string) => Object.keys((JSON.parse(body) as { versions: object }).versions);

formatSuite<Body>({
  format: npm,
  key: (word) => ({ format: "npm", namespace: "acme", name: word }),
  versions: ["1.0.0-beta.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "10.0.0"],
  async build(key, version, content) {
    const manifest = {
      name: nameOf(key),
      version,
      dependencies: { "@acme/base": "^1.0.0" },
      readme: "# Read me",
    };
    const { readme: _, ...inside } = manifest;
    const upload = (await publishBody("http://registry.example/", manifest, { content, inside })) as Body;
    const [tarball] = Object.values(upload._attachments);
    return {
      assets: new Map([["package.tgz", Buffer.from(tarball?.data ?? "", "base64")]]),
      upload,
      dependencies: [{ namespace: "acme", name: "base", type: "regular", requirement: "^1.0.0" }],
      readme: "# Read me",
    };
  },
  publish(client, { key, version, built: { upload } }, { wrong } = {}) {
    const body = structuredClone(upload);
    const dist = body.versions[version]?.dist;
    if (wrong !== undefined && dist !== undefined) dist[wrong] = WRONG[wrong] ?? "";
    return client.send(at(key), {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  },
  digests: ["shasum", "integrity"],
  listings: (key) => [
    { what: "the full document", path: at(key), read: numbers },
    {
      what: "the abbreviated document",
      path: at(key),
      headers: { accept: "application/vnd.npm.install-v1+json" },
      read: numbers,
    },
  ],
  files: ({ key, version }) => [{ asset: "package.tgz", path: tarballAt(key, version) }],
  documents: ({ key, version }) => [{ path: `${at(key)}/${version}`, when: "listed" }],
  publicFiles(base, versions) {
    const files = new Map<string, { type: string; body: Buffer | string }>();
    for (const [path, of] of Map.groupBy(versions, ({ key }) => `/${at(key)}`)) {
      const manifests = of.map(({ key, version, built }) => {
        const tarball = `/${tarballAt(key, version)}`;
        files.set(tarball, {
          type: "application/octet-stream",
          body: built.assets.get("package.tgz") ?? Buffer.alloc(0),
        });
        const { dist, ...manifest } = built.upload.versions[version] ?? { dist: {} };
        return [version, { ...manifest, dist: { ...dist, tarball: new URL(tarball, base).href } }] as const;
      });
      const latest = of.at(-1)?.version;
      files.set(path, {
        type: "application/json",
        body: JSON.stringify({
          name: decodeURIComponent(path.slice(1)),
          "dist-tags": { latest },
          versions: Object.fromEntries(manifests),
          time: Object.fromEntries(of.map(({ version }) => [version, "2024-05-06T07:08:09.000Z"])),
        }),
      });
    }
    return files;
  },
});

const WRONG: Readonly<Record<string, string>> = {
  shasum: "0".repeat(40),
  integrity: `sha512-${Buffer.alloc(64).toString("base64")}`,
};
