// Behind a proxy that is trusted, policies and the audit are about the client's address, at every door (spec 6.2.7).
import { afterEach, expect, test } from "vitest";
import type { TestServer } from "./server.ts";
import { DOMAIN, startServer } from "./server.ts";

let server: TestServer | undefined;
afterEach(() => server?.close());

/** A repository whose policy keeps readers from 203.0.113.0/24 out; how a request that names `client` fares at each door. */
async function answers(settings: Readonly<Record<string, string>>, client: string): Promise<string[]> {
  server = await startServer(settings);
  const { client: api, npm, repository } = server;
  await repository("repo");
  const policyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Deny",
      Principal: "*",
      Action: ["codeartifact:ReadFromRepository", "codeartifact:ListPackages"],
      Resource: "*",
      Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } },
    },
  });
  await api.putRepositoryPermissionsPolicy({ domain: DOMAIN, repository: "repo", policyDocument });
  api.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, { "x-forwarded-for": client });
      return next(args);
    },
    { step: "build" },
  );
  const listed = await api.listPackages({ domain: DOMAIN, repository: "repo" }).then(
    () => "listed",
    (error: Error) => error.name,
  );
  const read = await npm("repo", "nothing", { headers: { "x-forwarded-for": client } });
  return [listed, String(read.status)];
}

test("the address that a trusted proxy tells is the client's", async () => {
  expect(await answers({ "trusted-proxies": "10.0.0.0/8, 127.0.0.1" }, "203.0.113.9")).toEqual([
    "AccessDeniedException",
    "403",
  ]);
});

test("a client cannot name itself past a trusted proxy", async () => {
  expect(await answers({ "trusted-proxies": "127.0.0.1" }, "192.0.2.1, 203.0.113.9")).toEqual([
    "AccessDeniedException",
    "403",
  ]);
});

test("nobody is trusted unless configured", async () => {
  expect(await answers({}, "203.0.113.9")).toEqual(["listed", "404"]);
});
