// Tokens that helpers have fetched, kept until shortly before they expire, so that a build does not ask per request.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Token } from "./api.ts";
import { writeAtomic } from "./desk.ts";
import type { Login } from "./record.ts";
import type { Around } from "./tool.ts";

/** A build that has just begun should end with the same token. */
const SPARE_MS = 10 * 60_000;

/** One for each domain and source of credentials; another access key in the environment is another source. */
export function cacheFile({ env, home, platform }: Around, { source, domain, owner }: Login): string {
  const folder =
    platform === "darwin" ? join(home, "Library", "Caches") : env.XDG_CACHE_HOME || join(home, ".cache");
  const named = source.profile !== undefined || source.credentials !== undefined;
  const who = named ? [] : [env.AWS_ACCESS_KEY_ID, env.AWS_ROLE_ARN, env.AWS_PROFILE];
  const key = JSON.stringify([source, domain, owner, who]);
  return join(
    folder,
    "portcullis",
    "tokens",
    `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.json`,
  );
}

export function cachedToken(file: string, now: number): Token | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { token, expiresAt } = JSON.parse(readFileSync(file, "utf8")) as Token;
    return typeof token === "string" && expiresAt - SPARE_MS > now ? { token, expiresAt } : undefined;
  } catch {
    return undefined; // it is only a cache
  }
}

export function keepToken(file: string, token: Token): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeAtomic(file, `${JSON.stringify(token)}\n`, 0o600);
}

export function forgetToken(file: string): void {
  rmSync(file, { force: true });
}
