// Two ways in at the same moment on two nodes: decided once, and the same everywhere (issue 6, deliver 4).
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres } from "./databases.ts";
import { type Nodes, nodeFolder, startNodes } from "./nodes.ts";
import { DOMAIN, publishBody, startServer, type TestServer } from "./server.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;

describe.skipIf(POSTGRES === undefined)("nodes over one PostgreSQL (skipped without one)", () => {
  let outside: TestServer;
  let service: Nodes;
  let nodes: readonly TestServer[];
  let rows: pg.Client;
  beforeAll(async () => {
    outside = await startServer();
    await outside.repository("public");
    const upstream = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
    service = await startNodes(POSTGRES as string, 3, { upstream: [`public:npmjs=${upstream}`] });
    nodes = service.nodes;
    rows = new pg.Client(service.database);
    await rows.connect();
    const [first] = nodes as [TestServer, ...TestServer[]];
    await first.repository("store", ["public:npmjs"]);
    await first.repository("edge", ["store"]);
    await first.repository("own");
  });
  afterAll(async () => {
    await rows.end();
    await service.close();
    await outside.close();
  });

  const journal = async (name: string): Promise<string[]> => {
    const found = await rows.query<{ line: string }>(
      "select event || ' ' || repository || ' ' || version as line from journal where package = $1 order by seq",
      [name],
    );
    return found.rows.map(({ line }) => line);
  };
  const bytes = async (node: TestServer, repository: string, name: string, version: string) => {
    const answer = await node.tarball(repository, name, version);
    return `${answer.status} ${Buffer.from(await answer.arrayBuffer())
      .toString("base64")
      .slice(0, 4_000)}`;
  };
  const everywhere = (ask: (node: TestServer) => Promise<string>) =>
    Promise.all(nodes.map(ask)).then((answers) => new Set(answers).size);

  test("a public version that every node is asked for at once is taken in once, and kept downstream once", async () => {
    for (let round = 0; round < 10; round++) {
      const name = `wanted-${round}`;
      await outside.publish("public", { name, version: "1.0.0" });
      const answers = await Promise.all(nodes.map((node) => bytes(node, "edge", name, "1.0.0")));
      expect(answers[0]).toMatch(/^200 /);
      expect(new Set(answers).size).toBe(1);
      expect(await journal(name)).toEqual(["ingested store 1.0.0", "retained edge 1.0.0"]);
    }
  });

  test("a public file that one node listed is had from another node, whose document is older", async () => {
    const name = "newer";
    await outside.publish("public", { name, version: "1.0.0" });
    const [one, two] = nodes as [TestServer, TestServer];
    expect(await two.versions("store", name)).toEqual(["1.0.0"]);
    await outside.publish("public", { name, version: "1.1.0" });
    expect(await one.versions("store", name)).toEqual(["1.0.0", "1.1.0"]);
    // A document that was asked for just now is taken at its word.
    await expect
      .poll(async () => (await two.tarball("store", name, "1.1.0")).status, {
        timeout: 10_000,
        interval: 200,
      })
      .toBe(200);
    expect((await two.tarball("store", name, "9.9.9")).status).toBe(404);
  });

  test("a publish against an ingestion of the same name is decided once: the loser is refused, and nothing mixes", async () => {
    for (let round = 0; round < 15; round++) {
      const name = `race-${round}`;
      await outside.publish("public", { name, version: "1.0.0" });
      const [one, two] = [nodes[round % 3], nodes[(round + 1) % 3]] as [TestServer, TestServer];
      const install = one
        .tarball("store", name, "1.0.0")
        .then(async (answer) => [answer.status, await answer.arrayBuffer().catch(() => undefined)] as const)
        .catch(() => [0] as const);
      if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, (round % 3) * 4));
      const [published] = await Promise.all([two.publish("store", { name, version: "2.0.0" }), install]);
      const held = (await journal(name)).filter((line) => /^(published|ingested) /.test(line));
      expect([201, 403]).toContain(published.status);
      expect(held).toEqual([published.status === 201 ? "published store 2.0.0" : "ingested store 1.0.0"]);
      expect(await everywhere(async (node) => (await node.versions("store", name)).join())).toBe(1);
    }
  });

  test("one version published on every node at once with different bytes has one winner, and the same bytes everywhere", async () => {
    for (let round = 0; round < 10; round++) {
      const name = `same-${round}`;
      const answers = await Promise.all(
        Array.from({ length: 9 }, (_, i) =>
          (nodes[i % 3] as TestServer).publish(
            "own",
            { name, version: "1.0.0" },
            { content: `content ${i}` },
          ),
        ),
      );
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        201,
        ...Array.from({ length: 8 }, () => 409),
      ]);
      expect(await everywhere((node) => bytes(node, "own", name, "1.0.0"))).toBe(1);
      expect(
        await everywhere(async (node) =>
          JSON.stringify(await (await node.npm("own", name)).json()).replaceAll(node.url, ""),
        ),
      ).toBe(1);
    }
  });

  test("with the same bytes every node succeeds, and it is one version with one line", async () => {
    for (let round = 0; round < 10; round++) {
      const name = `twice-${round}`;
      const answers = await Promise.all(nodes.map((node) => node.publish("own", { name, version: "1.0.0" })));
      expect(
        answers.every(({ ok }) => ok),
        answers.map(({ status }) => status).join(),
      ).toBe(true);
      expect(await journal(name)).toEqual(["published own 1.0.0"]);
    }
  });

  test("many versions of one new package on every node: all are there", async () => {
    const versions = Array.from({ length: 24 }, (_, i) => `1.0.${i}`);
    const answers = await Promise.all(
      versions.map((version, i) => (nodes[i % 3] as TestServer).publish("own", { name: "many", version })),
    );
    expect(answers.map(({ status }) => status)).toEqual(versions.map(() => 201));
    for (const node of nodes) expect(new Set(await node.versions("own", "many"))).toEqual(new Set(versions));
  });

  test("a setting is in force on every node when its call has returned, whoever publishes meanwhile", async () => {
    for (let round = 0; round < 12; round++) {
      const publish = round % 2 === 0 ? "BLOCK" : "ALLOW";
      const [one, two] = [nodes[round % 3], nodes[(round + 1) % 3]] as [TestServer, TestServer];
      await one.client.putPackageOriginConfiguration({
        domain: DOMAIN,
        repository: "own",
        format: "npm",
        package: "closed",
        restrictions: { publish, upstream: "BLOCK" },
      });
      const answer = await two.publish("own", { name: "closed", version: `1.0.${round}` });
      expect(answer.status).toBe(publish === "ALLOW" ? 201 : 403);
    }
  });

  test("a repository that goes while a publish into it is under way on another node: not found, and nothing is left", async () => {
    const [one, two] = nodes as [TestServer, TestServer];
    for (const round of [0, 1, 2]) {
      await two.repository(`going-${round}`);
      const body = JSON.stringify(
        await publishBody(one.npmUrl(`going-${round}`), { name: "late", version: "1.0.0" }),
      );
      const headers = {
        authorization: `Bearer ${await one.token()}`,
        "content-type": "application/json",
        expect: "100-continue",
      };
      const sending = request(`${one.npmUrl(`going-${round}`)}late`, { method: "PUT", headers });
      const answer = once(sending, "response") as Promise<[IncomingMessage]>;
      sending.flushHeaders();
      await once(sending, "continue"); // let in, and being read
      sending.write(body.slice(0, 100));
      await two.client.deleteRepository({ domain: DOMAIN, repository: `going-${round}` });
      if (round > 1) await two.repository(`going-${round}`); // another one of its name
      sending.end(body.slice(100));
      const [{ statusCode }] = await answer;
      expect(statusCode).toBe(404);
    }
    expect(await two.versions("going-2", "late")).toEqual([]);
    expect(await journal("late")).toEqual([]);
  });

  test("one repository, one domain, one group made on every node at once: one is made, the others are told", async () => {
    for (let round = 0; round < 5; round++) {
      const outcomes = async (make: (node: TestServer) => Promise<unknown>) =>
        (await Promise.allSettled(nodes.map(make)))
          .map((o) => (o.status === "fulfilled" ? "made" : (o.reason as Error).name))
          .toSorted();
      const expected = ["ConflictException", "ConflictException", "made"];
      expect(await outcomes(({ client }) => client.createDomain({ domain: `domain-${round}` }))).toEqual(
        expected,
      );
      expect(
        await outcomes(({ client }) =>
          client.createRepository({ domain: DOMAIN, repository: `made-${round}` }),
        ),
      ).toEqual(expected);
      expect(
        await outcomes(({ client }) =>
          client.createPackageGroup({ domain: DOMAIN, packageGroup: `/npm/made-${round}/*` }),
        ),
      ).toEqual(expected);
    }
  });
});

