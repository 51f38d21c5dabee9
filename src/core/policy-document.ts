// Reading an IAM policy document: everything that could be misunderstood is refused, with what is wrong and where.
import { ACTIONS } from "./actions.ts";
import type { PolicyDocument, PolicyStatement } from "./caller.ts";
import { ConditionError, compileConditions } from "./conditions.ts";
import { invalid } from "./faults.ts";
import { duplicateKey } from "./json.ts";
import { badVariable, matchesGlob } from "./policy-text.ts";
import { missingSubject, PROVIDER_ARN } from "./web-identity.ts";

/** `identity`: what its holder may do. `resource`: who may do what here. `trust`: who may take on a role. */
export type PolicyKind = "identity" | "resource" | "trust";

/** Characters of a resource policy (spec 6.2.2); the others have room for as much. */
export const POLICY_CHARACTERS_MAX = 7_168;

const VERSIONS = ["2012-10-17", "2008-10-17"];
const STATEMENT_ELEMENTS = [
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
];
const PRINCIPAL_TYPES = ["AWS", "Federated", "Service", "CanonicalUser"];

type Json = Readonly<Record<string, unknown>>;

/** The document, its Statement always a list. Throws ValidationException, naming the statement and the element. */
export function parsePolicy(text: string, kind: PolicyKind): PolicyDocument {
  if ([...text].length > POLICY_CHARACTERS_MAX) {
    throw malformed(`it has ${[...text].length} characters; ${POLICY_CHARACTERS_MAX} is the most`);
  }
  const { Version, Id, Statement, ...rest } = readObject(text);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw malformed(`'${unknown}' is no element of a policy; they are Version, Id and Statement`);
  if (Version !== undefined && !VERSIONS.includes(Version as string))
    throw malformed(`Version must be "2012-10-17" or "2008-10-17", not ${JSON.stringify(Version)}`);
  if (Id !== undefined && typeof Id !== "string") throw malformed("Id must be text");
  if (Statement === undefined) throw malformed("it has no Statement");
  const statements: readonly unknown[] = Array.isArray(Statement) ? Statement : [Statement];
  if (statements.length === 0) throw malformed("Statement is empty");
  const variables = Version === "2012-10-17";
  const checked = statements.map((statement, i) =>
    checkStatement(statement, `statement ${i + 1}`, kind, variables),
  );
  checkSids(checked);
  return {
    ...(Version === undefined ? {} : { Version: Version as string }),
    ...(Id === undefined ? {} : { Id }),
    Statement: checked,
  };
}

function malformed(what: string): Error {
  return invalid(`The policy document cannot be used: ${what}.`);
}

function readObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`it is not JSON (${(error as Error).message})`);
  }
  if (!isObject(value)) throw malformed("it must be a JSON object");
  // JSON.parse keeps the last of two; a reader may have seen the first.
  const twice = duplicateKey(text);
  if (twice !== undefined) throw malformed(`the element '${twice}' is there twice in one object`);
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkStatement(
  value: unknown,
  where: string,
  kind: PolicyKind,
  variables: boolean,
): PolicyStatement {
  if (!isObject(value)) throw malformed(`${where} must be an object`);
  const unknown = Object.keys(value).find((name) => !STATEMENT_ELEMENTS.includes(name));
  if (unknown !== undefined)
    throw malformed(
      `${where} has the unknown element '${unknown}'; known are ${STATEMENT_ELEMENTS.join(", ")}`,
    );
  const { Sid, Effect } = value;
  if (Sid !== undefined && typeof Sid !== "string") throw malformed(`Sid of ${where} must be text`);
  if (Effect !== "Allow" && Effect !== "Deny")
    throw malformed(
      `Effect of ${where} must be "Allow" or "Deny", not ${JSON.stringify(Effect) ?? "missing"}`,
    );
  const statement = value as unknown as PolicyStatement;
  checkActions(statement, where, kind);
  checkResources(statement, where, kind, variables);
  checkPrincipals(statement, where, kind);
  if (kind === "trust") checkSubject(statement, where);
  checkCondition(statement, where, variables);
  return statement;
}

/** Exactly one of an element and its negation. */
function one(statement: PolicyStatement, where: string, name: "Action" | "Resource" | "Principal"): unknown {
  const [plain, negated] = [statement[name], statement[`Not${name}`]];
  if (plain !== undefined && negated !== undefined)
    throw malformed(`${where} has both ${name} and Not${name}`);
  if (plain === undefined && negated === undefined)
    throw malformed(`${where} has neither ${name} nor Not${name}`);
  return plain ?? negated;
}

function texts(value: unknown, what: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw malformed(`${what} is empty`);
  return list.map((text) => {
    if (typeof text === "string" && text !== "") return text;
    throw malformed(`${what} must be text or a list of texts`);
  });
}

function checkActions(statement: PolicyStatement, where: string, kind: PolicyKind): void {
  for (const action of texts(one(statement, where, "Action"), `Action of ${where}`)) {
    if (action !== "*" && !/^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$/.test(action))
      throw malformed(`'${action}' of ${where} is no action; write it as codeartifact:ReadFromRepository`);
    // Elsewhere a misspelt action would only be an allowance that never comes true; here nobody else would notice.
    const [, own] = /^codeartifact:(.+)$/i.exec(action) ?? [];
    if (
      kind === "resource" &&
      own !== undefined &&
      !ACTIONS.some((known) => matchesGlob(own.toLowerCase(), known.toLowerCase()))
    )
      throw malformed(`'${action}' of ${where} is no action of CodeArtifact`);
  }
}

