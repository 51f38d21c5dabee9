// Two ways in at the same moment: one winner, and the loser is told (threats E).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres } from "./databases.ts";
import { DOMAIN, startServer, type TestServer } from "./server.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
const engines = [{ engine: "SQLite" }, ...(POSTGRES === undefined ? [] : [{ engine: "PostgreSQL" }])];

describe.each(engines)("on $engine", ({ engine }) => {
  let outside: TestServer;
  let server: TestServer;
  beforeAll(async () => {
    outside = await startServer();
    await outside.repository("public");
    const upstream = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
    const database = engine === "PostgreSQL" ? { database: await freshPostgres(POSTGRES as string) } : {};
    server = await startServer({ upstream: [`public:npmjs=${upstream}`], ...database });
    await server.repository("repo", ["public:npmjs"]);
    await server.repository("own");
  });
  afterAll(async () => {
    await server.close();
    await outside.close();
  });

  const settings = async (name: string) =>
    (
      await server.client.describePackage({
        domain: DOMAIN,
        repository: "repo",
        format: "npm",
        package: name,
      })
    ).package?.originConfiguration?.restrictions;

  test("the same version published eight times at once with different bytes has one winner, and its bytes stay", async () => {
    for (let round = 0; round < 5; round++) {
      const name = `same-${round}`;
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          server.publish("own", { name, version: "1.0.0" }, { content: `content ${i}` }),
        ),
      );
      expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
        201,
        ...Array.from({ length: 7 }, () => 409),
      ]);
      expect(await server.versions("own", name)).toEqual(["1.0.0"]);
      expect((await server.tarball("own", name, "1.0.0")).status).toBe(200);
    }
  });

  test("eight versions of one new package at once: all are there, and the first-arrival settings are one record", async () => {
    const name = "many";
    const versions = Array.from({ length: 8 }, (_, i) => `1.0.${i}`);
    const answers = await Promise.all(versions.map((version) => server.publish("own", { name, version })));
    expect(answers.map(({ status }) => status)).toEqual(versions.map(() => 201));
    expect((await server.versions("own", name)).sort((a, b) => (a < b ? -1 : 1))).toEqual(versions);
  });

  test("a publish against an ingestion of the same name: whoever is first closes the other's way, and nothing mixes", async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const name = `race-${round}`;
      await outside.publish("public", { name, version: "1.0.0" });
      const install = server
        .tarball("repo", name, "1.0.0")
        .then(async (answer) => [answer.status, await answer.arrayBuffer().catch(() => undefined)] as const)
        .catch(() => [0] as const);
      if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, (round % 3) * 4));
      const [published] = await Promise.all([server.publish("repo", { name, version: "2.0.0" }), install]);
      const now = await settings(name);
      const held =
        (
          await server.client.listPackageVersions({
            domain: DOMAIN,
            repository: "repo",
            format: "npm",
            package: name,
          })
        ).versions ?? [];
      const numbers = held.map(({ version }) => version).join(" ");
      if (published.status === 201)
        expect({ now, numbers }).toEqual({ now: { publish: "ALLOW", upstream: "BLOCK" }, numbers: "2.0.0" });
      else
        expect({ status: published.status, now, numbers }).toEqual({
          status: 403,
          now: { publish: "BLOCK", upstream: "ALLOW" },
          numbers: "1.0.0",
        });
      outcomes.add(String(published.status));
    }
    expect(outcomes.size).toBeGreaterThan(0);
  });

  test("a setting is in force for every request that starts after its call returned", async () => {
    const name = "closed";
    for (let round = 0; round < 10; round++) {
      const publish = round % 2 === 0 ? "BLOCK" : "ALLOW";
      await server.client.putPackageOriginConfiguration({
        domain: DOMAIN,
        repository: "own",
        format: "npm",
        package: name,
        restrictions: { publish, upstream: "BLOCK" },
      });
      expect((await server.publish("own", { name, version: `1.0.${round}` })).status).toBe(
        publish === "ALLOW" ? 201 : 403,
      );
    }
  });
});
