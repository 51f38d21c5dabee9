// Rows of principals: users, groups and roles, their policies by name and in full, and who is in which group.
import type { PolicyDocument } from "../core/caller.ts";
import { readPolicy } from "../core/policy-document.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import type { Queries } from "./database.ts";
import { isUniqueViolation } from "./database.ts";

export type PrincipalKind = "user" | "group" | "role";

/** Somebody who acts, with every policy that speaks for them: their own, attached ones, and their groups'. */
export interface PrincipalRecord {
  readonly id: number;
  readonly account: string;
  readonly name: string;
  readonly arn: string;
  readonly kind: PrincipalKind;
  /** AIDA…, AGPA…, AROA…; undefined for the first administrator of an old database. */
  readonly uniqueId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly policies: readonly PolicyDocument[];
}

/** A principal as it is managed. */
export interface PrincipalRow {
  readonly id: number;
  readonly account: string;
  readonly name: string;
  readonly arn: string;
  readonly kind: PrincipalKind;
  readonly unique_id: string;
  readonly tags: string;
  /** JSON of policy documents that are the principal's own. */
  readonly policies: string;
  /** JSON of policy names. */
  readonly attached: string;
  readonly trust: string | null;
  readonly session_seconds_max: number;
  readonly applied_at: number | null;
  readonly created_at: number;
}

export interface NewPrincipal {
  readonly account: string;
  readonly name: string;
  readonly arn: string;
  readonly kind?: PrincipalKind;
  readonly uniqueId?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly policies: readonly PolicyDocument[];
  /** Names of ready or stored policies. */
  readonly attached?: readonly string[];
  readonly trust?: string;
  readonly sessionSecondsMax?: number;
  /** When a file of identities made it. */
  readonly appliedAt?: number;
}

