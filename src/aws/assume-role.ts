// AssumeRole: temporary credentials of a role, for whom its trust policy and their own policies let take it on.
import type { Caller, PolicyDocument } from "../core/caller.ts";
import { Fault, invalid } from "../core/faults.ts";
import { authorizeRequest } from "../core/permissions.ts";
import { parsePolicy, readPolicy } from "../core/policy-document.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import { beginSession, SESSION_SECONDS_MAX, SESSION_SECONDS_MIN } from "../identity/sessions.ts";
import { requestFacts } from "../registry/request-facts.ts";
import type { Database } from "../store/database.ts";
import { findPrincipalRow } from "../store/principals.ts";
import type { Xml } from "./sts.ts";

export interface StsDeps {
  readonly database: Database;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const SESSION_SECONDS_DEFAULT = 3_600;

export async function assumeRole(deps: StsDeps, caller: Caller, input: URLSearchParams): Promise<Xml> {
  const arn = input.get("RoleArn") ?? "";
  const name = input.get("RoleSessionName") ?? "";
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw invalid("RoleSessionName must have 2 to 64 letters, digits or any of +=,.@_-.");
  const policies = readSessionPolicy(input.get("Policy"));
  const expiresAt = deps.now() + 1000 * durationSeconds(input.get("DurationSeconds"));
  const role = await findPrincipalRow(deps.database.read, arn);
  if (role?.kind !== "role" || !mayAssume(deps, caller, arn, role.account, readPolicy(role.trust ?? NOBODY)))
    throw new Fault(
      "AccessDeniedException",
      `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    );
  const session = await beginSession(deps.database, {
    roleId: role.id,
    name,
    policies,
    now: deps.now(),
    expiresAt,
  });
  return {
    Credentials: {
      AccessKeyId: session.id,
      SecretAccessKey: session.secret,
      SessionToken: session.sessionToken,
      Expiration: new Date(expiresAt).toISOString(),
    },
    AssumedRoleUser: {
      AssumedRoleId: `${role.unique_id}:${name}`,
      Arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${name}`,
    },
  };
}

const NOBODY = '{"Statement":[]}';

/** The role's trust policy must allow it always; the caller's own policies too, unless the trust policy names the caller at home. */
function mayAssume(
  deps: StsDeps,
  caller: Caller,
  arn: string,
  account: string,
  trust: PolicyDocument,
): boolean {
  const onRole = {
    ...trust,
    Statement: trust.Statement.map((statement) => ({ ...statement, Resource: "*" })),
  };
  const question = {
    action: "sts:AssumeRole",
    resource: arn,
    resourcePolicies: [onRole],
    facts: requestFacts(caller, { region: deps.region, resourceAccount: account, now: deps.now() }),
  };
  const anything = READY_POLICIES.get("administrator") as PolicyDocument;
  const { sessionPolicies: _, ...unlimited } = caller;
  const trusted = authorizeRequest({
    ...question,
    caller: { ...unlimited, policies: [anything] },
    homeAccounts: [],
  });
  return trusted.allowed && authorizeRequest({ ...question, caller, homeAccounts: [account] }).allowed;
}

function readSessionPolicy(text: string | null): readonly PolicyDocument[] | undefined {
  return text === null || text === "" ? undefined : [parsePolicy(text, "identity")];
}

function durationSeconds(text: string | null): number {
  const seconds = text === null ? SESSION_SECONDS_DEFAULT : Number(text);
  if (Number.isInteger(seconds) && seconds >= SESSION_SECONDS_MIN && seconds <= SESSION_SECONDS_MAX)
    return seconds;
  throw invalid(`DurationSeconds must be from ${SESSION_SECONDS_MIN} to ${SESSION_SECONDS_MAX}.`);
}
