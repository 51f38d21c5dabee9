// The cargo format as a value: its name, its public registry, how that is read, and its door.
import type { Format } from "../format.ts";
import { dependencies, readme } from "./contents.ts";
import { external } from "./external.ts";
import { open } from "./handlers.ts";

export const cargo: Format = {
  name: "cargo",
  namespaces: "none",
  connections: ["public:crates-io"],
  external,
  dependencies,
  readme,
  open,
};
