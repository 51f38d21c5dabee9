// The Maven format as a value: its name, its public registries, how they are read, and its door.
import type { Format } from "../format.ts";
import { external } from "./external.ts";
import { open } from "./handlers.ts";
import { dependenciesOf } from "./version-document.ts";

export const maven: Format = {
  name: "maven",
  namespaces: "required",
  connections: [
    "public:maven-central",
    "public:maven-googleandroid",
    "public:maven-gradleplugins",
    "public:maven-commonsware",
    "public:maven-clojars",
  ],
  external,
  lateAssets: true,
  dependencies: dependenciesOf,
  open,
};
