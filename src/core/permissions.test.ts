// The policy evaluator against AWS's documented behaviour, one rule a test.
import { describe, expect, test } from "vitest";
import type { PolicyDocument, PolicyStatement } from "./caller.ts";
import type { PermissionRequest } from "./permissions.ts";
import { authorizeRequest, dependsOnTime, evaluate } from "./permissions.ts";
import { parsePolicy } from "./policy-document.ts";

const OWNER = "111122223333";
const OTHER = "444455556666";
const REPOSITORY = `arn:aws:codeartifact:us-east-1:${OWNER}:repository/d/r`;

const statements = (...list: readonly object[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: list as readonly PolicyStatement[],
});
const allow = (more: object = {}) => ({ Effect: "Allow", Action: "codeartifact:*", Resource: "*", ...more });
const denies = (more: object = {}) => ({ ...allow(more), Effect: "Deny" });

function ask(
  request: Partial<Omit<PermissionRequest, "caller">> & { caller?: Partial<PermissionRequest["caller"]> },
) {
  return authorizeRequest({
    action: "codeartifact:ReadFromRepository",
    resource: REPOSITORY,
    resourcePolicies: [],
    facts: new Map(),
    homeAccounts: [OWNER],
    ...request,
    caller: { account: OWNER, arn: `arn:aws:iam::${OWNER}:user/jane`, policies: [], ...request.caller },
  });
}
const foreign = (more: object = {}) => ({ account: OTHER, arn: `arn:aws:iam::${OTHER}:user/bob`, ...more });
const everything = [statements(allow())];

/** Whether a statement with this condition allows, given these facts. */
function holds(
  Condition: object,
  facts: Record<string, string | readonly string[]>,
  Version = "2012-10-17",
): boolean {
  const map = new Map(Object.entries(facts).map(([key, value]) => [key.toLowerCase(), value]));
  return evaluate([{ ...statements(allow({ Condition })), Version }], "codeartifact:X", "*", map).allowed;
}

