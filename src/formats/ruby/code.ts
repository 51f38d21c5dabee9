// The code behind the format's value, loaded with the first need of it.
export { dependencies, readme } from "./contents.ts";
export { external } from "./external.ts";
export { open } from "./handlers.ts";
