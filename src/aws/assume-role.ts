// AssumeRole: temporary credentials of a role, for whom its trust policy and their own policies let take it on.
import type { JWK } from "jose";
import type { Caller, PolicyDocument } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import type { Log } from "../core/log.ts";
import { authorizeRequest } from "../core/permissions.ts";
import { readPolicy } from "../core/policy-document.ts";
import type { RequestFacts } from "../core/policy-text.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import type { SessionCredentials } from "../identity/sessions.ts";
import { beginSession } from "../identity/sessions.ts";
import { requestFacts } from "../registry/request-facts.ts";
import type { Database } from "../store/database.ts";
import type { PrincipalRow } from "../store/principals.ts";
import { findPrincipalRow } from "../store/principals.ts";
import { durationSeconds, readSessionPolicies, sessionName, withinRole } from "./session-policies.ts";
import type { Xml } from "./sts.ts";

export interface StsDeps {
  readonly database: Database;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether clients reach the server by TLS, for `aws:SecureTransport`. */
  readonly secure: boolean;
  /** The public keys of web identities' issuers. An error with a `refused` of true or false is trouble of theirs. */
  readonly issuers: {
    keys(
      issuer: { readonly url: string; readonly authorities: string | undefined },
      renewed: boolean,
    ): Promise<readonly JWK[]>;
  };
  readonly log: Log;
}

export async function assumeRole(deps: StsDeps, caller: Caller, input: URLSearchParams): Promise<Xml> {
  const { database, now } = deps;
  const arn = input.get("RoleArn") ?? "";
  const name = sessionName(input);
  const seconds = durationSeconds(input.get("DurationSeconds"));
  const role = await findPrincipalRow(database.read, arn);
  if (role?.kind !== "role" || !mayAssume(deps, caller, role, input))
    throw new Fault(
      "AccessDeniedException",
      `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    );
  withinRole(seconds, role.session_seconds_max);
  const { policies, percent } = await readSessionPolicies(database.read, role.account, input);
  const session = await beginSession(database, {
    roleId: role.id,
    name,
    policies,
    takenBy: caller.arn,
    now: now(),
    expiresAt: now() + 1000 * seconds,
  });
  return { ...roleAnswer(role, name, session), PackedPolicySize: percent };
}

/** The session's credentials and name, as both ways to take on a role answer. */
export function roleAnswer(role: PrincipalRow, name: string, session: SessionCredentials): Xml {
  return {
    AssumedRoleUser: {
      AssumedRoleId: `${role.unique_id}:${name}`,
      Arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${name}`,
    },
    Credentials: {
      AccessKeyId: session.id,
      SecretAccessKey: session.secret,
      SessionToken: session.sessionToken,
      Expiration: new Date(session.expiresAt).toISOString(),
    },
  };
}

const NOBODY = '{"Statement":[]}';

/** The role's trust policy must allow it always; the caller's own policies too, unless the trust policy names the caller at home. */
function mayAssume(deps: StsDeps, caller: Caller, role: PrincipalRow, input: URLSearchParams): boolean {
  const { account } = role;
  const trust = readPolicy(role.trust ?? NOBODY);
  const onRole = {
    ...trust,
    Statement: trust.Statement.map((statement) => ({ ...statement, Resource: "*" })),
  };
  const question = {
    action: "sts:AssumeRole",
    resource: role.arn,
    resourcePolicies: [onRole],
    facts: factsOf(deps, caller, account, input),
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

/** Besides what every request says: the two that trust policies ask for. */
function factsOf(deps: StsDeps, caller: Caller, account: string, input: URLSearchParams): RequestFacts {
  const facts = new Map(
    requestFacts(caller, { region: deps.region, resourceAccount: account, now: deps.now() }),
  );
  for (const name of ["RoleSessionName", "ExternalId"]) {
    const value = input.get(name);
    if (value !== null) facts.set(`sts:${name.toLowerCase()}`, value);
  }
  return facts;
}
