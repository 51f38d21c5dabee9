// Any request → Caller: package managers by token, in every form that a client sends one (spec 6.1.5).
import { LRUCache } from "lru-cache";
import type { Caller } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import type { Database } from "../store/database.ts";
import type { PrincipalRecord } from "../store/identities.ts";
import { checkToken } from "./tokens.ts";

export interface Identities {
  /** The caller an Authorization header proved lately; undefined: ask `fromHeader`. Costs a map look-up. */
  known(authorization: string | undefined): Caller | undefined;
  /** Throws Unauthenticated (401) without a good token. */
  fromHeader(authorization: string | undefined): Promise<Caller>;
  /** Forgets what was proved: identities or tokens have changed. */
  forget(): void;
}

export function createIdentities(database: Database, now: () => number): Identities {
  // Keyed by the header as sent: a checked token costs no parsing and no hash the second time.
  const proved = new LRUCache<string, { readonly caller: Caller; readonly expiresAt: number }>({
    max: 10_000,
  });
  const known = (authorization: string | undefined): Caller | undefined => {
    if (authorization === undefined) return undefined;
    const entry = proved.get(authorization);
    return entry !== undefined && entry.expiresAt > now() ? entry.caller : undefined;
  };
  return {
    known,
    async fromHeader(authorization) {
      if (authorization === undefined || authorization.trim() === "") {
        throw new Fault(
          "Unauthenticated",
          "This repository needs a token: get one with 'aws codeartifact get-authorization-token' or 'aws codeartifact login'.",
        );
      }
      const already = known(authorization);
      if (already !== undefined) return already;
      const checked = await checkToken(database, tokenIn(authorization), now());
      if (checked === undefined) {
        throw new Fault(
          "Unauthenticated",
          "The token is unknown, expired or revoked; get a new one with 'aws codeartifact get-authorization-token' or 'aws codeartifact login'.",
        );
      }
      const caller = { ...callerOf(checked.principal, checked.id), tokenDomainId: checked.domainId };
      proved.set(authorization, { caller, expiresAt: checked.expiresAt });
      return caller;
    },
    forget: () => proved.clear(),
  };
}

/** `Bearer T`, `Basic` with the token as password and any user name, and a bare `T` (Cargo). White space is trimmed (spec 8.8.4). */
function tokenIn(authorization: string): string {
  const text = authorization.trim();
  const space = text.indexOf(" ");
  if (space < 0) return text;
  const scheme = text.slice(0, space).toLowerCase();
  const rest = text.slice(space + 1).trim();
  if (scheme !== "basic") return rest;
  const pair = Buffer.from(rest, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1).trim();
}

export function callerOf(principal: PrincipalRecord, credential: string): Caller {
  const { account, arn, name, policies } = principal;
  return { account, arn, name, policies, credential };
}