describe("who needs which policy", () => {
  test("6.2.3 nothing said is a deny", () => {
    expect(ask({})).toEqual({ allowed: false, reason: "no-identity-allow", statements: [] });
  });
  test("6.2.3 at home an identity policy is enough", () => {
    expect(ask({ caller: { policies: everything } }).allowed).toBe(true);
  });
  test("6.2.3 at home a resource policy that names the user is enough", () => {
    const Principal = { AWS: `arn:aws:iam::${OWNER}:user/jane` };
    expect(ask({ resourcePolicies: [statements(allow({ Principal }))] }).allowed).toBe(true);
    expect(ask({ resourcePolicies: [statements(allow({ Principal: "*" }))] }).allowed).toBe(true);
  });
  test("6.2.3 the repository administrator's account is a home too", () => {
    const asked = { caller: foreign({ policies: everything }) };
    expect(ask(asked).reason).toBe("no-resource-allow");
    expect(ask({ ...asked, homeAccounts: [OWNER, OTHER] }).allowed).toBe(true);
  });
  test("6.2.3 an explicit deny wins wherever it stands, and is what the decision shows", () => {
    const no = denies({ Sid: "No" });
    expect(ask({ caller: { policies: [statements(allow(), no)] } })).toEqual({
      allowed: false,
      reason: "explicit-deny-identity",
      statements: [no],
    });
    const resource = ask({
      caller: { policies: everything },
      resourcePolicies: [statements(denies({ Principal: "*" }))],
    });
    expect(resource.reason).toBe("explicit-deny-resource");
  });
  test("6.2.5 a foreign caller needs a resource policy and an identity policy", () => {
    const here = [statements(allow({ Principal: { AWS: OTHER } }))];
    expect(ask({ caller: foreign({ policies: everything }) }).allowed).toBe(false);
    expect(ask({ caller: foreign(), resourcePolicies: here }).reason).toBe("no-identity-allow");
    expect(ask({ caller: foreign({ policies: everything }), resourcePolicies: here }).allowed).toBe(true);
  });
  test("6.2.6 an account as principal is every identity of it, under their own policies", () => {
    for (const AWS of [OWNER, `arn:aws:iam::${OWNER}:root`, [OTHER, OWNER]]) {
      const resourcePolicies = [statements(allow({ Principal: { AWS } }))];
      expect(ask({ resourcePolicies }).reason).toBe("no-identity-allow");
      expect(ask({ resourcePolicies, caller: { policies: everything } }).allowed).toBe(true);
    }
  });
  test("a deny that names an account denies everyone in it", () => {
    const resourcePolicies = [statements(denies({ Principal: { AWS: OWNER } }))];
    expect(ask({ resourcePolicies, caller: { policies: everything } }).allowed).toBe(false);
  });
  test("a service or a federation as principal is nobody who comes here", () => {
    const resourcePolicies = [statements(denies({ Principal: { Service: "x.example" } }))];
    expect(ask({ resourcePolicies, caller: { policies: everything } }).allowed).toBe(true);
  });
  test("AWS, NotPrincipal: all but the user and its account are denied", () => {
    const NotPrincipal = { AWS: [`arn:aws:iam::${OTHER}:user/bob`, `arn:aws:iam::${OTHER}:root`] };
    const resourcePolicies = [statements(allow({ Principal: "*" }), denies({ NotPrincipal }))];
    expect(ask({ resourcePolicies, caller: { policies: everything } }).allowed).toBe(false);
    expect(ask({ resourcePolicies, caller: foreign({ policies: everything }) }).allowed).toBe(true);
    const alice = foreign({ arn: `arn:aws:iam::${OTHER}:user/alice`, policies: everything });
    expect(ask({ resourcePolicies, caller: alice }).allowed).toBe(false);
  });
  test("NotPrincipal with an account alone: its users are excepted", () => {
    const NotPrincipal = { AWS: [`arn:aws:iam::${OTHER}:root`, `arn:aws:iam::${OWNER}:user/x`] };
    const resourcePolicies = [statements(allow({ Principal: "*" }), denies({ NotPrincipal }))];
    expect(ask({ resourcePolicies, caller: foreign({ policies: everything }) }).allowed).toBe(true);
  });
  test("a session is meant by its own ARN and by its role's", () => {
    const roleArn = `arn:aws:iam::${OWNER}:role/ci`;
    const caller = { arn: `arn:aws:sts::${OWNER}:assumed-role/ci/run-7`, roleArn };
    for (const AWS of [caller.arn, roleArn]) {
      expect(ask({ caller, resourcePolicies: [statements(allow({ Principal: { AWS } }))] }).allowed).toBe(
        true,
      );
    }
  });
  test("a session policy narrows and never widens", () => {
    const narrow = [statements(allow({ Action: "codeartifact:List*" }))];
    expect(ask({ caller: { policies: everything, sessionPolicies: narrow } }).reason).toBe(
      "no-session-allow",
    );
    expect(ask({ caller: { policies: [], sessionPolicies: everything } }).reason).toBe("no-identity-allow");
    const denied = { policies: everything, sessionPolicies: [statements(allow(), denies())] };
    expect(ask({ caller: denied }).reason).toBe("explicit-deny-session");
  });
});

