// Trust in issuers: which claims become condition keys, and which trust would let in everybody.
import { describe, expect, test } from "vitest";
import { parsePolicy } from "./policy-document.ts";
import { claimFacts, providerArn } from "./web-identity.ts";

const GITHUB = "token.actions.githubusercontent.com";
const trust = (host: string, Condition?: object) =>
  JSON.stringify({
    Statement: {
      Effect: "Allow",
      Principal: { Federated: `arn:aws:iam::000000000000:oidc-provider/${host}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      ...(Condition === undefined ? {} : { Condition }),
    },
  });

test("an issuer's ARN is its URL without the scheme, path and slash as they are", () => {
  expect(providerArn("000000000000", "https://issuer.example/a/")).toBe(
    "arn:aws:iam::000000000000:oidc-provider/issuer.example/a/",
  );
});

test("claims are condition keys under the issuer's name; objects, and names that could be mistaken, are not", () => {
  const facts = claimFacts("https://Issuer.example/a", {
    sub: "me",
    amr: ["x", "y"],
    run_attempt: 1,
    protected: true,
    Sub: "other",
    nested: { sub: "x" },
    mixed: ["x", {}],
    __proto__x: "x",
  });
  expect(Object.fromEntries(facts)).toEqual({
    "issuer.example/a:sub": "me",
    "issuer.example/a:amr": ["x", "y"],
    "issuer.example/a:run_attempt": "1",
    "issuer.example/a:protected": "true",
  });
});

describe("a role that trusts an issuer of everybody", () => {
  test.each<[string, object]>([
    ["one subject", { StringEquals: { [`${GITHUB}:sub`]: "repo:acme/app:ref:refs/heads/main" } }],
    ["an owner's repositories", { StringLike: { [`${GITHUB}:sub`]: ["repo:acme/*"] } }],
    ["in any case", { stringlike: { [`${GITHUB}:SUB`]: "repo:acme/app:*" } }],
    ["a customised subject", { StringLike: { [`${GITHUB}:sub`]: "repository_owner_id:17:*" } }],
  ])("is made with %s", (_, condition) => {
    expect(() => parsePolicy(trust(GITHUB, condition), "trust")).not.toThrow();
  });

  test.each<[string, object | undefined]>([
    ["no condition", undefined],
    ["the audience alone", { StringEquals: { [`${GITHUB}:aud`]: "sts.amazonaws.com" } }],
    ["everybody's subject", { StringLike: { [`${GITHUB}:sub`]: "*" } }],
    ["every repository", { StringLike: { [`${GITHUB}:sub`]: "repo:*" } }],
    ["owners that begin alike", { StringLike: { [`${GITHUB}:sub`]: "repo:acme*" } }],
    [
      "one of two for everybody",
      { StringLike: { [`${GITHUB}:sub`]: ["repo:acme/app:*", "repo:*:ref:main"] } },
    ],
    ["whom it is not", { StringNotEquals: { [`${GITHUB}:sub`]: "repo:evil/app:x" } }],
    ["a condition that holds without one", { StringLikeIfExists: { [`${GITHUB}:sub`]: "repo:acme/*" } }],
    ["one that holds for none", { "ForAllValues:StringLike": { [`${GITHUB}:sub`]: "repo:acme/*" } }],
    ["another issuer's subject", { StringLike: { "issuer.example:sub": "repo:acme/*" } }],
  ])("is refused with %s, and told what would do", (_, condition) => {
    expect(() => parsePolicy(trust(GITHUB, condition), "trust")).toThrow(
      /needs a condition that says whose.*token\.actions\.githubusercontent\.com:sub.*repo:OWNER/,
    );
  });

  test("GitLab's as well; a company's own issuer not", () => {
    expect(() => parsePolicy(trust("gitlab.com"), "trust")).toThrow(/'gitlab\.com:sub'/);
    expect(() => parsePolicy(trust("gitlab.example"), "trust")).not.toThrow();
  });

  test("a federated principal is an OIDC provider, in full", () => {
    for (const name of ["*", "issuer.example", "arn:aws:iam::000000000000:oidc-provider/*"])
      expect(() =>
        parsePolicy(
          JSON.stringify({
            Statement: {
              Effect: "Allow",
              Principal: { Federated: name },
              Action: "sts:AssumeRoleWithWebIdentity",
            },
          }),
          "trust",
        ),
      ).toThrow(/no OIDC provider/);
  });
});
