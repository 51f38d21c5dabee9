// Rows of repositories: what they draw from, and their resource tags.
import type { Queries } from "./database.ts";
import { isUniqueViolation } from "./database.ts";
import { startsWith } from "./text.ts";

/** The new row's id, or undefined when the domain has a repository of that name. */
export async function insertRepository(
  db: Queries,
  repository: {
    domainId: number;
    name: string;
    administratorAccount: string;
    description: string | undefined;
    createdAt: number;
  },
): Promise<number | undefined> {
  try {
    const row = await db
      .insertInto("repository")
      .values({
        domain_id: repository.domainId,
        name: repository.name,
        administrator_account: repository.administratorAccount,
        description: repository.description ?? null,
        created_at: repository.createdAt,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    return row.id;
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

export async function updateDescription(db: Queries, id: number, description: string): Promise<void> {
  await db.updateTable("repository").set({ description }).where("id", "=", id).execute();
}

/** Replaces the whole list, in priority order (spec 1.4.6). */
export async function replaceUpstreams(
  db: Queries,
  repositoryId: number,
  upstreamIds: readonly number[],
): Promise<void> {
  await db.deleteFrom("repository_upstream").where("repository_id", "=", repositoryId).execute();
  if (upstreamIds.length === 0) return;
  await db
    .insertInto("repository_upstream")
    .values(
      upstreamIds.map((upstream_id, position) => ({ repository_id: repositoryId, position, upstream_id })),
    )
    .execute();
}

export async function insertConnection(db: Queries, repositoryId: number, connection: string): Promise<void> {
  await db.insertInto("repository_connection").values({ repository_id: repositoryId, connection }).execute();
}

export async function deleteConnection(db: Queries, repositoryId: number, connection: string): Promise<void> {
  await db
    .deleteFrom("repository_connection")
    .where("repository_id", "=", repositoryId)
    .where("connection", "=", connection)
    .execute();
}

/** Goes with everything in it; what other repositories retained stays theirs (spec 1.4.5). */
export async function deleteRepository(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("repository").where("id", "=", id).execute();
}

export interface RepositoryListing {
  readonly id: number;
  readonly domainName: string;
  readonly domainOwner: string;
  readonly name: string;
  readonly administratorAccount: string;
  readonly description: string | undefined;
  readonly createdAt: number;
}

/** Repositories by (domain name, repository name) after the given pair; filters are exact or prefixes. */
export async function listRepositories(
  db: Queries,
  filter: {
    readonly owner?: string;
    readonly domainId?: number;
    readonly administratorAccount?: string;
    readonly prefix?: string;
  },
  after: { readonly domain: string; readonly name: string },
  limit: number,
): Promise<readonly RepositoryListing[]> {
  let query = db
    .selectFrom("repository as r")
    .innerJoin("domain as d", "d.id", "r.domain_id")
    .select([
      "r.id",
      "d.name as domain_name",
      "d.owner",
      "r.name",
      "r.administrator_account",
      "r.description",
      "r.created_at",
    ])
    .where((e) =>
      e.or([
        e("d.name", ">", after.domain),
        e.and([e("d.name", "=", after.domain), e("r.name", ">", after.name)]),
      ]),
    );
  if (filter.owner !== undefined) query = query.where("d.owner", "=", filter.owner);
  if (filter.domainId !== undefined) query = query.where("d.id", "=", filter.domainId);
  if (filter.administratorAccount !== undefined)
    query = query.where("r.administrator_account", "=", filter.administratorAccount);
  if (filter.prefix !== undefined)
    query = query.where((e) => startsWith(e.ref("r.name"), filter.prefix as string));
  const rows = await query.orderBy("d.name").orderBy("r.name").limit(limit).execute();
  return rows.map((row) => ({
    id: row.id,
    domainName: row.domain_name,
    domainOwner: row.owner,
    name: row.name,
    administratorAccount: row.administrator_account,
    description: row.description ?? undefined,
    createdAt: row.created_at,
  }));
}

/**
 * The resource tag that is a setting: on a repository, `downstream` makes its own dist-tags win over its upstreams'
 * (spec 8.1.5, I17). A tag, so that the AWS CLI, the SDKs and Terraform can set it.
 */
export const DIST_TAGS_KEY = "portcullis:dist-tags";

export async function insertResourceTags(
  db: Queries,
  arn: string,
  tags: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  if (tags.length === 0) return;
  await db
    .insertInto("resource_tag")
    .values(tags.map(({ key, value }) => ({ resource_arn: arn, key, value })))
    .execute();
}

export async function deleteResourceTags(db: Queries, arn: string): Promise<void> {
  await db.deleteFrom("resource_tag").where("resource_arn", "=", arn).execute();
}
