// YAML out of gems: plain maps, lists and texts, whatever Ruby's own tags say.
import { createRequire } from "node:module";
import type * as Yaml from "yaml";

/** Loaded with the first gem that is looked into: servers without gems start sooner and hold less. */
let yaml: typeof Yaml | undefined;

/** Throws when it is no YAML, or unfolds by aliases beyond measure. Numbers stay texts: `1.10` is not 1.1. */
export function parseYaml(text: string): unknown {
  yaml ??= createRequire(import.meta.url)("yaml") as typeof Yaml;
  return yaml.parse(text, { logLevel: "silent", maxAliasCount: 1_000, schema: "failsafe" });
}
