// IAM policies: may this caller do this action on this resource, and which statements decided.
import type { Caller, PolicyDocument, PolicyStatement } from "./caller.ts";
import type { ConditionTest } from "./conditions.ts";
import { ConditionError, compileConditions } from "./conditions.ts";
import type { RequestFacts, TextMatcher } from "./policy-text.ts";
import { compileText } from "./policy-text.ts";
import { compilePrincipals } from "./principals.ts";

export interface PermissionDecision {
  readonly allowed: boolean;
  /** Why, in AWS's own terms; `allowed` only when it is. */
  readonly reason:
    | "allowed"
    | "explicit-deny-identity"
    | "explicit-deny-resource"
    | "explicit-deny-session"
    | "no-identity-allow"
    | "no-resource-allow"
    | "no-session-allow";
  /** The statements that denied, or else those that allowed; empty when nothing matched (implicit deny). */
  readonly statements: readonly PolicyStatement[];
}

/** A question, with everything it depends on. */
export interface PermissionRequest {
  /** `policies` are its identity policies; `sessionPolicies`, where there are any, limit them. */
  readonly caller: Pick<Caller, "account" | "arn" | "policies" | "sessionPolicies" | "roleArn" | "userId"> & {
    /** Of a web identity: the ARN of its issuer. */
    readonly federated?: string;
  };
  /** With its service's prefix, e.g. `codeartifact:ReadFromRepository`. */
  readonly action: string;
  readonly resource: string;
  /** Of the domain and the repository, where they are to be heard (spec 6.2.4). */
  readonly resourcePolicies: readonly PolicyDocument[];
  readonly facts: RequestFacts;
  /** Accounts whose own identities need no resource policy: the domain's owner, the repository's administrator (spec 6.2.3). */
  readonly homeAccounts: readonly string[];
}

const NO_FACTS: RequestFacts = new Map();

/**
 * An explicit deny anywhere wins. At home, an identity policy or a resource policy that names the caller (or everyone)
 * is enough; from another account it takes both (spec 6.2.3, 6.2.5). A resource policy that names an account speaks to
 * that account's identity policies, not over them (6.2.6).
 */
export function authorizeRequest(request: PermissionRequest): PermissionDecision {
  const { caller, resourcePolicies, homeAccounts } = request;
  const identity = judge(caller.policies, request, undefined);
  if (identity.denied.length > 0) return deny("explicit-deny-identity", identity.denied);
  const resource = judge(resourcePolicies, request, caller);
  if (resource.denied.length > 0) return deny("explicit-deny-resource", resource.denied);
  const session =
    caller.sessionPolicies === undefined ? undefined : judge(caller.sessionPolicies, request, undefined);
  if (session !== undefined && session.denied.length > 0)
    return deny("explicit-deny-session", session.denied);
  if (session !== undefined && session.allowed.length === 0) return deny("no-session-allow");

  const atHome = homeAccounts.includes(caller.account);
  if (!atHome && resource.allowed.length === 0) return deny("no-resource-allow");
  const byName = atHome && resource.allowedByName;
  if (identity.allowed.length === 0 && !byName) return deny("no-identity-allow");
  return { allowed: true, reason: "allowed", statements: [...identity.allowed, ...resource.allowed] };
}

/** Identity policies alone: what is asked of no resource in particular (ListDomains, sts:GetServiceBearerToken). */
export function evaluate(
  policies: readonly PolicyDocument[],
  action: string,
  resource: string,
  facts: RequestFacts = NO_FACTS,
): PermissionDecision {
  const { allowed, denied } = judge(policies, { action, resource, facts }, undefined);
  if (denied.length > 0) return deny("explicit-deny-identity", denied);
  return allowed.length > 0
    ? { allowed: true, reason: "allowed", statements: allowed }
    : deny("no-identity-allow");
}

function deny(
  reason: PermissionDecision["reason"],
  statements: readonly PolicyStatement[] = [],
): PermissionDecision {
  return { allowed: false, reason, statements };
}

/** Whether a decision by these policies may be another one a moment later, with nothing changed but the time. */
export function dependsOnTime(policies: readonly PolicyDocument[]): boolean {
  return policies.some((policy) => compile(policy).some((statement) => statement.timed));
}

