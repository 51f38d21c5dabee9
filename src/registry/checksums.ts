// Checksums that publishers send beside their files: held against the bytes whichever comes first (spec 8.3.3 to 8.3.7).
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import { deleteClaims, findClaims, putClaim } from "../store/checksum-claims.ts";
import type { Queries } from "../store/database.ts";
import { findPackage } from "../store/packages.ts";
import type { AssetRecord } from "../store/versions.ts";
import { findAssets, findVersion } from "../store/versions.ts";
import { authorizeRepository } from "./authorize.ts";
import { refuseGone } from "./catalog.ts";
import type { RegistryDeps } from "./deps.ts";
import type { Checksum, Publication, RepositoryRecord, RequestContext } from "./registry.ts";

/** Bytes and a publisher's own checksum differ; `assets` are the ones it was about. */
export class WrongChecksum extends Fault {
  readonly assets: readonly string[];

  constructor(key: PackageKey, { version, asset, algorithm, value }: Checksum, actual: string) {
    super(
      "ValidationException",
      `The ${algorithm} of ${asset} (${packagePath(key)} ${version}) was given as '${value.slice(0, 200)}', its bytes have ${actual}. Send the file and its checksum again.`,
      { reason: "FIELD_VALIDATION_FAILED" },
    );
    this.assets = [asset];
  }
}

/** See Registry.claimChecksum. */
export async function claimChecksum(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  checksum: Checksum,
  context: RequestContext,
): Promise<"matches" | "awaited"> {
  authorizeRepository(deps.region, context.caller, "PublishPackageVersion", repository, key);
  const seen = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const actual = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    refuseGone(await deps.catalog.confirm(tx, seen), repository);
    const asset = await findHeld(tx, repository, key, checksum);
    const digest = asset?.digests[checksum.algorithm];
    if (digest === checksum.value)
      await deleteClaims(tx, repository.id, key, checksum.version, checksum.asset, checksum.algorithm);
    else await putClaim(tx, repository.id, key, checksum, deps.now());
    return digest;
  });
  if (actual === undefined) return "awaited";
  if (actual === checksum.value) return "matches";
  throw new WrongChecksum(key, checksum, actual);
}

async function findHeld(
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  { version, asset }: Checksum,
): Promise<AssetRecord | undefined> {
  const held = await findPackage(tx, repository.id, key);
  const row = held === undefined ? undefined : await findVersion(tx, held.id, version);
  return row === undefined ? undefined : (await findAssets(tx, row.id)).find(({ name }) => name === asset);
}

/** Holds arriving assets against what was claimed of them; throws WrongChecksum. Claims that are met are forgotten. */
export async function settleClaims(
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  version: string,
  assets: readonly AssetRecord[],
): Promise<void> {
  for (const { asset, algorithm } of await checkClaims(tx, repository, key, version, assets))
    await deleteClaims(tx, repository.id, key, version, asset, algorithm);
}

/** Asks without writing, so that bytes which are not what was said of them are not kept; throws WrongChecksum. */
export async function checkClaims(
  db: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  version: string,
  assets: readonly Pick<AssetRecord, "name" | "digests">[],
): Promise<readonly Checksum[]> {
  const byName = new Map(assets.map((asset) => [asset.name, asset]));
  const claims = (await findClaims(db, repository.id, key, [version])).filter(({ asset }) =>
    byName.has(asset),
  );
  for (const claim of claims) {
    const actual = byName.get(claim.asset)?.digests[claim.algorithm] ?? "";
    if (actual !== claim.value) throw new WrongChecksum(key, claim, actual);
  }
  return claims;
}

/** After a refusal: what was claimed may be what was wrong, and must not stand in the way of the next attempt. */
export async function forgetClaims(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  { key, version }: Publication,
  assets: readonly string[],
): Promise<void> {
  await deps.database.write(async (tx) => {
    for (const asset of assets) await deleteClaims(tx, repository.id, key, version, asset);
  });
}

/** Throws WrongChecksum when a claim about an asset that is there was never put right (spec 8.3.4). */
export async function refuseUnsettled(
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  versions: readonly string[],
): Promise<void> {
  for (const claim of await findClaims(tx, repository.id, key, versions)) {
    const actual = (await findHeld(tx, repository, key, claim))?.digests[claim.algorithm];
    if (actual !== undefined && actual !== claim.value) throw new WrongChecksum(key, claim, actual);
  }
}
