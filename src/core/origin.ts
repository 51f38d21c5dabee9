// ORIGIN CONTROL, whole: may a package version enter this repository by this way in, and why (spec section 2).
import type { PackageKey } from "./coordinates.ts";
import { packagePath } from "./coordinates.ts";

export type Restriction = "ALLOW" | "BLOCK";

/** A package's own two settings in one repository (spec 2.1.1). */
export interface OriginSettings {
  readonly publish: Restriction;
  readonly upstream: Restriction;
}

/** The three ways in that a group can restrict (spec 2.7.1), and copying inside the domain, which none restricts (2.5.5). */
export type RestrictionType = "PUBLISH" | "EXTERNAL_UPSTREAM" | "INTERNAL_UPSTREAM";
export type WayIn = RestrictionType | "COPY";

export const RESTRICTION_TYPES: readonly RestrictionType[] = [
  "PUBLISH",
  "EXTERNAL_UPSTREAM",
  "INTERNAL_UPSTREAM",
];

export type GroupMode = "ALLOW" | "ALLOW_SPECIFIC_REPOSITORIES" | "BLOCK" | "INHERIT";

/** One package group's configuration. The root group's modes are never INHERIT (spec 2.7.3). */
export interface GroupFacts {
  readonly pattern: string;
  readonly modes: Readonly<Record<RestrictionType, GroupMode>>;
  /** Names of the repositories on each type's list. */
  readonly allowedRepositories: Readonly<Record<RestrictionType, ReadonlySet<string>>>;
}

/** The package's group and its ancestors, most specific first, root last; and how the package matched the first. */
export interface GroupChain {
  readonly association: "STRONG" | "WEAK";
  readonly groups: readonly GroupFacts[];
}

export interface EntryFacts {
  readonly way: WayIn;
  readonly key: PackageKey;
  /** The repository that would receive the version. */
  readonly repository: string;
  /** Undefined while the package has no record in that repository: nothing of its own restricts it yet. */
  readonly settings: OriginSettings | undefined;
  readonly chain: GroupChain;
}

export type Rule =
  | { readonly kind: "package-setting"; readonly setting: "publish" | "upstream" }
  | {
      readonly kind: "group";
      readonly pattern: string;
      readonly type: RestrictionType;
      readonly mode: Exclude<GroupMode, "INHERIT">;
    }
  | { readonly kind: "weak-association"; readonly pattern: string };

/** One rule that took part in a decision. The same value is printed in refusals, logs, journal and console. */
export interface Reason {
  readonly effect: Restriction;
  readonly rule: Rule;
  readonly repository: string;
  readonly key: PackageKey;
}

export interface Decision {
  readonly allowed: boolean;
  /** The rules that refused, or, when none did, the rules that were asked and allowed. */
  readonly reasons: readonly Reason[];
}

/**
 * Decides one entry. BLOCK on any side wins (2.3.1); a weak match blocks everything (2.3.3); a copy asks nothing but
 * the association (2.5.5).
 */
export function decideEntry(facts: EntryFacts): Decision {
  const asked =
    facts.chain.association === "WEAK" ? [weakReason(facts)] : [settingReason(facts), groupReason(facts)];
  const reasons = asked.filter((reason) => reason !== undefined);
  const refusing = reasons.filter((reason) => reason.effect === "BLOCK");
  return refusing.length > 0 ? { allowed: false, reasons: refusing } : { allowed: true, reasons };
}

/**
 * The package-level half alone: does this repository's own record cut the package off from everything upstream of it?
 * Decides about a repository that a version would pass through without being kept (2.4.3, 2.4.5).
 */
export function decidePassage(
  key: PackageKey,
  repository: string,
  settings: OriginSettings | undefined,
): Decision {
  const reason = packageReason(key, repository, "upstream", settings);
  return { allowed: reason?.effect !== "BLOCK", reasons: reason === undefined ? [] : [reason] };
}

function weakReason(facts: EntryFacts): Reason {
  const pattern = facts.chain.groups[0]?.pattern ?? "/*";
  return {
    effect: "BLOCK",
    rule: { kind: "weak-association", pattern },
    repository: facts.repository,
    key: facts.key,
  };
}

function settingReason({ way, key, repository, settings }: EntryFacts): Reason | undefined {
  if (way === "COPY") return undefined;
  return packageReason(key, repository, way === "PUBLISH" ? "publish" : "upstream", settings);
}

