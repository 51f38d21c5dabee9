// What one permission decision costs, in microseconds: `node bench/permissions.ts`.
import type { PolicyDocument, PolicyStatement } from "../src/core/caller.ts";
import { authorizeRequest } from "../src/core/permissions.ts";

const account = "111122223333";
const resource = `arn:aws:codeartifact:us-east-1:${account}:package/domain/repository/npm/acme/widget`;
const policy = (...Statement: readonly object[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: Statement as readonly PolicyStatement[],
});
const facts = new Map<string, string | readonly string[]>([
  ["aws:username", "jane"],
  ["aws:sourceip", "192.0.2.10"],
  ["aws:principaltag/team", "acme"],
]);
const allow = { Effect: "Allow", Action: "codeartifact:*", Resource: "*" };
const conditional = {
  Effect: "Allow",
  Action: ["codeartifact:Read*", "codeartifact:Publish*"],
  Resource: "arn:aws:codeartifact:*:*:package/domain/*/npm/${aws:PrincipalTag/team}/*",
  Condition: { IpAddress: { "aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"] } },
};

const cases = {
  "one statement": { identity: [policy(allow)], resource: [] },
  "conditions and variables": { identity: [policy(conditional)], resource: [] },
  "20 statements and a domain policy": {
    identity: [
      policy(
        ...Array.from({ length: 19 }, (_, i) => ({ ...conditional, Action: `codeartifact:Other${i}*` })),
        conditional,
      ),
    ],
    resource: [policy({ ...allow, Principal: { AWS: account } })],
  },
};

for (const [name, { identity, resource: resourcePolicies }] of Object.entries(cases)) {
  const request = {
    caller: { account, arn: `arn:aws:iam::${account}:user/jane`, policies: identity },
    action: "codeartifact:PublishPackageVersion",
    resource,
    resourcePolicies,
    facts,
    homeAccounts: [account],
  };
  const rounds = 300_000;
  for (let i = 0; i < rounds / 10; i++) authorizeRequest(request);
  const start = performance.now();
  for (let i = 0; i < rounds; i++) authorizeRequest(request);
  const microseconds = ((performance.now() - start) * 1000) / rounds;
  console.log(`${name}: ${microseconds.toFixed(2)} µs a decision (${authorizeRequest(request).reason})`);
}
