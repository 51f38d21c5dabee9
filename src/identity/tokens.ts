// Package-manager tokens: opaque `id.secret`, stored hashed, revocable (spec 6.1).
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { TokenScope } from "../core/caller.ts";
import type { Database } from "../store/database.ts";
import type { SessionRecord, TokenRecord } from "../store/identities.ts";
import { findSession, findToken, insertToken } from "../store/identities.ts";

export const TOKEN_SECONDS_MIN = 900;
export const TOKEN_SECONDS_MAX = 43_200;

export interface TokenGrant {
  readonly principalId: number;
  readonly domainId: number;
  /** Epoch milliseconds, both. */
  readonly now: number;
  readonly expiresAt: number;
  /** Less than the principal may do. */
  readonly scope?: TokenScope;
  readonly label?: string;
  /** The session that asks for it: revoking that one revokes the token. */
  readonly sessionId?: string;
}

/** A new token for every repository of one domain. The text is shown once and cannot be had again. */
export async function issueToken(database: Database, grant: TokenGrant): Promise<string> {
  const { now: createdAt, ...rest } = grant;
  // `cargo login TOKEN` and others take a word that begins with a dash for an option.
  const id = randomBytes(9).toString("base64url").replace(/^-/, "A");
  const secret = randomBytes(32).toString("base64url");
  await database.write((tx) => insertToken(tx, { ...rest, createdAt, id, secretHash: hashOf(secret) }));
  return `${id}.${secret}`;
}

export interface CheckedToken extends TokenRecord {
  readonly session: SessionRecord | undefined;
}

/** What a token proves, or undefined when it is unknown, forged, expired or revoked. */
export async function checkToken(
  database: Database,
  text: string,
  now: number,
): Promise<CheckedToken | undefined> {
  const [, id, secret] = /^([\w-]{12})\.([\w-]{43})$/.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const known = await findToken(database.read, id);
  if (known === undefined || known.revokedAt !== undefined || known.expiresAt <= now) return undefined;
  if (!sameHash(secret, known.secretHash)) return undefined;
  const session =
    known.sessionId === undefined ? undefined : await findSession(database.read, known.sessionId);
  if (known.sessionId !== undefined && session === undefined) return undefined;
  return { ...known, session };
}

/** SHA-256, hex: 256 random bits need no slow hash. */
export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** In a time that tells nothing. */
export function sameHash(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(hash, "hex"));
}
