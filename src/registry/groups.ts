// Package groups: making, changing and removing them. Every decision after the change sees it (spec 2.7, 3.5).
import { packageGroupArn } from "../core/coordinates.ts";
import { conflict, invalid, notFound } from "../core/faults.ts";
import { checkPattern, ROOT_PATTERN } from "../core/group-pattern.ts";
import type { GroupMode, RestrictionType } from "../core/origin.ts";
import { RESTRICTION_TYPES } from "../core/origin.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import type { JournalEvent } from "../store/journal.ts";
import { appendDomainJournal } from "../store/journal.ts";
import type { GroupModes, PackageGroup } from "../store/package-groups.ts";
import * as rows from "../store/package-groups.ts";
import { deleteResourceTags, insertResourceTags } from "../store/repositories.ts";
import type { ResourceTag } from "./administer.ts";
import { changeDomain, repositoryIn, uniqueTags } from "./administer.ts";
import { authorizeGroup } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import type { RequestContext } from "./registry.ts";

export interface DomainName {
  readonly owner: string;
  readonly name: string;
}

/** A group, in the domain as it was when the answer was true. */
export interface GroupView {
  readonly snapshot: DomainSnapshot;
  readonly group: PackageGroup;
}

/** A new group takes everything from the one above it (spec 2.7.4). */
const INHERITING: GroupModes = {
  PUBLISH: "INHERIT",
  EXTERNAL_UPSTREAM: "INHERIT",
  INTERNAL_UPSTREAM: "INHERIT",
};

/** The group of this very pattern, for a caller who may do `action` to it. */
export async function openGroup(
  deps: RegistryDeps,
  domain: DomainName,
  pattern: string,
  action: string,
  { caller }: RequestContext,
): Promise<GroupView> {
  checkPattern(pattern);
  await authorizeGroup(deps, caller, action, domain, pattern);
  return viewGroup(deps, domain, pattern);
}

async function viewGroup(deps: RegistryDeps, domain: DomainName, pattern: string): Promise<GroupView> {
  const snapshot = await deps.catalog.domain(domain.owner, domain.name);
  return { snapshot, group: groupIn(snapshot, pattern) };
}

function groupIn(snapshot: DomainSnapshot, pattern: string): PackageGroup {
  const found = snapshot.groups.find(pattern);
  if (found !== undefined) return found;
  const { name, owner } = snapshot.domain;
  throw notFound(
    `Package group not found. Package group '${pattern}' in domain '${name}' owned by account '${owner}' does not exist`,
    undefined,
    pattern,
  );
}

export interface GroupDetails {
  readonly contactInfo?: string | undefined;
  readonly description?: string | undefined;
}

/** Throws ConflictException when the pattern is taken (spec 3.5.2). */
export async function createGroup(
  deps: RegistryDeps,
  domain: DomainName,
  pattern: string,
  options: GroupDetails & { readonly tags?: readonly ResourceTag[] | undefined },
  context: RequestContext,
): Promise<GroupView> {
  checkPattern(pattern);
  await authorizeGroup(deps, context.caller, "CreatePackageGroup", domain, pattern, options.tags);
  if ((options.tags ?? []).length > 0)
    await authorizeGroup(deps, context.caller, "TagResource", domain, pattern, options.tags);
  await changeDomain(deps, domain, async (tx, snapshot) => {
    if (snapshot.groups.find(pattern) !== undefined) {
      throw conflict(
        `Package group '${pattern}' already exists in domain '${domain.name}'.`,
        undefined,
        pattern,
      );
    }
    const { contactInfo, description } = options;
    await rows.insertGroup(
      tx,
      snapshot.domain.id,
      { pattern, contactInfo, description, createdAt: deps.now() },
      INHERITING,
    );
    await insertResourceTags(
      tx,
      packageGroupArn(deps, domain.owner, domain.name, pattern),
      uniqueTags(options.tags),
    );
    await tell(deps, tx, snapshot, "group-created", context, { pattern });
  });
  return viewGroup(deps, domain, pattern);
}

/** Its words only: pattern and origin configuration stay (spec 3.5.1). What is omitted stays too. */
export async function updateGroup(
  deps: RegistryDeps,
  domain: DomainName,
  pattern: string,
  change: GroupDetails,
  context: RequestContext,
): Promise<GroupView> {
  await openGroup(deps, domain, pattern, "UpdatePackageGroup", context);
  await changeDomain(deps, domain, async (tx, snapshot) => {
    await rows.updateGroup(tx, groupIn(snapshot, pattern).id, change);
    await tell(deps, tx, snapshot, "group-changed", context, { pattern, ...change });
  });
  return viewGroup(deps, domain, pattern);
}

