// The RubyGems format as a value: its name, its public registry, what is told of its versions, and its door.
import type { Format } from "../format.ts";
import { lazyDoor, lazyExternal, once } from "../lazy.ts";
import { renderFault } from "./faults.ts";

const code = once(() => import("./code.ts"));

export const ruby: Format = {
  name: "ruby",
  namespaces: "none",
  connections: ["public:ruby-gems-org"],
  lateAssets: true,
  external: lazyExternal(code),
  dependencies: async (version) => (await code()).dependencies(version),
  readme: async (...of) => (await code()).readme(...of),
  open: (deps) => lazyDoor(renderFault, async () => (await code()).open(deps)),
};