function packageReason(
  key: PackageKey,
  repository: string,
  setting: "publish" | "upstream",
  settings: OriginSettings | undefined,
): Reason | undefined {
  if (settings === undefined) return undefined;
  return { effect: settings[setting], rule: { kind: "package-setting", setting }, repository, key };
}

function groupReason({ way, key, repository, chain }: EntryFacts): Reason | undefined {
  if (way === "COPY") return undefined;
  const { mode, group } = effectiveMode(chain.groups, way);
  const allowed =
    mode === "ALLOW" ||
    (mode === "ALLOW_SPECIFIC_REPOSITORIES" && group.allowedRepositories[way].has(repository));
  return {
    effect: allowed ? "ALLOW" : "BLOCK",
    rule: { kind: "group", pattern: group.pattern, type: way, mode },
    repository,
    key,
  };
}

/** The mode of the nearest group that does not inherit, and that group (2.7.2, 2.7.6). A chain without one blocks: fail closed. */
export function effectiveMode(
  groups: readonly GroupFacts[],
  type: RestrictionType,
): { readonly mode: Exclude<GroupMode, "INHERIT">; readonly group: GroupFacts } {
  for (const group of groups) {
    const mode = group.modes[type];
    if (mode !== "INHERIT") return { mode, group };
  }
  return { mode: "BLOCK", group: groups.at(-1) ?? NO_GROUP };
}

const NO_GROUP: GroupFacts = {
  pattern: "/*",
  modes: { PUBLISH: "BLOCK", EXTERNAL_UPSTREAM: "BLOCK", INTERNAL_UPSTREAM: "BLOCK" },
  allowedRepositories: { PUBLISH: new Set(), EXTERNAL_UPSTREAM: new Set(), INTERNAL_UPSTREAM: new Set() },
};

/**
 * The settings a package gets, once, when its record first appears in a repository (2.2). Whoever came first is
 * trusted and the other way is closed, unless the group restricts anything: then the package defers to its group.
 * `origin` matters for copies only: a copy of what was published here keeps publishing open.
 */
export function firstArrivalSettings(
  way: WayIn,
  origin: "INTERNAL" | "EXTERNAL",
  chain: GroupChain,
): OriginSettings {
  const open = RESTRICTION_TYPES.every((type) => effectiveMode(chain.groups, type).mode === "ALLOW");
  if (!open) return { publish: "ALLOW", upstream: "ALLOW" };
  const published = way === "PUBLISH" || (way === "COPY" && origin === "INTERNAL");
  return published ? { publish: "ALLOW", upstream: "BLOCK" } : { publish: "BLOCK", upstream: "ALLOW" };
}

/** The rule in one short token, for the header `x-portcullis-reason` and the log. ASCII only. */
export function ruleText({ rule, repository, key }: Reason): string {
  const where = `repository=${repository}; package=${packagePath(key)}`;
  switch (rule.kind) {
    case "package-setting":
      return `package setting ${rule.setting}=BLOCK; ${where}`;
    case "group":
      return `package group ${rule.pattern} ${rule.type}=${rule.mode}; ${where}`;
    case "weak-association":
      return `weak association with package group ${rule.pattern}; ${where}`;
  }
}

/** One sentence for a person: what refused, where, and the call that would change it. */
export function explain(reason: Reason): string {
  const { rule, repository, key } = reason;
  const path = packagePath(key);
  switch (rule.kind) {
    case "package-setting":
      return `The package setting ${rule.setting}=BLOCK of ${path} in repository '${repository}' does not allow it; PutPackageOriginConfiguration changes it.`;
    case "group":
      return rule.mode === "BLOCK"
        ? `The package group ${rule.pattern} has ${rule.type}=BLOCK, which covers ${path} in repository '${repository}'; UpdatePackageGroupOriginConfiguration changes it.`
        : `The package group ${rule.pattern} has ${rule.type}=${rule.mode} and repository '${repository}' is not on its list, which covers ${path}; UpdatePackageGroupOriginConfiguration changes it.`;
    case "weak-association":
      return `${path} only looks like a name that package group ${rule.pattern} guards (weak association), so nothing may enter repository '${repository}' under it; CreatePackageGroup for this very name would free it.`;
  }
}
