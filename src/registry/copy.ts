// Copying versions between repositories of one domain: rows and tags, never bytes (spec 5.6, 1.3.6).
import type { PackageKey } from "../core/coordinates.ts";
import { invalid } from "../core/faults.ts";
import type { CopyCandidate, CopyFailure, CopyRequest } from "../core/version-copies.ts";
import { judgeCopy } from "../core/version-copies.ts";
import type { Queries } from "../store/database.ts";
import type { PackageRecord } from "../store/packages.ts";
import { findPackage, findTags, upsertTags } from "../store/packages.ts";
import type { AssetRecord, VersionRecord } from "../store/versions.ts";
import {
  deleteVersions,
  findAssets,
  findAssetsOf,
  findVersion,
  findVersionsNamed,
} from "../store/versions.ts";
import { admit, chainOf, record } from "./admit.ts";
import { authorizeRepository } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import { look } from "./find.ts";
import { packageNotFound } from "./publish.ts";
import type { RepositoryRecord, RequestContext, VersionStatus } from "./registry.ts";

export interface CopyWanted extends CopyRequest {
  readonly source: RepositoryRecord;
  readonly destination: RepositoryRecord;
  readonly key: PackageKey;
  /** Also what repositories upstream of the source hold, the first in search order (spec 4.6.2). */
  readonly includeFromUpstream: boolean;
}

export interface CopyOutcome {
  readonly copied: ReadonlyMap<string, { readonly revision: string; readonly status: VersionStatus }>;
  readonly failures: ReadonlyMap<string, CopyFailure>;
}

/** A version on its way, with the tags that point at it where it comes from. */
interface Copy {
  readonly row: VersionRecord;
  readonly assets: readonly AssetRecord[];
  readonly tags: readonly string[];
}

/**
 * Copies versions with their assets, documents, tags and origin (spec 5.6, 1.6.2), all or none. Needs
 * ReadFromRepository on the source and CopyPackageVersions on the destination (5.6.2). Origin settings do not refuse a
 * copy, weak association does (2.5.5). Throws ResourceNotFoundException when the package is not where it is copied from.
 */
export async function copyVersions(
  deps: RegistryDeps,
  wanted: CopyWanted,
  context: RequestContext,
): Promise<CopyOutcome> {
  const { source, destination, key } = wanted;
  authorizeRepository(deps.region, context.caller, "ReadFromRepository", source, key);
  authorizeRepository(deps.region, context.caller, "CopyPackageVersions", destination, key);
  if (source.id === destination.id)
    throw invalid("The source repository and the destination repository must be two.");
  const seen = await deps.catalog.domain(source.domain.owner, source.domain.name);
  const outcome = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, source.domain.id, key);
    const snapshot = await deps.catalog.confirm(tx, seen);
    const copies = await readCopies(deps, tx, wanted);
    const held = await findPackage(tx, destination.id, key);
    const candidates = await compare(tx, held, copies);
    const weak = chainOf(snapshot, key).association === "WEAK";
    const { copy, failures } = judgeCopy(candidates, wanted, weak);
    const copied = new Map<string, { revision: string; status: VersionStatus }>();
    for (const version of copy) {
      const { row, assets, tags } = copies.get(version) as Copy;
      const arrival = { way: "COPY", repository: destination, key } as const;
      const admission = await admit(tx, snapshot, arrival, row.origin.type, deps.now());
      const replaces = candidates.get(version)?.destination === "other";
      if (replaces) await deleteVersions(tx, admission.package.id, [version]);
      const { id: _, packageId: __, ...texts } = row;
      const copyOf = { ...texts, publishedAt: deps.now(), storedAt: deps.now() };
      await record(deps, tx, { repository: destination, ...admission }, copyOf, assets, {
        event: "copied",
        context,
        replaces,
        detail: { from: source.name },
      });
      await upsertTags(tx, admission.package.id, tags, version);
      copied.set(version, { revision: row.revision, status: row.status });
    }
    return { copied, failures };
  });
  deps.generations.touchPackage(source.domain.id, key);
  return outcome;
}

/** The named versions where they are found first, read within the transaction. */
async function readCopies(
  deps: RegistryDeps,
  tx: Queries,
  { source, key, versions, includeFromUpstream }: CopyWanted,
): Promise<ReadonlyMap<string, Copy>> {
  const packages = await packagesOf(deps, tx, source, key, includeFromUpstream);
  if (packages.length === 0) throw packageNotFound(source, key);
  const tags = await findTags(
    tx,
    packages.map(({ id }) => id),
  );
  const copies = new Map<string, Copy>();
  for (const held of packages) {
    const rows = await findVersionsNamed(
      tx,
      held.id,
      versions.filter((version) => !copies.has(version)),
    );
    const assets = await findAssetsOf(
      tx,
      rows.map(({ id }) => id),
    );
    for (const row of rows) {
      const pointing = [...(tags.get(held.id) ?? [])].filter(([, version]) => version === row.version);
      copies.set(row.version, {
        row,
        assets: assets.get(row.id) ?? [],
        tags: pointing.map(([tag]) => tag),
      });
    }
  }
  return copies;
}

async function packagesOf(
  deps: RegistryDeps,
  tx: Queries,
  source: RepositoryRecord,
  key: PackageKey,
  includeFromUpstream: boolean,
): Promise<readonly PackageRecord[]> {
  if (includeFromUpstream) return (await look(deps, source, key, tx)).packages;
  const held = await findPackage(tx, source.id, key);
  return held === undefined ? [] : [held];
}

async function compare(
  tx: Queries,
  destination: PackageRecord | undefined,
  copies: ReadonlyMap<string, Copy>,
): Promise<ReadonlyMap<string, CopyCandidate>> {
  const candidates = new Map<string, CopyCandidate>();
  for (const [version, { row, assets }] of copies) {
    const there = destination && (await findVersion(tx, destination.id, version));
    const same = there !== undefined && isSame(row, assets, there, await findAssets(tx, there.id));
    candidates.set(version, {
      revision: row.revision,
      status: row.status,
      destination: there === undefined ? "nothing" : same ? "same" : "other",
    });
  }
  return candidates;
}

/** The same files and the same words about them; a version whose bytes are gone is the same as none (spec 5.6.3). */
function isSame(
  a: VersionRecord,
  assets: readonly AssetRecord[],
  b: VersionRecord,
  others: readonly AssetRecord[],
): boolean {
  const digests = new Map(others.map(({ name, digests: { sha256 } }) => [name, sha256]));
  return (
    b.status !== "Disposed" &&
    a.document === b.document &&
    assets.length === others.length &&
    assets.every(({ name, digests: { sha256 } }) => digests.get(name) === sha256)
  );
}
