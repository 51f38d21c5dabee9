// The whole table of condition operators: each one, with each qualifier and IfExists, on keys that are absent, single and many.
import { describe, expect, test } from "vitest";
import type { ConditionBlock } from "./conditions.ts";
import { ConditionError, compileConditions } from "./conditions.ts";
import { parsePolicy } from "./policy-document.ts";

/** Every operator of IAM but Null: a value for the policy, a request's value that it means, and one that it does not. */
const OPERATORS: readonly (readonly [name: string, wanted: unknown, meant: string, other: string])[] = [
  ["StringEquals", "abc", "abc", "ABC"],
  ["StringNotEquals", "abc", "abc", "ABC"],
  ["StringEqualsIgnoreCase", "abc", "ABC", "abd"],
  ["StringNotEqualsIgnoreCase", "abc", "ABC", "abd"],
  ["StringLike", "a*", "abc", "bc"],
  ["StringNotLike", "a*", "abc", "bc"],
  ["NumericEquals", 5, "5.0", "6"],
  ["NumericNotEquals", 5, "5.0", "6"],
  ["NumericLessThan", 5, "4", "5"],
  ["NumericLessThanEquals", 5, "5", "5.1"],
  ["NumericGreaterThan", 5, "6", "5"],
  ["NumericGreaterThanEquals", 5, "5", "4.9"],
  ["DateEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-02"],
  ["DateNotEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-02"],
  ["DateLessThan", "2026-01-02", "2026-01-01", "2026-01-02T00:00:00Z"],
  ["DateLessThanEquals", "2026-01-02", "2026-01-02", "2026-01-03"],
  ["DateGreaterThan", "2026-01-02", "2026-01-03", "2026-01-02"],
  ["DateGreaterThanEquals", "2026-01-02", "2026-01-02", "2026-01-01"],
  ["Bool", "true", "true", "false"],
  ["BinaryEquals", "QmluYXJ5", "QmluYXJ5", "QmluYXJ6"],
  ["IpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"],
  ["NotIpAddress", "2001:db8::/32", "2001:db8::9", "2001:db9::9"],
  ["ArnEquals", "arn:aws:iam::*:role/ci", "arn:aws:iam::1:role/ci", "arn:aws:iam::1:role/cd"],
  ["ArnLike", "arn:aws:iam::*:role/c?", "arn:aws:iam::1:role/ci", "arn:aws:iam::1:role/main"],
  ["ArnNotEquals", "arn:aws:iam::*:role/ci", "arn:aws:iam::1:role/ci", "arn:aws:iam::1:role/cd"],
  ["ArnNotLike", "arn:aws:iam::*:role/c?", "arn:aws:iam::1:role/ci", "arn:aws:iam::1:role/main"],
];

type Given = "absent" | "meant" | "other" | "both" | "all meant" | "all other";

/** What IAM's documentation says of an operator that means a value, and of one that negates (`Not`). */
const HOLDS: Readonly<Record<string, Readonly<Record<Given, readonly [plain: boolean, negated: boolean]>>>> =
  {
    "": {
      absent: [false, true],
      meant: [true, false],
      other: [false, true],
      both: [true, false],
      "all meant": [true, false],
      "all other": [false, true],
    },
    "ForAllValues:": {
      absent: [true, true],
      meant: [true, false],
      other: [false, true],
      both: [false, false],
      "all meant": [true, false],
      "all other": [false, true],
    },
    "ForAnyValue:": {
      absent: [false, false],
      meant: [true, false],
      other: [false, true],
      both: [true, true],
      "all meant": [true, false],
      "all other": [false, true],
    },
  };

function holds(block: ConditionBlock, given?: string | readonly string[]): boolean | undefined {
  return compileConditions(block, true)(new Map(given === undefined ? [] : [["x:key", given]]));
}

describe.each(OPERATORS)("%s", (name, wanted, meant, other) => {
  const values: Readonly<Record<Given, string | readonly string[] | undefined>> = {
    absent: undefined,
    meant,
    other,
    both: [meant, other],
    "all meant": [meant, meant],
    "all other": [other, other],
  };
  const negated = /^\w*Not/.test(name) ? 1 : 0;

  test.each(Object.keys(HOLDS))("with '%s', with and without IfExists", (qualifier) => {
    for (const [given, expected] of Object.entries(HOLDS[qualifier] ?? {}) as [Given, readonly boolean[]][]) {
      const value = values[given];
      expect(holds({ [`${qualifier}${name}`]: { "x:Key": wanted } }, value), given).toBe(expected[negated]);
      expect(holds({ [`${qualifier}${name}IfExists`]: { "x:Key": wanted } }, value), given).toBe(
        given === "absent" ? true : expected[negated],
      );
    }
  });

  test("takes a list of values, any of which may be the one", () => {
    expect(holds({ [name]: { "x:key": [wanted, wanted] } }, meant)).toBe(negated === 0);
  });

  test("is taken in a policy, with every qualifier", () => {
    for (const qualifier of Object.keys(HOLDS))
      for (const ifExists of ["", "IfExists"])
        expect(() => parsed({ [`${qualifier}${name}${ifExists}`]: { "aws:x": wanted } })).not.toThrow();
  });
});

function parsed(Condition: object): unknown {
  const statement = { Effect: "Allow", Principal: "*", Action: "codeartifact:*", Resource: "*", Condition };
  return parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: [statement] }), "resource");
}

describe("Null", () => {
  test.each([
    ["true", undefined, true],
    ["true", "x", false],
    ["false", undefined, false],
    ["false", "x", true],
    [true, [], true],
    [false, ["x", "y"], true],
  ] as const)("%j of %j: %s", (wanted, given, expected) => {
    expect(holds({ Null: { "x:Key": wanted } }, given)).toBe(expected);
  });
});

test.each([
  "StringEqual",
  "String",
  "BinaryNotEquals",
  "BinaryLike",
  "NotBool",
  "BoolNotEquals",
  "NotArnLike",
  "NumericLike",
  "IpAddressNotEquals",
  "NullIfExists",
  "ForAllValues:Null",
  "ForAnyValue:NullIfExists",
  "ForAllValue:StringEquals",
  "ForNoValue:StringEquals",
  "ForAllValues:ForAnyValue:StringEquals",
  "StringEqualsIfExistsIfExists",
  "IfExists",
  "toString",
  "",
])("there is no operator '%s': neither compiled nor taken in a policy", (name) => {
  expect(() => holds({ [name]: { "x:key": "true" } })).toThrow(ConditionError);
  expect(() => parsed({ [name]: { "x:key": "true" } })).toThrow(/no condition operator/);
});

test.each<[string, unknown]>([
  ["NumericEquals", "5 apples"],
  ["NumericLessThan", ""],
  ["DateEquals", "yesterday"],
  ["DateLessThan", "2026-13-01"],
  ["Bool", "yes"],
  ["Null", "maybe"],
  ["BinaryEquals", "not base64"],
  ["IpAddress", "10.0.0.0/33"],
  ["NotIpAddress", "10.0.0"],
  ["StringEquals", { nested: true }],
  ["StringEquals", null],
  ["ArnLike", [["nested"]]],
])("%s of %j is refused: no request could mean it", (name, value) => {
  expect(() => holds({ [name]: { "x:key": value } })).toThrow(ConditionError);
  expect(() => parsed({ [name]: { "x:key": value } })).toThrow(/Condition|x:key/);
});
