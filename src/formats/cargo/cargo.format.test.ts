// The cargo format, held to what every format must do.
import { frame, indexLine, makeCrate } from "../../../test/crates.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { formatSuite } from "../format.suite.ts";
import { cargo } from "./index.ts";
import { assetName, indexPath } from "./names.ts";

interface Upload {
  readonly crate: Buffer;
  readonly sent: object;
}

const api = ({ name }: PackageKey) => `api/v1/crates/${name}`;
const base = {
  name: "base",
  req: "^1.0",
  features: [],
  optional: false,
  default_features: true,
  target: null,
};

formatSuite<Upload>({
  format: cargo,
  key: (word) => ({ format: "cargo", namespace: "", name: word }),
  versions: ["1.0.0-beta.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "10.0.0"],
  async build({ name }, version, content) {
    const toml = `readme = "README.md"\n[dependencies.base]\nversion = "1.0"\nregistry-index = "sparse+http://registry.example/cargo/other/"\n`;
    const files = { "README.md": "# Read me", "src/content.rs": `// ${content}\n` };
    const crate = await makeCrate({ name, version, toml, files });
    const dependency = {
      name: "base",
      version_req: "^1.0",
      kind: "normal",
      registry: "http://registry.example/cargo/other/",
    };
    return {
      assets: new Map([[assetName(name, version), crate]]),
      upload: { crate, sent: { name, vers: version, deps: [dependency], features: {} } },
      dependencies: [{ name: "base", type: "normal", requirement: "^1.0" }],
      readme: "# Read me",
    };
  },
  publish: (client, { built: { upload } }) =>
    client.send("api/v1/crates/new", {
      method: "PUT",
      body: new Uint8Array(frame(upload.sent, upload.crate)),
    }),
  digests: [],
  listings: (key) => [
    {
      what: "the index",
      path: indexPath(key.name),
      read: (body) =>
        body
          .trim()
          .split("\n")
          .map((line) => (JSON.parse(line) as { vers: string }).vers),
    },
    {
      what: "the versions",
      path: `${api(key)}/versions`,
      read: (body) => (JSON.parse(body) as { versions: { num: string }[] }).versions.map(({ num }) => num),
    },
    {
      what: "the crate",
      path: api(key),
      read: (body) => (JSON.parse(body) as { versions: { num: string }[] }).versions.map(({ num }) => num),
    },
  ],
  files: ({ key, version }) => [
    { asset: assetName(key.name, version), path: `${api(key)}/${version}/download` },
  ],
  publicFiles(url, versions) {
    const files = new Map<string, { type: string; body: Buffer | string }>();
    files.set("/config.json", {
      type: "application/json",
      body: JSON.stringify({ dl: `${url.replace(/\/$/, "")}/files/{crate}/{version}.crate` }),
    });
    for (const [path, of] of Map.groupBy(versions, ({ key }) => `/${indexPath(key.name)}`)) {
      const lines = of.map(({ key, version, built: { upload } }) => {
        files.set(`/files/${key.name}/${version}.crate`, { type: "application/gzip", body: upload.crate });
        const more = { deps: [{ ...base, kind: "normal" }], pubtime: "2024-05-06T07:08:09Z" };
        return indexLine(key.name, version, upload.crate, more);
      });
      files.set(path, { type: "text/plain", body: `${lines.join("\n")}\n` });
    }
    return files;
  },
});
