// Any request → Caller: package managers by token, in every form that a client sends one (spec 6.1.5); the API by access key.
import { LRUCache } from "lru-cache";
import type { Caller } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import type { Database } from "../store/database.ts";
import type { PrincipalRecord, SessionRecord } from "../store/identities.ts";
import { findAccessKey, findSession, recordTokenUse } from "../store/identities.ts";
import { checkToken, sameHash } from "./tokens.ts";
import { refuse } from "./wire.ts";

export interface Identities {
  /** The caller an Authorization header proved lately; undefined: ask `fromHeader`. Costs two map look-ups. */
  known(authorization: string | undefined, address?: string): Caller | undefined;
  /** Throws Unauthenticated (401) without a good token. */
  fromHeader(authorization: string | undefined, address?: string): Promise<Caller>;
  /** An access key, or a session's with its token. Undefined: there is none such. Throws ExpiredTokenException. */
  fromKey(id: string, sessionToken: string | undefined): Promise<KnownKey | undefined>;
  /** Forgets what was proved: identities or tokens have changed. */
  forget(): void;
  /** Writes down when tokens were used last. */
  recordUse(): Promise<void>;
}

export interface KnownKey {
  readonly secretAccessKey: string;
  /** The caller as it comes from this address. */
  readonly from: (address: string | undefined) => Caller;
}

export interface IdentityOptions {
  /** Whether clients reach the server by TLS, for `aws:SecureTransport`. */
  readonly secure?: boolean;
  /** For `aws:PrincipalOrgID`: one organization, all accounts of this server. */
  readonly organization?: string;
}

const UNKNOWN_TOKEN =
  "The token is unknown, expired or revoked; get a new one with 'aws codeartifact get-authorization-token' or 'aws codeartifact login'.";
const NO_TOKEN =
  "This repository needs a token: get one with 'aws codeartifact get-authorization-token' or 'aws codeartifact login'.";

interface Proof {
  readonly from: (address: string | undefined) => Caller;
  readonly tokenId: string;
  readonly expiresAt: number;
  usedAt: number;
}

export function createIdentities(
  database: Database,
  now: () => number,
  options: IdentityOptions = {},
): Identities {
  // Keyed by the header as sent: a checked token costs no parsing and no hash the second time.
  const proved = new LRUCache<string, Proof>({ max: 10_000 });
  const keys = new LRUCache<string, KnownKey & { readonly session: SessionRecord | undefined }>({
    max: 10_000,
  });
  const recorded = new Map<string, number>();
  /** Grows when everything is forgotten: what was read before that is not kept. */
  let generation = 0;

  const known = (authorization: string | undefined, address?: string): Caller | undefined => {
    const proof = authorization === undefined ? undefined : proved.get(authorization);
    if (proof === undefined) return undefined;
    const moment = now();
    if (proof.expiresAt <= moment) return undefined;
    proof.usedAt = moment;
    return proof.from(address);
  };

  const recordUse = async (): Promise<void> => {
    const used = [...proved.values()].filter(({ tokenId, usedAt }) => usedAt > (recorded.get(tokenId) ?? 0));
    for (const { tokenId, usedAt } of used) recorded.set(tokenId, usedAt);
    if (used.length > 0)
      await database.write(async (tx) => {
        for (const { tokenId, usedAt } of used) await recordTokenUse(tx, tokenId, usedAt);
      });
  };

  return {
    known,
    async fromHeader(authorization, address) {
      if (authorization === undefined || authorization.trim() === "")
        throw new Fault("Unauthenticated", NO_TOKEN);
      const already = known(authorization, address);
      if (already !== undefined) return already;
      const asked = generation;
      const token = await checkToken(database, tokenIn(authorization), now());
      if (token === undefined) throw new Fault("Unauthenticated", UNKNOWN_TOKEN);
      const { id, principal, session, domainId, scope, expiresAt } = token;
      const base = {
        ...(session === undefined ? callerOf(principal, id) : sessionCaller(session, id)),
        tokenDomainId: domainId,
        ...(scope === undefined ? {} : { tokenScope: scope }),
      };
      const proof = { from: byAddress(base, options), tokenId: id, expiresAt, usedAt: now() };
      if (asked === generation) proved.set(authorization, proof);
      return proof.from(address);
    },
    async fromKey(id, sessionToken) {
      let key = keys.get(id);
      if (key === undefined) {
        const asked = generation;
        key = await loadKey(database, id, options);
        if (key !== undefined && asked === generation) keys.set(id, key);
      }
      if (key === undefined || !fits(key.session, sessionToken)) return undefined;
      if (key.session !== undefined && key.session.expiresAt <= now())
        throw refuse("ExpiredTokenException", "The security token included in the request is expired");
      return key;
    },
    forget() {
      generation++;
      void recordUse().catch(() => undefined); // only a date is lost
      proved.clear();
      keys.clear();
    },
    recordUse,
  };
}

/** Lasting keys have no session token, a session's key is nothing without its own. */
function fits(session: SessionRecord | undefined, sessionToken: string | undefined): boolean {
  if (session === undefined) return sessionToken === undefined;
  return sessionToken !== undefined && sameHash(sessionToken, session.tokenHash);
}

async function loadKey(
  database: Database,
  id: string,
  options: IdentityOptions,
): Promise<(KnownKey & { readonly session: SessionRecord | undefined }) | undefined> {
  const session = id.startsWith("ASIA") ? await findSession(database.read, id) : undefined;
  if (session !== undefined)
    return { secretAccessKey: session.secret, session, from: byAddress(sessionCaller(session, id), options) };
  const key = await findAccessKey(database.read, id);
  return (
    key && {
      secretAccessKey: key.secret,
      session: undefined,
      from: byAddress(callerOf(key.principal, id), options),
    }
  );
}

const ADDRESSES_MAX = 1_000;

/** One caller object per address, so that decisions that ask for it can be kept as well. */
function byAddress(base: Caller, { secure = false, organization }: IdentityOptions) {
  const member = organization === undefined ? base : { ...base, organization };
  const callers = new Map<string | undefined, Caller>([[undefined, member]]);
  return (address: string | undefined): Caller => {
    const known = callers.get(address);
    if (known !== undefined || address === undefined) return known ?? member;
    if (callers.size >= ADDRESSES_MAX) callers.clear();
    const caller = { ...member, origin: { address: address.replace(/^::ffff:(?=\d+\.)/i, ""), secure } };
    callers.set(address, caller);
    return caller;
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
  const { account, arn, name, policies, tags, uniqueId } = principal;
  return {
    account,
    arn,
    name,
    policies,
    credential,
    tags,
    ...(uniqueId === undefined ? {} : { userId: uniqueId }),
  };
}

function sessionCaller({ principal, name, policies }: SessionRecord, credential: string): Caller {
  const role = callerOf(principal, credential);
  return {
    ...role,
    arn: `arn:aws:sts::${principal.account}:assumed-role/${principal.name}/${name}`,
    name,
    roleArn: principal.arn,
    ...(principal.uniqueId === undefined ? {} : { userId: `${principal.uniqueId}:${name}` }),
    ...(policies === undefined ? {} : { sessionPolicies: policies }),
  };
}
