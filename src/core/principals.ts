// The Principal and NotPrincipal of a statement: whom it speaks of.
import type { Caller, PolicyStatement } from "./caller.ts";
import { federatedNames } from "./web-identity.ts";

type Asker = Pick<Caller, "account" | "arn" | "roleArn" | "userId"> & {
  /** Of a web identity: the ARN of its issuer, which alone names it. */
  readonly federated?: string;
};

/** How a statement means a caller: by its own name (or as everyone), by its account only, or not at all. */
export type Named = "name" | "account" | undefined;

/** A session is meant by its role's ARN as well; an account by its twelve digits or its root (spec 6.2.6). */
export function compilePrincipals(statement: PolicyStatement): (asker: Asker) => Named {
  const { Principal, NotPrincipal } = statement;
  if (NotPrincipal !== undefined) return compileOthers(NotPrincipal, statement.Effect);
  return Principal === undefined ? () => undefined : compileList(Principal);
}

/** A Deny names the account beside its user, as AWS wants it: the account's other identities are no exception then. */
function compileOthers(excepted: unknown, effect: PolicyStatement["Effect"]): (asker: Asker) => Named {
  const means = compileList(excepted);
  const accounts = effect === "Deny" ? accountsWithNames(excepted) : new Set<string>();
  return (asker) => {
    const how = means(asker);
    return how === undefined || (how === "account" && accounts.has(asker.account)) ? "name" : undefined;
  };
}

/** Accounts of which single users, roles or sessions are named. */
function accountsWithNames(principal: unknown): ReadonlySet<string> {
  const single = /^arn:aws:(?:iam|sts)::(\d{12}):(?!root$)/;
  return new Set([...namesOf(principal)].flatMap((name) => single.exec(name)?.[1] ?? []));
}

function compileList(principal: unknown): (asker: Asker) => Named {
  const names = namesOf(principal);
  if (names.has("*")) return () => "name";
  const federated = federatedNames(principal);
  return (asker) => {
    if (asker.federated !== undefined) return federated.includes(asker.federated) ? "name" : undefined;
    if (names.has(asker.arn)) return "name";
    if (asker.roleArn !== undefined && names.has(asker.roleArn)) return "name";
    if (asker.userId !== undefined && names.has(asker.userId)) return "name";
    return names.has(asker.account) || names.has(`arn:aws:iam::${asker.account}:root`)
      ? "account"
      : undefined;
  };
}

/** Services and canonical users do not come here as callers. */
function namesOf(principal: unknown): ReadonlySet<string> {
  if (principal === "*") return new Set(["*"]);
  const aws = typeof principal === "object" && principal !== null && "AWS" in principal ? principal.AWS : [];
  const names: readonly unknown[] = Array.isArray(aws) ? aws : [aws];
  return new Set(names.filter((name) => typeof name === "string"));
}
