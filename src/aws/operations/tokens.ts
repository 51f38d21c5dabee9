// Package-manager tokens (spec 6.1).
import { Fault, invalid } from "../../core/faults.ts";
import { issueToken, TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN } from "../../identity/tokens.ts";
import { authorizeAccount } from "../../registry/authorize.ts";
import { findAccessKey, findSession } from "../../store/identities.ts";
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
  const { database, now, region } = deps;
  const { domain } = await openDomain(deps, call, input, "GetAuthorizationToken");
  // A second permission, on the identity's side only (spec 6.1.2).
  authorizeAccount(region, call.caller, "sts:GetServiceBearerToken", "*");
  const issuedAt = now();
  const holder = await holderOf(deps, call);
  const expiresAt = expiryOf(issuedAt, input.durationSeconds, holder.endsAt);
  const { endsAt: _, ...grant } = holder;
  const token = await issueToken(database, { ...grant, domainId: domain.id, now: issuedAt, expiresAt });
  return { authorizationToken: token, expiration: new Date(expiresAt) };
}

interface Holder {
  readonly principalId: number;
  readonly sessionId?: string;
  /** When the caller's own credentials end; undefined: never. */
  readonly endsAt: number | undefined;
}

async function holderOf({ database }: AwsDeps, { caller }: Call): Promise<Holder> {
  if (caller.roleArn !== undefined) {
    const session = await findSession(database.read, caller.credential);
    if (session !== undefined)
      return { principalId: session.principal.id, sessionId: session.id, endsAt: session.expiresAt };
  }
  const key = await findAccessKey(database.read, caller.credential);
  if (key === undefined) throw new Fault("AccessDeniedException", "The access key was disabled.");
  return { principalId: key.principal.id, endsAt: undefined };
}

/** 0 means as long as the caller's own credentials last; lasting keys then get the longest time there is (spec 6.1.1). */
function expiryOf(now: number, duration = TOKEN_SECONDS_MAX, endsAt: number | undefined): number {
  if (duration === 0) return endsAt ?? now + TOKEN_SECONDS_MAX * 1000;
  if (duration >= TOKEN_SECONDS_MIN && duration <= TOKEN_SECONDS_MAX) return now + duration * 1000;
  throw invalid(
    `The token's duration must be 0, or from ${TOKEN_SECONDS_MIN} to ${TOKEN_SECONDS_MAX} seconds; it was ${duration}.`,
  );
}
