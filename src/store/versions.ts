// Rows of package versions and their assets: one row per version, never a whole document.
import type { Digests } from "../blobs/blob-store.ts";
import type {
  AssetRow,
  VersionMetadata,
  VersionRow,
  VersionStatus,
  VersionTexts,
} from "../registry/registry.ts";
import type { Queries } from "./database.ts";
import { refuseSwept } from "./swept-blobs.ts";

export interface VersionRecord extends VersionRow {
  readonly firstSeenAt: number;
  readonly storedAt: number;
  readonly metadata: VersionMetadata;
}

/** A file of a version as rows know it. */
export type AssetRecord = AssetRow;

/** A version without the texts its format renders: what lists show. */
export type VersionSummary = Omit<VersionRecord, "document" | "brief">;

export type NewVersion = Omit<VersionRecord, "id" | "packageId">;

const SUMMARY_COLUMNS = [
  "id",
  "package_id",
  "version",
  "status",
  "revision",
  "origin_type",
  "entry_point",
  "published_at",
  "upstream_published_at",
  "first_seen_at",
  "stored_at",
  "metadata",
] as const;
const COLUMNS = [...SUMMARY_COLUMNS, "document", "brief"] as const;

interface VersionColumns {
  id: number;
  package_id: number;
  version: string;
  status: string;
  revision: string;
  origin_type: "INTERNAL" | "EXTERNAL";
  entry_point: string;
  published_at: number;
  upstream_published_at: number | null;
  first_seen_at: number;
  stored_at: number;
  metadata: string;
  document: string;
  brief: string;
}

function versionOf(row: VersionColumns): VersionRecord {
  return { ...summaryOf(row), document: row.document, brief: row.brief };
}

function summaryOf(row: Omit<VersionColumns, "document" | "brief">): VersionSummary {
  return {
    id: row.id,
    packageId: row.package_id,
    version: row.version,
    status: row.status as VersionStatus,
    revision: row.revision,
    origin: { type: row.origin_type, entryPoint: row.entry_point },
    publishedAt: row.published_at,
    upstreamPublishedAt: row.upstream_published_at ?? undefined,
    firstSeenAt: row.first_seen_at,
    storedAt: row.stored_at,
    metadata: JSON.parse(row.metadata) as VersionMetadata,
  };
}

