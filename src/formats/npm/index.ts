// The npm format as a value: its name, its public registries, how they are read, and its door.
import type { Format } from "../format.ts";
import { dependencies, readme } from "./contents.ts";
import { external } from "./external.ts";
import { open } from "./handlers.ts";

export const npm: Format = {
  name: "npm",
  namespaces: "optional",
  connections: ["public:npmjs"],
  external,
  dependencies,
  readme,
  open,
};
