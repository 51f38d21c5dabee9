// The NuGet format as a value: its name, its public feed, how that is read, what is told of its versions, and its door.
import type { Format } from "../format.ts";
import { lazyDoor, lazyExternal, once } from "../lazy.ts";
import { renderFault } from "./faults.ts";

const code = once(() => import("./code.ts"));

export const nuget: Format = {
  name: "nuget",
  namespaces: "none",
  connections: ["public:nuget-org"],
  external: {
    ...lazyExternal(code),
    indexInPieces: true,
    locateIndex: async (...of) => (await code()).locateIndex(...of),
  },
  dependencies: async (version) => (await code()).dependencies(version),
  readme: async (...of) => (await code()).readme(...of),
  open: (deps) => lazyDoor(renderFault, async () => (await code()).open(deps)),
};
