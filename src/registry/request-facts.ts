// What a request says of itself, under the names that policy conditions and variables ask for (spec 6.2.7).
import type { Caller } from "../core/caller.ts";
import type { RequestFacts } from "../core/policy-text.ts";
import type { ResourceTags } from "./registry.ts";

export interface Circumstances {
  readonly region: string;
  /** Of the resource; undefined for questions about no resource. */
  readonly resourceAccount?: string;
  readonly resourceTags?: ResourceTags;
  /** Tags that the request itself wants to set, or takes away (then without values). */
  readonly requestTags?: readonly { readonly key: string; readonly value?: string }[];
  /** Epoch milliseconds. */
  readonly now: number;
}

type Facts = Map<string, string | readonly string[]>;

/** The same for every request of a caller object. */
const ofCaller = new WeakMap<Caller, RequestFacts>();

export function requestFacts(caller: Caller, circumstances: Circumstances): RequestFacts {
  let own = ofCaller.get(caller);
  if (own === undefined) ofCaller.set(caller, (own = callerFacts(caller)));
  const facts: Facts = new Map(own);
  const { region, resourceAccount, resourceTags, requestTags = [], now } = circumstances;
  facts.set("aws:requestedregion", region);
  facts.set("aws:currenttime", new Date(now).toISOString());
  facts.set("aws:epochtime", String(Math.floor(now / 1000)));
  if (resourceAccount !== undefined) facts.set("aws:resourceaccount", resourceAccount);
  setTags(facts, "aws:resourcetag/", Object.entries(resourceTags ?? {}));
  setTags(
    facts,
    "aws:requesttag/",
    requestTags.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value]])),
  );
  if (requestTags.length > 0)
    facts.set(
      "aws:tagkeys",
      requestTags.map(({ key }) => key),
    );
  return facts;
}

function callerFacts(caller: Caller): RequestFacts {
  const { account, arn, roleArn, name, userId, organization, origin, tags } = caller;
  const facts: Facts = new Map([
    ["aws:principalaccount", account],
    // A session is known by its role, as in AWS.
    ["aws:principalarn", roleArn ?? arn],
    ["aws:principaltype", roleArn === undefined ? "User" : "AssumedRole"],
    ["aws:principalisawsservice", "false"],
    ["aws:viaawsservice", "false"],
  ]);
  if (roleArn === undefined) facts.set("aws:username", name);
  if (userId !== undefined) facts.set("aws:userid", userId);
  if (organization !== undefined) facts.set("aws:principalorgid", organization);
  if (origin !== undefined) {
    facts.set("aws:sourceip", origin.address);
    facts.set("aws:securetransport", String(origin.secure));
  }
  setTags(facts, "aws:principaltag/", Object.entries(tags ?? {}));
  return facts;
}

/** Condition keys have no case, tags do: of two tags that differ in case only, neither is to be had (AWS's rule). */
function setTags(facts: Facts, prefix: string, tags: readonly (readonly string[])[]): void {
  const seen = new Set<string>();
  for (const [key = "", value = ""] of tags) {
    const name = prefix + key.toLowerCase();
    if (seen.has(name)) facts.delete(name);
    else facts.set(name, value);
    seen.add(name);
  }
}
