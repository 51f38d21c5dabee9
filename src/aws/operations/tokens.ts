// Package-manager tokens (spec 6.1).
import { Fault, invalid } from "../../core/faults.ts";
import { issueToken, TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN } from "../../identity/tokens.ts";
import { authorizeAccount } from "../../registry/authorize.ts";
import { findAccessKey } from "../../store/identities.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openDomain } from "./context.ts";

/** One token for every repository and format of the domain (spec 6.1.3). */
export async function getAuthorizationToken(
  input: Operations["GetAuthorizationToken"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetAuthorizationToken"]["output"]> {
  const { database, now } = deps;
  const { domain } = await openDomain(deps, call, input, "GetAuthorizationToken");
  // A second permission, on the identity's side only (spec 6.1.2).
  authorizeAccount(deps.region, call.caller, "sts:GetServiceBearerToken", "*");
  const issuedAt = now();
  const expiresAt = issuedAt + lifetimeSeconds(input.durationSeconds) * 1000;
  const key = await findAccessKey(database.read, call.caller.credential);
  if (key === undefined) throw new Fault("AccessDeniedException", "The access key was disabled.");
  const grant = { principalId: key.principal.id, domainId: domain.id, now: issuedAt, expiresAt };
  return { authorizationToken: await issueToken(database, grant), expiration: new Date(expiresAt) };
}

/** 0 means as long as the caller's own credentials last; lasting keys then get the longest time there is (spec 6.1.1). */
function lifetimeSeconds(duration = TOKEN_SECONDS_MAX): number {
  if (duration === 0) return TOKEN_SECONDS_MAX;
  if (duration >= TOKEN_SECONDS_MIN && duration <= TOKEN_SECONDS_MAX) return duration;
  throw invalid(
    `The token's duration must be 0, or from ${TOKEN_SECONDS_MIN} to ${TOKEN_SECONDS_MAX} seconds; it was ${duration}.`,
  );
}
