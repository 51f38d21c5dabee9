// Rows of resource policies and resource tags: who else may do what with a domain or a repository, and how it is labelled.
import type { PolicyDocument } from "../core/caller.ts";
import { readPolicy } from "../core/policy-document.ts";
import type { ResourceTags } from "../registry/registry.ts";
import type { Queries } from "./database.ts";
import { startsWith } from "./text.ts";

export interface ResourcePolicy {
  /** As it was given. */
  readonly document: string;
  readonly revision: string;
}

/** A policy belongs to the domain, or to one repository of it. */
export type PolicyHolder = { readonly domainId: number } | { readonly repositoryId: number };

export async function findPolicy(db: Queries, holder: PolicyHolder): Promise<ResourcePolicy | undefined> {
  return "domainId" in holder
    ? db
        .selectFrom("domain_policy")
        .select(["document", "revision"])
        .where("domain_id", "=", holder.domainId)
        .executeTakeFirst()
    : db
        .selectFrom("repository_policy")
        .select(["document", "revision"])
        .where("repository_id", "=", holder.repositoryId)
        .executeTakeFirst();
}

/** In place of the one that was there. */
export async function putPolicy(
  db: Queries,
  holder: PolicyHolder,
  policy: ResourcePolicy,
  at: number,
): Promise<void> {
  await deletePolicy(db, holder);
  const row = { ...policy, updated_at: at };
  if ("domainId" in holder)
    await db
      .insertInto("domain_policy")
      .values({ domain_id: holder.domainId, ...row })
      .execute();
  else
    await db
      .insertInto("repository_policy")
      .values({ repository_id: holder.repositoryId, ...row })
      .execute();
}

export async function deletePolicy(db: Queries, holder: PolicyHolder): Promise<void> {
  if ("domainId" in holder)
    await db.deleteFrom("domain_policy").where("domain_id", "=", holder.domainId).execute();
  else await db.deleteFrom("repository_policy").where("repository_id", "=", holder.repositoryId).execute();
}

/** Everything that permission depends on in a domain, besides its repositories themselves. */
export interface DomainAccess {
  readonly policy: PolicyDocument | undefined;
  readonly repositoryPolicies: ReadonlyMap<number, PolicyDocument>;
  /** By the ARN's resource part, e.g. `repository/d/r`. */
  readonly tags: ReadonlyMap<string, ResourceTags>;
}

export async function loadAccess(
  db: Queries,
  domain: { readonly id: number; readonly owner: string; readonly name: string },
): Promise<DomainAccess> {
  const own = await findPolicy(db, { domainId: domain.id });
  const policies = await db
    .selectFrom("repository_policy as p")
    .innerJoin("repository as r", "r.id", "p.repository_id")
    .select(["p.repository_id", "p.document"])
    .where("r.domain_id", "=", domain.id)
    .execute();
  return {
    policy: own && readPolicy(own.document),
    repositoryPolicies: new Map(policies.map((row) => [row.repository_id, readPolicy(row.document)])),
    tags: await loadTags(db, domain.owner, domain.name),
  };
}

async function loadTags(db: Queries, owner: string, name: string): Promise<Map<string, ResourceTags>> {
  const rows = await db
    .selectFrom("resource_tag")
    .selectAll()
    .where((e) => startsWith(e.ref("resource_arn"), "arn:aws:codeartifact:"))
    .where("resource_arn", "like", `%:${owner}:%/${name}%`) // coarse: the exact match is below
    .execute();
  const mine = new RegExp(
    `^arn:aws:codeartifact:[^:]*:${owner}:((?:domain|repository|package-group)/${name}(?:/.*)?)$`,
  );
  const tags = new Map<string, Record<string, string>>();
  for (const { resource_arn, key, value } of rows) {
    const resource = mine.exec(resource_arn)?.[1];
    if (resource === undefined) continue;
    const known = tags.get(resource) ?? Object.create(null);
    tags.set(resource, known);
    known[key] = value;
  }
  return tags;
}

export async function listTags(
  db: Queries,
  arn: string,
): Promise<readonly { readonly key: string; readonly value: string }[]> {
  return db
    .selectFrom("resource_tag")
    .select(["key", "value"])
    .where("resource_arn", "=", arn)
    .orderBy("key")
    .execute();
}

export async function upsertTags(
  db: Queries,
  arn: string,
  tags: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  if (tags.length === 0) return;
  await db
    .insertInto("resource_tag")
    .values(tags.map(({ key, value }) => ({ resource_arn: arn, key, value })))
    .onConflict((c) =>
      c.columns(["resource_arn", "key"]).doUpdateSet((e) => ({ value: e.ref("excluded.value") })),
    )
    .execute();
}

export async function deleteTags(db: Queries, arn: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await db.deleteFrom("resource_tag").where("resource_arn", "=", arn).where("key", "in", keys).execute();
}
