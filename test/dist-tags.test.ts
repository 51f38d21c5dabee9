// Whose dist-tag wins when a repository and its upstream both have it (spec 8.1.5, I17).
import { afterEach, beforeEach, expect, test } from "vitest";
import { DOMAIN, startServer, type TestServer } from "./server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
  await server.repository("upstream-repo");
});
afterEach(() => server.close());

const latest = async (repository: string): Promise<unknown> =>
  ((await (await server.npm(repository, "pkg")).json()) as { "dist-tags": Record<string, string> })[
    "dist-tags"
  ].latest;

async function publishBoth(repository: string): Promise<void> {
  const pair = {
    domain: DOMAIN,
    format: "npm",
    package: "pkg",
    restrictions: { publish: "ALLOW", upstream: "ALLOW" },
  } as const;
  await server.client.putPackageOriginConfiguration({ ...pair, repository });
  expect((await server.publish("upstream-repo", { name: "pkg", version: "1.0.0" })).status).toBe(201);
  expect((await server.publish(repository, { name: "pkg", version: "2.0.0" })).status).toBe(201);
}

test("8.1.5: the upstream's tag wins, even after a publish downstream", async () => {
  await server.repository("repo", ["upstream-repo"]);
  await publishBoth("repo");
  expect(await latest("repo")).toBe("1.0.0");
});

test("I17: the resource tag portcullis:dist-tags=downstream turns it round for that repository alone", async () => {
  await server.token();
  const tags = [{ key: "portcullis:dist-tags", value: "downstream" }];
  await server.client.createRepository({
    domain: DOMAIN,
    repository: "repo",
    upstreams: [{ repositoryName: "upstream-repo" }],
    tags,
  });
  await publishBoth("repo");
  expect(await latest("repo")).toBe("2.0.0");
  await server.repository("other", ["upstream-repo"]);
  expect(await latest("other")).toBe("1.0.0");
});

test("another value of that tag is refused by name", async () => {
  await server.token();
  const tags = [{ key: "portcullis:dist-tags", value: "mine" }];
  await expect(
    server.client.createRepository({ domain: DOMAIN, repository: "repo", tags }),
  ).rejects.toMatchObject({ name: "ValidationException", message: expect.stringContaining("downstream") });
});
