// May this caller do this here? Gathers the policies, asks core/permissions, and says what was missing.
import { PACKAGE_ACTIONS } from "../core/actions.ts";
import type { Caller, PolicyDocument } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { domainArn, packageArn, packageGroupArn, packagePath, repositoryArn } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { PermissionDecision } from "../core/permissions.ts";
import { authorizeRequest, dependsOnTime, evaluate } from "../core/permissions.ts";
import { scopeRefusal } from "../core/token-scope.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import type { RegistryDeps } from "./deps.ts";
import type { RepositoryRecord, ResourceTags } from "./registry.ts";
import { requestFacts } from "./request-facts.ts";
import { noteQuestion } from "./request-note.ts";

/** Tags in a request: set with a value, taken away without. */
export type RequestTags = readonly { readonly key: string; readonly value?: string }[];

/**
 * Questions that were answered with yes. Identity caching hands one caller object to every request of a token, and a
 * change to a domain replaces its records: so nothing here outlives what it depends on.
 */
const allowed = new WeakMap<Caller, WeakMap<object, Set<string>>>();
const QUESTIONS_MAX = 1_000;

function allowedOf(caller: Caller, holder: object): Set<string> {
  let holders = allowed.get(caller);
  if (holders === undefined) allowed.set(caller, (holders = new WeakMap()));
  let questions = holders.get(holder);
  if (questions === undefined) holders.set(holder, (questions = new Set()));
  if (questions.size >= QUESTIONS_MAX) questions.clear();
  return questions;
}

/**
 * By identity policies alone: what is asked of an account and not of a resource (ListDomains), or of something that is
 * not there yet (CreateDomain). `action` without prefix is CodeArtifact's. Throws AccessDeniedException (spec 6.2.4).
 */
export function authorizeAccount(
  region: string,
  caller: Caller,
  action: string,
  arn: string,
  requestTags: RequestTags = [],
): void {
  const name = action.includes(":") ? action : `codeartifact:${action}`;
  const facts = requestFacts(caller, { region, requestTags, now: Date.now() });
  const session = caller.sessionPolicies ?? [];
  const decision = evaluate(caller.policies, name, arn, facts);
  if (!decision.allowed) throw denied(caller, name, arn, decision);
  if (caller.sessionPolicies !== undefined && !evaluate(session, name, arn, facts).allowed)
    throw denied(caller, name, arn, { ...decision, reason: "no-session-allow" });
}

/** Something in a domain by its names, there or not. */
export interface Target {
  readonly owner: string;
  readonly domain: string;
  readonly repository?: string;
  readonly key?: PackageKey;
  /** A package group's pattern. */
  readonly group?: string;
}

/**
 * Before anything is said of it: who has no permission learns nothing of what a domain holds. A domain that is not
 * there has no policy, so the caller's own decide whether it may hear so. Throws AccessDeniedException.
 */
export async function authorizeTarget(
  deps: Pick<RegistryDeps, "catalog" | "region">,
  caller: Caller,
  action: string,
  target: Target,
  requestTags: RequestTags = [],
): Promise<void> {
  const snapshot = await deps.catalog.domain(target.owner, target.domain).catch(unlessAbsent);
  authorizeWithin(deps.region, caller, action, snapshot, target, requestTags);
}

/** The same in a domain that is at hand; undefined is a domain that is not there. */
export function authorizeWithin(
  region: string,
  caller: Caller,
  action: string,
  snapshot: DomainSnapshot | undefined,
  target: Target,
  requestTags: RequestTags = [],
): void {
  const repository = target.repository === undefined ? undefined : snapshot?.byName.get(target.repository);
  if (repository !== undefined) {
    authorizeRepository(region, caller, action, repository, target.key, requestTags);
    return;
  }
  const arn = arnOf(region, target);
  const policy = action === "PutDomainPermissionsPolicy" ? undefined : snapshot?.access.policy;
  decide(snapshot, `${action} ${arn}`, caller, action, {
    region,
    arn,
    policies: [policy],
    homeAccounts: snapshot === undefined ? [caller.account] : [target.owner],
    owner: target.owner,
    tags: snapshot?.access.tags.get(arn.split(":").slice(5).join(":")),
    requestTags,
  });
}

function unlessAbsent(error: unknown): DomainSnapshot | undefined {
  if (error instanceof Fault && error.code === "ResourceNotFoundException") return undefined;
  throw error;
}

function arnOf(region: string, { owner, domain, repository, key, group }: Target): string {
  if (group !== undefined) return packageGroupArn({ region }, owner, domain, group);
  if (repository === undefined) return domainArn({ region }, owner, domain);
  return key === undefined
    ? repositoryArn({ region }, owner, domain, repository)
    : packageArn({ region }, owner, domain, repository, key);
}

/** Throws AccessDeniedException; the group need not exist. */
export function authorizeGroup(
  deps: Pick<RegistryDeps, "catalog" | "region">,
  caller: Caller,
  action: string,
  domain: { readonly owner: string; readonly name: string },
  pattern: string,
  requestTags: RequestTags = [],
): Promise<void> {
  const target = { owner: domain.owner, domain: domain.name, group: pattern };
  return authorizeTarget(deps, caller, action, target, requestTags);
}