interface Verdict {
  readonly allowed: PolicyStatement[];
  readonly denied: PolicyStatement[];
  /** An allowing statement names the caller itself or everyone, not just its account. */
  allowedByName: boolean;
}

type Question = Pick<PermissionRequest, "action" | "resource" | "facts">;
type Asker = PermissionRequest["caller"];

/** `asker` is given where statements name principals. */
function judge(policies: readonly PolicyDocument[], question: Question, asker: Asker | undefined): Verdict {
  const verdict: Verdict = { allowed: [], denied: [], allowedByName: false };
  const action = question.action.toLowerCase();
  for (const policy of policies) {
    for (const statement of compile(policy)) {
      if (!applies(statement, action, question)) continue;
      const named = asker === undefined ? "name" : statement.principals(asker);
      if (named === undefined) continue;
      if (statement.denies) verdict.denied.push(statement.source);
      else {
        verdict.allowed.push(statement.source);
        if (named === "name") verdict.allowedByName = true;
      }
    }
  }
  return verdict;
}

/** What nobody can tell (whether something differs from a variable without a value) holds for a deny and not for an allow. */
function applies(statement: Compiled, action: string, { resource, facts }: Question): boolean {
  if (!statement.actions(action)) return false;
  if (!(statement.resources(resource, facts) ?? statement.denies)) return false;
  return statement.condition === undefined || (statement.condition(facts) ?? statement.denies);
}

interface Compiled {
  readonly source: PolicyStatement;
  readonly denies: boolean;
  /** Takes the action in lower case. */
  readonly actions: (action: string) => boolean;
  readonly resources: TextMatcher;
  readonly principals: (asker: Asker) => "name" | "account" | undefined;
  readonly condition: ConditionTest | undefined;
  readonly timed: boolean;
}

/** Policies are values that live as long as their holder is cached: each is compiled once. */
const compiled = new WeakMap<PolicyDocument, readonly Compiled[]>();

function compile(policy: PolicyDocument): readonly Compiled[] {
  let known = compiled.get(policy);
  if (known === undefined) {
    const variables = policy.Version === "2012-10-17";
    known = policy.Statement.map((statement) => compileStatement(statement, variables));
    compiled.set(policy, known);
  }
  return known;
}

function compileStatement(source: PolicyStatement, variables: boolean): Compiled {
  const { Condition } = source;
  const denies = source.Effect !== "Allow"; // a word nobody knows had better not allow
  return {
    source,
    denies,
    actions: compileActions(source),
    resources: compileResources(source, variables),
    principals: compilePrincipals(source),
    condition: Condition && compileCondition(Condition, variables),
    timed: asksForTime(source),
  };
}

/** Told from the text: too often is only slower. */
function asksForTime(source: PolicyStatement): boolean {
  return /aws:(currenttime|epochtime)/i.test(JSON.stringify(source));
}

function compileActions({ Action, NotAction }: PolicyStatement): (action: string) => boolean {
  const negated = NotAction !== undefined;
  const patterns = list(NotAction ?? Action).map((pattern) =>
    compileText(pattern.toLowerCase(), { wildcards: true, variables: false, foldCase: false }),
  );
  return (action) => patterns.some((matches) => matches(action, NO_FACTS) === true) !== negated;
}

function compileResources({ Resource, NotResource }: PolicyStatement, variables: boolean): TextMatcher {
  const patterns = list(NotResource ?? Resource).map((pattern) =>
    compileText(pattern, { wildcards: true, variables, foldCase: false }),
  );
  const any: TextMatcher = (resource, facts) => {
    let unknown = false;
    for (const matches of patterns) {
      const matched = matches(resource, facts);
      if (matched === true) return true;
      if (matched === undefined) unknown = true;
    }
    return unknown ? undefined : false;
  };
  if (NotResource === undefined) return (resource, facts) => any(resource, facts) ?? false;
  return (resource, facts) => {
    const matched = any(resource, facts);
    return matched === undefined ? undefined : !matched;
  };
}

function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** A stored condition that cannot be understood (parsePolicy lets none in) is one that nobody can tell. */
function compileCondition(
  block: NonNullable<PolicyStatement["Condition"]>,
  variables: boolean,
): ConditionTest {
  try {
    return compileConditions(block, variables);
  } catch (error) {
    if (error instanceof ConditionError) return () => undefined;
    throw error;
  }
}
