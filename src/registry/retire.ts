// Deleting versions and packages. Bytes that nobody points at any more are swept later, away from requests.
import type { PackageKey } from "../core/coordinates.ts";
import type { Queries } from "../store/database.ts";
import type { JournalEvent } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import {
  deletePackage as deletePackageRow,
  deleteTagsOfVersions,
  findPackage,
  touchPackage,
} from "../store/packages.ts";
import { deleteVersions as deleteVersionRows, versionRevisions } from "../store/versions.ts";
import { authorizeRepository } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import { packageNotFound } from "./publish.ts";
import type { PackageSummaryRow, RepositoryRecord, RequestContext, VersionStatus } from "./registry.ts";

/** Frees the numbers; the package's origin settings stay (spec 2.1.5, 5.5.1). */
export async function deleteVersions(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  versions: readonly string[],
  context: RequestContext,
): Promise<ReadonlyMap<string, { readonly revision: string; readonly status: VersionStatus }>> {
  authorizeRepository(deps.region, context.caller, "DeletePackageVersions", repository, key);
  const gone = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) throw packageNotFound(repository, key);
    const wanted = new Set(versions);
    const existing = (await versionRevisions(tx, held.id)).filter(({ version }) => wanted.has(version));
    if (existing.length === 0) return existing;
    const numbers = existing.map(({ version }) => version);
    await deleteTagsOfVersions(tx, held.id, numbers);
    await deleteVersionRows(tx, held.id, numbers);
    await touchPackage(tx, held.id, deps.now());
    await journalGone(deps, tx, repository, key, numbers, context, "version-deleted");
    return existing;
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return new Map(gone.map(({ version, revision, status }) => [version, { revision, status }]));
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
    const numbers = (await versionRevisions(tx, held.id)).map(({ version }) => version);
    await journalGone(deps, tx, repository, key, numbers, context, "version-deleted");
    await journalGone(deps, tx, repository, key, [""], context, "package-deleted");
    await deletePackageRow(tx, held.id);
    return { id: held.id, key, settings: held.settings };
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return gone;
}

async function journalGone(
  deps: RegistryDeps,
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  versions: readonly string[],
  context: RequestContext,
  event: JournalEvent,
): Promise<void> {
  await appendJournal(
    tx,
    versions.map((version) => ({
      at: deps.now(),
      event,
      domainId: repository.domain.id,
      repository: repository.name,
      key,
      version,
      actor: context.caller.arn,
      requestId: context.requestId,
      detail: {},
    })),
  );
}
