// The Swift format, held to what every format must do.
import { formatSuite } from "../format.suite.ts";
import { swift } from "./index.ts";
import { MANIFEST, releaseForm, sourceArchive } from "./swift.fixtures.ts";

formatSuite({
  format: swift,
  key: (word) => ({ format: "swift", namespace: "acme", name: word }),
  spellings: ({ name }) => [{ format: "swift", namespace: "ACME", name: name.toUpperCase() }],
  versions: ["1.0.0", "1.0.1", "1.1.0", "2.0.0-beta.1", "2.0.0", "2.0.1"],
  build(key, version, content) {
    const name = key.name.toLowerCase();
    const manifest = `${MANIFEST}// ${content}\n`;
    const archive = sourceArchive({
      "Package.swift": manifest,
      "README.md": `# ${name} ${version} ${content}`,
    });
    return {
      assets: new Map([
        ["source-archive.zip", archive],
        ["Package.swift", Buffer.from(manifest)],
      ]),
      upload: archive,
      dependencies: [
        { namespace: "other", name: "kit", requirement: 'from: "2.1.0"' },
        { namespace: "mona", name: "hashmap", requirement: '.upToNextMajor(from: "1.0.0")' },
      ],
      readme: `# ${name} ${version} ${content}`,
    };
  },
  publish(client, { key, version, built }) {
    const { type, body } = releaseForm({ archive: built.upload });
    return client.send(`${key.namespace}/${key.name}/${version}`, {
      method: "PUT",
      headers: { "content-type": type },
      body: new Uint8Array(body),
    });
  },
  digests: [],
  listings: ({ namespace, name }) => [
    {
      what: "releases",
      path: `${namespace}/${name}`,
      read: (body) => Object.keys((JSON.parse(body) as { releases: object }).releases),
    },
  ],
  files: ({ key: { namespace, name }, version }) => [
    { asset: "source-archive.zip", path: `${namespace}/${name}/${version}.zip` },
    { asset: "Package.swift", path: `${namespace}/${name}/${version}/Package.swift` },
  ],
  documents: ({ key: { namespace, name }, version }) => [
    { path: `${namespace}/${name}/${version}`, when: "readable" },
  ],
});