function checkResources(
  statement: PolicyStatement,
  where: string,
  kind: PolicyKind,
  variables: boolean,
): void {
  if (kind === "trust") {
    if (statement.Resource !== undefined || statement.NotResource !== undefined)
      throw malformed(`${where} has a Resource; a trust policy speaks of its own role only`);
    return;
  }
  for (const resource of texts(one(statement, where, "Resource"), `Resource of ${where}`)) {
    if (resource !== "*" && !/^(arn:|\*|\$\{)/.test(resource))
      throw malformed(`'${resource}' of ${where} is no resource; write "*" or an ARN`);
    checkVariables(resource, where, variables);
  }
}

function checkVariables(text: string, where: string, variables: boolean): void {
  const bad = variables ? badVariable(text) : undefined;
  if (bad !== undefined) throw malformed(`'${bad}' of ${where} is no policy variable`);
}

function checkPrincipals(statement: PolicyStatement, where: string, kind: PolicyKind): void {
  if (kind === "identity") {
    if (statement.Principal !== undefined || statement.NotPrincipal !== undefined)
      throw malformed(`${where} has a Principal; an identity policy speaks of its holder only`);
    return;
  }
  const principal = one(statement, where, "Principal");
  if (principal === "*") return;
  if (!isObject(principal) || Object.keys(principal).length === 0)
    throw malformed(
      `Principal of ${where} must be "*" or an object such as {"AWS": "arn:aws:iam::111122223333:root"}`,
    );
  for (const [type, names] of Object.entries(principal)) {
    if (!PRINCIPAL_TYPES.includes(type))
      throw malformed(
        `'${type}' of ${where} is no type of principal; they are ${PRINCIPAL_TYPES.join(", ")}`,
      );
    for (const name of texts(names, `Principal of ${where}`)) {
      checkPrincipal(type, name, where);
      if (kind === "trust" && type === "Federated" && !PROVIDER_ARN.test(name))
        throw malformed(
          `'${name}' of ${where} is no OIDC provider; write arn:aws:iam::ACCOUNT:oidc-provider/HOST as 'portcullis oidc list' shows it`,
        );
    }
  }
}

/** An issuer of everybody, trusted without a word on whose token it must be, would let in everybody's jobs. */
function checkSubject(statement: PolicyStatement, where: string): void {
  const key = missingSubject(statement);
  if (key !== undefined)
    throw malformed(
      `${where} trusts an issuer that gives tokens to everybody, so it needs a condition that says whose: StringEquals or StringLike on '${key}', with a value that names the owner, such as "repo:OWNER/REPOSITORY:*" (GitHub) or "project_path:GROUP/PROJECT:*" (GitLab)`,
    );
}

function checkPrincipal(type: string, name: string, where: string): void {
  if (name === "*" || type !== "AWS") return;
  if (/[*?]/.test(name))
    throw malformed(
      `'${name}' of ${where}: a principal is "*" or one name in full; use a condition on aws:PrincipalArn`,
    );
  if (
    !/^(\d{12}|A[A-Z0-9]{15,127}|arn:aws[\w-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)\/\S+))$/.test(
      name,
    )
  )
    throw malformed(`'${name}' of ${where} is neither an account, nor the ARN of a user, role or account`);
}

function checkCondition({ Condition }: PolicyStatement, where: string, variables: boolean): void {
  if (Condition === undefined) return;
  if (!isObject(Condition) || !Object.values(Condition).every(isObject))
    throw malformed(
      `Condition of ${where} must be an object of operators, each an object of keys and values`,
    );
  for (const key of Object.values(Condition).flatMap((keys) => Object.keys(keys))) {
    if (!/^[\w.~%/-]+:\S.*$/.test(key)) throw malformed(`'${key}' of ${where} is no condition key`);
  }
  for (const text of Object.values(Condition).flatMap((keys) => Object.values(keys).flat()))
    if (typeof text === "string") checkVariables(text, where, variables);
  try {
    compileConditions(Condition, variables);
  } catch (error) {
    throw error instanceof ConditionError
      ? malformed(`in the Condition of ${where}, ${error.message}`)
      : error;
  }
}

function checkSids(statements: readonly PolicyStatement[]): void {
  const seen = new Set<string>();
  for (const { Sid } of statements) {
    if (Sid !== undefined && seen.has(Sid)) throw malformed(`the Sid '${Sid}' is there twice`);
    if (Sid !== undefined) seen.add(Sid);
  }
}

/** A document that was checked when it was stored; its Statement becomes a list. */
export function readPolicy(text: string): PolicyDocument {
  const { Statement, ...rest } = JSON.parse(text) as Omit<PolicyDocument, "Statement"> & {
    readonly Statement: PolicyStatement | readonly PolicyStatement[];
  };
  return { ...rest, Statement: Array.isArray(Statement) ? Statement : [Statement as PolicyStatement] };
}
