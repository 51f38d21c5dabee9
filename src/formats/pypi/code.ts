// The code behind the format's value, loaded with the first need of it.
export { dependenciesOf, kept } from "./core-metadata.ts";
export { external } from "./external.ts";
export { open } from "./handlers.ts";
export { readme } from "./held-metadata.ts";
