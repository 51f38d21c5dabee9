// The Swift format as a value: its name, what is told of its versions, and its door. It has no public registry (spec 4.4).
import type { Format } from "../format.ts";
import { open } from "./handlers.ts";
import { parseRelease } from "./release.ts";

export const swift: Format = {
  name: "swift",
  namespaces: "required",
  connections: [],
  dependencies: ({ document }) => parseRelease(document).dependencies,
  readme: ({ document }) => Promise.resolve(parseRelease(document).readme),
  open,
};
