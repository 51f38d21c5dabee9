// The code behind the format's value, loaded with the first need of it.
export { external, versionByFile } from "./external.ts";
export { open } from "./handlers.ts";
export { dependenciesOf } from "./version-document.ts";
