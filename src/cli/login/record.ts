// What logins have written, so that they can be done again without piling up, and be undone: logins.json, for its owner only.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { writeAtomic } from "./desk.ts";
import { SYNTAXES, type SyntaxName } from "./syntax/index.ts";
import type { Value } from "./syntax/syntax.ts";
import { type Around, configHome, LoginError } from "./tool.ts";

const VALUE = v.union([v.string(), v.boolean(), v.array(v.string())]);

const LOGIN = v.object({
  tool: v.string(),
  format: v.string(),
  domain: v.string(),
  owner: v.string(),
  repository: v.string(),
  scope: v.optional(v.string()),
  /** The project's folder. */
  project: v.optional(v.string()),
  /** The repository endpoint. */
  url: v.string(),
  /** How a helper gets a new token: no secret of the user's is in here. */
  source: v.object({
    endpointUrl: v.string(),
    region: v.optional(v.string()),
    profile: v.optional(v.string()),
    credentials: v.optional(v.string()),
    durationSeconds: v.optional(v.number()),
  }),
  settings: v.array(
    v.object({
      file: v.string(),
      syntax: v.picklist(Object.keys(SYNTAXES) as [SyntaxName, ...SyntaxName[]]),
      path: v.array(v.string()),
      /** SHA-256 of what was written, so that the token is not kept twice. */
      hash: v.string(),
      /** Of a list, this item was added. */
      member: v.optional(v.boolean()),
      seed: v.optional(v.array(v.string())),
      /** What was there before; absent: nothing. */
      before: v.optional(VALUE),
      /** The very lines it was written in, and how to know those that took their place: their number and SHA-256. */
      lines: v.optional(v.object({ before: v.string(), count: v.number(), sha256: v.string() })),
    }),
  ),
  files: v.array(
    v.object({
      file: v.string(),
      existed: v.boolean(),
      /** Of the text before the first login. */
      sha256: v.string(),
      mode: v.optional(v.number()),
      /** The topmost folder made for it. */
      made: v.optional(v.string()),
    }),
  ),
});

export type Login = v.InferOutput<typeof LOGIN>;
export type Written = Login["settings"][number];
export type FileState = Login["files"][number];

const RECORD = v.object({ version: v.literal(1), logins: v.array(LOGIN) });

export function recordFile(around: Around): string {
  return join(configHome(around), "portcullis", "logins.json");
}

export function loadLogins(around: Around): Login[] {
  const file = recordFile(around);
  if (!existsSync(file)) return [];
  try {
    return v.parse(RECORD, JSON.parse(readFileSync(file, "utf8"))).logins;
  } catch (error) {
    throw new LoginError(
      `${file} cannot be read (${(error as Error).message}); move it away, and what earlier logins wrote must be undone by hand`,
    );
  }
}

export function saveLogins(around: Around, logins: readonly Login[]): void {
  const file = recordFile(around);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeAtomic(file, `${JSON.stringify({ version: 1, logins }, null, 2)}\n`, 0o600);
}

/** Whether two are the same login, done again. */
export function sameLogin(a: Login, b: Omit<Login, "settings" | "files" | "source" | "url">): boolean {
  return (["tool", "domain", "owner", "repository", "scope", "project"] as const).every(
    (key) => a[key] === b[key],
  );
}

interface Place {
  readonly file: string;
  readonly path: readonly string[];
}

export function sameSetting(a: Place, b: Place): boolean {
  return a.file === b.file && a.path.join("\0") === b.path.join("\0");
}

export function hashOf(value: Value): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** The login that a package manager's address belongs to; of several, the nearest, then the latest. */
export function loginFor(logins: readonly Login[], address: string): Login | undefined {
  const given = address.replace(/^sparse\+/, "").replace(/^(https?:\/\/)[^/@]*@/, "$1");
  const below = logins.filter(({ url }) => `${given}/`.startsWith(url));
  if (below.length > 0) return below.toSorted((a, b) => a.url.length - b.url.length).at(-1);
  // pip and uv ask by host when the address was not known: answered where that is not ambiguous.
  const host = given.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const there = logins.filter(({ url }) => new URL(url).host === host);
  const domains = new Set(
    there.map(({ source, owner, domain }) => `${source.endpointUrl} ${owner} ${domain}`),
  );
  return domains.size === 1 ? there.at(-1) : undefined;
}
