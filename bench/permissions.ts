// What one permission decision costs, in microseconds, and how it grows with patterns: `node bench/permissions.ts`.
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

/** As many as fit into the 7168 characters of a policy, or nearly. */
function domainStatement(user: string): object {
  return {
    Effect: "Allow",
    Action: ["codeartifact:Read*", "codeartifact:Publish*"],
    Resource: "*",
    Principal: { AWS: `arn:aws:iam::${account}:user/${user}` },
  };
}

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
  "a domain policy of 40 statements, the last one decides": {
    identity: [],
    resource: [
      policy(...Array.from({ length: 40 }, (_, i) => domainStatement(i < 39 ? `team-${i}` : "jane"))),
    ],
  },
};

const ask = (
  identity: readonly PolicyDocument[],
  resourcePolicies: readonly PolicyDocument[],
  on: string,
) => ({
  caller: { account, arn: `arn:aws:iam::${account}:user/jane`, policies: identity },
  action: "codeartifact:PublishPackageVersion",
  resource: on,
  resourcePolicies,
  facts,
  homeAccounts: [account],
});

for (const [name, { identity, resource: resourcePolicies }] of Object.entries(cases)) {
  const request = ask(identity, resourcePolicies, resource);
  const cost = microseconds(() => authorizeRequest(request), 100_000);
  console.log(`${name}: ${cost.toFixed(2)} µs a decision (${authorizeRequest(request).reason})`);
}

/** A pattern of stars that all but matches: twice the text, or twice the pattern, must cost about twice as much. */
for (const [what, patternOf, textOf] of [
  ["text", () => "*a".repeat(500), (n: number) => "a".repeat(n * 1_000)],
  ["pattern", (n: number) => "*a".repeat(n * 250), () => "a".repeat(8_000)],
] as const) {
  const costs = [1, 2, 4, 8].map((n) => {
    const identity = [policy({ ...allow, Resource: `${patternOf(n)}b` })];
    const request = ask(identity, [], textOf(n));
    return microseconds(() => authorizeRequest(request), 2_000);
  });
  const growth = costs.map((cost) => (cost / (costs[0] ?? 1)).toFixed(1)).join(", ");
  console.log(`*a*a*a…b against aaa…, 1, 2, 4 and 8 times the ${what}: ${growth} times the cost`);
}

function microseconds(work: () => unknown, rounds: number): number {
  for (let i = 0; i < rounds / 10; i++) work();
  const start = performance.now();
  for (let i = 0; i < rounds; i++) work();
  return ((performance.now() - start) * 1000) / rounds;
}
