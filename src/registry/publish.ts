// The publisher's way in: refuse early, keep the bytes, then admit and record in one transaction.
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { conflict, Fault, invalid } from "../core/faults.ts";
import type { Queries } from "../store/database.ts";
import type { VersionChange } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import type { PackageRecord } from "../store/packages.ts";
import { findPackage, findSpellings, upsertTags } from "../store/packages.ts";
import type { AssetRecord, NewVersion, VersionRecord } from "../store/versions.ts";
import { findAssets, findVersion, findVersionIn, versionStatuses } from "../store/versions.ts";
import type { Admission } from "./admit.ts";
import { admit, consider, extend, record, recordRefusal, refusal } from "./admit.ts";
import { authorizeRepository } from "./authorize.ts";
import { checkClaims, forgetClaims, settleClaims, WrongChecksum } from "./checksums.ts";
import { keepBlobs } from "./collect.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import type { Lookup } from "./find.ts";
import { look } from "./find.ts";
import type { Publication, RepositoryRecord, RequestContext, VersionTexts } from "./registry.ts";
import { noteVersion } from "./request-note.ts";

/** The early question: before a byte of the body is read (spec 2.1.2; 403 as spec 2.6.2 suggests). */
export async function admitPublish(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  context: RequestContext,
): Promise<void> {
  authorizeRepository(deps.region, context.caller, "PublishPackageVersion", repository, key);
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const arrival = { way: "PUBLISH", repository, key } as const;
  const { decision } = await consider(deps.database.read, snapshot, arrival);
  if (decision.allowed) return;
  await recordRefusal(deps, arrival, "", decision.reasons, context);
  throw refusal(arrival, decision.reasons);
}

/** See Registry.publish. */
export async function publish(
  deps: RegistryDeps,
  external: External,
  repository: RepositoryRecord,
  publication: Publication,
  context: RequestContext,
): Promise<PublishOutcome> {
  noteVersion(publication.version);
  authorizeRepository(deps.region, context.caller, "PublishPackageVersion", repository, publication.key);
  const lookup = await look(deps, repository, publication.key);
  const existing = await heldHere(deps, lookup.own, publication.version);
  if (existing === undefined) await refuseReachable(deps, external, lookup, publication);
  else await refuseEarly(deps, repository, existing, publication);
  const outcome = await checkEarlyClaims(deps, repository, publication)
    .then(() => commitAndRecord(deps, lookup, repository, publication, context))
    .catch(async (error: unknown) => {
      if (error instanceof WrongChecksum) await forgetClaims(deps, repository, publication, error.assets);
      throw error;
    });
  for (const { writer } of publication.assets) writer.release();
  deps.generations.touchPackage(repository.domain.id, publication.key);
  return outcome;
}

/**
 * Asked again in the transaction; here so that what is refused leaves no bytes to be swept. A version without assets has
 * been deleted since it was found (or disposed of): what it was says nothing about this publish.
 */
async function refuseEarly(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  existing: VersionRecord,
  publication: Publication,
): Promise<void> {
  const assets = await findAssets(deps.database.read, existing.id);
  if (assets.length > 0) planJoin(repository, existing, assets, publication);
}

/** Only files that come one by one have checksums sent beside them (spec 8.3.3). */
function mayBeClaimed({ assembly = "whole" }: Publication): boolean {
  return assembly !== "whole";
}

/** Asked again in the transaction; here so that bytes which are not what was said of them are not kept. */
async function checkEarlyClaims(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  publication: Publication,
): Promise<void> {
  if (!mayBeClaimed(publication)) return;
  const { key, version } = publication;
  await checkClaims(deps.database.read, repository, key, version, assetsOf(publication));
}

async function commitAndRecord(
  deps: RegistryDeps,
  lookup: Lookup,
  repository: RepositoryRecord,
  publication: Publication,
  context: RequestContext,
): Promise<PublishOutcome> {
  await keepBlobs(deps, publication.assets);
  return deps.database.write((tx) => decideAndRecord(deps, tx, lookup, repository, publication, context));
}

export type PublishOutcome = "published" | "extended" | "unchanged";

async function heldHere(
  deps: RegistryDeps,
  own: PackageRecord | undefined,
  version: string,
): Promise<VersionRecord | undefined> {
  return own && findVersion(deps.database.read, own.id, version);
}

/**
 * 409 when the number exists in a reachable repository or public registry (spec 2.5.1); nothing is reachable past
 * upstream=BLOCK (2.5.2). A registry that does not answer fails the publish: an unknown is not an absence.
 */
