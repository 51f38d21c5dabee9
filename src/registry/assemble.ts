// Versions that come together step by step: completed when their publisher says so, or moved on to a newer build (Maven).
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { notFound } from "../core/faults.ts";
import type { Queries } from "../store/database.ts";
import type { VersionChange } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import { findPackage, touchPackage } from "../store/packages.ts";
import type { AssetRecord, VersionRecord } from "../store/versions.ts";
import {
  deleteAssets,
  findAssets,
  findVersion,
  insertAssets,
  updateAssetDocument,
  updateVersion,
  versionRevisions,
} from "../store/versions.ts";
import type { Admission } from "./admit.ts";
import { admit, record } from "./admit.ts";
import { authorizeRepository } from "./authorize.ts";
import { refuseUnsettled } from "./checksums.ts";
import type { RegistryDeps } from "./deps.ts";
import { packageNotFound } from "./publish.ts";
import type { Mirror, RepositoryRecord, RequestContext } from "./registry.ts";

/** See Registry.completeVersions. */
export async function completeVersions(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  versions: readonly string[],
  context: RequestContext,
): Promise<readonly string[]> {
  authorizeRepository(deps.region, context.caller, "PutPackageMetadata", repository, key);
  const completed = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) throw packageNotFound(repository, key);
    const named = new Set(versions);
    const unfinished = (await versionRevisions(tx, held.id)).filter(
      ({ version, status }) => named.has(version) && status === "Unfinished",
    );
    await refuseUnsettled(tx, repository, key, versions);
    for (const { version, revision } of unfinished) {
      const row = (await findVersion(tx, held.id, version)) as VersionRecord;
      await updateVersion(tx, row.id, { revision, status: "Published", publishedAt: deps.now() });
      await tellChange(deps, tx, repository, key, row, context, { from: "Unfinished", to: "Published" }, {});
    }
    if (unfinished.length > 0) await touchPackage(tx, held.id, deps.now());
    return unfinished.map(({ version }) => version);
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return completed;
}

/** See Registry.mirrorVersion. */
export async function mirrorVersion(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  mirror: Mirror,
  context: RequestContext,
): Promise<void> {
  const { key } = mirror;
  authorizeRepository(deps.region, context.caller, "PublishPackageVersion", repository, key);
  const seen = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const snapshot = await deps.catalog.confirm(tx, seen);
    const admission = await admit(tx, snapshot, { way: "PUBLISH", repository, key }, "INTERNAL", deps.now());
    const build = await findVersion(tx, admission.package.id, mirror.of);
    if (build === undefined) {
      throw notFound(
        `Version ${mirror.of} of ${packagePath(key)} is not held by repository '${repository.name}', so ${mirror.version} cannot show its files.`,
        "package-version",
        mirror.of,
      );
    }
    await refuseUnsettled(tx, repository, key, [mirror.of]);
    await showAssets(deps, tx, { repository, ...admission }, mirror, await findAssets(tx, build.id), context);
    if (build.status !== "Unlisted") {
      await updateVersion(tx, build.id, { revision: build.revision, status: "Unlisted" });
      await tellChange(
        deps,
        tx,
        repository,
        key,
        { ...build, status: "Unlisted" },
        context,
        { from: build.status, to: "Unlisted" },
        {},
      );
    }
  });
  deps.generations.touchPackage(repository.domain.id, key);
}

async function showAssets(
  deps: RegistryDeps,
  tx: Queries,
  into: Admission & { readonly repository: RepositoryRecord },
  mirror: Mirror,
  assets: readonly AssetRecord[],
  context: RequestContext,
): Promise<void> {
  const { key: _, of, version, ...texts } = mirror;
  const now = deps.now();
  const existing = await findVersion(tx, into.package.id, version);
  const revision = deps.newRevision();
  if (existing === undefined) {
    const origin = { type: "INTERNAL", entryPoint: into.repository.name } as const;
    const times = { publishedAt: now, upstreamPublishedAt: undefined, firstSeenAt: now, storedAt: now };
    const row = { version, status: "Published", revision, origin, ...times, ...texts } as const;
    await record(deps, tx, into, row, assets, { event: "published", context, detail: { mirrors: of } });
    return;
  }
  const before = await findAssets(tx, existing.id);
  await deleteAssets(tx, existing.id);
  await insertAssets(tx, existing.id, assets);
  await updateVersion(tx, existing.id, { revision, status: "Published", publishedAt: now, ...texts });
  await touchPackage(tx, into.package.id, now);
  const row = { ...existing, revision, status: "Published" } as const;
  await tellChange(
    deps,
    tx,
    into.repository,
    into.package.key,
    row,
    context,
    { mirrors: of },
    {
      ...differenceOf(before, assets),
      metadataUpdated: true,
      statusChanged: existing.status !== "Published",
    },
  );
}

function differenceOf(
  before: readonly AssetRecord[],
  after: readonly AssetRecord[],
): Pick<VersionChange, "assetsAdded" | "assetsRemoved" | "assetsUpdated"> {
  const old = new Map(before.map(({ name, digests }) => [name, digests.sha256]));
  const names = new Set(after.map(({ name }) => name));
  return {
    assetsAdded: after.filter(({ name }) => !old.has(name)).length,
    assetsRemoved: before.filter(({ name }) => !names.has(name)).length,
    assetsUpdated: after.filter(({ name, digests }) => old.has(name) && old.get(name) !== digests.sha256)
      .length,
  };
}

async function tellChange(
  deps: RegistryDeps,
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
  { version, status, revision }: VersionRecord,
  context: RequestContext,
  detail: Readonly<Record<string, unknown>>,
  change: Partial<VersionChange>,
): Promise<void> {
  await appendJournal(tx, [
    {
      at: deps.now(),
      event: "status-changed",
      domainId: repository.domain.id,
      repository: repository.name,
      key,
      version,
      actor: context.caller.arn,
      requestId: context.requestId,
      detail,
      change: {
        operation: "Updated",
        state: status,
        revision,
        assetsAdded: 0,
        assetsRemoved: 0,
        assetsUpdated: 0,
        metadataUpdated: false,
        statusChanged: true,
        ...change,
      },
    },
  ]);
}

/** See Registry.rewriteAssets. */
export async function rewriteAssets(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  changes: readonly { readonly version: string; readonly asset: string; readonly document: string }[],
  because: "metadata" | "refresh",
  context: RequestContext,
): Promise<void> {
  if (because === "metadata")
    authorizeRepository(deps.region, context.caller, "PutPackageMetadata", repository, key);
  await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) {
      if (because === "refresh") return;
      throw packageNotFound(repository, key);
    }
    for (const [version, group] of Map.groupBy(changes, (change) => change.version)) {
      const row = await findVersion(tx, held.id, version);
      if (row === undefined) {
        if (because === "refresh") continue;
        throw notFound(
          `Version ${version} of ${packagePath(key)} is not held by repository '${repository.name}'.`,
          "package-version",
          version,
        );
      }
      for (const { asset, document } of group) await updateAssetDocument(tx, row.id, asset, document);
      const revision = deps.newRevision();
      await updateVersion(tx, row.id, { revision });
      await tellChange(
        deps,
        tx,
        repository,
        key,
        { ...row, revision },
        context,
        { because, assets: group.map(({ asset }) => asset) },
        { metadataUpdated: true, statusChanged: false },
      );
    }
    await touchPackage(tx, held.id, deps.now());
  });
  deps.generations.touchPackage(repository.domain.id, key);
}
