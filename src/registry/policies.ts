// The policies of domains and repositories: reading, putting and deleting them (spec 6.2).
import type { Caller } from "../core/caller.ts";
import { domainArn, repositoryArn } from "../core/coordinates.ts";
import { conflict, Fault, invalid, notFound } from "../core/faults.ts";
import { parsePolicy } from "../core/policy-document.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import { appendDomainJournal } from "../store/journal.ts";
import type { PolicyHolder, ResourcePolicy } from "../store/policies.ts";
import { deletePolicy as deletePolicyRow, findPolicy, putPolicy as putPolicyRow } from "../store/policies.ts";
import { changeDomain, repositoryIn } from "./administer.ts";
import { authorizeTarget, authorizeWithin } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import type { RequestContext } from "./registry.ts";

/** Whose policy: a domain's, or that of one of its repositories. */
export interface PolicySubject {
  readonly owner: string;
  readonly domain: string;
  readonly repository?: string;
}

export interface PolicyView extends ResourcePolicy {
  readonly resourceArn: string;
}

type Verb = "Get" | "Put" | "Delete";

/** A policy with this Id may take its author's own permission to read or delete it. */
export const LOCKOUT_CONFIRMED = "confirm-lockout";

/** Throws ResourceNotFoundException when there is none. */
export async function getPolicy(
  deps: RegistryDeps,
  subject: PolicySubject,
  { caller }: RequestContext,
): Promise<PolicyView> {
  await authorizeTarget(deps, caller, actionOf("Get", subject), subject);
  const snapshot = await deps.catalog.domain(subject.owner, subject.domain);
  const found = await findPolicy(deps.database.read, holderOf(snapshot, subject));
  return view(deps, subject, found ?? noPolicy(subject));
}

/**
 * In place of the policy that was there. With a revision only if that is still the one (else ConflictException). Refused
 * when it would leave its author unable to read or delete it, unless its Id is "confirm-lockout".
 */
export async function putPolicy(
  deps: RegistryDeps,
  subject: PolicySubject,
  document: string,
  revision: string | undefined,
  context: RequestContext,
): Promise<PolicyView> {
  await authorizeTarget(deps, context.caller, actionOf("Put", subject), subject);
  const policy = { document, revision: deps.newRevision() };
  const parsed = parsePolicy(document, "resource");
  await changeDomain(deps, { owner: subject.owner, name: subject.domain }, async (tx, snapshot) => {
    const holder = holderOf(snapshot, subject);
    checkRevision(subject, await findPolicy(tx, holder), revision);
    if (parsed.Id !== LOCKOUT_CONFIRMED)
      checkLockout(deps.region, context.caller, snapshot, withPolicy(snapshot, subject, parsed), subject);
    await putPolicyRow(tx, holder, policy, deps.now());
    await tell(deps, tx, snapshot, "policy-put", subject, context, policy);
  });
  return view(deps, subject, policy);
}

/** The answer is the policy that was deleted. */
export async function deletePolicy(
  deps: RegistryDeps,
  subject: PolicySubject,
  revision: string | undefined,
  context: RequestContext,
): Promise<PolicyView> {
  await authorizeTarget(deps, context.caller, actionOf("Delete", subject), subject);
  return changeDomain(deps, { owner: subject.owner, name: subject.domain }, async (tx, snapshot) => {
    const holder = holderOf(snapshot, subject);
    const found = (await findPolicy(tx, holder)) ?? noPolicy(subject);
    checkRevision(subject, found, revision);
    await deletePolicyRow(tx, holder);
    await tell(deps, tx, snapshot, "policy-deleted", subject, context, found);
    return view(deps, subject, found);
  });
}

function actionOf(verb: Verb, { repository }: PolicySubject): string {
  return `${verb}${repository === undefined ? "Domain" : "Repository"}PermissionsPolicy`;
}

function holderOf(snapshot: DomainSnapshot, { repository }: PolicySubject): PolicyHolder {
  return repository === undefined
    ? { domainId: snapshot.domain.id }
    : { repositoryId: repositoryIn(snapshot, repository).id };
}

function view(
  deps: RegistryDeps,
  { owner, domain, repository }: PolicySubject,
  policy: ResourcePolicy,
): PolicyView {
  const resourceArn =
    repository === undefined
      ? domainArn(deps, owner, domain)
      : repositoryArn(deps, owner, domain, repository);
  return { resourceArn, document: policy.document, revision: policy.revision };
}

function noPolicy({ domain, repository }: PolicySubject): never {
  throw repository === undefined
    ? notFound(`Domain '${domain}' has no permissions policy.`, "domain", domain)
    : notFound(
        `Repository '${repository}' in domain '${domain}' has no permissions policy.`,
        "repository",
        repository,
      );
}

function checkRevision(
  subject: PolicySubject,
  found: ResourcePolicy | undefined,
  wanted: string | undefined,
): void {
  if (wanted === undefined || wanted === found?.revision) return;
  const { domain, repository } = subject;
  const what = repository === undefined ? `domain '${domain}'` : `repository '${repository}'`;
  const now = found === undefined ? "there is none" : `it is at ${found.revision}`;
  throw conflict(
    `The policy of ${what} is not at revision ${wanted}: ${now}. Read it again before you change it.`,
    repository === undefined ? "domain" : "repository",
    repository ?? domain,
  );
}

/** The domain as it would be. */
function withPolicy(
  snapshot: DomainSnapshot,
  { repository }: PolicySubject,
  policy: NonNullable<DomainSnapshot["access"]["policy"]>,
): DomainSnapshot {
  if (repository === undefined) return { ...snapshot, access: { ...snapshot.access, policy } };
  const found = repositoryIn(snapshot, repository);
  const changed = { ...found, access: { ...found.access, policy } };
  return { ...snapshot, byName: new Map([...snapshot.byName, [repository, changed]]) };
}

/** What the author may do now and could not any more. */
function checkLockout(
  region: string,
  caller: Caller,
  before: DomainSnapshot,
  after: DomainSnapshot,
  subject: PolicySubject,
): void {
  const lost = (["Get", "Put", "Delete"] as const)
    .map((verb) => actionOf(verb, subject))
    .filter(
      (action) =>
        may(region, caller, action, before, subject) && !may(region, caller, action, after, subject),
    );
  if (lost.length === 0) return;
  throw invalid(
    `This policy would lock out its own author: ${caller.arn} could no longer perform ${lost.map((action) => `codeartifact:${action}`).join(" and ")} here. Add a statement that allows it, or, to do so all the same, give the policy "Id": "${LOCKOUT_CONFIRMED}".`,
    "OTHER",
  );
}

function may(
  region: string,
  caller: Caller,
  action: string,
  snapshot: DomainSnapshot,
  subject: PolicySubject,
): boolean {
  try {
    authorizeWithin(region, caller, action, snapshot, subject);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "AccessDeniedException") return false;
    throw error;
  }
}

async function tell(
  deps: RegistryDeps,
  tx: Queries,
  snapshot: DomainSnapshot,
  event: "policy-put" | "policy-deleted",
  { repository }: PolicySubject,
  { caller, requestId }: RequestContext,
  { document, revision }: ResourcePolicy,
): Promise<void> {
  await appendDomainJournal(tx, {
    at: deps.now(),
    event,
    domainId: snapshot.domain.id,
    actor: caller.arn,
    requestId,
    detail: { ...(repository === undefined ? {} : { repository }), document, revision },
  });
}