/** No package goes with it; its children's parent is now its own (spec 3.3.3, 3.5.3). The answer is the group as it was. */
export async function deleteGroup(
  deps: RegistryDeps,
  domain: DomainName,
  pattern: string,
  context: RequestContext,
): Promise<GroupView> {
  await openGroup(deps, domain, pattern, "DeletePackageGroup", context);
  if (pattern === ROOT_PATTERN)
    throw invalid(
      `The root package group '${ROOT_PATTERN}' cannot be deleted; its origin configuration can be changed.`,
    );
  return changeDomain(deps, domain, async (tx, snapshot) => {
    const group = groupIn(snapshot, pattern);
    await rows.deleteGroup(tx, group.id);
    await deleteResourceTags(tx, packageGroupArn(deps, domain.owner, domain.name, pattern));
    await tell(deps, tx, snapshot, "group-deleted", context, { pattern, ...configurationOf(group) });
    return { snapshot, group };
  });
}

export interface AllowedRepository {
  readonly type: RestrictionType;
  readonly repository: string;
}

export interface OriginChange {
  readonly modes: Readonly<Partial<Record<RestrictionType, GroupMode>>>;
  readonly add: readonly AllowedRepository[];
  readonly remove: readonly AllowedRepository[];
}

/** Names that came onto a list and names that left it; what was added and removed at once is neither (spec 2.7.7). */
export interface ListChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Modes and lists in one step. A list stays, dormant, while its type has another mode (spec 2.7.8). */
export async function updateOriginConfiguration(
  deps: RegistryDeps,
  domain: DomainName,
  pattern: string,
  change: OriginChange,
  context: RequestContext,
): Promise<GroupView & { readonly lists: ReadonlyMap<RestrictionType, ListChange> }> {
  await openGroup(deps, domain, pattern, "UpdatePackageGroupOriginConfiguration", context);
  const lists = await changeDomain(deps, domain, async (tx, snapshot) => {
    const group = groupIn(snapshot, pattern);
    const modes = { ...group.modes, ...change.modes };
    checkOriginChange(group, modes, change);
    for (const { repository } of [...change.add, ...change.remove]) repositoryIn(snapshot, repository);
    await rows.updateModes(tx, group.id, modes);
    const changed = new Map(RESTRICTION_TYPES.map((type) => [type, listChange(group, type, change)]));
    for (const [type, { added, removed }] of changed) {
      await rows.insertAllowed(tx, group.id, type, idsOf(snapshot, added));
      await rows.deleteAllowed(tx, group.id, type, idsOf(snapshot, removed));
    }
    await tell(deps, tx, snapshot, "group-changed", context, {
      pattern,
      from: configurationOf(group),
      to: { modes, lists: Object.fromEntries(changed) },
    });
    return changed;
  });
  return { ...(await viewGroup(deps, domain, pattern)), lists };
}

/** Spec 2.7.3, 2.7.8. */
function checkOriginChange(group: PackageGroup, modes: GroupModes, change: OriginChange): void {
  const inheriting = RESTRICTION_TYPES.find((type) => modes[type] === "INHERIT");
  if (group.pattern === ROOT_PATTERN && inheriting !== undefined) {
    throw invalid(`The root package group has no parent: its ${inheriting} restriction cannot be INHERIT.`);
  }
  const dormant = change.add.find(({ type }) => modes[type] !== "ALLOW_SPECIFIC_REPOSITORIES");
  if (dormant !== undefined) {
    throw invalid(
      `Repository '${dormant.repository}' cannot be added to the ${dormant.type} list of '${group.pattern}': the mode of that restriction is ${modes[dormant.type]}, and lists are for ALLOW_SPECIFIC_REPOSITORIES. Set it in the same call's restrictions.`,
    );
  }
}

function listChange(group: PackageGroup, type: RestrictionType, { add, remove }: OriginChange): ListChange {
  const before = group.allowedRepositories[type];
  const after = new Set(before);
  for (const item of add) if (item.type === type) after.add(item.repository);
  for (const item of remove) if (item.type === type) after.delete(item.repository);
  return {
    added: [...after].filter((name) => !before.has(name)),
    removed: [...before].filter((name) => !after.has(name)),
  };
}

function idsOf(snapshot: DomainSnapshot, names: readonly string[]): readonly number[] {
  return names.map((name) => repositoryIn(snapshot, name).id);
}

function configurationOf(group: PackageGroup): object {
  const lists = RESTRICTION_TYPES.map((type) => [type, [...group.allowedRepositories[type]]]);
  return { modes: group.modes, lists: Object.fromEntries(lists) };
}

async function tell(
  deps: RegistryDeps,
  tx: Queries,
  snapshot: DomainSnapshot,
  event: JournalEvent,
  { caller, requestId }: RequestContext,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await appendDomainJournal(tx, {
    at: deps.now(),
    event,
    domainId: snapshot.domain.id,
    actor: caller.arn,
    requestId,
    detail,
  });
}