describe("actions and resources", () => {
  const allowed = (statement: object, action: string, resource = "*") =>
    evaluate([statements({ Effect: "Allow", ...statement })], action, resource).allowed;

  test.each([
    ["codeartifact:readfromrepository", true],
    ["codeartifact:Read*", true],
    ["codeartifact:*Repositor?", true],
    ["code*:Read*", true],
    ["*", true],
    ["codeartifact:ReadFromRepositor", false],
    ["sts:*", false],
    ["codeartifact:Read?", false],
  ])("the action %s covers ReadFromRepository: %s", (Action, expected) => {
    expect(allowed({ Action, Resource: "*" }, "codeartifact:ReadFromRepository")).toBe(expected);
  });
  test("AWS, NotAction: everything but", () => {
    const statement = { NotAction: ["codeartifact:Delete*", "sts:*"], Resource: "*" };
    expect(allowed(statement, "codeartifact:DeletePackage")).toBe(false);
    expect(allowed(statement, "codeartifact:ListPackages")).toBe(true);
  });
  test("NotResource: everywhere but", () => {
    const statement = { Action: "*", NotResource: [REPOSITORY, "arn:aws:codeartifact:*:*:domain/*"] };
    expect(allowed(statement, "codeartifact:X", REPOSITORY)).toBe(false);
    expect(allowed(statement, "codeartifact:X", `${REPOSITORY}2`)).toBe(true);
  });
  test.each([
    [`arn:aws:codeartifact:us-east-1:${OWNER}:repository/d/*`, true],
    ["arn:aws:codeartifact:*:*:repository/d/r", true],
    ["arn:aws:codeartifact:us-east-1:*", true],
    [`arn:aws:codeartifact:us-east-1:${OWNER}:repository/d/R`, false],
    [`arn:aws:codeartifact:us-east-1:${OWNER}:repository:d:r`, false],
    [`arn:aws:codeartifact:us-east-1:${OWNER}:repository/d`, false],
  ])("1.2.5 the resource %s covers the repository: %s", (Resource, expected) => {
    expect(allowed({ Action: "*", Resource }, "codeartifact:X", REPOSITORY)).toBe(expected);
  });
  test("a pattern of many stars costs no more than a plain one", () => {
    const steps = `${"*a".repeat(2_000)}b`;
    expect(allowed({ Action: "*", Resource: steps }, "codeartifact:X", "a".repeat(20_000))).toBe(false);
  });
});

