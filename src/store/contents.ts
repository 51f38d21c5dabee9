// Contents by their SHA-256: which assets point at them, what those recorded, and which are known to be damaged.
import type { PackageKey } from "../core/coordinates.ts";
import type { Queries } from "./database.ts";

/** Which of these contents some asset still points at. */
export async function referencedContents(
  db: Queries,
  sha256s: readonly string[],
): Promise<ReadonlySet<string>> {
  if (sha256s.length === 0) return new Set();
  const rows = await db
    .selectFrom("asset")
    .select("sha256")
    .distinct()
    .where("sha256", "in", sha256s)
    .execute();
  return new Set(rows.map((row) => row.sha256));
}

/** What asset rows say of one content; two values where they disagree. */
export interface RecordedContent {
  readonly sha256: string;
  readonly sizes: readonly number[];
  readonly md5: readonly string[];
  readonly sha1: readonly string[];
  readonly sha512: readonly string[];
}

/** Contents that assets point at, by digest: after `after` and before `before`, `limit` at most. */
export async function listContents(
  db: Queries,
  { after, before, limit }: { readonly after: string; readonly before: string; readonly limit: number },
): Promise<readonly RecordedContent[]> {
  const rows = await db
    .selectFrom("asset")
    .select("sha256")
    .select(({ fn }) => [
      fn.min("size").as("size_min"),
      fn.max("size").as("size_max"),
      fn.min("md5").as("md5_min"),
      fn.max("md5").as("md5_max"),
      fn.min("sha1").as("sha1_min"),
      fn.max("sha1").as("sha1_max"),
      fn.min("sha512").as("sha512_min"),
      fn.max("sha512").as("sha512_max"),
    ])
    .where("sha256", ">", after)
    .where("sha256", "<", before)
    .groupBy("sha256")
    .orderBy("sha256")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    sha256: row.sha256,
    sizes: both(Number(row.size_min), Number(row.size_max)),
    md5: both(row.md5_min, row.md5_max),
    sha1: both(row.sha1_min, row.sha1_max),
    sha512: both(row.sha512_min, row.sha512_max),
  }));
}

function both<T>(least: T, most: T): readonly T[] {
  return least === most ? [least] : [least, most];
}

/** An asset that points at a content, in names. */
export interface ContentUse {
  readonly owner: string;
  readonly domain: string;
  readonly repository: string;
  readonly key: PackageKey;
  readonly version: string;
  readonly asset: string;
  readonly origin: { readonly type: "INTERNAL" | "EXTERNAL"; readonly entryPoint: string };
}

/** Which assets point at a content, oldest first, `limit` at most. */
export async function findUses(db: Queries, sha256: string, limit: number): Promise<readonly ContentUse[]> {
  const rows = await db
    .selectFrom("asset as a")
    .innerJoin("package_version as v", "v.id", "a.package_version_id")
    .innerJoin("package as p", "p.id", "v.package_id")
    .innerJoin("repository as r", "r.id", "p.repository_id")
    .innerJoin("domain as d", "d.id", "r.domain_id")
    .select(["d.owner", "d.name as domain", "r.name as repository"])
    .select(["p.format", "p.namespace", "p.name", "v.version", "v.origin_type", "v.entry_point"])
    .select("a.name as asset")
    .where("a.sha256", "=", sha256)
    .orderBy("a.id")
    .limit(limit)
    .execute();
  return rows.map(({ owner, domain, repository, version, asset, ...row }) => ({
    owner,
    domain,
    repository,
    key: { format: row.format as PackageKey["format"], namespace: row.namespace, name: row.name },
    version,
    asset,
    origin: { type: row.origin_type, entryPoint: row.entry_point },
  }));
}

export async function noteDamaged(
  db: Queries,
  sha256: string,
  problem: "corrupt" | "missing",
  at: number,
): Promise<void> {
  await db
    .insertInto("damaged_blob")
    .values({ sha256, problem, found_at: at })
    .onConflict((c) => c.column("sha256").doUpdateSet({ problem }))
    .execute();
}

export async function noteSound(db: Queries, sha256: string): Promise<void> {
  await db.deleteFrom("damaged_blob").where("sha256", "=", sha256).execute();
}

/** Contents known to be damaged, among those that assets still point at. */
export async function listDamaged(db: Queries): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("damaged_blob as b")
    .select("b.sha256")
    .where(({ exists, selectFrom }) =>
      exists(selectFrom("asset as a").select("a.id").whereRef("a.sha256", "=", "b.sha256")),
    )
    .execute();
  return rows.map(({ sha256 }) => sha256);
}
