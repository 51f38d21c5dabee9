// A second policy evaluator, written for the eye and not for speed: what core/permissions.ts is held against.
import type { PolicyDocument, PolicyStatement } from "../src/core/caller.ts";
import type { PermissionRequest } from "../src/core/permissions.ts";
import type { RequestFacts } from "../src/core/policy-text.ts";

type Effect = "Allow" | "Deny";

export function naivelyAllowed(request: PermissionRequest): boolean {
  const { caller, resourcePolicies, homeAccounts } = request;
  const matching = (policies: readonly PolicyDocument[], effect: Effect, named: boolean) =>
    policies.flatMap((policy) =>
      policy.Statement.filter((s) => s.Effect === effect && matches(policy, s, request, named)),
    );
  const session = caller.sessionPolicies;
  for (const [policies, named] of [
    [caller.policies, false],
    [resourcePolicies, true],
    [session ?? [], false],
  ] as const)
    if (matching(policies, "Deny", named).length > 0) return false;
  if (session !== undefined && matching(session, "Allow", false).length === 0) return false;
  const identityAllows = matching(caller.policies, "Allow", false).length > 0;
  const resourceAllows = matching(resourcePolicies, "Allow", true);
  if (!homeAccounts.includes(caller.account)) return identityAllows && resourceAllows.length > 0;
  const direct = resourceAllows.some((s) => !onlyTheAccount(s, request));
  return identityAllows || direct;
}

function awsNames(principal: unknown): string[] {
  if (principal === "*") return ["*"];
  const aws = (principal as { AWS?: string | string[] }).AWS;
  return aws === undefined ? [] : typeof aws === "string" ? [aws] : aws;
}

const ownNames = ({ caller }: PermissionRequest) => [
  "*",
  caller.arn,
  caller.roleArn ?? "-",
  caller.userId ?? "-",
];
const accountNames = ({ caller }: PermissionRequest) => [
  caller.account,
  `arn:aws:iam::${caller.account}:root`,
];

function onlyTheAccount(s: PolicyStatement, request: PermissionRequest): boolean {
  return s.Principal !== undefined && !awsNames(s.Principal).some((name) => ownNames(request).includes(name));
}

function matches(
  policy: PolicyDocument,
  s: PolicyStatement,
  request: PermissionRequest,
  named: boolean,
): boolean {
  if (named) {
    const all = [...ownNames(request), ...accountNames(request)];
    if (s.Principal !== undefined && !awsNames(s.Principal).some((name) => all.includes(name))) return false;
    if (s.NotPrincipal !== undefined) {
      const excepted = awsNames(s.NotPrincipal);
      if (excepted.some((name) => ownNames(request).includes(name))) return false;
      const single = excepted.some(
        (name) => name.includes(`::${request.caller.account}:`) && !name.endsWith(":root"),
      );
      const byAccount = excepted.some((name) => accountNames(request).includes(name));
      if (byAccount && !(s.Effect === "Deny" && single)) return false;
    }
  }
  const withVariables = policy.Version === "2012-10-17";
  const texts = (value: string | readonly string[]) => (typeof value === "string" ? [value] : value);
  const action = (pattern: string) => glob(chars(pattern.toLowerCase()), request.action.toLowerCase());
  if (s.Action !== undefined && !texts(s.Action).some(action)) return false;
  if (s.NotAction !== undefined && texts(s.NotAction).some(action)) return false;
  const resource = (pattern: string) => {
    const filled = substitute(pattern, withVariables, request.facts);
    return filled === undefined ? undefined : glob(filled, request.resource);
  };
  if (s.Resource !== undefined && !texts(s.Resource).some((p) => resource(p) === true)) return false;
  if (s.NotResource !== undefined) {
    const results = texts(s.NotResource).map(resource);
    if (results.includes(true)) return false;
    if (results.includes(undefined) && s.Effect === "Allow") return false;
  }
  let unsure = false;
  for (const [operator, keys] of Object.entries(s.Condition ?? {})) {
    for (const [key, wanted] of Object.entries(keys)) {
      const values = (Array.isArray(wanted) ? wanted : [wanted]).map(String);
      const result = condition(operator, key, values, withVariables, request.facts);
      if (result === false) return false;
      if (result === undefined) unsure = true;
    }
  }
  return !(unsure && s.Effect === "Allow");
}

/** Characters, wildcards marked by an object of their own so that no text can be taken for one. */
type Char = string | { readonly wild: string };
function chars(text: string): Char[] {
  return text.split("").map((c) => (c === "*" || c === "?" ? { wild: c } : c));
}

function glob(pattern: readonly Char[], text: string): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text === "";
  if (typeof first === "string") return text[0] === first && glob(rest, text.slice(1));
  if (first.wild === "?") return text !== "" && glob(rest, text.slice(1));
  return glob(rest, text) || (text !== "" && glob(pattern, text.slice(1)));
}