async function refuseReachable(
  deps: RegistryDeps,
  external: External,
  lookup: Lookup,
  { key, version }: Publication,
): Promise<void> {
  const elsewhere = lookup.packages.filter(({ id }) => id !== lookup.own?.id);
  const [taken] = await findVersionIn(
    deps.database.read,
    elsewhere.map(({ id }) => id),
    version,
  );
  if (taken !== undefined) {
    const holder = elsewhere.find(({ id }) => id === taken.packageId);
    const name = lookup.reach.repositories.find(({ id }) => id === holder?.repositoryId)?.name ?? "";
    throw reachable(key, version, `upstream repository '${name}'`);
  }
  for (const { connection } of lookup.reach.connections) {
    if (!deps.formats.get(key.format)?.connections.includes(connection)) continue;
    if (await existsOutside(external, connection, key, version))
      throw reachable(key, version, `external connection '${connection}'`);
  }
}

async function existsOutside(
  external: External,
  connection: string,
  key: PackageKey,
  version: string,
): Promise<boolean> {
  try {
    const index = await external.index(connection, key);
    const outside = external.format(key);
    if (index.state === "present" && (await external.versions(connection, index, key)).has(version))
      return true;
    return (
      outside.versionByFile !== undefined &&
      (await external.version(connection, undefined, key, version, "")) !== undefined
    );
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      error.code,
      `Whether ${packagePath(key)} ${version} exists at '${connection}' could not be found out, and while the package's upstream setting is ALLOW that must be known before a publish. ${error.message} Try again, or set upstream=BLOCK for the package with PutPackageOriginConfiguration.`,
      error.detail,
    );
  }
}

function reachable(key: PackageKey, version: string, where: string): Fault {
  return conflict(
    `Version ${version} of ${packagePath(key)} is already reachable through ${where}, and the package's upstream setting is ALLOW. Publish another version, or set upstream=BLOCK with PutPackageOriginConfiguration.`,
    "package-version",
    version,
  );
}

async function decideAndRecord(
  deps: RegistryDeps,
  tx: Queries,
  lookup: Lookup,
  repository: RepositoryRecord,
  publication: Publication,
  context: RequestContext,
): Promise<PublishOutcome> {
  const { key, version } = publication;
  await deps.database.lockPackage(tx as never, repository.domain.id, key);
  const snapshot = await deps.catalog.confirm(tx, lookup.snapshot);
  const arrival = { way: "PUBLISH", repository, key } as const;
  const admission = await admit(tx, snapshot, arrival, "INTERNAL", deps.now());
  const existing = admission.first ? undefined : await findVersion(tx, admission.package.id, version);
  const into = { repository, ...admission };
  if (existing !== undefined) return joinExisting(deps, tx, into, existing, publication, context);
  if (admission.first && publication.oneSpelling === true)
    await refuseOtherSpelling(deps, tx, repository, key);
  const assets = assetsOf(publication);
  if (mayBeClaimed(publication)) await settleClaims(tx, repository, key, version, assets);
  await record(deps, tx, into, publishedVersion(deps, repository, publication), assets, {
    event: "published",
    context,
  });
  await upsertTags(tx, admission.package.id, publication.tags, version);
  return "published";
}

