// The RubyGems format, held to what every format must do.
import { createHash } from "node:crypto";
import { makeGem } from "../../../test/gems.ts";
import { formatSuite } from "../format.suite.ts";
import { renderInfo } from "./compact-index.ts";
import { ruby } from "./index.ts";
import { fileName } from "./names.ts";

const NEEDS = { base: ">= 1.0" };

formatSuite({
  format: ruby,
  key: (word) => ({ format: "ruby", namespace: "", name: word }),
  versions: ["1.0.0.rc1", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "10.0.0"],
  async build({ name }, version, content) {
    const files = { "README.md": "# Read me", "lib/a.rb": `# ${content}\n` };
    const gem = await makeGem({ name, version, dependencies: NEEDS, files });
    return {
      assets: new Map([[fileName(name, version, "ruby"), gem]]),
      upload: gem,
      dependencies: [{ name: "base", type: "runtime", requirement: ">= 1.0" }],
      readme: "# Read me",
    };
  },
  publish: (client, { built }) =>
    client.send("api/v1/gems", {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(built.upload),
    }),
  digests: [],
  listings: ({ name }) => [
    {
      what: "the compact index",
      path: `info/${name}`,
      read: (body) =>
        body
          .split("\n")
          .filter((line) => line !== "---" && line !== "")
          .map((line) => line.split(" ")[0] ?? ""),
    },
    {
      what: "dependencies as JSON",
      path: `api/v1/dependencies.json?gems=${name}`,
      read: (body) => (JSON.parse(body) as { number: string }[]).map(({ number }) => number),
    },
  ],
  files: ({ key: { name }, version }) => [
    { asset: fileName(name, version, "ruby"), path: `gems/${name}-${version}.gem` },
  ],
  documents: ({ key: { name }, version }) => [
    { path: `quick/Marshal.4.8/${name}-${version}.gemspec.rz`, when: "listed" },
  ],
  publicFiles(_base, versions) {
    const files = new Map<string, { type: string; body: Buffer | string }>();
    for (const [name, of] of Map.groupBy(versions, ({ key }) => key.name)) {
      const lines = of.map(({ version, built }) => ({
        number: version,
        platform: "ruby",
        dependencies: [{ name: "base", requirement: ">= 1.0" }],
        sha256: createHash("sha256").update(built.upload).digest("hex"),
        ruby: ">= 2.5",
        rubygems: "",
      }));
      files.set(`/info/${name}`, { type: "text/plain", body: renderInfo(lines) });
      for (const { version, built } of of)
        files.set(`/gems/${name}-${version}.gem`, { type: "application/octet-stream", body: built.upload });
    }
    return files;
  },
});
