// Changing what a domain is made of: domains, repositories, upstreams, connections, and a package's origin settings.
import type { Caller } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { domainArn, EXTERNAL_CONNECTIONS, packageGroupArn, repositoryArn } from "../core/coordinates.ts";
import { conflict, Fault, invalid, notFound } from "../core/faults.ts";
import type { OriginSettings } from "../core/origin.ts";
import { DIRECT_UPSTREAMS_MAX, wouldCycle } from "../core/upstreams.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import {
  countRepositories,
  deleteDomain as deleteDomainRow,
  findDomain,
  insertDomain,
  touchDomain,
} from "../store/domains.ts";
import { appendJournal } from "../store/journal.ts";
import { loadGroups } from "../store/package-groups.ts";
import { findPackage, insertPackage, updateSettings } from "../store/packages.ts";
import * as rows from "../store/repositories.ts";
import { authorizeAccount, authorizeRepository, authorizeTarget } from "./authorize.ts";
import { domainNotFound, refuseGone, repositoryNotFound } from "./catalog.ts";
import type { RegistryDeps } from "./deps.ts";
import type { DomainRecord, RepositoryRecord, RequestContext } from "./registry.ts";

export interface ResourceTag {
  readonly key: string;
  readonly value: string;
}

/** What an encryption key is when none was named: the account's managed key. Kept and shown, not used: see docs/decisions. */
function managedKeyArn(region: string, account: string): string {
  return `arn:aws:kms:${region}:${account}:key/portcullis-managed`;
}

const KEY_ARN = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)\/./;

/** An id or alias becomes an ARN, an ARN of a key stays (spec 1.3.5). */
function keyArn(region: string, account: string, key: string | undefined): string {
  if (key === undefined) return managedKeyArn(region, account);
  if (KEY_ARN.test(key)) return key;
  if (key.startsWith("arn:"))
    throw new Fault(
      "ValidationException",
      `'${key}' is not the ARN of a KMS key or alias, such as ${managedKeyArn(region, account)}.`,
      { reason: "ENCRYPTION_KEY_ERROR" },
    );
  return `arn:aws:kms:${region}:${account}:${key.startsWith("alias/") ? key : `key/${key}`}`;
}

/** Always in the caller's own account (spec 1.3.1). A taken name is a conflict (spec 7.7). */
export async function createDomain(
  deps: RegistryDeps,
  name: string,
  options: {
    readonly encryptionKey?: string | undefined;
    readonly tags?: readonly ResourceTag[] | undefined;
  },
  { caller }: RequestContext,
): Promise<DomainRecord> {
  const owner = caller.account;
  const arn = domainArn(deps, owner, name);
  authorizeAccount(deps.region, caller, "CreateDomain", arn, options.tags);
  if ((options.tags ?? []).length > 0)
    authorizeAccount(deps.region, caller, "TagResource", arn, options.tags);
  return deps.database.write(async (tx) => {
    const taken = await findDomain(tx, owner, name);
    const created =
      taken === undefined
        ? await insertDomain(tx, {
            owner,
            name,
            encryptionKey: keyArn(deps.region, owner, options.encryptionKey),
            createdAt: deps.now(),
          })
        : undefined;
    if (created === undefined)
      throw conflict(`Domain '${name}' already exists in account '${owner}'.`, "domain", name);
    await rows.insertResourceTags(tx, arn, uniqueTags(options.tags));
    return created;
  });
}

export function uniqueTags(tags: readonly ResourceTag[] = []): readonly ResourceTag[] {
  if (new Set(tags.map(({ key }) => key)).size !== tags.length)
    throw invalid("A tag key appears more than once in 'tags'.");
  for (const { key, value } of tags) {
    if (key === rows.DIST_TAGS_KEY && value !== "upstream" && value !== "downstream") {
      throw invalid(
        `The resource tag '${key}' says whose dist-tag wins: 'upstream' or 'downstream', not '${value}'.`,
      );
    }
  }
  return tags;
}

