// The syntaxes by name, as plans and records write them.
import { configparser, npmrc } from "./ini.ts";
import { json } from "./json.ts";
import { netrc } from "./netrc.ts";
import { properties } from "./properties.ts";
import type { Syntax } from "./syntax.ts";
import { toml } from "./toml.ts";
import { whole } from "./whole.ts";
import { xml } from "./xml.ts";
import { yaml } from "./yaml.ts";

export const SYNTAXES = {
  npmrc,
  configparser,
  properties,
  toml,
  yaml,
  xml,
  json,
  netrc,
  whole,
} satisfies Record<string, Syntax>;

export type SyntaxName = keyof typeof SYNTAXES;
