// The code behind the format's value, loaded with the first need of it.
export { external, locateIndex } from "./external.ts";
export { dependencies } from "./facts.ts";
export { open } from "./handlers.ts";
export { readme } from "./package-file.ts";
