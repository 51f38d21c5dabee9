// Rows of checksums that publishers sent beside assets, kept while the asset is not there or differs (spec 8.3.4, 8.3.7).
import type { PackageKey } from "../core/coordinates.ts";
import type { Checksum } from "../registry/registry.ts";
import type { Queries } from "./database.ts";

/** A claim about what never came is forgotten after this long, ms. */
const CLAIM_TTL_MS = 24 * 60 * 60_000;

function placeOf(repositoryId: number, key: PackageKey) {
  return { repository_id: repositoryId, ...key };
}

/** Keeps a claim in the place of an earlier one about the same asset, and forgets old ones. */
export async function putClaim(
  db: Queries,
  repositoryId: number,
  key: PackageKey,
  { version, asset, algorithm, value }: Checksum,
  at: number,
): Promise<void> {
  await db
    .deleteFrom("checksum_claim")
    .where("claimed_at", "<", at - CLAIM_TTL_MS)
    .execute();
  await db
    .insertInto("checksum_claim")
    .values({ ...placeOf(repositoryId, key), version, asset, algorithm, value, claimed_at: at })
    .onConflict((c) =>
      c
        .columns(["repository_id", "format", "namespace", "name", "version", "asset", "algorithm"])
        .doUpdateSet({ value, claimed_at: at }),
    )
    .execute();
}

/** The claims about these versions of a package. */
export async function findClaims(
  db: Queries,
  repositoryId: number,
  key: PackageKey,
  versions: readonly string[],
): Promise<readonly Checksum[]> {
  if (versions.length === 0) return [];
  const rows = await db
    .selectFrom("checksum_claim")
    .select(["version", "asset", "algorithm", "value"])
    .where("repository_id", "=", repositoryId)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("name", "=", key.name)
    .where("version", "in", versions)
    .execute();
  return rows.map((row) => ({ ...row, algorithm: row.algorithm as Checksum["algorithm"] }));
}

/** Forgets what was said of one asset; with an algorithm, only that. */
export async function deleteClaims(
  db: Queries,
  repositoryId: number,
  key: PackageKey,
  version: string,
  asset: string,
  algorithm?: Checksum["algorithm"],
): Promise<void> {
  let query = db
    .deleteFrom("checksum_claim")
    .where("repository_id", "=", repositoryId)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("name", "=", key.name)
    .where("version", "=", version)
    .where("asset", "=", asset);
  if (algorithm !== undefined) query = query.where("algorithm", "=", algorithm);
  await query.execute();
}
