// Rows of identities: principals with their policies, access keys, and package-manager tokens.
import type { PolicyDocument } from "../core/caller.ts";
import type { Queries } from "./database.ts";

export interface PrincipalRecord {
  readonly id: number;
  readonly account: string;
  readonly name: string;
  readonly arn: string;
  readonly policies: readonly PolicyDocument[];
}

export interface TokenRecord {
  readonly id: string;
  readonly secretHash: string;
  readonly domainId: number;
  readonly expiresAt: number;
  readonly revokedAt: number | undefined;
  readonly principal: PrincipalRecord;
}

export async function countPrincipals(db: Queries): Promise<number> {
  const row = await db
    .selectFrom("principal")
    .select((e) => e.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

export async function insertPrincipal(
  db: Queries,
  principal: Omit<PrincipalRecord, "id">,
  at: number,
): Promise<number> {
  const { id } = await db
    .insertInto("principal")
    .values({
      account: principal.account,
      name: principal.name,
      arn: principal.arn,
      policies: JSON.stringify(principal.policies),
      created_at: at,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

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
    .selectFrom("access_key as k")
    .innerJoin("principal as p", "p.id", "k.principal_id")
    .select(["k.secret", "p.id", "p.account", "p.name", "p.arn", "p.policies"])
    .where("k.id", "=", id)
    .where("k.disabled_at", "is", null)
    .executeTakeFirst();
  return row && { secret: row.secret, principal: principalOf(row) };
}

export async function insertToken(
  db: Queries,
  token: {
    id: string;
    secretHash: string;
    domainId: number;
    principalId: number;
    createdAt: number;
    expiresAt: number;
  },
): Promise<void> {
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
    })
    .execute();
}

export async function findToken(db: Queries, id: string): Promise<TokenRecord | undefined> {
  const row = await db
    .selectFrom("authorization_token as t")
    .innerJoin("principal as p", "p.id", "t.principal_id")
    .select([
      "t.secret_hash",
      "t.domain_id",
      "t.expires_at",
      "t.revoked_at",
      "p.id",
      "p.account",
      "p.name",
      "p.arn",
      "p.policies",
    ])
    .where("t.id", "=", id)
    .executeTakeFirst();
  return (
    row && {
      id,
      secretHash: row.secret_hash,
      domainId: row.domain_id,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at ?? undefined,
      principal: principalOf(row),
    }
  );
}

export async function deleteExpiredTokens(db: Queries, before: number): Promise<void> {
  await db.deleteFrom("authorization_token").where("expires_at", "<", before).execute();
}

function principalOf(row: {
  id: number;
  account: string;
  name: string;
  arn: string;
  policies: string;
}): PrincipalRecord {
  return {
    id: row.id,
    account: row.account,
    name: row.name,
    arn: row.arn,
    policies: JSON.parse(row.policies) as PolicyDocument[],
  };
}