/** Two spellings may arrive at one time: the second one waits here for the first, and finds it. */
async function refuseOtherSpelling(
  deps: RegistryDeps,
  tx: Queries,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<void> {
  // No package of this name: the mark only keeps this lock from being one of a package.
  const spellings = { ...key, name: `#${key.name.toLowerCase().replaceAll("-", "_")}` };
  await deps.database.lockPackage(tx as never, repository.domain.id, spellings);
  for (const { key: other } of await findSpellings(tx, [repository.id], key)) {
    const held = other.name === key.name ? undefined : await findPackage(tx, repository.id, other);
    if (held === undefined || (await versionStatuses(tx, [held.id])).length === 0) continue;
    throw invalid(
      `The name '${key.name}' differs from '${other.name}', which repository '${repository.name}' holds, only by case or by '-' for '_'; such names are taken for one. Publish under '${other.name}' or under another name.`,
    );
  }
}

/** The same bytes under the same names again are a success; more files join where the format lets them (spec 8.0.5, 5.1.1). */
async function joinExisting(
  deps: RegistryDeps,
  tx: Queries,
  into: Admission & { readonly repository: RepositoryRecord },
  existing: VersionRecord,
  publication: Publication,
  context: RequestContext,
): Promise<PublishOutcome> {
  const held = await findAssets(tx, existing.id);
  const { added, completes } = planJoin(into.repository, existing, held, publication);
  if (added.length === 0 && !completes) return "unchanged";
  await settleClaims(tx, into.repository, publication.key, existing.version, added);
  await extend(deps, tx, into, existing, added, {
    event: "assets-added",
    context,
    ...(publication.join === undefined ? {} : { texts: onlyTexts(publication.join(existing)) }),
    ...(completes ? { status: "Published" } : {}),
  });
  return "extended";
}

/** A format may give back the very row it was shown. */
function onlyTexts({ metadata, document, brief }: VersionTexts): VersionTexts {
  return { metadata, document, brief };
}

/** What a publication would change of a version that is there. Throws ConflictException where it may not. */
function planJoin(
  repository: RepositoryRecord,
  existing: VersionRecord,
  assets: readonly AssetRecord[],
  publication: Publication,
): { readonly added: readonly AssetRecord[]; readonly completes: boolean } {
  const { assembly = "whole", status = "Published" } = publication;
  const held = new Map(assets.map((asset) => [asset.name, asset]));
  refuseOtherBytes(existing, held, publication);
  const added = assetsOf(publication).filter(({ name }) => !held.has(name));
  const completes = existing.status === "Unfinished" && status === "Published" && assembly !== "whole";
  if (added.length > 0 || completes) refuseMixing(repository, existing, publication);
  return { added, completes };
}

function refuseOtherBytes(
  { status, version: number }: VersionRecord,
  held: ReadonlyMap<string, AssetRecord>,
  { key, assets, assembly = "whole" }: Publication,
): void {
  const differs = assets.find(({ name, staged }) => {
    const asset = held.get(name);
    return asset !== undefined && asset.digests.sha256 !== staged.digests.sha256;
  });
  const grows = assets.some(({ name }) => !held.has(name));
  const closed = assembly === "whole" || (assembly === "until-published" && status !== "Unfinished");
  const lacks = assembly === "whole" && assets.length !== held.size;
  if (status !== "Archived" && status !== "Disposed") {
    if (differs === undefined && !lacks && !(grows && closed)) return;
    const what =
      differs !== undefined && assembly !== "whole"
        ? `has the asset '${differs.name}' already with other content`
        : closed && assembly !== "whole"
          ? `is ${status}, and takes no further assets`
          : "exists already with other content";
    throw otherBytes(key, number, what);
  }
  throw otherBytes(key, number, `exists already with status ${status}`);
}

function otherBytes(key: PackageKey, version: string, what: string): Fault {
  return conflict(
    `Version ${version} of ${packagePath(key)} ${what}. Publish another version, or delete this one first with DeletePackageVersions.`,
    "package-version",
    version,
  );
}

/** A publisher's files never join a version that came another way: what its name promises would no longer be one party's. */
function refuseMixing(
  repository: RepositoryRecord,
  { origin, version }: VersionRecord,
  { key }: Publication,
) {
  if (origin.type === "INTERNAL" && origin.entryPoint === repository.name) return;
  const from = origin.type === "EXTERNAL" ? "external connection" : "repository";
  throw conflict(
    `Version ${version} of ${packagePath(key)} in repository '${repository.name}' came from ${from} '${origin.entryPoint}'; files that are published here cannot join it. Publish another version, or delete this one first with DeletePackageVersions.`,
    "package-version",
    version,
  );
}

function publishedVersion(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  publication: Publication,
): NewVersion {
  const now = deps.now();
  return {
    version: publication.version,
    status: publication.status ?? "Published",
    revision: deps.newRevision(),
    origin: { type: "INTERNAL", entryPoint: repository.name },
    publishedAt: now,
    upstreamPublishedAt: undefined,
    firstSeenAt: now,
    storedAt: now,
    metadata: publication.metadata,
    document: publication.document,
    brief: publication.brief,
  };
}

function assetsOf({ assets }: Publication): AssetRecord[] {
  return assets.map(({ name, staged, document = "" }) => ({
    name,
    size: staged.size,
    digests: staged.digests,
    document,
  }));
}

/** Runs a change to a package this repository holds, in one transaction with its journal line; 404 when it holds none. */
export async function changePackage<T>(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  context: RequestContext,
  event: "tags-changed" | "documents-changed",
  change: (
    tx: Queries,
    held: PackageRecord,
  ) => Promise<{
    readonly result: T;
    readonly detail: Record<string, unknown>;
    /** Set when single versions changed: then each has its own line. */
    readonly versions?: ReadonlyMap<string, VersionChange>;
  }>,
): Promise<T> {
  const result = await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) throw packageNotFound(repository, key);
    const done = await change(tx, held);
    const line = {
      at: deps.now(),
      event,
      domainId: repository.domain.id,
      repository: repository.name,
      key,
      actor: context.caller.arn,
      requestId: context.requestId,
      detail: done.detail,
    };
    await appendJournal(
      tx,
      done.versions === undefined
        ? [{ ...line, version: "" }]
        : [...done.versions].map(([version, change]) => ({ ...line, version, change })),
    );
    return done.result;
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return result;
}

/** In the service's own words (spec 7.3), readable. */
export function packageNotFound(repository: RepositoryRecord, key: PackageKey): Fault {
  return new Fault(
    "ResourceNotFoundException",
    `Package not found in repository. RepoId: ${repository.name}, Package = PackageCoordinate{packageType=${key.format}${key.namespace === "" ? "" : `, packageNamespace=${key.namespace}`}, packageName=${key.name}}`,
    { resourceType: "package", resourceId: key.name },
  );
}
