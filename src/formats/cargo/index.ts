// The cargo format as a value: its name, its public registry, how that is read, and its door.
import type { Format } from "../format.ts";
import { lazyDoor, lazyExternal, once } from "../lazy.ts";
import { renderFault } from "./responses.ts";

const code = once(() => import("./code.ts"));

export const cargo: Format = {
  name: "cargo",
  namespaces: "none",
  connections: ["public:crates-io"],
  external: lazyExternal(code),
  dependencies: async (version) => (await code()).dependencies(version),
  readme: async (...of) => (await code()).readme(...of),
  open: (deps) => lazyDoor(renderFault, async () => (await code()).open(deps)),
};
