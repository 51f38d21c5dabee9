// The NuGet format, held to what every format must do.

import { publicFeed } from "../../../test/nuget-feed.ts";
import { makeNupkg, pushForm } from "../../../test/nupkgs.ts";
import { formatSuite } from "../format.suite.ts";
import { HIVES } from "./addresses.ts";
import { nuget } from "./index.ts";
import { packageAsset } from "./names.ts";

const METADATA = `<readme>docs\\README.md</readme>
<dependencies><group targetFramework="net6.0"><dependency id="Base" version="1.0" /></group></dependencies>`;

interface Registration {
  readonly items: readonly {
    readonly items: readonly {
      readonly catalogEntry: { readonly version: string; readonly listed: boolean };
    }[];
  }[];
}

/** However a client spells a package's name, its publisher spelled it so. */
function spelled(name: string): string {
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1).toLowerCase()}`;
}

formatSuite<Buffer>({
  format: nuget,
  key: (word) => ({ format: "nuget", namespace: "", name: word }),
  spellings: (key) => [{ ...key, name: key.name.toUpperCase() }],
  versions: ["1.0.0-beta1", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "10.0.0.1"],
  build({ name }, version, content) {
    const files = { "docs/README.md": "# Read me", "lib/net6.0/a.txt": content };
    const nupkg = makeNupkg({ id: spelled(name), version, metadata: METADATA, files });
    return {
      assets: new Map([[packageAsset(name.toLowerCase(), version), nupkg]]),
      upload: nupkg,
      dependencies: [{ name: "base", requirement: "1.0" }],
      readme: "# Read me",
    };
  },
  publish: (client, { built }) => client.send("v3/package/", pushForm(built.upload)),
  digests: [],
  listings: ({ name }) =>
    HIVES.map((hive) => ({
      what: hive,
      path: `v3/${hive}/${name}/index.json`,
      read: (body) =>
        (JSON.parse(body) as Registration).items
          .flatMap(({ items }) => items)
          .flatMap(({ catalogEntry: { listed, version } }) => (listed ? [version] : [])),
    })),
  files: ({ key: { name }, version }) => [
    {
      asset: packageAsset(name.toLowerCase(), version),
      path: `v3/flat2/${name}/${version}/${name}.${version}.nupkg`,
    },
  ],
  documents: ({ key: { name }, version }) => [
    { path: `v3/flat2/${name}/${version}/${name}.nuspec`, when: "readable" },
    { path: `v3/flat2/${name}/${version}/readme`, when: "readable" },
    { path: `v3/registration4/${name}/${version}.json`, when: "readable" },
    { path: `v3/catalog/${name}/${version}.json`, when: "readable" },
  ],
  publicFiles: (base, versions) =>
    publicFeed(
      base,
      versions.map(({ key, version, built }) => ({ id: spelled(key.name), version, nupkg: built.upload })),
    ),
});
