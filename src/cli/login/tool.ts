// What a tool is to `portcullis login`: where its settings live and what they say. A new tool is one file in tools/.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PackageFormat } from "../../core/coordinates.ts";
import type { SyntaxName } from "./syntax/index.ts";
import type { Value } from "./syntax/syntax.ts";

/** Where the command runs. */
export interface Around {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  /** The absolute path of bin/portcullis, for what calls back. */
  readonly program: string;
}

/** A repository as a tool is told of it. */
export interface Site {
  /** The repository endpoint; ends in `/`. */
  readonly url: string;
  /** What the tool calls it; `domain-repository` unless the user says. */
  readonly name: string;
  /** Whether the user said so. */
  readonly named: boolean;
  readonly domain: string;
  readonly repository: string;
  readonly token: string;
  /** Refer to this environment variable, and write no token. */
  readonly variable: string | undefined;
  /** Without `@`. */
  readonly scope: string | undefined;
  /** Beside the public registry, not in its place. */
  readonly extra: boolean;
  readonly project: boolean;
  /** The tool asks `portcullis credential` when it needs a token. */
  readonly helper: boolean;
  readonly around: Around;
}

/** One setting in one file. */
export interface Setting {
  /** Absolute. */
  readonly file: string;
  readonly syntax: SyntaxName;
  readonly path: readonly string[];
  readonly value: Value;
  /** Its value holds the token: never shown, and the file is for its owner only. */
  readonly secret?: boolean;
  /** The setting is a list, and `value` one item of it. */
  readonly member?: boolean;
  /** What the list says where it is not written. */
  readonly seed?: readonly string[];
  readonly executable?: boolean;
}

export interface Plan {
  readonly settings: readonly Setting[];
  /** What to know and how to go on, a line each. */
  readonly notes: readonly string[];
}

export type Feature = "scope" | "extra" | "project" | "variable" | "helper";

export interface Tool {
  readonly name: string;
  readonly format: PackageFormat;
  readonly takes: readonly Feature[];
  /** Asks for its token by itself unless told not to. */
  readonly helperByDefault?: boolean;
  /** Variables of the tool that win over what login writes: told where one is set. */
  readonly beatenBy?: readonly string[];
  /** Where the option is missing: what to do instead. */
  readonly instead?: Partial<Readonly<Record<Feature, string>>>;
  plan(site: Site): Plan;
}

/** A tool cannot be set up as asked; the message says what would help. */
export class LoginError extends Error {}

/** The address with user `aws` and the password in it. */
export function withPassword(url: string, password: string | undefined): string {
  const user = password === undefined ? "aws" : `aws:${encodeURIComponent(password)}`;
  return url.replace(/^(https?:\/\/)/, `$1${user}@`);
}

/** `//host:port/path/`: how npm's family names a registry in its keys. */
export function withoutScheme(url: string): string {
  return url.replace(/^https?:/, "");
}

export function configHome({ env, home }: Around): string {
  return env.XDG_CONFIG_HOME || join(home, ".config");
}

export function dataHome({ env, home }: Around): string {
  return env.XDG_DATA_HOME || join(home, ".local", "share");
}

export function isFile(file: string): boolean {
  return existsSync(file);
}

/** The text of a file that may be missing: for plans that depend on what is there. */
export function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** As an environment variable has it. */
export function envName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

export const ONE_INDEX =
  "Everything comes through this repository now, public packages too: with one source, its origin controls decide who may bring a name, and a stranger's package of the same name cannot get in beside it.";
export const TWO_INDEXES =
  "Careful: beside a public registry, a stranger's package of the same name and a higher version may be taken instead of yours (dependency confusion). Leaving --extra away puts this repository in its place.";
