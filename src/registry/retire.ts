// Changing the status of versions, disposing of them, deleting them and packages. Bytes that nobody points at any more are swept later, away from requests.
import type { PackageKey } from "../core/coordinates.ts";
import type { BatchRequest, Failure, HeldVersion, Target } from "../core/version-status.ts";
import { judgeBatch } from "../core/version-status.ts";
import type { Queries } from "../store/database.ts";
import type { JournalEntry, VersionChange } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import {
  deletePackage as deletePackageRow,
  deleteTagsOfVersions,
  findPackage,
  touchPackage,
} from "../store/packages.ts";
import {
  countAssets,
  deleteAssetsOfVersions,
  deleteVersions as deleteVersionRows,
  updateStatus,
  versionRevisions,
} from "../store/versions.ts";
import { authorizeRepository } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import { packageNotFound } from "./publish.ts";
import type { PackageSummaryRow, RepositoryRecord, RequestContext } from "./registry.ts";

const ACTIONS: Readonly<Record<Target, string>> = {
  Published: "UpdatePackageVersionsStatus",
  Unlisted: "UpdatePackageVersionsStatus",
  Archived: "UpdatePackageVersionsStatus",
  Disposed: "DisposePackageVersions",
  Deleted: "DeletePackageVersions",
};

export interface BatchOutcome {
  /** Version → its last revision and the status it has now. */
  readonly changed: ReadonlyMap<string, { readonly revision: string; readonly status: Target }>;
  readonly failures: ReadonlyMap<string, Failure>;
}

/**
 * Changes the status of versions, disposes of them or deletes them, all or none (spec 5.3 to 5.5). Revisions stay.
 * Deleting frees the numbers and keeps the package's origin settings (2.1.5); disposing keeps the numbers and gives up
 * the bytes here, which other repositories may still hold (5.4.1).
 */
export async function changeVersions(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  request: BatchRequest,
  context: RequestContext,
): Promise<BatchOutcome> {
  const { target } = request;
  authorizeRepository(deps.region, context.caller, ACTIONS[target], repository, key);
  const judged = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) throw packageNotFound(repository, key);
    const rows = await versionRevisions(tx, held.id);
    const verdict = judgeBatch(new Map(rows.map((row) => [row.version, row])), request);
    if (verdict.change.length === 0) return verdict;
    const assets = await countAssets(tx, held.id);
    await apply(
      tx,
      held.id,
      target,
      verdict.change.map(({ version }) => version),
    );
    await touchPackage(tx, held.id, deps.now());
    const about = { deps, repository, key, context };
    await appendJournal(
      tx,
      verdict.change.map((row) => retired(about, row, target, assets.get(row.version) ?? 0)),
    );
    return verdict;
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return {
    changed: new Map(judged.change.map(({ version, revision }) => [version, { revision, status: target }])),
    failures: judged.failures,
  };
}

async function apply(
  tx: Queries,
  packageId: number,
  target: Target,
  versions: readonly string[],
): Promise<void> {
  if (target === "Deleted") {
    await deleteTagsOfVersions(tx, packageId, versions);
    await deleteVersionRows(tx, packageId, versions);
    return;
  }
  if (target === "Disposed") await deleteAssetsOfVersions(tx, packageId, versions);
  await updateStatus(tx, packageId, versions, target);
}

/** Everything goes, origin settings included: the next arrival is a first one again (spec 2.1.5, 5.5.2). */
export async function deletePackage(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  context: RequestContext,
): Promise<PackageSummaryRow | undefined> {
  authorizeRepository(deps.region, context.caller, "DeletePackage", repository, key);
  const gone = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) return undefined;
    const assets = await countAssets(tx, held.id);
    const about = { deps, repository, key, context };
    const versions = await versionRevisions(tx, held.id);
    await appendJournal(tx, [
      ...versions.map((row) => retired(about, row, "Deleted", assets.get(row.version) ?? 0)),
      { ...lineOf(about), event: "package-deleted", version: "", detail: {} },
    ]);
    await deletePackageRow(tx, held.id);
    return { id: held.id, key, settings: held.settings };
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return gone;
}

interface About {
  readonly deps: RegistryDeps;
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  readonly context: RequestContext;
}

function lineOf({ deps, repository, key, context }: About) {
  return {
    at: deps.now(),
    domainId: repository.domain.id,
    repository: repository.name,
    key,
    actor: context.caller.arn,
    requestId: context.requestId,
  };
}

/** The journal's line of a version. It is an event as well unless nothing changed (spec 10.3); a deleted version's tells the status it had. */
function retired(
  about: About,
  { version, status, revision }: HeldVersion,
  to: Target,
  assets: number,
): JournalEntry {
  const gone = to === "Deleted";
  const change: VersionChange = {
    operation: gone ? "Deleted" : "Updated",
    state: gone ? status : to,
    revision,
    assetsAdded: 0,
    assetsRemoved: gone || to === "Disposed" ? assets : 0,
    assetsUpdated: 0,
    metadataUpdated: false,
    statusChanged: !gone && to !== status,
  };
  return {
    ...lineOf(about),
    event: gone ? "version-deleted" : "status-changed",
    version,
    detail: { from: status, to },
    ...(gone || change.statusChanged ? { change } : {}),
  };
}