/** Refused while a repository is left, in the service's words (spec 1.3.4). Undefined when there was no such domain. */
export async function deleteDomain(
  deps: RegistryDeps,
  owner: string,
  name: string,
  { caller }: RequestContext,
): Promise<DomainRecord | undefined> {
  const arn = domainArn(deps, owner, name);
  await authorizeTarget(deps, caller, "DeleteDomain", { owner, domain: name });
  const gone = await deps.database.write(async (tx) => {
    const found = await findDomain(tx, owner, name);
    if (found === undefined) return undefined;
    await deps.database.lockDomain(tx, found.id);
    if ((await countRepositories(tx, found.id)) > 0)
      throw conflict("Domain must contain 0 repositories before deletion", "domain", name);
    for (const { pattern } of await loadGroups(tx, found.id))
      await rows.deleteResourceTags(tx, packageGroupArn(deps, owner, name, pattern));
    await deleteDomainRow(tx, found.id);
    await rows.deleteResourceTags(tx, arn);
    return found;
  });
  if (gone !== undefined) deps.generations.touchDomain(gone.id);
  return gone;
}

export interface RepositoryChange {
  readonly description?: string | undefined;
  /** Names, in priority order; replaces the list (spec 1.4.6). */
  readonly upstreams?: readonly string[] | undefined;
}

export async function createRepository(
  deps: RegistryDeps,
  domain: { readonly owner: string; readonly name: string },
  name: string,
  options: RepositoryChange & { readonly tags?: readonly ResourceTag[] | undefined },
  { caller }: RequestContext,
): Promise<RepositoryRecord> {
  const arn = repositoryArn(deps, domain.owner, domain.name, name);
  const target = { owner: domain.owner, domain: domain.name, repository: name };
  await authorizeTarget(deps, caller, "CreateRepository", target, options.tags);
  if ((options.tags ?? []).length > 0)
    await authorizeTarget(deps, caller, "TagResource", target, options.tags);
  await changeDomain(deps, domain, async (tx, snapshot) => {
    if (snapshot.byName.has(name))
      throw conflict(`Repository '${name}' already exists in domain '${domain.name}'.`, "repository", name);
    const upstreams = resolveUpstreams(deps, caller, snapshot, undefined, name, options.upstreams ?? []);
    const id = await rows.insertRepository(tx, {
      domainId: snapshot.domain.id,
      name,
      administratorAccount: caller.account,
      description: options.description,
      createdAt: deps.now(),
    });
    if (id === undefined)
      throw conflict(`Repository '${name}' already exists in domain '${domain.name}'.`, "repository", name);
    await rows.replaceUpstreams(tx, id, upstreams);
    await rows.insertResourceTags(tx, arn, uniqueTags(options.tags));
  });
  return findRepository(deps, domain, name);
}

export async function updateRepository(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  change: RepositoryChange,
  { caller }: RequestContext,
): Promise<RepositoryRecord> {
  authorizeRepository(deps.region, caller, "UpdateRepository", repository);
  await changeDomain(deps, repository.domain, async (tx, snapshot) => {
    const now = repositoryIn(snapshot, repository.name);
    if (change.upstreams !== undefined) {
      await rows.replaceUpstreams(
        tx,
        now.id,
        resolveUpstreams(deps, caller, snapshot, now.id, now.name, change.upstreams),
      );
    }
    if (change.description !== undefined) await rows.updateDescription(tx, now.id, change.description);
  });
  return findRepository(deps, repository.domain, repository.name);
}

/** What another repository retained stays its own (spec 1.4.5); it only loses the way here. */
export async function deleteRepository(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  { caller }: RequestContext,
): Promise<RepositoryRecord> {
  authorizeRepository(deps.region, caller, "DeleteRepository", repository);
  await changeDomain(deps, repository.domain, async (tx, snapshot) => {
    const now = repositoryIn(snapshot, repository.name);
    await rows.deleteRepository(tx, now.id);
    await rows.deleteResourceTags(tx, repositoryArn(deps, now.domain.owner, now.domain.name, now.name));
  });
  return repository;
}

export async function associateConnection(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  connection: string,
  { caller }: RequestContext,
): Promise<RepositoryRecord> {
  authorizeRepository(deps.region, caller, "AssociateExternalConnection", repository);
  if (!EXTERNAL_CONNECTIONS.has(connection)) {
    throw invalid(
      `There is no external connection '${connection}'. Known: ${[...EXTERNAL_CONNECTIONS.keys()].join(", ")}.`,
    );
  }
  await changeDomain(deps, repository.domain, async (tx, snapshot) => {
    const now = repositoryIn(snapshot, repository.name);
    const [existing] = now.connections;
    if (existing !== undefined) {
      throw conflict(
        `Repository '${now.name}' already has the external connection '${existing}'; a repository has one at most.`,
        "repository",
        now.name,
      );
    }
    await rows.insertConnection(tx, now.id, connection);
  });
  return findRepository(deps, repository.domain, repository.name);
}

