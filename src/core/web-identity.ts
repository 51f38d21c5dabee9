// Web identities: OpenID Connect issuers as IAM names them, what a token's claims are to a trust policy, and which trust is too wide.
import type { PolicyStatement } from "./caller.ts";
import type { RequestFacts } from "./policy-text.ts";

/** IAM's name of an issuer: `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`. `url` as in the token's `iss`. */
export function providerArn(account: string, url: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${providerName(url)}`;
}

/** The issuer without its scheme: what condition keys begin with, and ARNs end with. */
export function providerName(url: string): string {
  return url.replace(/^https?:\/\//, "");
}

export const PROVIDER_ARN = /^arn:aws[\w-]*:iam::\d{12}:oidc-provider\/[^\s*?]+$/;

type Facts = Map<string, string | readonly string[]>;

/** Names that are no surprise in a condition key, and never differ in case only. */
const CLAIM = /^[a-z][a-z0-9_]*$/;

/** The claims as condition keys `HOST/PATH:claim`: texts, numbers, true and false, and lists of them. */
export function claimFacts(url: string, claims: Readonly<Record<string, unknown>>): RequestFacts {
  const facts: Facts = new Map();
  const prefix = `${providerName(url).toLowerCase()}:`;
  for (const [name, value] of Object.entries(claims)) {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (!CLAIM.test(name) || !list.every(isPlain)) continue;
    facts.set(prefix + name, Array.isArray(value) ? list.map(String) : String(value));
  }
  return facts;
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** The statements of a trust policy that can speak of this provider: an allowance must name it, a denial need not. */
export function federatedStatements(
  statements: readonly PolicyStatement[],
  arn: string,
): readonly PolicyStatement[] {
  return statements.filter(
    (statement) => statement.Effect !== "Allow" || federatedNames(statement.Principal).includes(arn),
  );
}

export function federatedNames(principal: unknown): readonly string[] {
  const names =
    typeof principal === "object" && principal !== null && "Federated" in principal
      ? principal.Federated
      : [];
  const list: readonly unknown[] = Array.isArray(names) ? names : [names];
  return list.filter((name) => typeof name === "string");
}

/** Issuers that give tokens to everybody who has an account there. */
const SHARED = /:oidc-provider\/(token\.actions\.githubusercontent\.com|gitlab\.com)(\/|$)/i;

/**
 * The key on which a statement that trusts an issuer of everybody must have a condition and has none; undefined when
 * all is well. Without it anybody's job could take on the role (AWS refuses such a role as well).
 */
export function missingSubject({ Effect, Principal, Condition }: PolicyStatement): string | undefined {
  if (Effect !== "Allow") return undefined;
  for (const arn of federatedNames(Principal)) {
    if (!SHARED.test(arn)) continue;
    const key = `${arn.slice(arn.indexOf("/") + 1)}:sub`;
    if (!Object.entries(Condition ?? {}).some(([operator, keys]) => limits(operator, keys, key))) return key;
  }
  return undefined;
}

function limits(operator: string, keys: Readonly<Record<string, unknown>>, key: string): boolean {
  const [, base = ""] =
    /^(?:ForAnyValue:)?(StringEquals|StringEqualsIgnoreCase|StringLike)$/i.exec(operator) ?? [];
  if (base === "") return false;
  const like = base.toLowerCase() === "stringlike";
  const found = Object.entries(keys).filter(([name]) => name.toLowerCase() === key.toLowerCase());
  return found.some(([, values]) => {
    const list: readonly unknown[] = Array.isArray(values) ? values : [values];
    return list.length > 0 && list.every((value) => typeof value === "string" && namesOwner(value, like));
  });
}

/** `repo:acme/app:*` names whose job it is, `repo:acme*` and `*` do not. */
function namesOwner(value: string, like: boolean): boolean {
  const wild = value.search(like ? /[*?]|\$\{/ : /\$\{/);
  return wild < 0 ? value !== "" : /^[^:]+:[^:/]+[:/]/.test(value.slice(0, wild));
}