describe("condition operators", () => {
  test.each<[string, unknown, string, boolean]>([
    ["StringEquals", "a*", "a*", true],
    ["StringEquals", "a*", "ab", false],
    ["StringEquals", ["x", "y"], "y", true],
    ["StringNotEquals", ["x", "y"], "y", false],
    ["StringNotEquals", ["x", "y"], "z", true],
    ["StringEqualsIgnoreCase", "ABC", "abc", true],
    ["StringNotEqualsIgnoreCase", "ABC", "abc", false],
    ["StringLike", "a?c*", "abcd", true],
    ["StringNotLike", "a?c*", "abcd", false],
    ["NumericEquals", 5, "5.0", true],
    ["NumericLessThan", "10", "9", true],
    ["NumericLessThanEquals", "10", "10", true],
    ["NumericGreaterThan", "10", "10", false],
    ["NumericGreaterThanEquals", "10", "10", true],
    ["NumericLessThan", "10", "many", false],
    ["DateGreaterThan", "2026-04-01T00:00:00Z", "2026-06-30T23:59:59Z", true],
    ["DateLessThan", "2026-04-01T00:00:00Z", "2026-06-30T23:59:59Z", false],
    ["DateEquals", "1767225600", "2026-01-01T00:00:00Z", true],
    ["DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00.000Z", true],
    ["Bool", true, "true", true],
    ["Bool", "false", "true", false],
    ["BinaryEquals", "QmluYXJ5", "QmluYXJ5", true],
    ["IpAddress", "203.0.113.0/24", "203.0.113.77", true],
    ["IpAddress", "203.0.113.0/24", "203.0.114.1", false],
    ["IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", true],
    ["IpAddress", "10.0.0.0/8", "::ffff:10.2.3.4", true],
    ["IpAddress", "10.0.0.0/8", "2001:db8::1", false],
    ["IpAddress", "10.1.2.3", "10.1.2.3", true],
    ["NotIpAddress", "10.0.0.0/8", "10.1.2.3", false],
    ["ArnLike", "arn:aws:iam::*:role/ci-*", "arn:aws:iam::111122223333:role/ci-main", true],
    ["ArnLike", "arn:aws:*:*:role:ci", "arn:aws:iam:eu:west:role:ci", false],
    ["ArnEquals", "arn:aws:iam::*:role/ci", "arn:aws:iam::111122223333:role/ci", true],
    ["ArnNotLike", "arn:aws:iam::*:role/*", "arn:aws:iam::111122223333:role/ci", false],
  ])("%s %j of %s: %s", (operator, wanted, given, expected) => {
    expect(holds({ [operator]: { "x:Key": wanted } }, { "x:key": given })).toBe(expected);
  });
  test("an absent key fails, but not a negated operator or IfExists", () => {
    expect(holds({ StringEquals: { "x:y": "a" } }, {})).toBe(false);
    expect(holds({ StringNotEquals: { "x:y": "a" } }, {})).toBe(true);
    expect(holds({ StringEqualsIfExists: { "x:y": "a" } }, {})).toBe(true);
    expect(holds({ StringEqualsIfExists: { "x:y": "a" } }, { "x:y": "b" })).toBe(false);
  });
  test("Null asks whether the key is there", () => {
    expect(holds({ Null: { "aws:TagKeys": "true" } }, {})).toBe(true);
    expect(holds({ Null: { "aws:TagKeys": "false" } }, {})).toBe(false);
    expect(holds({ Null: { "aws:TagKeys": false } }, { "aws:tagkeys": ["a"] })).toBe(true);
  });
  test("all operators and all keys must hold", () => {
    const both = { StringEquals: { "x:a": "1", "x:b": "2" }, Bool: { "x:c": true } };
    expect(holds(both, { "x:a": "1", "x:b": "2", "x:c": "true" })).toBe(true);
    expect(holds(both, { "x:a": "1", "x:b": "3", "x:c": "true" })).toBe(false);
    expect(holds(both, { "x:a": "1", "x:b": "2", "x:c": "false" })).toBe(false);
  });
  test("AWS, ForAllValues: every value of the request is one of the policy's; none at all is every", () => {
    const only = { "ForAllValues:StringEquals": { "aws:TagKeys": ["environment", "costcenter"] } };
    expect(holds(only, { "aws:TagKeys": ["environment"] })).toBe(true);
    expect(holds(only, { "aws:TagKeys": ["environment", "webserver"] })).toBe(false);
    expect(holds(only, {})).toBe(true);
  });
  test("AWS, ForAnyValue: at least one value matches", () => {
    const some = { "ForAnyValue:StringEquals": { "aws:TagKeys": ["environment", "costcenter"] } };
    expect(holds(some, { "aws:TagKeys": ["environment", "webserver"] })).toBe(true);
    expect(holds(some, { "aws:TagKeys": ["webserver"] })).toBe(false);
    expect(holds(some, {})).toBe(false);
  });
  test("a condition that nobody understands denies and does not allow", () => {
    expect(holds({ StringAlmost: { "x:y": "a" } }, { "x:y": "a" })).toBe(false);
    const Condition = { IpAddress: { "aws:SourceIp": "10.0.0.0/99" } };
    expect(ask({ caller: { policies: [statements(allow(), denies({ Condition }))] } }).allowed).toBe(false);
  });
  test("only decisions that ask for the time depend on it", () => {
    const Condition = { DateLessThan: { "aws:CurrentTime": "2026-01-01T00:00:00Z" } };
    expect(dependsOnTime([statements(allow(), allow({ Condition }))])).toBe(true);
    expect(dependsOnTime(everything)).toBe(false);
  });
});

