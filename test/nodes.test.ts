// What one node changes, every other node shows to the next request that reaches it (issue 6, deliver 4).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../src/store/database.ts";
import { revokeToken } from "../src/store/identities.ts";
import { deletePrincipal } from "../src/store/principals.ts";
import { freshPostgres } from "./databases.ts";
import { type Nodes, startNodes } from "./nodes.ts";
import { openRoad } from "./road.ts";
import { ACCOUNT, DOMAIN, encodeName, startServer, type TestServer } from "./server.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
/** Enough for a notice that comes a little late to be caught late at least once. */
const ROUNDS = 8;

describe.skipIf(POSTGRES === undefined)("two nodes over one PostgreSQL (skipped without one)", () => {
  let service: Nodes;
  let here: TestServer;
  let there: TestServer;
  beforeAll(async () => {
    service = await startNodes(POSTGRES as string, 2);
    [here, there] = service.nodes as [TestServer, TestServer];
    await here.repository("base");
    await here.repository("repo", ["base"]);
  });
  afterAll(() => service.close());

  const place = (name: string, repository = "repo") => ({
    domain: DOMAIN,
    repository,
    format: "npm" as const,
    package: name,
  });
  const document = async (node: TestServer, name: string) =>
    (await (await node.npm("repo", encodeName(name))).json()) as {
      "dist-tags": Record<string, string>;
      versions: Record<string, { deprecated?: string }>;
    };

  test("a publish, into the repository or one that it draws from", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `published-${round}`;
      const expected: string[] = [];
      expect(await here.versions("repo", name)).toEqual(expected);
      for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
        await there.publish(round % 2 === 0 ? "repo" : "base", { name, version });
        expected.push(version);
        expect(await here.versions("repo", name)).toEqual(expected);
      }
      expect((await here.tarball("repo", name, "2.0.0")).status).toBe(200);
    }
  });

  test("a dist-tag, a deprecation", async () => {
    const name = "told";
    await here.publish("repo", { name, version: "1.0.0" });
    await here.publish("repo", { name, version: "2.0.0" });
    for (let round = 0; round < ROUNDS; round++) {
      const version = round % 2 === 0 ? "1.0.0" : "2.0.0";
      await there.npm("repo", `-/package/${name}/dist-tags/stable`, {
        method: "PUT",
        body: JSON.stringify(version),
      });
      expect((await document(here, name))["dist-tags"]["stable"]).toBe(version);
      const whole = await document(there, name);
      for (const one of Object.values(whole.versions)) one.deprecated = `round ${round}`;
      const put = await there.npm("repo", name, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(whole),
      });
      expect(put.status).toBeLessThan(300);
      expect((await document(here, name)).versions["1.0.0"]?.deprecated).toBe(`round ${round}`);
    }
  });

  test("a version's status, a deleted version, a deleted package: of the document, of the file and of the API", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `retired-${round}`;
      for (const version of ["1.0.0", "2.0.0"]) await here.publish("repo", { name, version });
      expect((await here.tarball("repo", name, "1.0.0")).status).toBe(200);
      expect((await here.tarball("repo", name, "1.0.0")).status).toBe(200);
      await there.client.updatePackageVersionsStatus({
        ...place(name),
        versions: ["1.0.0"],
        targetStatus: "Archived",
      });
      expect((await here.tarball("repo", name, "1.0.0")).status).toBe(404);
      expect(await here.versions("repo", name)).toEqual(["2.0.0"]);
      await there.client.deletePackageVersions({ ...place(name), versions: ["1.0.0"] });
      const listed = await here.client.listPackageVersions(place(name));
      expect(listed.versions?.map(({ version }) => version)).toEqual(["2.0.0"]);
      await there.client.deletePackage(place(name));
      expect((await here.npm("repo", name)).status).toBe(404);
      expect((await here.tarball("repo", name, "2.0.0")).status).toBe(404);
      await there.publish("repo", { name, version: "1.0.0" }, { content: "again" });
      expect(await here.versions("repo", name)).toEqual(["1.0.0"]);
    }
  });

  test("a copy", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `copied-${round}`;
      await there.repository(`from-${round}`);
      await there.publish(`from-${round}`, { name, version: "1.0.0" });
      expect(await here.versions("repo", name)).toEqual([]);
      await there.client.copyPackageVersions({
        domain: DOMAIN,
        sourceRepository: `from-${round}`,
        destinationRepository: "repo",
        format: "npm",
        package: name,
        versions: ["1.0.0"],
      });
      expect(await here.versions("repo", name)).toEqual(["1.0.0"]);
    }
  });

  test("origin settings: of what is shown and of what may be published", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `closed-${round}`;
      await there.publish("base", { name, version: "1.0.0" });
      await there.client.putPackageOriginConfiguration({
        ...place(name),
        restrictions: { publish: "ALLOW", upstream: "ALLOW" },
      });
      expect(await here.versions("repo", name)).toEqual(["1.0.0"]);
      await there.client.putPackageOriginConfiguration({
        ...place(name),
        restrictions: { publish: "BLOCK", upstream: "BLOCK" },
      });
      expect(await here.versions("repo", name)).toEqual([]);
      expect((await here.publish("repo", { name, version: "2.0.0" })).status).toBe(403);
    }
  });

  test("a package group", async () => {
    await here.publish("base", { name: "grouped", version: "1.0.0" });
    await here.client.createPackageGroup({ domain: DOMAIN, packageGroup: "/npm//grouped$" });
    for (let round = 0; round < ROUNDS; round++) {
      const mode = round % 2 === 0 ? "BLOCK" : "ALLOW";
      await there.client.updatePackageGroupOriginConfiguration({
        domain: DOMAIN,
        packageGroup: "/npm//grouped$",
        restrictions: { INTERNAL_UPSTREAM: mode },
      });
      expect(await here.versions("repo", "grouped")).toEqual(mode === "BLOCK" ? [] : ["1.0.0"]);
    }
  });

  test("a repository that comes, draws from another one, and goes", async () => {
    await here.publish("base", { name: "below", version: "1.0.0" });
    for (let round = 0; round < ROUNDS; round++) {
      const repository = `short-${round}`;
      expect((await here.npm(repository, "below")).status).toBe(404);
      await there.repository(repository);
      expect(await here.versions(repository, "below")).toEqual([]);
      await there.client.updateRepository({
        domain: DOMAIN,
        repository,
        upstreams: [{ repositoryName: "base" }],
      });
      expect(await here.versions(repository, "below")).toEqual(["1.0.0"]);
      await there.client.deleteRepository({ domain: DOMAIN, repository });
      expect((await here.npm(repository, "below")).status).toBe(404);
    }
  });

  test("a permission that was taken away", async () => {
    await here.publish("repo", { name: "secret", version: "1.0.0" });
    for (let round = 0; round < ROUNDS; round++) {
      expect((await here.npm("repo", "secret")).status).toBe(200);
      await there.client.putRepositoryPermissionsPolicy({
        domain: DOMAIN,
        repository: "repo",
        policyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Deny",
              Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
              Action: "codeartifact:ReadFromRepository",
              Resource: "*",
            },
          ],
        }),
      });
      expect((await here.npm("repo", "secret")).status).toBe(403);
      await there.client.deleteRepositoryPermissionsPolicy({ domain: DOMAIN, repository: "repo" });
    }
  });

  test("a token that was revoked, a user that was deleted: refused on every node by the time the call has returned", async () => {
    const commandLine = await openDatabase(service.database);
    await here.publish("repo", { name: "guarded", version: "1.0.0" });
    const ask = (node: TestServer, token: string) =>
      node
        .npm("repo", "guarded", { headers: { authorization: `Bearer ${token}` } })
        .then(({ status }) => status);
    const everywhere = (token: string) => Promise.all(service.nodes.map((node) => ask(node, token)));
    for (let round = 0; round < ROUNDS; round++) {
      const { authorizationToken = "" } = await there.client.getAuthorizationToken({ domain: DOMAIN });
      expect(await everywhere(authorizationToken)).toEqual([200, 200]);
      const [id = ""] = authorizationToken.split(".");
      expect(await commandLine.write((tx) => revokeToken(tx, id, Date.now()))).toBe(true);
      expect(await everywhere(authorizationToken)).toEqual([401, 401]);
    }
    const { authorizationToken = "" } = await there.client.getAuthorizationToken({ domain: DOMAIN });
    expect(await everywhere(authorizationToken)).toEqual([200, 200]);
    const { id } = await commandLine.read.selectFrom("principal").select("id").executeTakeFirstOrThrow();
    await commandLine.write((tx) => deletePrincipal(tx, id));
    expect(await everywhere(authorizationToken)).toEqual([401, 401]);
    await expect(here.client.listDomains({})).rejects.toThrow();
    await commandLine.close();
  });
});

