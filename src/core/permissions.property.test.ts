// The evaluator against a second, naive one: any policies, any request, the same answer.
import fc from "fast-check";
import { expect, test } from "vitest";
import { naivelyAllowed } from "../../test/naive-permissions.ts";
import type { PolicyDocument, PolicyStatement } from "./caller.ts";
import type { PermissionRequest } from "./permissions.ts";
import { authorizeRequest } from "./permissions.ts";

// Small alphabets, so that patterns and texts meet often.
const word = fc.string({ unit: fc.constantFrom("a", "b", ":", "/"), minLength: 0, maxLength: 5 });
const pattern = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom("a", "b", ":", "/") },
      fc.constantFrom(
        "*",
        "?",
        "*",
        "${aws:username}",
        "${aws:PrincipalTag/team, 'a'}",
        "${*}",
        "${?}",
        "${aws:nothing}",
      ),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""));
const oneOrMore = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(arbitrary, fc.array(arbitrary, { minLength: 1, maxLength: 3 }));

const texts = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringNotEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
];
const comparisons = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"];
const numbers = comparisons.map((comparison) => `Numeric${comparison}`);
const dates = comparisons.map((comparison) => `Date${comparison}`);
const arns = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"];
const addresses = ["IpAddress", "NotIpAddress"];
const qualified = (operators: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom("", "", "ForAllValues:", "ForAnyValue:"),
      fc.constantFrom(...operators),
      fc.constantFrom("", "IfExists"),
    )
    .map((parts) => parts.join(""));
const time = fc.integer({ min: 0, max: 8 }).map((day) => `2026-01-0${day + 1}T00:00:00Z`);
const address = fc
  .tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 128))
  .map(([a, b]) => `${a}.0.0.${b}`);
