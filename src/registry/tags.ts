// Tags and format documents of versions that this repository holds.
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { notFound } from "../core/faults.ts";
import type { VersionChange } from "../store/journal.ts";
import { deleteTag, touchPackage, upsertTags } from "../store/packages.ts";
import { findVersion, findVersions, updateDocuments } from "../store/versions.ts";
import { authorizeRepository } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import { changePackage } from "./publish.ts";
import type { RepositoryRecord, RequestContext } from "./registry.ts";

export async function setTag(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  tag: string,
  version: string,
  context: RequestContext,
): Promise<void> {
  authorizeRepository(deps.region, context.caller, "PutPackageMetadata", repository, key);
  await changePackage(deps, repository, key, context, "tags-changed", async (tx, held) => {
    if ((await findVersion(tx, held.id, version)) === undefined)
      throw versionNotHeld(repository, key, version);
    await upsertTags(tx, held.id, [tag], version);
    await touchPackage(tx, held.id, deps.now());
    return { result: undefined, detail: { set: { tag, version } } };
  });
}

export async function removeTag(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  tag: string,
  context: RequestContext,
): Promise<void> {
  authorizeRepository(deps.region, context.caller, "PutPackageMetadata", repository, key);
  await changePackage(deps, repository, key, context, "tags-changed", async (tx, held) => {
    if (!(await deleteTag(tx, held.id, tag))) {
      throw notFound(
        `${packagePath(key)} has no tag '${tag}' of its own in repository '${repository.name}'.`,
        "package",
        key.name,
      );
    }
    await touchPackage(tx, held.id, deps.now());
    return { result: undefined, detail: { removed: { tag } } };
  });
}

/** See Registry.rewriteDocuments. A new revision per version, since its metadata changed (spec 1.6.3). */
export async function rewriteDocuments(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  documents: ReadonlyMap<string, { readonly document: string; readonly brief: string }>,
  context: RequestContext,
): Promise<void> {
  authorizeRepository(deps.region, context.caller, "PutPackageMetadata", repository, key);
  await changePackage(deps, repository, key, context, "documents-changed", async (tx, held) => {
    const rows = new Map((await findVersions(tx, [held.id])).map((row) => [row.version, row]));
    const versions = new Map<string, VersionChange>();
    for (const [version, texts] of documents) {
      const row = rows.get(version);
      if (row === undefined) throw versionNotHeld(repository, key, version);
      const revision = deps.newRevision();
      await updateDocuments(tx, row.id, { ...texts, revision });
      versions.set(version, { ...DOCUMENTS_CHANGED, state: row.status, revision });
    }
    await touchPackage(tx, held.id, deps.now());
    return { result: undefined, detail: {}, versions };
  });
}

const DOCUMENTS_CHANGED = {
  operation: "Updated",
  assetsAdded: 0,
  assetsRemoved: 0,
  assetsUpdated: 0,
  metadataUpdated: true,
  statusChanged: false,
} as const;

function versionNotHeld(repository: RepositoryRecord, key: PackageKey, version: string): Error {
  return notFound(
    `Version ${version} of ${packagePath(key)} is not held by repository '${repository.name}'.`,
    "package-version",
    version,
  );
}
