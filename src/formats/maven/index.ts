// The Maven format as a value: its name, its public registries, how they are read, and its door.
import type { Format } from "../format.ts";
import { lazyDoor, lazyExternal, once } from "../lazy.ts";
import { renderFault } from "./responses.ts";

const code = once(() => import("./code.ts"));

export const maven: Format = {
  name: "maven",
  namespaces: "required",
  connections: [
    "public:maven-central",
    "public:maven-googleandroid",
    "public:maven-gradleplugins",
    "public:maven-commonsware",
    "public:maven-clojars",
  ],
  external: {
    ...lazyExternal(code),
    versionByFile: async (...of) => (await code()).versionByFile(...of),
  },
  lateAssets: true,
  dependencies: async (version) => (await code()).dependenciesOf(version),
  open: (deps) => lazyDoor(renderFault, async () => (await code()).open(deps)),
};