const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`);

const arnPart = fc.constantFrom("", "a", "b", "*", "?", "a*");
const arnOf = (part: fc.Arbitrary<string>) =>
  fc.tuple(part, part, fc.constantFrom("a", "a:b", "*", "a:*")).map(([x, y, z]) => `arn:aws:${x}::${y}:${z}`);
const arnPattern = arnOf(arnPart);

function block(operators: readonly string[], keys: readonly string[], value: fc.Arbitrary<unknown>) {
  return fc.dictionary(
    qualified(operators),
    fc.dictionary(fc.constantFrom(...keys), oneOrMore(value), { minKeys: 1, maxKeys: 2 }),
    { minKeys: 1, maxKeys: 2 },
  );
}
const condition = fc.oneof(
  block(texts, ["aws:username", "aws:RequestTag/x", "aws:TagKeys", "AWS:PrincipalTag/team"], pattern),
  block(numbers, ["aws:number"], fc.integer({ min: 0, max: 4 })),
  block(dates, ["aws:CurrentTime"], time),
  block(addresses, ["aws:SourceIp"], fc.oneof(range, address)),
  block(["Bool"], ["aws:SecureTransport"], fc.boolean()),
  block(["BinaryEquals"], ["x:Binary"], fc.constantFrom("YQ==", "YWI=")),
  block(arns, ["aws:PrincipalArn"], arnPattern),
  fc.dictionary(
    fc.constant("Null"),
    fc.dictionary(fc.constantFrom("aws:TagKeys", "aws:username"), fc.constantFrom("true", "false"), {
      minKeys: 1,
    }),
    { minKeys: 1 },
  ),
) as fc.Arbitrary<NonNullable<PolicyStatement["Condition"]>>;

const principal = fc.oneof(
  fc.constant("*"),
  oneOrMore(
    fc.constantFrom(
      "*",
      "111111111111",
      "222222222222",
      "arn:aws:iam::111111111111:root",
      "arn:aws:iam::111111111111:user/a",
      "arn:aws:iam::222222222222:user/a",
    ),
  ).map((AWS) => ({ AWS })),
);

const action = fc.constantFrom(
  "codeartifact:ReadFromRepository",
  "codeartifact:read*",
  "codeartifact:Put*",
  "codeartifact:*",
  "*",
  "code?rtifact:ReadFromRepository",
  "sts:*",
);
const statement = fc
  .record({
    Effect: fc.constantFrom("Allow", "Allow", "Deny"),
    negations: fc.record({ action: fc.boolean(), resource: fc.boolean(), principal: fc.boolean() }),
    action: oneOrMore(action),
    resource: oneOrMore(fc.oneof(fc.constant("*"), pattern)),
    principal,
    Condition: fc.option(condition, { nil: undefined }),
  })
  .map(
    (s): PolicyStatement => ({
      Effect: s.Effect,
      [s.negations.action ? "NotAction" : "Action"]: s.action,
      [s.negations.resource ? "NotResource" : "Resource"]: s.resource,
      [s.negations.principal ? "NotPrincipal" : "Principal"]: s.principal,
      ...(s.Condition === undefined ? {} : { Condition: s.Condition }),
    }),
  );
const policies = fc.array(
  fc.record({
    Version: fc.constantFrom("2012-10-17", "2008-10-17"),
    Statement: fc.array(statement, { minLength: 1, maxLength: 3 }),
  }),
  { maxLength: 2 },
) as fc.Arbitrary<PolicyDocument[]>;

const facts = fc
  .record(
    {
      "aws:username": word,
      "aws:requesttag/x": word,
      "aws:tagkeys": fc.array(word, { maxLength: 3 }),
      "aws:principaltag/team": word,
      "aws:number": fc.integer({ min: 0, max: 4 }).map(String),
      "aws:currenttime": time,
      "aws:sourceip": address,
      "aws:securetransport": fc.boolean().map(String),
      "x:binary": fc.constantFrom("YQ==", "YWI="),
      "aws:principalarn": arnOf(fc.constantFrom("", "a", "b", "ab")),
    },
    { requiredKeys: [] },
  )
  .map((record) => new Map<string, string | readonly string[]>(Object.entries(record)));

const request: fc.Arbitrary<PermissionRequest> = fc
  .record({
    account: fc.constantFrom("111111111111", "222222222222"),
    policies,
    sessionPolicies: fc.option(policies, { nil: undefined, freq: 4 }),
    roleArn: fc.option(fc.constant("arn:aws:iam::111111111111:user/a"), { nil: undefined }),
    action: fc.constantFrom("codeartifact:ReadFromRepository", "codeartifact:PutPackageMetadata"),
    resource: word,
    resourcePolicies: policies,
    facts,
    homeAccounts: fc.constantFrom(["111111111111"], ["111111111111", "222222222222"]),
  })
  .map(({ account, policies, sessionPolicies, roleArn, ...rest }) => ({
    ...rest,
    caller: {
      account,
      arn: `arn:aws:iam::${account}:user/a`,
      policies,
      ...(sessionPolicies === undefined ? {} : { sessionPolicies }),
      ...(roleArn === undefined ? {} : { roleArn }),
    },
  }));

test("two evaluators that share no line give one answer", () => {
  let allowed = 0;
  fc.assert(
    fc.property(request, (asked) => {
      const decision = authorizeRequest(asked);
      if (decision.allowed) allowed++;
      expect(decision.allowed).toBe(naivelyAllowed(asked));
    }),
    { numRuns: 3_000 },
  );
  expect(allowed).toBeGreaterThan(100); // or the property would say little
});

test("6.2.3 one more deny never allows, whatever else is said", () => {
  fc.assert(
    fc.property(request, statement, (asked, extra) => {
      const more = {
        ...asked,
        resourcePolicies: [
          ...asked.resourcePolicies,
          { Version: "2012-10-17", Statement: [{ ...extra, Effect: "Deny" as const }] },
        ],
      };
      expect(!authorizeRequest(more).allowed || authorizeRequest(asked).allowed).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
