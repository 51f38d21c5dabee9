// Package-manager tokens: opaque `id.secret`, stored hashed, revocable (spec 6.1).
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Database } from "../store/database.ts";
import type { PrincipalRecord } from "../store/identities.ts";
import { findToken, insertToken } from "../store/identities.ts";

export const TOKEN_SECONDS_MIN = 900;
export const TOKEN_SECONDS_MAX = 43_200;

/** A new token for every repository of one domain. The text is shown once and cannot be had again. */
export async function issueToken(
  database: Database,
  grant: {
    readonly principalId: number;
    readonly domainId: number;
    readonly now: number;
    readonly expiresAt: number;
  },
): Promise<string> {
  const id = randomBytes(9).toString("base64url");
  const secret = randomBytes(32).toString("base64url");
  await database.write((tx) =>
    insertToken(tx, {
      id,
      secretHash: hashOf(secret),
      domainId: grant.domainId,
      principalId: grant.principalId,
      createdAt: grant.now,
      expiresAt: grant.expiresAt,
    }),
  );
  return `${id}.${secret}`;
}

export interface CheckedToken {
  readonly id: string;
  readonly principal: PrincipalRecord;
  readonly domainId: number;
  readonly expiresAt: number;
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
  const matches = timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(known.secretHash, "hex"));
  return matches
    ? { id, principal: known.principal, domainId: known.domainId, expiresAt: known.expiresAt }
    : undefined;
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