describe.skipIf(POSTGRES === undefined)(
  "a node that has lost its database (skipped without PostgreSQL)",
  () => {
    test("refuses in each door's own words, with 503 and when to come again, and serves again by itself", async () => {
      const address = new URL(await freshPostgres(POSTGRES as string));
      const road = await openRoad(Number(address.port));
      address.port = String(road.port);
      const node = await startServer({ database: address.href });
      await node.repository("repo");
      await node.publish("repo", { name: "kept", version: "1.0.0" });
      expect(await node.versions("repo", "kept")).toEqual(["1.0.0"]);
      await road.close();

      // Not even what is at hand: another node may have changed it.
      const refused = await node.npm("repo", "kept");
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
      expect(await refused.json()).toMatchObject({
        error: expect.stringMatching(/database cannot be reached.*again/),
      });
      await expect(node.client.listDomains({})).rejects.toMatchObject({
        name: "ServiceUnavailableException",
        $metadata: { httpStatusCode: 503 },
      });
      expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${node.url}/metrics`)).status).toBe(200);
      expect((await fetch(`${node.url}/readyz`)).status).toBe(503);

      await road.open();
      const back = async () => (await node.npm("repo", "kept")).status;
      await expect.poll(back, { timeout: 20_000, interval: 100 }).toBe(200);
      expect((await node.publish("repo", { name: "kept", version: "2.0.0" })).status).toBe(201);
      expect(await node.versions("repo", "kept")).toEqual(["1.0.0", "2.0.0"]);
      expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
      await node.close();
      await road.close();
    });
  },
);
