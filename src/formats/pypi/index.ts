// Python packages as a value: the format's name, its public index, how it is read, and its door.
import type { Format } from "../format.ts";
import { dependenciesOf, kept } from "./core-metadata.ts";
import { external } from "./external.ts";
import { open } from "./handlers.ts";
import { readme } from "./held-metadata.ts";

export const pypi: Format = {
  name: "pypi",
  namespaces: "none",
  connections: ["public:pypi"],
  external,
  lateAssets: true,
  dependencies: ({ document }) => dependenciesOf(kept(document)),
  readme,
  open,
};
