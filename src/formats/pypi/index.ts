// Python packages as a value: the format's name, its public index, how it is read, and its door.
import type { Format } from "../format.ts";
import { lazyDoor, lazyExternal, once } from "../lazy.ts";
import { renderFault } from "./faults.ts";

const code = once(() => import("./code.ts"));

export const pypi: Format = {
  name: "pypi",
  namespaces: "none",
  connections: ["public:pypi"],
  external: lazyExternal(code),
  lateAssets: true,
  async dependencies({ document }) {
    const { dependenciesOf, kept } = await code();
    return dependenciesOf(kept(document));
  },
  readme: async (...of) => (await code()).readme(...of),
  open: (deps) => lazyDoor(renderFault, async () => (await code()).open(deps)),
};
