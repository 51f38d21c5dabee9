// A package group as the API shows it (spec 2.7.2, 3.5.4).
import { packageGroupArn } from "../../core/coordinates.ts";
import type { RestrictionType } from "../../core/origin.ts";
import { effectiveMode } from "../../core/origin.ts";
import type { GroupView } from "../../registry/groups.ts";
import type { PackageGroup } from "../../store/package-groups.ts";
import type {
  PackageGroupDescription,
  PackageGroupOriginRestriction,
  PackageGroupReference,
} from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";

/** Descriptions and summaries have the same members. */
export function describe(deps: AwsDeps, { snapshot, group }: GroupView): PackageGroupDescription {
  const { owner, name } = snapshot.domain;
  const lineage = snapshot.groups.lineage(group.pattern);
  const refer = ({ pattern }: { readonly pattern: string }): PackageGroupReference => ({
    arn: packageGroupArn(deps, owner, name, pattern),
    pattern,
  });
  const parent = lineage[1];
  return {
    ...refer(group),
    domainName: name,
    domainOwner: owner,
    createdTime: new Date(group.createdAt),
    contactInfo: group.contactInfo,
    description: group.description,
    originConfiguration: {
      restrictions: {
        PUBLISH: restriction(lineage, "PUBLISH", refer),
        EXTERNAL_UPSTREAM: restriction(lineage, "EXTERNAL_UPSTREAM", refer),
        INTERNAL_UPSTREAM: restriction(lineage, "INTERNAL_UPSTREAM", refer),
      },
    },
    parent: parent && refer(parent),
  };
}

/** `lineage`: the group and its ancestors. The count is of the group's own list, also while that is dormant. */
function restriction(
  lineage: readonly PackageGroup[],
  type: RestrictionType,
  refer: (group: { readonly pattern: string }) => PackageGroupReference,
): PackageGroupOriginRestriction {
  const [group] = lineage;
  const effective = effectiveMode(lineage, type);
  return {
    mode: group?.modes[type],
    effectiveMode: effective.mode,
    inheritedFrom: group?.modes[type] === "INHERIT" ? refer(effective.group) : undefined,
    repositoriesCount: group?.allowedRepositories[type].size,
  };
}
