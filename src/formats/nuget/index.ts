// The NuGet format as a value: its name, its public feed, what is told of its versions, and its door.
import type { Format } from "../format.ts";
import { external } from "./external.ts";
import { dependencies } from "./facts.ts";
import { open } from "./handlers.ts";
import { readme } from "./package-file.ts";

export const nuget: Format = {
  name: "nuget",
  namespaces: "none",
  connections: ["public:nuget-org"],
  external,
  dependencies,
  readme,
  open,
};
