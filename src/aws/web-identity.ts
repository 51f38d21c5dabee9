// AssumeRoleWithWebIdentity: temporary credentials of a role, for a token of an OpenID Connect issuer that its trust policy names.
import type { PolicyDocument } from "../core/caller.ts";
import { Fault, invalid } from "../core/faults.ts";
import { authorizeRequest } from "../core/permissions.ts";
import { readPolicy } from "../core/policy-document.ts";
import type { RequestFacts } from "../core/policy-text.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import { claimFacts, federatedStatements, providerArn, providerName } from "../core/web-identity.ts";
import { beginSession } from "../identity/sessions.ts";
import type { WebIdentity } from "../identity/web-token.ts";
import { invalidToken, proveWebToken, readIssuer } from "../identity/web-token.ts";
import { noteParameters } from "../registry/request-note.ts";
import type { OidcProvider } from "../store/oidc-providers.ts";
import { findProvider } from "../store/oidc-providers.ts";
import type { PrincipalRow } from "../store/principals.ts";
import { findPrincipalRow } from "../store/principals.ts";
import type { StsDeps } from "./assume-role.ts";
import { roleAnswer } from "./assume-role.ts";
import { durationSeconds, readSessionPolicies, sessionName, withinRole } from "./session-policies.ts";
import type { Xml } from "./sts.ts";

/** The request is not signed: the token is the proof. Who has none learns nothing of which roles there are. */
export async function assumeRoleWithWebIdentity(
  deps: StsDeps,
  input: URLSearchParams,
  address: string | undefined,
): Promise<Xml> {
  const { database, now } = deps;
  const arn = input.get("RoleArn") ?? "";
  const [, account = ""] = /^arn:aws[\w-]*:iam::(\d{12}):role\/\S+$/.exec(arn) ?? [];
  if (account === "") throw invalid("RoleArn must be the ARN of a role.");
  if (input.get("ProviderId"))
    throw invalid(
      "ProviderId is for OAuth 2.0 access tokens, which are not taken; leave it out and send an OpenID Connect ID token.",
    );
  const name = sessionName(input);
  const seconds = durationSeconds(input.get("DurationSeconds"));
  const token = input.get("WebIdentityToken") ?? "";
  const provider = await providerOf(deps, account, readIssuer(token));
  const identity = await proveWebToken(token, provider, (renewed) => keysOf(deps, provider, renewed), now());
  noteParameters({
    RoleArn: arn,
    RoleSessionName: name,
    DurationSeconds: String(seconds),
    provider: provider.arn,
    subject: identity.subject,
  });
  const role = await findPrincipalRow(database.read, arn);
  const question = { arn, name, provider, identity, address };
  if (role?.kind !== "role" || !isTrusted(deps, role, question))
    throw new Fault(
      "AccessDeniedException",
      `Not authorized to perform sts:AssumeRoleWithWebIdentity: no role ${arn} trusts the subject '${identity.subject}' of ${provider.url} for the audience '${identity.audience}'. The role's trust policy must name ${provider.arn}, and its conditions must hold.`,
    );
  withinRole(seconds, role.session_seconds_max);
  const { policies, percent } = await readSessionPolicies(database.read, account, input);
  const session = await beginSession(database, {
    roleId: role.id,
    name,
    policies,
    takenBy: `${providerName(provider.url)}:${identity.subject}`,
    now: now(),
    expiresAt: now() + 1000 * seconds,
  });
  return {
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    ...roleAnswer(role, name, session),
    PackedPolicySize: percent,
    Provider: provider.url,
  };
}

async function providerOf({ database }: StsDeps, account: string, issuer: string): Promise<OidcProvider> {
  const provider = await findProvider(database.read, providerArn(account, issuer));
  if (provider?.url === issuer) return provider;
  throw invalidToken(
    `No OpenIDConnect provider found in account ${account} for ${issuer.slice(0, 300)}. Trust it with 'portcullis oidc create URL --audience AUDIENCE'.`,
  );
}

async function keysOf({ issuers, log }: StsDeps, provider: OidcProvider, renewed: boolean) {
  try {
    return await issuers.keys(provider, renewed);
  } catch (error) {
    const { message, refused } = error as { readonly message: string; readonly refused?: boolean };
    if (refused === undefined) throw error;
    log.warn({ issuer: provider.url, reason: message }, "an issuer's keys could not be had");
    const told = `The keys of the identity provider could not be had: ${message}. Try again in a few seconds.`;
    throw refused
      ? new Fault("AccessDeniedException", told, { exception: "IDPRejectedClaim" })
      : new Fault("ValidationException", told, { exception: "IDPCommunicationError" });
  }
}

interface Question {
  readonly arn: string;
  readonly name: string;
  readonly provider: OidcProvider;
  readonly identity: WebIdentity;
  readonly address: string | undefined;
}

/** The trust policy alone decides: a web identity has no policies of its own. */
function isTrusted(deps: StsDeps, role: PrincipalRow, question: Question): boolean {
  if (role.trust === null) return false;
  const { arn, provider } = question;
  const trust = readPolicy(role.trust);
  const statements = federatedStatements(trust.Statement, provider.arn);
  const onRole = { ...trust, Statement: statements.map((statement) => ({ ...statement, Resource: "*" })) };
  const anything = READY_POLICIES.get("administrator") as PolicyDocument;
  return authorizeRequest({
    caller: { account: role.account, arn: provider.arn, federated: provider.arn, policies: [anything] },
    action: "sts:AssumeRoleWithWebIdentity",
    resource: arn,
    resourcePolicies: [onRole],
    facts: factsOf(deps, role, question),
    homeAccounts: [],
  }).allowed;
}

function factsOf(deps: StsDeps, role: PrincipalRow, question: Question): RequestFacts {
  const { provider, identity, name, address } = question;
  const now = deps.now();
  const facts = new Map(claimFacts(provider.url, identity.claims));
  facts.set(`${providerName(provider.url).toLowerCase()}:aud`, identity.audience);
  facts.set("sts:rolesessionname", name);
  facts.set("aws:federatedprovider", provider.arn);
  facts.set("aws:resourceaccount", role.account);
  facts.set("aws:requestedregion", deps.region);
  facts.set("aws:currenttime", new Date(now).toISOString());
  facts.set("aws:epochtime", String(Math.floor(now / 1000)));
  facts.set("aws:securetransport", String(deps.secure));
  if (address !== undefined) facts.set("aws:sourceip", address.replace(/^::ffff:(?=\d+\.)/i, ""));
  return facts;
}
