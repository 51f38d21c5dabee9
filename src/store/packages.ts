// Rows of packages: a name in one repository, its origin settings, its tags, and the revision that documents hang on.
import { type ExpressionBuilder, sql } from "kysely";
import { type PackageFormat, type PackageKey, packagePath } from "../core/coordinates.ts";
import type { OriginSettings, Restriction } from "../core/origin.ts";
import type { Queries } from "./database.ts";
import type { Schema } from "./schema.ts";
import { containsText, startsWith } from "./text.ts";

export interface PackageRecord {
  readonly id: number;
  readonly repositoryId: number;
  readonly key: PackageKey;
  readonly settings: OriginSettings;
  readonly revision: number;
}

interface PackageColumns {
  id: number;
  repository_id: number;
  format: string;
  namespace: string;
  name: string;
  publish: Restriction;
  upstream: Restriction;
  revision: number;
}

const COLUMNS = [
  "id",
  "repository_id",
  "format",
  "namespace",
  "name",
  "publish",
  "upstream",
  "revision",
] as const;

function packageOf(row: PackageColumns): PackageRecord {
  return {
    id: row.id,
    repositoryId: row.repository_id,
    key: { format: row.format as PackageFormat, namespace: row.namespace, name: row.name },
    settings: { publish: row.publish, upstream: row.upstream },
    revision: row.revision,
  };
}

/** The package's record in each of these repositories that has one. */
export async function findPackages(
  db: Queries,
  repositoryIds: readonly number[],
  key: PackageKey,
): Promise<readonly PackageRecord[]> {
  const query = db
    .selectFrom("package")
    .select(COLUMNS)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("name", "=", key.name);
  const [only] = repositoryIds;
  const rows = await (repositoryIds.length === 1 && only !== undefined
    ? query.where("repository_id", "=", only)
    : query.where("repository_id", "in", repositoryIds)
  ).execute();
  return rows.map(packageOf);
}

export async function findPackage(
  db: Queries,
  repositoryId: number,
  key: PackageKey,
): Promise<PackageRecord | undefined> {
  return (await findPackages(db, [repositoryId], key))[0];
}

export async function insertPackage(
  db: Queries,
  repositoryId: number,
  key: PackageKey,
  settings: OriginSettings,
  at: number,
): Promise<PackageRecord> {
  const { id } = await db
    .insertInto("package")
    .values({ repository_id: repositoryId, ...key, ...settings, revision: at, created_at: at })
    .returning("id")
    .executeTakeFirstOrThrow();
  return { id, repositoryId, key, settings, revision: at };
}

export async function updateSettings(
  db: Queries,
  packageId: number,
  settings: OriginSettings,
  at: number,
): Promise<void> {
  await db
    .updateTable("package")
    .set((e) => ({ ...settings, revision: nextRevision(e, at) }))
    .where("id", "=", packageId)
    .execute();
}

/** Tells every document made from this package that it is old. */
export async function touchPackage(db: Queries, packageId: number, at: number): Promise<void> {
  await db
    .updateTable("package")
    .set((e) => ({ revision: nextRevision(e, at) }))
    .where("id", "=", packageId)
    .execute();
}

/**
 * Always larger than before, and never a number that was used before a backup was restored: the time, where it is ahead.
 * ETags are made of it, and clients keep them longer than we keep a database.
 */
function nextRevision(e: ExpressionBuilder<Schema, "package">, at: number) {
  return e
    .case()
    .when("revision", ">=", at)
    .then(e("revision", "+", 1))
    .else(at)
    .end();
}

export async function deletePackage(db: Queries, packageId: number): Promise<void> {
  await db.deleteFrom("package").where("id", "=", packageId).execute();
}

export interface PackageFilter {
  readonly format?: PackageFormat | undefined;
  /** A prefix of the namespace (spec 5.8.1). */
  readonly namespacePrefix?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly publish?: Restriction | undefined;
  readonly upstream?: Restriction | undefined;
}

/** Packages in the order of (format, namespace, name), after the given key, `limit` at most. */
export async function listPackages(
  db: Queries,
  repositoryId: number,
  filter: PackageFilter,
  after: { readonly format: string; readonly namespace: string; readonly name: string } | undefined,
  limit: number,
): Promise<readonly PackageRecord[]> {
  let query = db.selectFrom("package").select(COLUMNS).where("repository_id", "=", repositoryId);
  if (filter.format !== undefined) query = query.where("format", "=", filter.format);
  if (filter.publish !== undefined) query = query.where("publish", "=", filter.publish);
  if (filter.upstream !== undefined) query = query.where("upstream", "=", filter.upstream);
  if (filter.namespacePrefix !== undefined)
    query = query.where((e) => startsWith(e.ref("namespace"), filter.namespacePrefix as string));
  if (filter.namePrefix !== undefined)
    query = query.where((e) => startsWith(e.ref("name"), filter.namePrefix as string));
  if (after !== undefined) {
    // A row value keeps every page one index seek, however deep (both engines know it): of the columns that are not
    // fixed already, or SQLite seeks by the fixed ones alone and walks to the place.
    query =
      filter.format === undefined
        ? query.where((e) =>
            e(
              e.refTuple("format", "namespace", "name"),
              ">",
              e.tuple(after.format, after.namespace, after.name),
            ),
          )
        : query.where((e) => e(e.refTuple("namespace", "name"), ">", e.tuple(after.namespace, after.name)));
  }
  const rows = await query.orderBy("format").orderBy("namespace").orderBy("name").limit(limit).execute();
  return rows.map(packageOf);
}

