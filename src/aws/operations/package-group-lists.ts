// Lists of package groups, and of what belongs to one (spec 3.3.4, 3.5.5, 3.5.6, 2.7.9).
import { setImmediate } from "node:timers/promises";
import type { PackageKey } from "../../core/coordinates.ts";
import { isPackageFormat } from "../../core/coordinates.ts";
import { checkPattern } from "../../core/group-pattern.ts";
import type { GroupIndex, PatternHolder } from "../../core/package-groups.ts";
import { indexGroups } from "../../core/package-groups.ts";
import { authorizeGroup } from "../../registry/authorize.ts";
import { openGroup } from "../../registry/groups.ts";
import type { DomainSnapshot } from "../../store/domains.ts";
import type { PackageGroup } from "../../store/package-groups.ts";
import { listPackageNames } from "../../store/package-groups.ts";
import type { Call } from "../dispatch.ts";
import type {
  AssociatedPackage,
  OperationName,
  Operations,
  PackageGroupSummary,
} from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openDomain } from "./context.ts";
import { describe } from "./describe-group.ts";
import { domainOf } from "./package-groups.ts";
import type { Unfinished } from "./page.ts";
import { loadPage } from "./page.ts";

const PAGE_SIZE = 100;

/** The root group is one of them. */
export async function listPackageGroups(
  input: Operations["ListPackageGroups"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListPackageGroups"]["output"]> {
  const snapshot = await openDomain(deps, call, input, "ListPackageGroups");
  const groups = snapshot.groups.all.filter(({ pattern }) => pattern.startsWith(input.prefix ?? ""));
  return pageOfGroups(deps, call, "ListPackageGroups", input, snapshot, groups);
}

/** Direct children only. */
export async function listSubPackageGroups(
  input: Operations["ListSubPackageGroups"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListSubPackageGroups"]["output"]> {
  const { snapshot } = await openGroup(
    deps,
    domainOf(input, call),
    input.packageGroup,
    "ListSubPackageGroups",
    call,
  );
  return pageOfGroups(
    deps,
    call,
    "ListSubPackageGroups",
    input,
    snapshot,
    snapshot.groups.children(input.packageGroup),
  );
}

async function pageOfGroups(
  deps: AwsDeps,
  call: Call,
  operation: OperationName,
  input: { readonly maxResults?: number; readonly nextToken?: string },
  snapshot: DomainSnapshot,
  groups: readonly PackageGroup[],
): Promise<{ packageGroups: readonly PackageGroupSummary[]; nextToken: string | undefined }> {
  const { rows, nextToken } = await pageOfTexts(
    deps,
    call,
    operation,
    input,
    groups,
    ({ pattern }) => pattern,
  );
  return { packageGroups: rows.map((group) => describe(deps, { snapshot, group })), nextToken };
}

/** The group's own list, also while its mode does not use it. */
export async function listAllowedRepositoriesForGroup(
  input: Operations["ListAllowedRepositoriesForGroup"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListAllowedRepositoriesForGroup"]["output"]> {
  const operation = "ListAllowedRepositoriesForGroup";
  const { group } = await openGroup(deps, domainOf(input, call), input.packageGroup, operation, call);
  const names = [...group.allowedRepositories[input.originRestrictionType]].sort();
  const { rows, nextToken } = await pageOfTexts(deps, call, operation, input, names, (name) => name);
  return { allowedRepositories: rows, nextToken };
}

/** A page of what is at hand already, in the order of its texts. */
function pageOfTexts<R>(
  deps: AwsDeps,
  call: Call,
  operation: OperationName,
  input: { readonly maxResults?: number; readonly nextToken?: string },
  sorted: readonly R[],
  textOf: (row: R) => string,
) {
  return loadPage<R, readonly [string]>(deps, call, {
    operation,
    input,
    sizeDefault: PAGE_SIZE,
    load: (after, limit) => {
      const rest = after === undefined ? sorted : sorted.filter((row) => textOf(row) > after[0]);
      return Promise.resolve(rest.slice(0, limit));
    },
    positionOf: (row) => [textOf(row)],
  });
}

type Associated = AssociatedPackage & PackageKey;

/**
 * Packages that some repository of the domain has a record of, whose group this is; with `preview`, whose group it
 * would be if it were created now (spec 3.5.6).
 */
export async function listAssociatedPackages(
  input: Operations["ListAssociatedPackages"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListAssociatedPackages"]["output"]> {
  const { snapshot, index } = await indexFor(deps, call, input);
  const { rows, nextToken } = await loadPage<Associated, NamePosition>(deps, call, {
    operation: "ListAssociatedPackages",
    input,
    sizeDefault: PAGE_SIZE,
    load: (after, limit) => associatedPackages(deps, snapshot, index, input.packageGroup, after, limit),
    positionOf: ({ format, namespace, name }) => [format, namespace, name],
  });
  return {
    packages: rows.map(({ format, namespace, name, associationType }) => ({
      format,
      ...(namespace === "" ? {} : { namespace }),
      package: name,
      associationType,
    })),
    nextToken,
  };
}

async function indexFor(
  deps: AwsDeps,
  call: Call,
  input: Operations["ListAssociatedPackages"]["input"],
): Promise<{ readonly snapshot: DomainSnapshot; readonly index: GroupIndex<PatternHolder> }> {
  const action = "ListAssociatedPackages";
  const domain = domainOf(input, call);
  const { packageGroup: pattern } = input;
  if (input.preview !== true) {
    const { snapshot } = await openGroup(deps, domain, pattern, action, call);
    return { snapshot, index: snapshot.groups };
  }
  checkPattern(pattern);
  await authorizeGroup(deps, call.caller, action, domain, pattern);
  const snapshot = await deps.catalog.domain(domain.owner, domain.name);
  if (snapshot.groups.find(pattern) !== undefined) return { snapshot, index: snapshot.groups };
  const imagined = { id: Number.MAX_SAFE_INTEGER, pattern, createdAt: deps.now() };
  return { snapshot, index: indexGroups<PatternHolder>([...snapshot.groups.all, imagined]) };
}

/** Names read at a time: look-alikes may stand anywhere in the order, so every name of the format is asked. */
const BATCH_MIN = 2_000;
/** Names looked at for one page: then it ends, with few rows or none, and the next one goes on (some 0.2 s). */
const LOOKED_AT_MAX = 20_000;

type NamePosition = readonly [string, string, string];

async function associatedPackages(
  deps: AwsDeps,
  { repositories }: DomainSnapshot,
  index: GroupIndex<PatternHolder>,
  pattern: string,
  after: NamePosition | undefined,
  limit: number,
): Promise<readonly Associated[] | Unfinished<Associated, NamePosition>> {
  const [, first = ""] = pattern.split("/");
  const format = isPackageFormat(first) ? first : undefined;
  const batch = Math.max(limit, BATCH_MIN);
  const found: Associated[] = [];
  let last = after && ({ format: after[0], namespace: after[1], name: after[2] } as PackageKey);
  for (let lookedAt = 0; ; ) {
    const stretch = await listPackageNames(
      deps.database.lagging,
      [...repositories.keys()],
      format,
      last,
      batch,
    );
    for (const key of stretch.keys) {
      const { association, groups } = index.associate(key);
      if (groups[0]?.pattern === pattern) found.push({ ...key, associationType: association });
      if (found.length === limit) return found;
    }
    last = stretch.keys.at(-1);
    if (stretch.last || last === undefined) return found;
    lookedAt += stretch.keys.length;
    if (lookedAt >= LOOKED_AT_MAX)
      return { rows: found, stoppedAt: [last.format, last.namespace, last.name] };
    await setImmediate(); // others' requests have their turn
  }
}
