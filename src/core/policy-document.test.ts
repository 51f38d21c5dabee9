// What is refused in a policy document, and with which words.
import { describe, expect, test } from "vitest";
import type { PolicyKind } from "./policy-document.ts";
import { parsePolicy } from "./policy-document.ts";

const good = { Effect: "Allow", Action: "codeartifact:ReadFromRepository", Resource: "*" };
const open = { ...good, Principal: "*" };

function refusal(document: unknown, kind: PolicyKind = "resource"): string {
  try {
    parsePolicy(typeof document === "string" ? document : JSON.stringify(document), kind);
  } catch (error) {
    expect(error).toMatchObject({ code: "ValidationException" });
    return (error as Error).message;
  }
  return "accepted";
}
const statement = (more: object, kind?: PolicyKind) =>
  refusal({ Version: "2012-10-17", Statement: [{ ...open, ...more }] }, kind);

test("a policy comes back as it was, its Statement a list", () => {
  const document = { Version: "2012-10-17", Id: "x", Statement: { ...open, Sid: "A" } };
  expect(parsePolicy(JSON.stringify(document), "resource")).toEqual({
    ...document,
    Statement: [document.Statement],
  });
});

describe("refused in a policy", () => {
  test.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /is not JSON/],
    ["no object", "[]", /must be a JSON object/],
    ["an unknown element", { Statement: [open], Statements: [] }, /'Statements' is no element/],
    ["an unknown version", { Version: "2026-01-01", Statement: [open] }, /Version must be/],
    ["no statement", { Version: "2012-10-17" }, /no Statement/],
    ["an empty list", { Statement: [] }, /Statement is empty/],
    [
      "one Sid twice",
      {
        Statement: [
          { ...open, Sid: "A" },
          { ...open, Sid: "A" },
        ],
      },
      /Sid 'A' is there twice/,
    ],
    ["more than 7168 characters", { Id: "x".repeat(7_200), Statement: [open] }, /7168 is the most/],
    [
      "an element twice",
      '{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}',
      /'Effect' is there twice/,
    ],
  ])("6.2.2 %s", (_what, document, message) => {
    expect(refusal(document)).toMatch(message);
  });
});

describe("refused in a statement", () => {
  test.each<[string, object, RegExp]>([
    [
      "an effect of another case",
      { Effect: "allow" },
      /Effect of statement 1 must be "Allow" or "Deny", not "allow"/,
    ],
    ["an unknown element", { Actions: "*" }, /unknown element 'Actions'/],
    ["both an element and its negation", { NotAction: "*" }, /both Action and NotAction/],
    ["no action", { Action: undefined }, /neither Action nor NotAction/],
    ["an action without a service", { Action: "ReadFromRepository" }, /is no action/],
    ["an action that is misspelt", { Action: "codeartifact:ReadFromRepo" }, /no action of CodeArtifact/],
    ["a resource that is no ARN", { Resource: "my-repo" }, /is no resource/],
    ["an empty resource", { Resource: [] }, /Resource of statement 1 is empty/],
    ["no principal", { Principal: undefined }, /neither Principal nor NotPrincipal/],
    [
      "a principal that is only text",
      { Principal: "arn:aws:iam::111122223333:root" },
      /Principal of statement 1 must be/,
    ],
    ["a type of principal", { Principal: { aws: "*" } }, /'aws' of statement 1 is no type of principal/],
    [
      "a principal with a wildcard",
      { Principal: { AWS: "arn:aws:iam::111122223333:user/*" } },
      /use a condition on aws:PrincipalArn/,
    ],
    ["a principal that is nobody", { Principal: { AWS: "bob" } }, /'bob' of statement 1 is neither/],
    ["an operator", { Condition: { StringIs: { "aws:x": "1" } } }, /no condition operator 'StringIs'/],
    [
      "Null with a set qualifier",
      { Condition: { "ForAnyValue:Null": { "aws:x": "true" } } },
      /no condition operator/,
    ],
    [
      "a range",
      { Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/33" } } },
      /IpAddress of 'aws:SourceIp': '10.0.0.0\/33'/,
    ],
    ["a number", { Condition: { NumericEquals: { "x:y": "many" } } }, /is not a number/],
    ["a time", { Condition: { DateLessThan: { "aws:CurrentTime": "tomorrow" } } }, /is not a time/],
    ["a key without a prefix", { Condition: { StringEquals: { SourceIp: "1" } } }, /no condition key/],
    ["a variable", { Condition: { StringEquals: { "x:y": "${user name}" } } }, /no policy variable/],
    ["a variable that never ends", { Resource: "arn:${aws:username" }, /no policy variable/],
    ["an operator without keys", { Condition: { StringEquals: "x" } }, /must be an object of operators/],
  ])("%s", (_what, more, message) => {
    expect(statement(more)).toMatch(message);
  });
});

test("an identity policy has no principal; a trust policy no resource", () => {
  expect(statement({}, "identity")).toMatch(/identity policy speaks of its holder only/);
  expect(statement({ Action: "sts:AssumeRole" }, "trust")).toMatch(/speaks of its own role only/);
  expect(refusal({ Statement: good }, "identity")).toBe("accepted");
  expect(statement({ Action: "sts:AssumeRole", Resource: undefined }, "trust")).toBe("accepted");
});

test("an identity policy may speak of other services' actions", () => {
  expect(refusal({ Statement: { ...good, Action: ["sts:GetServiceBearerToken", "s3:*"] } }, "identity")).toBe(
    "accepted",
  );
});
