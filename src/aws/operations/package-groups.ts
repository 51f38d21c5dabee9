// Operations on single package groups (spec 2.7, 3.5).
import { invalid } from "../../core/faults.ts";
import { ROOT_PATTERN } from "../../core/group-pattern.ts";
import { authorizeGroup } from "../../registry/authorize.ts";
import type { AllowedRepository, DomainName, ListChange } from "../../registry/groups.ts";
import * as groups from "../../registry/groups.ts";
import type { DomainSnapshot } from "../../store/domains.ts";
import type { Call } from "../dispatch.ts";
import type { Operations, PackageGroupAllowedRepository } from "../model/types.gen.ts";
import type { AwsDeps, DomainInput } from "./context.ts";
import { ownerOf, packageKey } from "./context.ts";
import { describe } from "./describe-group.ts";

export function domainOf(input: DomainInput, call: Call): DomainName {
  return { owner: ownerOf(input, call), name: input.domain };
}

export async function createPackageGroup(
  input: Operations["CreatePackageGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["CreatePackageGroup"]["output"]> {
  const created = await groups.createGroup(deps, domainOf(input, call), input.packageGroup, input, call);
  return { packageGroup: describe(deps, created) };
}

/** Contact and description only; what is omitted stays (spec 3.5.1). */
export async function updatePackageGroup(
  input: Operations["UpdatePackageGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["UpdatePackageGroup"]["output"]> {
  const changed = await groups.updateGroup(deps, domainOf(input, call), input.packageGroup, input, call);
  return { packageGroup: describe(deps, changed) };
}

/** The answer shows the group as it was (spec 3.5.3). */
export async function deletePackageGroup(
  input: Operations["DeletePackageGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeletePackageGroup"]["output"]> {
  const gone = await groups.deleteGroup(deps, domainOf(input, call), input.packageGroup, call);
  return { packageGroup: describe(deps, gone) };
}

export async function describePackageGroup(
  input: Operations["DescribePackageGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DescribePackageGroup"]["output"]> {
  const found = await groups.openGroup(
    deps,
    domainOf(input, call),
    input.packageGroup,
    "DescribePackageGroup",
    call,
  );
  return { packageGroup: describe(deps, found) };
}

/** The package need not exist (spec 3.5.7). Permission is asked on the group that is found. */
export async function getAssociatedPackageGroup(
  input: Operations["GetAssociatedPackageGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetAssociatedPackageGroup"]["output"]> {
  const action = "GetAssociatedPackageGroup";
  const domain = domainOf(input, call);
  const key = packageKey(input);
  const snapshot = await deps.catalog.domain(domain.owner, domain.name).catch(async (error: unknown) => {
    // Who may not ask about the domain's groups at all does not learn whether it is there.
    await authorizeGroup(deps, call.caller, action, domain, ROOT_PATTERN);
    throw error;
  });
  const { association, groups: chain } = snapshot.groups.associate(key);
  const group = chain[0] ?? rootOf(snapshot);
  await authorizeGroup(deps, call.caller, action, domain, group.pattern);
  return { packageGroup: describe(deps, { snapshot, group }), associationType: association };
}

function rootOf(snapshot: DomainSnapshot) {
  const root = snapshot.groups.find(ROOT_PATTERN);
  if (root === undefined) throw new Error(`domain ${snapshot.domain.id} has no root package group`);
  return root;
}

export async function updatePackageGroupOriginConfiguration(
  input: Operations["UpdatePackageGroupOriginConfiguration"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["UpdatePackageGroupOriginConfiguration"]["output"]> {
  const change = {
    modes: input.restrictions ?? {},
    add: allowed(input.addAllowedRepositories, "addAllowedRepositories"),
    remove: allowed(input.removeAllowedRepositories, "removeAllowedRepositories"),
  };
  const changed = await groups.updateOriginConfiguration(
    deps,
    domainOf(input, call),
    input.packageGroup,
    change,
    call,
  );
  const updates = [...changed.lists].filter(([, { added, removed }]) => added.length + removed.length > 0);
  return {
    packageGroup: describe(deps, changed),
    allowedRepositoryUpdates: Object.fromEntries(updates.map(([type, list]) => [type, listUpdate(list)])),
  };
}

/** Both members are optional in the model, and neither makes sense without the other. */
function allowed(items: readonly PackageGroupAllowedRepository[] = [], member: string): AllowedRepository[] {
  return items.map(({ repositoryName, originRestrictionType }) => {
    if (repositoryName === undefined || originRestrictionType === undefined) {
      throw invalid(`Each item of '${member}' needs a repositoryName and an originRestrictionType.`);
    }
    return { type: originRestrictionType, repository: repositoryName };
  });
}

function listUpdate({ added, removed }: ListChange) {
  return {
    ...(added.length === 0 ? {} : { ADDED: added }),
    ...(removed.length === 0 ? {} : { REMOVED: removed }),
  };
}