/**
 * A repository or a package in it, by identity, domain and repository policies (spec 6.2.3 to 6.2.6). A question that
 * was allowed before costs two look-ups. A package-manager token speaks for one domain only (6.1.3).
 */
export function authorizeRepository(
  region: string,
  caller: Caller,
  action: string,
  repository: RepositoryRecord,
  key?: PackageKey | null,
  requestTags: RequestTags = [],
): void {
  noteQuestion(action, repository, key);
  const onPackage = key !== undefined && key !== null && PACKAGE_ACTIONS.has(action);
  const scoped = caller.tokenScope?.packages !== undefined;
  const question = onPackage || scoped ? `${action} ${key ? packagePath(key) : key}` : action;
  if (requestTags.length === 0 && allowed.get(caller)?.get(repository)?.has(question)) return;

  const { domain, name, access } = repository;
  const arn = onPackage
    ? packageArn({ region }, domain.owner, domain.name, name, key)
    : repositoryArn({ region }, domain.owner, domain.name, name);
  checkToken(caller, action, repository, key, arn);
  // Not to be handed out by the policy that it changes (spec 6.2.4).
  const policy = action === "PutRepositoryPermissionsPolicy" ? undefined : access.policy;
  decide(repository, question, caller, action, {
    region,
    arn,
    policies: [access.domainPolicy, policy],
    homeAccounts: [domain.owner, repository.administratorAccount],
    owner: domain.owner,
    tags: onPackage ? undefined : access.tags,
    requestTags,
  });
}

/** A package-manager token speaks for one domain and learns nothing of what another holds (spec 6.1.3). */
export function refuseForeignToken(
  caller: Caller,
  domain: { readonly id: number; readonly name: string },
  what: string,
): void {
  if (caller.tokenDomainId === undefined || caller.tokenDomainId === domain.id) return;
  throw new Fault(
    "AccessDeniedException",
    `This token was issued for another domain and says nothing about ${what}; get one with GetAuthorizationToken for domain '${domain.name}'.`,
  );
}

function checkToken(
  caller: Caller,
  action: string,
  repository: RepositoryRecord,
  key: PackageKey | null | undefined,
  arn: string,
): void {
  refuseForeignToken(caller, repository.domain, arn);
  const refusal = caller.tokenScope && scopeRefusal(caller.tokenScope, action, repository.name, key);
  if (refusal === undefined) return;
  throw new Fault(
    "AccessDeniedException",
    `User: ${caller.arn} is not authorized to perform: codeartifact:${action} on resource: ${arn} because this token is for ${refusal} only`,
  );
}

interface Question {
  readonly region: string;
  readonly arn: string;
  readonly policies: readonly (PolicyDocument | undefined)[];
  readonly homeAccounts: readonly string[];
  readonly owner: string;
  readonly tags: ResourceTags | undefined;
  readonly requestTags: RequestTags;
}

function decide(
  holder: object | undefined,
  question: string,
  caller: Caller,
  action: string,
  { region, arn, policies, homeAccounts, owner, tags, requestTags }: Question,
): void {
  const lasting = holder !== undefined && requestTags.length === 0;
  if (lasting && allowed.get(caller)?.get(holder)?.has(question)) return;
  const resourcePolicies = policies.filter((policy) => policy !== undefined);
  const facts = requestFacts(caller, {
    region,
    resourceAccount: owner,
    requestTags,
    now: Date.now(),
    ...(tags === undefined ? {} : { resourceTags: tags }),
  });
  const name = `codeartifact:${action}`;
  const decision = authorizeRequest({
    caller,
    action: name,
    resource: arn,
    resourcePolicies,
    facts,
    homeAccounts,
  });
  if (!decision.allowed) throw denied(caller, name, arn, decision);
  const all = [...caller.policies, ...(caller.sessionPolicies ?? []), ...resourcePolicies];
  if (lasting && !dependsOnTime(all)) allowedOf(caller, holder).add(question);
}

const REASONS: Readonly<Record<PermissionDecision["reason"], (action: string) => string>> = {
  allowed: () => "",
  "explicit-deny-identity": () => "with an explicit deny in an identity-based policy",
  "explicit-deny-resource": () => "with an explicit deny in a resource-based policy",
  "explicit-deny-session": () => "with an explicit deny in a session policy",
  "no-identity-allow": (action) => `because no identity-based policy allows the ${action} action`,
  "no-resource-allow": (action) => `because no resource-based policy allows the ${action} action`,
  "no-session-allow": (action) => `because no session policy allows the ${action} action`,
};

/** In AWS's words (spec 6.3). */
function denied(caller: Caller, action: string, arn: string, { reason }: PermissionDecision): Fault {
  return new Fault(
    "AccessDeniedException",
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${arn} ${REASONS[reason](action)}`,
  );
}
