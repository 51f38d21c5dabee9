// IAM policies: may this caller do this action on this resource, and which statements decided.
import type { PolicyDocument, PolicyStatement } from "./caller.ts";

export interface PermissionDecision {
  readonly allowed: boolean;
  /** The statements that denied, or else those that allowed; empty when nothing matched (implicit deny). */
  readonly statements: readonly PolicyStatement[];
}

/**
 * Evaluates identity policies: an explicit deny wins, one allow is enough, nothing matched is a deny (spec 6.2.3).
 * `action` carries its service prefix, e.g. `codeartifact:ReadFromRepository`. A statement with a condition never
 * allows and always denies until conditions are evaluated: unknown facts fail closed.
 */
export function evaluate(
  policies: readonly PolicyDocument[],
  action: string,
  resource: string,
): PermissionDecision {
  const allowing: PolicyStatement[] = [];
  const denying: PolicyStatement[] = [];
  for (const { Statement } of policies) {
    for (const statement of Statement) {
      if (!covers(statement, action, resource)) continue;
      if (statement.Effect === "Deny") denying.push(statement);
      else if (statement.Condition === undefined) allowing.push(statement);
    }
  }
  return denying.length > 0
    ? { allowed: false, statements: denying }
    : { allowed: allowing.length > 0, statements: allowing };
}

function covers(statement: PolicyStatement, action: string, resource: string): boolean {
  const actions =
    statement.NotAction === undefined
      ? matchesAny(statement.Action, action.toLowerCase(), true)
      : !matchesAny(statement.NotAction, action.toLowerCase(), true);
  if (!actions) return false;
  return statement.NotResource === undefined
    ? matchesAny(statement.Resource, resource, false)
    : !matchesAny(statement.NotResource, resource, false);
}

function matchesAny(
  patterns: string | readonly string[] | undefined,
  text: string,
  foldCase: boolean,
): boolean {
  if (patterns === undefined) return false;
  const list = typeof patterns === "string" ? [patterns] : patterns;
  return list.some((pattern) => matchesGlob(foldCase ? pattern.toLowerCase() : pattern, text));
}

/** `*` any run, `?` one character; linear in the text for each `*`, never exponential (a pattern is the caller's input). */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