export async function countPrincipals(db: Queries): Promise<number> {
  const row = await db
    .selectFrom("principal")
    .select((e) => e.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** The new row's id. Rejects when the ARN is taken (see isUniqueViolation). */
export async function insertPrincipal(db: Queries, principal: NewPrincipal, at: number): Promise<number> {
  const { id } = await db
    .insertInto("principal")
    .values({
      account: principal.account,
      name: principal.name,
      arn: principal.arn,
      kind: principal.kind ?? "user",
      unique_id: principal.uniqueId ?? "",
      tags: JSON.stringify(principal.tags ?? {}),
      policies: JSON.stringify(principal.policies),
      attached: JSON.stringify(principal.attached ?? []),
      trust: principal.trust ?? null,
      ...(principal.sessionSecondsMax === undefined
        ? {}
        : { session_seconds_max: principal.sessionSecondsMax }),
      applied_at: principal.appliedAt ?? null,
      created_at: at,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

/** The new row's id, or undefined when there is one of that kind and name in the account. */
export async function insertNewPrincipal(
  db: Queries,
  principal: NewPrincipal,
  at: number,
): Promise<number | undefined> {
  try {
    return await insertPrincipal(db, principal, at);
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

export async function findPrincipalRow(db: Queries, arn: string): Promise<PrincipalRow | undefined> {
  return db.selectFrom("principal").selectAll().where("arn", "=", arn).executeTakeFirst();
}

export async function findPrincipal(db: Queries, id: number): Promise<PrincipalRecord | undefined> {
  const row = await db.selectFrom("principal").selectAll().where("id", "=", id).executeTakeFirst();
  return row && resolvePrincipal(db, row);
}

/** In order of account and name. */
export async function listPrincipals(db: Queries, kind: PrincipalKind): Promise<readonly PrincipalRow[]> {
  return db
    .selectFrom("principal")
    .selectAll()
    .where("kind", "=", kind)
    .orderBy("account")
    .orderBy("name")
    .execute();
}

/** With their keys, sessions and tokens. */
export async function deletePrincipal(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("principal").where("id", "=", id).execute();
}

export async function updatePrincipal(
  db: Queries,
  id: number,
  change: {
    readonly policies?: readonly PolicyDocument[];
    readonly attached?: readonly string[];
    readonly tags?: Readonly<Record<string, string>>;
    readonly trust?: string;
    readonly sessionSecondsMax?: number;
  },
): Promise<void> {
  const { policies, attached, tags, trust, sessionSecondsMax } = change;
  const set = {
    ...(policies === undefined ? {} : { policies: JSON.stringify(policies) }),
    ...(attached === undefined ? {} : { attached: JSON.stringify(attached) }),
    ...(tags === undefined ? {} : { tags: JSON.stringify(tags) }),
    ...(trust === undefined ? {} : { trust }),
    ...(sessionSecondsMax === undefined ? {} : { session_seconds_max: sessionSecondsMax }),
  };
  if (Object.keys(set).length > 0) await db.updateTable("principal").set(set).where("id", "=", id).execute();
}

/** Once, however often it is said. */
export async function insertMember(db: Queries, groupId: number, memberId: number): Promise<void> {
  await db
    .insertInto("principal_member")
    .values({ group_id: groupId, member_id: memberId })
    .onConflict((c) => c.doNothing())
    .execute();
}

export async function deleteMember(db: Queries, groupId: number, memberId: number): Promise<void> {
  await db
    .deleteFrom("principal_member")
    .where("group_id", "=", groupId)
    .where("member_id", "=", memberId)
    .execute();
}

export async function listMembers(
  db: Queries,
): Promise<readonly { readonly groupId: number; readonly memberId: number }[]> {
  const rows = await db.selectFrom("principal_member").selectAll().execute();
  return rows.map((row) => ({ groupId: row.group_id, memberId: row.member_id }));
}

/** A row with everything that speaks for it. An attached name that is gone says nothing. */
export async function resolvePrincipal(db: Queries, row: PrincipalRow): Promise<PrincipalRecord> {
  const groups = await db
    .selectFrom("principal_member as m")
    .innerJoin("principal as g", "g.id", "m.group_id")
    .select(["g.policies", "g.attached"])
    .where("m.member_id", "=", row.id)
    .execute();
  const sources = [row, ...groups];
  const names = new Set(sources.flatMap((source) => JSON.parse(source.attached) as string[]));
  return {
    id: row.id,
    account: row.account,
    name: row.name,
    arn: row.arn,
    kind: row.kind,
    uniqueId: row.unique_id === "" ? undefined : row.unique_id,
    tags: JSON.parse(row.tags) as Record<string, string>,
    policies: [
      ...sources.flatMap((source) => JSON.parse(source.policies) as PolicyDocument[]),
      ...(await loadNamed(db, row.account, [...names])),
    ],
  };
}

async function loadNamed(db: Queries, account: string, names: readonly string[]): Promise<PolicyDocument[]> {
  const ready = names.map((name) => READY_POLICIES.get(name)).filter((policy) => policy !== undefined);
  const others = names.filter((name) => !READY_POLICIES.has(name));
  if (others.length === 0) return ready;
  const rows = await db
    .selectFrom("identity_policy")
    .select("document")
    .where("account", "=", account)
    .where("name", "in", others)
    .execute();
  return [...ready, ...rows.map(({ document }) => readPolicy(document))];
}

export interface NamedPolicy {
  readonly account: string;
  readonly name: string;
  readonly document: string;
}

export interface NamedPolicyRow extends NamedPolicy {
  /** When a file of identities made it; null: made by hand. */
  readonly applied_at: number | null;
}

export async function findNamedPolicy(
  db: Queries,
  account: string,
  name: string,
): Promise<NamedPolicy | undefined> {
  return db
    .selectFrom("identity_policy")
    .select(["account", "name", "document"])
    .where("account", "=", account)
    .where("name", "=", name)
    .executeTakeFirst();
}

export async function listNamedPolicies(db: Queries): Promise<readonly NamedPolicyRow[]> {
  return db
    .selectFrom("identity_policy")
    .select(["account", "name", "document", "applied_at"])
    .orderBy("account")
    .orderBy("name")
    .execute();
}

/** In place of the one of that name. */
export async function putNamedPolicy(
  db: Queries,
  policy: NamedPolicy,
  at: number,
  appliedAt?: number,
): Promise<void> {
  await db
    .insertInto("identity_policy")
    .values({ ...policy, updated_at: at, applied_at: appliedAt ?? null })
    .onConflict((c) =>
      c.columns(["account", "name"]).doUpdateSet({ document: policy.document, updated_at: at }),
    )
    .execute();
}

export async function deleteNamedPolicy(db: Queries, account: string, name: string): Promise<void> {
  await db.deleteFrom("identity_policy").where("account", "=", account).where("name", "=", name).execute();
}
