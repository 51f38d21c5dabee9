// May this caller do this here? Gathers the policies, asks core/permissions, and says what was missing.
import type { Caller } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { packageArn, packageGroupArn, repositoryArn } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import { evaluate } from "../core/permissions.ts";
import type { RepositoryRecord } from "./registry.ts";

/** Decisions already taken for a caller object; identity caching hands the same object to every request of a token. */
const decided = new WeakMap<Caller, Map<string, boolean>>();

/** Throws AccessDeniedException naming the action and the resource (spec 6.3). */
export function authorizeResource(caller: Caller, action: string, arn: string): void {
  let known = decided.get(caller);
  if (known === undefined) decided.set(caller, (known = new Map()));
  const question = `${action} ${arn}`;
  let allowed = known.get(question);
  if (allowed === undefined) {
    allowed = evaluate(caller.policies, `codeartifact:${action}`, arn).allowed;
    if (known.size >= 1_000) known.clear();
    known.set(question, allowed);
  }
  if (!allowed) throw denied(caller, action, arn);
}

/** Throws AccessDeniedException; the group need not exist. */
export function authorizeGroup(
  region: string,
  caller: Caller,
  action: string,
  domain: { readonly owner: string; readonly name: string },
  pattern: string,
): void {
  authorizeResource(caller, action, packageGroupArn({ region }, domain.owner, domain.name, pattern));
}

function denied(caller: Caller, action: string, arn: string): Fault {
  return new Fault(
    "AccessDeniedException",
    `User: ${caller.arn} is not authorized to perform: codeartifact:${action} on resource: ${arn}`,
  );
}

const PACKAGE_ACTIONS = new Set([
  "PublishPackageVersion",
  "PutPackageMetadata",
  "DescribePackage",
  "DescribePackageVersion",
  "DeletePackage",
  "DeletePackageVersions",
  "DisposePackageVersions",
  "UpdatePackageVersionsStatus",
  "PutPackageOriginConfiguration",
  "GetPackageVersionAsset",
  "GetPackageVersionReadme",
  "ListPackageVersions",
  "ListPackageVersionAssets",
  "ListPackageVersionDependencies",
]);

/** A package-manager token speaks for one domain only (spec 6.1.3). */
export function authorizeRepository(
  region: string,
  caller: Caller,
  action: string,
  repository: RepositoryRecord,
  key?: PackageKey,
): void {
  const { domain } = repository;
  const arn =
    key !== undefined && PACKAGE_ACTIONS.has(action)
      ? packageArn({ region }, domain.owner, domain.name, repository.name, key)
      : repositoryArn({ region }, domain.owner, domain.name, repository.name);
  if (caller.tokenDomainId !== undefined && caller.tokenDomainId !== domain.id) {
    throw new Fault(
      "AccessDeniedException",
      `This token was issued for another domain and says nothing about ${arn}; get one with GetAuthorizationToken for domain '${domain.name}'.`,
    );
  }
  authorizeResource(caller, action, arn);
}
