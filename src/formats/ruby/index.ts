// The RubyGems format as a value: its name, its public registry, what is told of its versions, and its door.
import type { Format } from "../format.ts";
import { dependencies, readme } from "./contents.ts";
import { external } from "./external.ts";
import { open } from "./handlers.ts";

export const ruby: Format = {
  name: "ruby",
  namespaces: "none",
  connections: ["public:ruby-gems-org"],
  lateAssets: true,
  external,
  dependencies,
  readme,
  open,
};