describe("policy variables", () => {
  const own = { "aws:username": "jane", "aws:principaltag/team": "blue" };
  test("stand for what the request says, as plain text", () => {
    expect(holds({ StringEquals: { "x:y": "${aws:username}" } }, { ...own, "x:y": "jane" })).toBe(true);
    expect(holds({ StringLike: { "x:y": "${AWS:UserName}-*" } }, { ...own, "x:y": "jane-1" })).toBe(true);
    expect(holds({ StringLike: { "x:y": "${aws:username}" } }, { "aws:username": "*", "x:y": "jane" })).toBe(
      false,
    );
    expect(holds({ StringEquals: { "x:y": "${aws:PrincipalTag/team}" } }, { ...own, "x:y": "blue" })).toBe(
      true,
    );
  });
  test("work in resources", () => {
    const policy = statements({ Effect: "Allow", Action: "*", Resource: "arn:x:${aws:username}/*" });
    const facts = new Map(Object.entries(own));
    expect(evaluate([policy], "codeartifact:X", "arn:x:jane/1", facts).allowed).toBe(true);
    expect(evaluate([policy], "codeartifact:X", "arn:x:john/1", facts).allowed).toBe(false);
    expect(evaluate([policy], "codeartifact:X", "arn:x:jane/1").allowed).toBe(false);
  });
  test("AWS: a default is used when there is no value", () => {
    const Condition = { StringEquals: { "x:y": "${aws:PrincipalTag/team, 'company-wide'}" } };
    expect(holds(Condition, { "x:y": "company-wide" })).toBe(true);
    expect(holds(Condition, { ...own, "x:y": "company-wide" })).toBe(false);
  });
  test("${*}, ${?} and ${$} are the characters themselves", () => {
    expect(holds({ StringLike: { "x:y": "a${*}" } }, { "x:y": "a*" })).toBe(true);
    expect(holds({ StringLike: { "x:y": "a${*}" } }, { "x:y": "ab" })).toBe(false);
    expect(holds({ StringLike: { "x:y": "${?}${$}" } }, { "x:y": "?$" })).toBe(true);
  });
  test("are plain text in policies of the old version", () => {
    const Condition = { StringEquals: { "x:y": "${aws:username}" } };
    expect(holds(Condition, { ...own, "x:y": "jane" }, "2008-10-17")).toBe(false);
    expect(holds(Condition, { ...own, "x:y": "${aws:username}" }, "2008-10-17")).toBe(true);
  });
  test("without a value match nothing, and a deny of all but them holds", () => {
    expect(holds({ StringEquals: { "x:y": "${aws:username}" } }, { "x:y": "${aws:username}" })).toBe(false);
    expect(holds({ StringNotEquals: { "x:y": "${aws:username}" } }, { "x:y": "jane" })).toBe(false);
    const Condition = { StringNotEquals: { "x:y": "${aws:username}" } };
    const policies = [statements(allow(), denies({ Condition }))];
    expect(ask({ caller: { policies }, facts: new Map([["x:y", "jane"]]) }).allowed).toBe(false);
  });
});

describe("examples from AWS's guides", () => {
  test("CodeArtifact: read access for a whole organization", () => {
    const policy = parsePolicy(
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "DomainPolicyForOrganization",
            Effect: "Allow",
            Principal: "*",
            Action: [
              "codeartifact:GetDomainPermissionsPolicy",
              "codeartifact:ListRepositoriesInDomain",
              "codeartifact:ReadFromRepository",
            ],
            Resource: "*",
            Condition: { StringEquals: { "aws:PrincipalOrgID": ["o-xxxxxxxxxxx"] } },
          },
        ],
      }),
      "resource",
    );
    const asked = { caller: foreign({ policies: everything }), resourcePolicies: [policy] };
    expect(ask({ ...asked, facts: new Map([["aws:principalorgid", "o-xxxxxxxxxxx"]]) }).allowed).toBe(true);
    expect(ask({ ...asked, facts: new Map([["aws:principalorgid", "o-other"]]) }).allowed).toBe(false);
    expect(ask(asked).allowed).toBe(false);
  });
  test("IAM: deny from outside the company's addresses", () => {
    const policy = statements(
      allow(),
      denies({
        Action: "*",
        Condition: {
          NotIpAddress: { "aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"] },
          Bool: { "aws:ViaAWSService": "false" },
        },
      }),
    );
    const from = (ip: string) =>
      ask({
        caller: { policies: [policy] },
        facts: new Map([
          ["aws:sourceip", ip],
          ["aws:viaawsservice", "false"],
        ]),
      });
    expect(from("192.0.2.10").allowed).toBe(true);
    expect(from("198.51.100.1").allowed).toBe(false);
  });
  test("IAM, ABAC: the principal's tag must equal the resource's", () => {
    const policy = statements(
      allow({ Condition: { StringEquals: { "aws:ResourceTag/team": "${aws:PrincipalTag/team}" } } }),
    );
    const tags = (resource: string) =>
      new Map([
        ["aws:resourcetag/team", resource],
        ["aws:principaltag/team", "blue"],
      ]);
    expect(ask({ caller: { policies: [policy] }, facts: tags("blue") }).allowed).toBe(true);
    expect(ask({ caller: { policies: [policy] }, facts: tags("red") }).allowed).toBe(false);
  });
});
