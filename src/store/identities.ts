// Rows of credentials: access keys, sessions, and package-manager tokens, each with the principal it proves.
import type { PolicyDocument, TokenScope } from "../core/caller.ts";
import type { Queries } from "./database.ts";
import type { PrincipalRecord } from "./principals.ts";
import { findPrincipal } from "./principals.ts";

export type { PrincipalRecord } from "./principals.ts";
export { countPrincipals, insertPrincipal } from "./principals.ts";

export async function insertAccessKey(
  db: Queries,
  key: { id: string; secret: string; principalId: number },
  at: number,
): Promise<void> {
  await db
    .insertInto("access_key")
    .values({
      id: key.id,
      secret: key.secret,
      principal_id: key.principalId,
      created_at: at,
      disabled_at: null,
    })
    .execute();
}

/** The secret and the principal of an enabled key. */
export async function findAccessKey(
  db: Queries,
  id: string,
): Promise<{ readonly secret: string; readonly principal: PrincipalRecord } | undefined> {
  const row = await db
    .selectFrom("access_key")
    .select(["secret", "principal_id"])
    .where("id", "=", id)
    .where("disabled_at", "is", null)
    .executeTakeFirst();
  const principal = row && (await findPrincipal(db, row.principal_id));
  return row && principal && { secret: row.secret, principal };
}

export interface KeyListing {
  readonly id: string;
  readonly account: string;
  readonly user: string;
  readonly createdAt: number;
}

export async function listAccessKeys(db: Queries, principalId?: number): Promise<readonly KeyListing[]> {
  let query = db
    .selectFrom("access_key as k")
    .innerJoin("principal as p", "p.id", "k.principal_id")
    .select(["k.id", "p.account", "p.name", "k.created_at"]);
  if (principalId !== undefined) query = query.where("p.id", "=", principalId);
  const rows = await query.orderBy("p.account").orderBy("p.name").orderBy("k.created_at").execute();
  return rows.map((row) => ({
    id: row.id,
    account: row.account,
    user: row.name,
    createdAt: row.created_at,
  }));
}

/** False when there is no such key. */
export async function deleteAccessKey(db: Queries, id: string): Promise<boolean> {
  const gone = await db.deleteFrom("access_key").where("id", "=", id).returning("id").executeTakeFirst();
  return gone !== undefined;
}

/** A role that somebody has taken on, for a while. */
export interface SessionRecord {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly tokenHash: string;
  /** Undefined: not narrowed. */
  readonly policies: readonly PolicyDocument[] | undefined;
  readonly expiresAt: number;
  readonly principal: PrincipalRecord;
}

export async function insertSession(
  db: Queries,
  session: Omit<SessionRecord, "principal"> & { readonly principalId: number; readonly takenBy: string },
  at: number,
): Promise<void> {
  await db
    .insertInto("session")
    .values({
      id: session.id,
      principal_id: session.principalId,
      name: session.name,
      secret: session.secret,
      token_hash: session.tokenHash,
      policies: JSON.stringify(session.policies ?? null),
      created_at: at,
      expires_at: session.expiresAt,
      revoked_at: null,
      taken_by: session.takenBy,
    })
    .execute();
}

/** One that was not revoked; it may have expired. */
export async function findSession(db: Queries, id: string): Promise<SessionRecord | undefined> {
  const row = await db
    .selectFrom("session")
    .selectAll()
    .where("id", "=", id)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  const principal = row && (await findPrincipal(db, row.principal_id));
  return (
    row &&
    principal && {
      id,
      name: row.name,
      secret: row.secret,
      tokenHash: row.token_hash,
      policies: (JSON.parse(row.policies) as PolicyDocument[] | null) ?? undefined,
      expiresAt: row.expires_at,
      principal,
    }
  );
}

export interface TokenRecord {
  readonly id: string;
  readonly secretHash: string;
  readonly domainId: number;
  readonly expiresAt: number;
  readonly revokedAt: number | undefined;
  readonly scope: TokenScope | undefined;
  readonly principal: PrincipalRecord;
  /** The session that asked for it; its role is the principal. */
  readonly sessionId: string | undefined;
}

export interface NewToken {
  readonly id: string;
  readonly secretHash: string;
  readonly domainId: number;
  readonly principalId: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly label?: string;
  readonly scope?: TokenScope;
  readonly sessionId?: string;
}

export async function insertToken(db: Queries, token: NewToken): Promise<void> {
  await db
    .insertInto("authorization_token")
    .values({
      id: token.id,
      secret_hash: token.secretHash,
      domain_id: token.domainId,
      principal_id: token.principalId,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
      revoked_at: null,
      label: token.label ?? "",
      scope: token.scope === undefined ? null : JSON.stringify(token.scope),
      session_id: token.sessionId ?? null,
      last_used_at: null,
    })
    .execute();
}

export async function findToken(db: Queries, id: string): Promise<TokenRecord | undefined> {
  const row = await db.selectFrom("authorization_token").selectAll().where("id", "=", id).executeTakeFirst();
  const principal = row && (await findPrincipal(db, row.principal_id));
  return (
    row &&
    principal && {
      id,
      secretHash: row.secret_hash,
      domainId: row.domain_id,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at ?? undefined,
      scope: row.scope === null ? undefined : (JSON.parse(row.scope) as TokenScope),
      principal,
      sessionId: row.session_id ?? undefined,
    }
  );
}

export interface TokenListing {
  readonly id: string;
  readonly domain: string;
  readonly user: string;
  readonly label: string;
  readonly scope: TokenScope | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly lastUsedAt: number | undefined;
}

/** Tokens that still open something, newest first. */
export async function listTokens(db: Queries, now: number): Promise<readonly TokenListing[]> {
  const rows = await db
    .selectFrom("authorization_token as t")
    .innerJoin("domain as d", "d.id", "t.domain_id")
    .innerJoin("principal as p", "p.id", "t.principal_id")
    .select(["t.id", "d.name as domain", "p.name as user", "t.label", "t.scope"])
    .select(["t.created_at", "t.expires_at", "t.last_used_at"])
    .where("t.revoked_at", "is", null)
    .where("t.expires_at", ">", now)
    .orderBy("t.created_at", "desc")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    domain: row.domain,
    user: row.user,
    label: row.label,
    scope: row.scope === null ? undefined : (JSON.parse(row.scope) as TokenScope),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at ?? undefined,
  }));
}

/** False when there is no such token, or it was revoked before. */
export async function revokeToken(db: Queries, id: string, at: number): Promise<boolean> {
  const row = await db
    .updateTable("authorization_token")
    .set({ revoked_at: at })
    .where("id", "=", id)
    .where("revoked_at", "is", null)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** A token's last use never goes back. */
export async function recordTokenUse(db: Queries, id: string, at: number): Promise<void> {
  await db
    .updateTable("authorization_token")
    .set({ last_used_at: at })
    .where("id", "=", id)
    .where((e) => e.or([e("last_used_at", "is", null), e("last_used_at", "<", at)]))
    .execute();
}

export async function deleteExpiredTokens(db: Queries, before: number): Promise<void> {
  await db.deleteFrom("authorization_token").where("expires_at", "<", before).execute();
  // A token may outlive the session that asked for it (spec 6.1.1) and is nothing without it.
  await db
    .deleteFrom("session")
    .where("expires_at", "<", before)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("authorization_token as t").select("t.id").whereRef("t.session_id", "=", "session.id"),
        ),
      ),
    )
    .execute();
}