/** What was retained through it stays (spec 4.4.2). */
export async function disassociateConnection(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  connection: string,
  { caller }: RequestContext,
): Promise<RepositoryRecord> {
  authorizeRepository(deps.region, caller, "DisassociateExternalConnection", repository);
  await changeDomain(deps, repository.domain, async (tx, snapshot) => {
    const now = repositoryIn(snapshot, repository.name);
    if (!now.connections.includes(connection)) {
      throw notFound(
        `Repository '${now.name}' has no external connection '${connection}'.`,
        "repository",
        now.name,
      );
    }
    await rows.deleteConnection(tx, now.id, connection);
  });
  return findRepository(deps, repository.domain, repository.name);
}

/** Settings for a package that exists or not: an absent one is created without versions (spec 2.1.3). */
export async function putOriginConfiguration(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  settings: OriginSettings,
  { caller, requestId }: RequestContext,
): Promise<OriginSettings> {
  authorizeRepository(deps.region, caller, "PutPackageOriginConfiguration", repository, key);
  const seen = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, repository.domain.id, key);
    refuseGone(await deps.catalog.confirm(tx, seen), repository);
    const held = await findPackage(tx, repository.id, key);
    if (held === undefined) await insertPackage(tx, repository.id, key, settings, deps.now());
    else await updateSettings(tx, held.id, settings, deps.now());
    await appendJournal(tx, [
      {
        at: deps.now(),
        event: "settings-changed",
        domainId: repository.domain.id,
        repository: repository.name,
        key,
        version: "",
        actor: caller.arn,
        requestId,
        detail: { from: held?.settings ?? null, to: settings },
      },
    ]);
  });
  deps.generations.touchPackage(repository.domain.id, key);
  return settings;
}

/** Throws what the service would: the domain's or the repository's ResourceNotFoundException. */
export async function findRepository(
  deps: RegistryDeps,
  domain: { readonly owner: string; readonly name: string },
  name: string,
): Promise<RepositoryRecord> {
  return repositoryIn(await deps.catalog.domain(domain.owner, domain.name), name);
}

export function repositoryIn(snapshot: DomainSnapshot, name: string): RepositoryRecord {
  const found = snapshot.byName.get(name);
  if (found !== undefined) return found;
  throw repositoryNotFound(snapshot.domain, name);
}

/** One change of a domain at a time, seen by every later decision (its revision grows in the same transaction). */
export async function changeDomain<T>(
  deps: RegistryDeps,
  { owner, name }: { readonly owner: string; readonly name: string },
  change: (tx: Queries, snapshot: DomainSnapshot) => Promise<T>,
): Promise<T> {
  const before = await deps.catalog.domain(owner, name);
  const changed = await deps.database.write(async (tx) => {
    await deps.database.lockDomain(tx, before.domain.id);
    const snapshot = await deps.catalog.confirm(tx, before);
    if (snapshot.domain.id !== before.domain.id) throw domainNotFound(owner, name);
    const result = await change(tx, snapshot);
    await touchDomain(tx, snapshot.domain.id);
    return result;
  });
  deps.generations.touchDomain(before.domain.id);
  return changed;
}

/** Ids of the named upstreams; limits, self-reference and cycles refused (spec 4.1). */
function resolveUpstreams(
  deps: RegistryDeps,
  caller: Caller,
  snapshot: DomainSnapshot,
  repositoryId: number | undefined,
  repositoryName: string,
  names: readonly string[],
): readonly number[] {
  if (names.length > DIRECT_UPSTREAMS_MAX) {
    throw new Fault(
      "ServiceQuotaExceededException",
      `A repository has ${DIRECT_UPSTREAMS_MAX} direct upstreams at most; ${names.length} were given.`,
      {
        resourceType: "repository",
        resourceId: repositoryName,
      },
    );
  }
  if (new Set(names).size !== names.length)
    throw invalid("An upstream repository appears more than once in 'upstreams'.");
  if (names.includes(repositoryName))
    throw invalid(`Repository '${repositoryName}' cannot be its own upstream.`);
  const upstreams = names.map((name) => repositoryIn(snapshot, name));
  for (const upstream of upstreams)
    authorizeRepository(deps.region, caller, "AssociateWithDownstreamRepository", upstream);
  const ids = upstreams.map(({ id }) => id);
  if (repositoryId !== undefined && wouldCycle(snapshot.repositories, repositoryId, ids)) {
    throw invalid(`These upstreams would make repository '${repositoryName}' an upstream of itself.`);
  }
  return ids;
}
