// Changing the status of versions, disposing of them, deleting them and packages. Bytes that nobody points at any more are swept later, away from requests.
import type { PackageKey } from "../core/coordinates.ts";
import type { BatchRequest, Failure, Target } from "../core/version-status.ts";
import { judgeBatch } from "../core/version-status.ts";
import type { Queries } from "../store/database.ts";
import type { JournalEvent } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import {
  deletePackage as deletePackageRow,
  deleteTagsOfVersions,
  findPackage,
  touchPackage,
} from "../store/packages.ts";
import {
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
    await apply(
      tx,
      held.id,
      target,
      verdict.change.map(({ version }) => version),
    );
    await touchPackage(tx, held.id, deps.now());
    const event = target === "Deleted" ? "version-deleted" : "status-changed";
    await journalVersions(deps, tx, repository, key, verdict.change, context, event, target);
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
    await journalVersions(
      deps,
      tx,
      repository,
      key,
      await versionRevisions(tx, held.id),
      context,
      "version-deleted",
      "Deleted",
    );
    await journalVersions(
      deps,
      tx,
      repository,
      key,
      [{ version: "" }],
      context,
      "package-deleted",
      "Deleted",
    );
    await deletePackageRow(tx, held.id);
    return { id: held.id, key, settings: held.settings };
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return gone;
}

async function journalVersions(
  deps: RegistryDeps,
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  versions: readonly { readonly version: string; readonly status?: string }[],
  context: RequestContext,
  event: JournalEvent,
  to: Target,
): Promise<void> {
  await appendJournal(
    tx,
    versions.map(({ version, status }) => ({
      at: deps.now(),
      event,
      domainId: repository.domain.id,
      repository: repository.name,
      key,
      version,
      actor: context.caller.arn,
      requestId: context.requestId,
      detail: status === undefined ? {} : { from: status, to },
    })),
  );
}