function substitute(text: string, active: boolean, facts: RequestFacts): Char[] | undefined {
  if (!active) return chars(text);
  const out: Char[] = [];
  for (let rest = text; rest !== ""; ) {
    const variable = /^\$\{([^}]*)\}/.exec(rest);
    if (variable === null) {
      out.push(...chars(rest[0] as string));
      rest = rest.slice(1);
      continue;
    }
    const inside = variable[1] as string;
    const comma = inside.indexOf(",");
    const key = (comma < 0 ? inside : inside.slice(0, comma)).trim().toLowerCase();
    const fallback =
      comma < 0
        ? undefined
        : inside
            .slice(comma + 1)
            .trim()
            .slice(1, -1);
    const value = "*?$".includes(inside) ? inside : (facts.get(key) ?? fallback);
    if (typeof value !== "string") return undefined;
    out.push(...value.split(""));
    rest = rest.slice(variable[0].length);
  }
  return out;
}

function condition(
  operator: string,
  key: string,
  wanted: readonly string[],
  active: boolean,
  facts: RequestFacts,
): boolean | undefined {
  const fact = facts.get(key.toLowerCase());
  const given = fact === undefined ? [] : typeof fact === "string" ? [fact] : [...fact];
  if (operator === "Null") return wanted.some((w) => (w === "true") === (given.length === 0));
  const set = operator.includes(":") ? (operator.split(":")[0] as string) : "";
  const ifExists = operator.endsWith("IfExists");
  const base = operator.replace(/^.*:/, "").replace(/IfExists$/, "");
  const negated = base.includes("Not");
  if (given.length === 0) {
    if (ifExists) return true;
    if (set === "ForAllValues") return true;
    if (set === "ForAnyValue") return false;
    return negated;
  }
  const positive = base.replace("Not", "");
  const results = given.map((value): boolean | undefined => {
    const each = wanted.map((w) => compare(positive, value, w, active, facts));
    if (each.includes(true)) return !negated;
    if (each.includes(undefined)) return negated ? undefined : false;
    return negated;
  });
  const every = set === "ForAllValues" || (set === "" && negated);
  if (every) return results.includes(false) ? false : results.includes(undefined) ? undefined : true;
  return results.includes(true) ? true : results.includes(undefined) ? undefined : false;
}

function compare(operator: string, given: string, wanted: string, active: boolean, facts: RequestFacts) {
  const plain = () =>
    substitute(wanted, active, facts)
      ?.map((c) => (typeof c === "string" ? c : c.wild))
      .join("");
  switch (operator) {
    case "StringEquals": {
      const text = plain();
      return text === undefined ? undefined : text === given;
    }
    case "StringEqualsIgnoreCase": {
      const text = plain();
      return text === undefined ? undefined : text.toLowerCase() === given.toLowerCase();
    }
    case "StringLike": {
      const filled = substitute(wanted, active, facts);
      return filled === undefined ? undefined : glob(filled, given);
    }
    case "NumericEquals":
      return Number(given) === Number(wanted);
    case "NumericLessThan":
      return Number(given) < Number(wanted);
    case "NumericLessThanEquals":
      return Number(given) <= Number(wanted);
    case "NumericGreaterThan":
      return Number(given) > Number(wanted);
    case "NumericGreaterThanEquals":
      return Number(given) >= Number(wanted);
    case "DateEquals":
      return new Date(given).getTime() === new Date(wanted).getTime();
    case "DateLessThan":
      return new Date(given) < new Date(wanted);
    case "DateGreaterThanEquals":
      return new Date(given) >= new Date(wanted);
    case "DateGreaterThan":
      return new Date(given) > new Date(wanted);
    case "DateLessThanEquals":
      return new Date(given) <= new Date(wanted);
    case "BinaryEquals":
      return Buffer.from(given, "base64").equals(Buffer.from(wanted, "base64"));
    case "ArnEquals":
    case "ArnLike": {
      const [parts, patterns] = [given, wanted].map(
        (arn) => /^(.*?):(.*?):(.*?):(.*?):(.*?):(.*)$/.exec(arn) ?? [],
      );
      return [1, 2, 3, 4, 5, 6].every((i) => glob(chars(patterns?.[i] ?? ""), parts?.[i] ?? ""));
    }
    case "Bool":
      return given.toLowerCase() === wanted.toLowerCase();
    case "IpAddress":
      return inRange(given, wanted);
    default:
      throw new Error(`the naive evaluator does not know ${operator}`);
  }
}

/** IPv4 only. */
function inRange(given: string, wanted: string): boolean {
  const bits = (ip: string) =>
    ip
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [network = "", length = "32"] = wanted.split("/");
  return bits(given).slice(0, Number(length)) === bits(network).slice(0, Number(length));
}