describe.skipIf(POSTGRES === undefined)(
  "first starts at one moment over one empty PostgreSQL (skipped without one)",
  () => {
    test("one administrator, whose key one node has; one paging key; one organization", async () => {
      for (let round = 0; round < 3; round++) {
        const root = await mkdtemp(join(tmpdir(), "portcullis-first-"));
        const database = await freshPostgres(POSTGRES as string);
        const folders = await Promise.all([0, 1, 2].map((index) => nodeFolder(root, index)));
        const nodes = await Promise.all(folders.map((folder) => startServer({ database }, folder)));
        const texts = await Promise.all(
          folders.map((folder) => readFile(join(folder, "credentials"), "utf8").catch(() => undefined)),
        );
        expect(texts.filter((text) => text !== undefined)).toHaveLength(1);
        const first = nodes[texts.findIndex((text) => text !== undefined)] as TestServer;
        expect((await first.client.listDomains({})).domains).toEqual([]);
        const rows = new pg.Client(database);
        await rows.connect();
        const count = async (table: string) => (await rows.query(`select 1 from ${table}`)).rowCount;
        expect([await count("principal"), await count("access_key")]).toEqual([1, 1]);
        const settings = await rows.query<{ key: string }>("select key from server_setting order by key");
        expect(settings.rows.map(({ key }) => key)).toEqual(["organization-id", "paging-key"]);
        await rows.end();
        await Promise.all(nodes.map((node) => node.close()));
        await rm(root, { recursive: true });
      }
    });
  },
);
