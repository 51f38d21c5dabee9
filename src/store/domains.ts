// Rows of domains, and what a domain is made of: repositories, upstreams, connections and groups, as one snapshot.
import { ROOT_PATTERN } from "../core/group-pattern.ts";
import type { GroupIndex } from "../core/package-groups.ts";
import { indexGroups } from "../core/package-groups.ts";
import type { DomainRecord, RepositoryRecord } from "../registry/registry.ts";
import type { Queries } from "./database.ts";
import { isUniqueViolation } from "./database.ts";
import type { PackageGroup } from "./package-groups.ts";
import { insertGroup, loadGroups } from "./package-groups.ts";
import type { DomainAccess } from "./policies.ts";
import { loadAccess } from "./policies.ts";
import { DIST_TAGS_KEY } from "./repositories.ts";

/** Everything about a domain that is not a package; small, read often, replaced as a whole. */
export interface DomainSnapshot {
  readonly domain: DomainRecord;
  readonly revision: number;
  readonly repositories: ReadonlyMap<number, RepositoryRecord>;
  readonly byName: ReadonlyMap<string, RepositoryRecord>;
  readonly groups: GroupIndex<PackageGroup>;
  readonly access: DomainAccess;
}

/** Creates the domain with its root group, all three ways open (spec 1.3.7, 2.7.3). Undefined when the name is taken. */
export async function insertDomain(
  db: Queries,
  domain: { owner: string; name: string; encryptionKey: string; createdAt: number },
): Promise<DomainRecord | undefined> {
  const row = await db
    .insertInto("domain")
    .values({
      owner: domain.owner,
      name: domain.name,
      encryption_key: domain.encryptionKey,
      revision: 1,
      created_at: domain.createdAt,
    })
    .returning("id")
    .executeTakeFirstOrThrow()
    .catch(unlessTaken);
  if (row === undefined) return undefined;
  await insertGroup(
    db,
    row.id,
    { pattern: ROOT_PATTERN, contactInfo: undefined, description: undefined, createdAt: domain.createdAt },
    { PUBLISH: "ALLOW", EXTERNAL_UPSTREAM: "ALLOW", INTERNAL_UPSTREAM: "ALLOW" },
  );
  return { id: row.id, ...domain };
}

function unlessTaken(error: unknown): undefined {
  if (isUniqueViolation(error)) return undefined;
  throw error;
}

export async function findDomain(
  db: Queries,
  owner: string,
  name: string,
): Promise<(DomainRecord & { readonly revision: number }) | undefined> {
  const row = await db
    .selectFrom("domain")
    .selectAll()
    .where("owner", "=", owner)
    .where("name", "=", name)
    .executeTakeFirst();
  return row && { ...domainOf(row), revision: row.revision };
}

function domainOf(row: {
  id: number;
  owner: string;
  name: string;
  created_at: number;
  encryption_key: string;
}): DomainRecord {
  return {
    id: row.id,
    owner: row.owner,
    name: row.name,
    createdAt: row.created_at,
    encryptionKey: row.encryption_key,
  };
}

/** By name after `after`, `limit` at most. */
export async function listDomains(
  db: Queries,
  owner: string,
  after: string,
  limit: number,
): Promise<readonly DomainRecord[]> {
  const rows = await db
    .selectFrom("domain")
    .selectAll()
    .where("owner", "=", owner)
    .where("name", ">", after)
    .orderBy("name")
    .limit(limit)
    .execute();
  return rows.map(domainOf);
}

export async function deleteDomain(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("domain").where("id", "=", id).execute();
}

export async function countRepositories(db: Queries, domainId: number): Promise<number> {
  const row = await db
    .selectFrom("repository")
    .select((e) => e.fn.countAll<number>().as("n"))
    .where("domain_id", "=", domainId)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** Marks the domain's configuration as changed; snapshots of the old revision are no longer true. */
export async function touchDomain(db: Queries, domainId: number): Promise<void> {
  await db
    .updateTable("domain")
    .set((e) => ({ revision: e("revision", "+", 1) }))
    .where("id", "=", domainId)
    .execute();
}

export async function domainRevision(db: Queries, domainId: number): Promise<number | undefined> {
  const row = await db.selectFrom("domain").select("revision").where("id", "=", domainId).executeTakeFirst();
  return row?.revision;
}

/** Loads a domain whole. Undefined when there is none. */
export async function loadSnapshot(
  db: Queries,
  owner: string,
  name: string,
): Promise<DomainSnapshot | undefined> {
  const found = await findDomain(db, owner, name);
  if (found === undefined) return undefined;
  const { revision, ...domain } = found;
  const access = await loadAccess(db, domain);
  const repositories = await loadRepositories(db, domain, access);
  return {
    domain,
    revision,
    access,
    repositories,
    byName: new Map([...repositories.values()].map((r) => [r.name, r])),
    groups: indexGroups(await loadGroups(db, domain.id)),
  };
}

async function loadRepositories(
  db: Queries,
  domain: DomainRecord,
  access: DomainAccess,
): Promise<Map<number, RepositoryRecord>> {
  const rows = await db.selectFrom("repository").selectAll().where("domain_id", "=", domain.id).execute();
  const ids = db.selectFrom("repository").select("id").where("domain_id", "=", domain.id);
  const upstreams = await db
    .selectFrom("repository_upstream")
    .selectAll()
    .where("repository_id", "in", ids)
    .orderBy("position")
    .execute();
  const connections = await db
    .selectFrom("repository_connection")
    .selectAll()
    .where("repository_id", "in", ids)
    .execute();
  const downstream = await repositoriesWithTag(db, domain, DIST_TAGS_KEY, "downstream");
  const upstreamsOf = Map.groupBy(upstreams, (u) => u.repository_id);
  const connectionsOf = Map.groupBy(connections, (c) => c.repository_id);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        domain,
        name: row.name,
        administratorAccount: row.administrator_account,
        description: row.description ?? undefined,
        createdAt: row.created_at,
        tagsPrefer: downstream.has(row.name) ? "downstream" : "upstream",
        upstreams: (upstreamsOf.get(row.id) ?? []).map((u) => u.upstream_id),
        connections: (connectionsOf.get(row.id) ?? []).map((c) => c.connection),
        access: {
          domainPolicy: access.policy,
          policy: access.repositoryPolicies.get(row.id),
          tags: access.tags.get(`repository/${domain.name}/${row.name}`) ?? {},
        },
      } satisfies RepositoryRecord,
    ]),
  );
}

/** Names of the domain's repositories that carry this resource tag with this value. */
async function repositoriesWithTag(
  db: Queries,
  domain: DomainRecord,
  key: string,
  value: string,
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom("resource_tag")
    .select("resource_arn")
    .where("key", "=", key)
    .where("value", "=", value)
    .execute();
  const mine = `:${domain.owner}:repository/${domain.name}/`;
  return new Set(
    rows
      .filter((row) => row.resource_arn.includes(mine))
      .map((row) => row.resource_arn.slice(row.resource_arn.lastIndexOf("/") + 1)),
  );
}

/** Every domain's name by its id. */
export async function domainNames(db: Queries): Promise<ReadonlyMap<number, string>> {
  const rows = await db.selectFrom("domain").select(["id", "name"]).execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}