/** Tags per package id. */
export async function findTags(
  db: Queries,
  packageIds: readonly number[],
): Promise<ReadonlyMap<number, ReadonlyMap<string, string>>> {
  if (packageIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("package_tag")
    .selectAll()
    .where("package_id", "in", packageIds)
    .orderBy("tag")
    .execute();
  const byPackage = new Map<number, Map<string, string>>();
  for (const { package_id, tag, version } of rows) {
    const tags = byPackage.get(package_id) ?? new Map<string, string>();
    byPackage.set(package_id, tags.set(tag, version));
  }
  return byPackage;
}

export async function upsertTags(
  db: Queries,
  packageId: number,
  tags: readonly string[],
  version: string,
): Promise<void> {
  if (tags.length === 0) return;
  await db
    .insertInto("package_tag")
    .values(tags.map((tag) => ({ package_id: packageId, tag, version })))
    .onConflict((c) => c.columns(["package_id", "tag"]).doUpdateSet({ version }))
    .execute();
}

/** Whether there was such a tag. */
export async function deleteTag(db: Queries, packageId: number, tag: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("package_tag")
    .where("package_id", "=", packageId)
    .where("tag", "=", tag)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function deleteTagsOfVersions(
  db: Queries,
  packageId: number,
  versions: readonly string[],
): Promise<void> {
  await db
    .deleteFrom("package_tag")
    .where("package_id", "=", packageId)
    .where("version", "in", versions)
    .execute();
}

/** Names of one format, in any of these repositories, that hold every word; by name, each once. */
export async function searchPackages(
  db: Queries,
  repositoryIds: readonly number[],
  format: PackageFormat,
  words: readonly string[],
  limit: number,
): Promise<readonly PackageKey[]> {
  let query = db
    .selectFrom("package")
    .select(["namespace", "name"])
    .distinct()
    .where("format", "=", format)
    .where("repository_id", "in", repositoryIds);
  for (const word of words) {
    // Together, so that a word may be a whole name with its namespace, as people paste it.
    const path = sql<string>`"namespace" || '/' || "name"`;
    query = query.where(containsText(path, word.replace(/^@/, "")));
  }
  const rows = await query.orderBy("namespace").orderBy("name").limit(limit).execute();
  return rows.map(({ namespace, name }) => ({ format, namespace, name }));
}

/** Packages in any of these repositories whose names differ from this one's at most in ASCII case, and in `-` for `_`. */
export async function findSpellings(
  db: Queries,
  repositoryIds: readonly number[],
  { format, namespace, name }: PackageKey,
): Promise<readonly { readonly repositoryId: number; readonly key: PackageKey }[]> {
  if (repositoryIds.length === 0) return [];
  const rows = await db
    .selectFrom("package")
    .select(["repository_id", "name"])
    .where("format", "=", format)
    .where("namespace", "=", namespace)
    .where("repository_id", "in", repositoryIds)
    .where(sql<string>`lower(replace("name", '-', '_'))`, "=", name.toLowerCase().replaceAll("-", "_"))
    .orderBy("name")
    .execute();
  return rows.map((row) => ({ repositoryId: row.repository_id, key: { format, namespace, name: row.name } }));
}

/** Names of one format in any of these repositories, each once, after the given one in the order of (namespace, name). */
export async function listPackageKeys(
  db: Queries,
  repositoryIds: readonly number[],
  format: PackageFormat,
  after: { readonly namespace: string; readonly name: string } | undefined,
  limit: number,
): Promise<readonly PackageKey[]> {
  const found = new Map<string, PackageKey>();
  // One repository at a time: each is a seek in an index that is in this order already.
  for (const repositoryId of repositoryIds) {
    const records = await listPackages(
      db,
      repositoryId,
      { format },
      after === undefined ? undefined : { format, ...after },
      limit,
    );
    for (const { key } of records) found.set(packagePath(key), key);
  }
  return [...found.values()].toSorted(byName).slice(0, limit);
}

/** As both databases order the two columns: by bytes. */
function byName(a: PackageKey, b: PackageKey): number {
  return (
    Buffer.compare(Buffer.from(a.namespace), Buffer.from(b.namespace)) ||
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
  );
}