export async function insertVersion(
  db: Queries,
  packageId: number,
  version: NewVersion,
  assets: readonly AssetRecord[],
): Promise<number> {
  const { id } = await db
    .insertInto("package_version")
    .values({
      package_id: packageId,
      version: version.version,
      status: version.status,
      revision: version.revision,
      origin_type: version.origin.type,
      entry_point: version.origin.entryPoint,
      published_at: version.publishedAt,
      upstream_published_at: version.upstreamPublishedAt ?? null,
      first_seen_at: version.firstSeenAt,
      stored_at: version.storedAt,
      metadata: JSON.stringify(version.metadata),
      document: version.document,
      brief: version.brief,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await insertAssets(db, id, assets);
  return id;
}

/**
 * Within a transaction. The bytes must be there already (registry/collect.ts, keepBlobs); throws a 503 when a sweep may
 * have taken them since.
 */
export async function insertAssets(
  db: Queries,
  versionId: number,
  assets: readonly AssetRecord[],
): Promise<void> {
  if (assets.length === 0) return;
  await db
    .insertInto("asset")
    .values(
      assets.map(({ name, size, digests, document }) => ({
        package_version_id: versionId,
        name,
        size,
        document,
        ...digests,
      })),
    )
    .execute();
  await refuseSwept(
    db,
    assets.map(({ digests }) => digests.sha256),
  );
}

export async function findVersion(
  db: Queries,
  packageId: number,
  version: string,
): Promise<VersionRecord | undefined> {
  const row = await db
    .selectFrom("package_version")
    .select(COLUMNS)
    .where("package_id", "=", packageId)
    .where("version", "=", version)
    .executeTakeFirst();
  return row && versionOf(row);
}

/** Every version of these packages, oldest row first; documents included. */
export async function findVersions(
  db: Queries,
  packageIds: readonly number[],
): Promise<readonly VersionRecord[]> {
  if (packageIds.length === 0) return [];
  const rows = await db
    .selectFrom("package_version")
    .select(COLUMNS)
    .where("package_id", "in", packageIds)
    .orderBy("id")
    .execute();
  return rows.map(versionOf);
}

/** These version numbers of one package, as far as there are such. */
export async function findVersionsNamed(
  db: Queries,
  packageId: number,
  versions: readonly string[],
): Promise<readonly VersionRecord[]> {
  if (versions.length === 0) return [];
  const rows = await db
    .selectFrom("package_version")
    .select(COLUMNS)
    .where("package_id", "=", packageId)
    .where("version", "in", versions)
    .execute();
  return rows.map(versionOf);
}

/** Status per version number of these packages, without documents. */
export async function versionStatuses(
  db: Queries,
  packageIds: readonly number[],
): Promise<
  readonly { readonly packageId: number; readonly version: string; readonly status: VersionStatus }[]
> {
  if (packageIds.length === 0) return [];
  const rows = await db
    .selectFrom("package_version")
    .select(["package_id", "version", "status"])
    .where("package_id", "in", packageIds)
    .execute();
  return rows.map((row) => ({
    packageId: row.package_id,
    version: row.version,
    status: row.status as VersionStatus,
  }));
}

/** The same version number in several packages (one name in several repositories). */
export async function findVersionIn(
  db: Queries,
  packageIds: readonly number[],
  version: string,
): Promise<readonly VersionRecord[]> {
  if (packageIds.length === 0) return [];
  const rows = await db
    .selectFrom("package_version")
    .select(COLUMNS)
    .where("package_id", "in", packageIds)
    .where("version", "=", version)
    .execute();
  return rows.map(versionOf);
}

export async function findAssets(db: Queries, versionId: number): Promise<readonly AssetRecord[]> {
  const rows = await db
    .selectFrom("asset")
    .selectAll()
    .where("package_version_id", "=", versionId)
    .orderBy("name")
    .execute();
  return rows.map(assetOf);
}

/** The assets of several versions at once, by version id. */
export async function findAssetsOf(
  db: Queries,
  versionIds: readonly number[],
): Promise<ReadonlyMap<number, readonly AssetRecord[]>> {
  const found = new Map<number, AssetRecord[]>();
  for (let start = 0; start < versionIds.length; start += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom("asset")
      .selectAll()
      .where("package_version_id", "in", versionIds.slice(start, start + IDS_PER_QUERY))
      .orderBy("name")
      .execute();
    for (const row of rows) {
      const of = found.get(row.package_version_id);
      if (of === undefined) found.set(row.package_version_id, [assetOf(row)]);
      else of.push(assetOf(row));
    }
  }
  return found;
}

/** Both engines bound the parameters of one statement. */
const IDS_PER_QUERY = 1_000;

function assetOf(row: { name: string; size: number; document: string } & Digests): AssetRecord {
  return {
    name: row.name,
    size: row.size,
    digests: { md5: row.md5, sha1: row.sha1, sha256: row.sha256, sha512: row.sha512 },
    document: row.document,
  };
}

export async function updateAssetDocument(
  db: Queries,
  versionId: number,
  asset: string,
  document: string,
): Promise<void> {
  await db
    .updateTable("asset")
    .set({ document })
    .where("package_version_id", "=", versionId)
    .where("name", "=", asset)
    .execute();
}

/** Assets by name after `after`, `limit` at most. */
export async function listAssets(
  db: Queries,
  versionId: number,
  after: string,
  limit: number,
): Promise<readonly AssetRecord[]> {
  const rows = await db
    .selectFrom("asset")
    .selectAll()
    .where("package_version_id", "=", versionId)
    .where("name", ">", after)
    .orderBy("name")
    .limit(limit)
    .execute();
  return rows.map(assetOf);
}

export interface VersionFilter {
  readonly status?: VersionStatus | undefined;
  readonly originType?: "INTERNAL" | "EXTERNAL" | undefined;
}

/** Where a page of ListPackageVersions ends: by publication (newest first) or by row (oldest first). */
export interface VersionCursor {
  readonly publishedAt: number;
  readonly id: number;
}

export async function listVersions(
  db: Queries,
  packageId: number,
  filter: VersionFilter,
  order: "published" | "stored",
  after: VersionCursor | undefined,
  limit: number,
): Promise<readonly VersionSummary[]> {
  let query = db.selectFrom("package_version").select(SUMMARY_COLUMNS).where("package_id", "=", packageId);
  if (filter.status !== undefined) query = query.where("status", "=", filter.status);
  if (filter.originType !== undefined) query = query.where("origin_type", "=", filter.originType);
  if (after !== undefined) {
    query =
      order === "published"
        ? query.where((e) => e(e.refTuple("published_at", "id"), "<", e.tuple(after.publishedAt, after.id)))
        : query.where("id", ">", after.id);
  }
  query =
    order === "published" ? query.orderBy("published_at", "desc").orderBy("id", "desc") : query.orderBy("id");
  return (await query.limit(limit).execute()).map(summaryOf);
}

/** The newest published version's number (spec 5.8.2). */
export async function newestPublished(db: Queries, packageId: number): Promise<string | undefined> {
  const row = await db
    .selectFrom("package_version")
    .select("version")
    .where("package_id", "=", packageId)
    .where("status", "=", "Published")
    .orderBy("published_at", "desc")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.version;
}

export async function updateDocuments(
  db: Queries,
  versionId: number,
  change: { readonly document: string; readonly brief: string; readonly revision: string },
): Promise<void> {
  await db.updateTable("package_version").set(change).where("id", "=", versionId).execute();
}

/** What changes of a version whose assets or texts changed. */
export async function updateVersion(
  db: Queries,
  versionId: number,
  change: Partial<VersionTexts> & {
    readonly revision: string;
    readonly status?: VersionStatus;
    readonly publishedAt?: number;
  },
): Promise<void> {
  const { metadata, publishedAt, ...rest } = change;
  await db
    .updateTable("package_version")
    .set({
      ...rest,
      ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      ...(publishedAt === undefined ? {} : { published_at: publishedAt }),
    })
    .where("id", "=", versionId)
    .execute();
}

export async function deleteAssets(db: Queries, versionId: number): Promise<void> {
  await db.deleteFrom("asset").where("package_version_id", "=", versionId).execute();
}

export async function deleteVersions(
  db: Queries,
  packageId: number,
  versions: readonly string[],
): Promise<void> {
  await db
    .deleteFrom("package_version")
    .where("package_id", "=", packageId)
    .where("version", "in", versions)
    .execute();
}

/** Revision and status per version of one package, without documents. */
export async function versionRevisions(
  db: Queries,
  packageId: number,
): Promise<
  readonly { readonly version: string; readonly revision: string; readonly status: VersionStatus }[]
> {
  const rows = await db
    .selectFrom("package_version")
    .select(["version", "revision", "status"])
    .where("package_id", "=", packageId)
    .execute();
  return rows.map((row) => ({ ...row, status: row.status as VersionStatus }));
}

export async function updateStatus(
  db: Queries,
  packageId: number,
  versions: readonly string[],
  status: VersionStatus,
): Promise<void> {
  await db
    .updateTable("package_version")
    .set({ status })
    .where("package_id", "=", packageId)
    .where("version", "in", versions)
    .execute();
}

/** The rows only: bytes that nobody else points at are swept later. */
export async function deleteAssetsOfVersions(
  db: Queries,
  packageId: number,
  versions: readonly string[],
): Promise<void> {
  const ids = db
    .selectFrom("package_version")
    .select("id")
    .where("package_id", "=", packageId)
    .where("version", "in", versions);
  await db.deleteFrom("asset").where("package_version_id", "in", ids).execute();
}

/** How many assets each version of a package has; versions without any are left out. */
export async function countAssets(db: Queries, packageId: number): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom("asset as a")
    .innerJoin("package_version as v", "v.id", "a.package_version_id")
    .select(({ fn }) => ["v.version", fn.countAll<number>().as("assets")])
    .where("v.package_id", "=", packageId)
    .groupBy("v.version")
    .execute();
  return new Map(rows.map(({ version, assets }) => [version, Number(assets)]));
}
