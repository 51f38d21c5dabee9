// The matrix of spec 2.8, end to end over HTTP: a repository R, its upstream U, and a public registry P that U is connected to.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freshPostgres } from "./databases.ts";
import { DOMAIN, startServer, type TestServer } from "./server.ts";

const ENGINES = [
  { name: "SQLite", postgres: undefined },
  { name: "PostgreSQL", postgres: process.env.PORTCULLIS_TEST_POSTGRES },
];

describe.each(ENGINES.filter(({ name, postgres }) => name === "SQLite" || postgres !== undefined))(
  "on $name",
  ({ postgres }) => {
    let outside: TestServer; // P: another Portcullis that plays the public registry
    let server: TestServer;
    let count = 0;
    let name = "";
    let R = "";
    let U = "";

    beforeAll(async () => {
      outside = await startServer();
      await outside.repository("public");
      const upstream = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
      server = await startServer({
        upstream: [`public:npmjs=${upstream}`],
        "upstream-freshness-ms": "0",
        ...(postgres === undefined ? {} : { database: await freshPostgres(postgres) }),
      });
    });
    afterAll(async () => {
      await server.close();
      await outside.close();
    });
    beforeEach(async () => {
      count++;
      name = `pkg-${count}`;
      R = `r${count}`;
      U = `u${count}`;
      await server.repository(U, ["public:npmjs"]);
      await server.repository(R, [U]);
    });

    const publicly = async (version: string, content = "public") =>
      expect((await outside.publish("public", { name, version }, { content })).ok).toBe(true);
    const publish = (version: string, repository = R, content = "mine") =>
      server.publish(repository, { name, version }, { content });
    const put = (publish: "ALLOW" | "BLOCK", upstream: "ALLOW" | "BLOCK", repository = R) =>
      server.client.putPackageOriginConfiguration({
        domain: DOMAIN,
        repository,
        format: "npm",
        package: name,
        restrictions: { publish, upstream },
      });
    const settings = async (repository = R) =>
      (await server.client.describePackage({ domain: DOMAIN, repository, format: "npm", package: name }))
        .package?.originConfiguration?.restrictions;
    const refusedBecause = async (answer: Response, status: number, rule: RegExp) => {
      expect(answer.status).toBe(status);
      expect(answer.headers.get("x-portcullis-reason")).toMatch(rule);
      expect(await answer.text()).toMatch(/PutPackageOriginConfiguration/);
    };

    test("#1: a publish of a name nobody has is accepted, and closes the upstream side", async () => {
      expect((await publish("1.0.0")).status).toBe(201);
      expect(await settings()).toEqual({ publish: "ALLOW", upstream: "BLOCK" });
    });

    test("#2: a stranger's 9.9.9 of my name is never seen, and its tarball is 404 with the rule", async () => {
      await publish("1.0.0");
      await publicly("9.9.9");
      expect(await server.versions(R, name)).toEqual(["1.0.0"]);
      await refusedBecause(await server.tarball(R, name, "9.9.9"), 404, /upstream=BLOCK; repository=r/);
    });

    test("#3: an install keeps the version in U and R, and closes publishing in both", async () => {
      await publicly("1.0.0");
      await (await server.tarball(R, name, "1.0.0")).arrayBuffer(); // recorded before its last byte is sent
      expect(await settings(R)).toEqual({ publish: "BLOCK", upstream: "ALLOW" });
      expect(await settings(U)).toEqual({ publish: "BLOCK", upstream: "ALLOW" });
      await refusedBecause(await publish("2.0.0"), 403, /publish=BLOCK; repository=r/);
    });

    test("#4: ALLOW/ALLOW: a number that P has is a conflict, another is accepted", async () => {
      await publicly("1.0.0");
      await put("ALLOW", "ALLOW");
      expect((await publish("1.0.0")).status).toBe(409);
      expect((await publish("1.0.1")).status).toBe(201);
      expect(await server.versions(R, name)).toEqual(expect.arrayContaining(["1.0.0", "1.0.1"]));
    });

    test("#5: ALLOW/BLOCK: a number that P has is accepted, since P is not reachable", async () => {
      await publicly("1.0.0");
      await put("ALLOW", "BLOCK");
      expect((await publish("1.0.0")).status).toBe(201);
      const mine = Buffer.from(await (await server.tarball(R, name, "1.0.0")).arrayBuffer());
      const theirs = Buffer.from(await (await outside.tarball("public", name, "1.0.0")).arrayBuffer());
      expect(mine.equals(theirs)).toBe(false);
    });

    test("#9: BLOCK/ALLOW: a publish is refused by the package's own setting", async () => {
      await put("BLOCK", "ALLOW");
      await refusedBecause(await publish("1.0.0"), 403, /package setting publish=BLOCK/);
      expect(await server.versions(R, name)).toEqual([]);
    });

    test("#10, package side: a version only in U is 404 once R blocks, and what R holds is still served", async () => {
      await publish("1.0.0", U);
      expect((await server.tarball(R, name, "1.0.0")).status).toBe(200);
      await publish("2.0.0", U);
      await put("BLOCK", "BLOCK");
      expect(await server.versions(R, name)).toEqual(["1.0.0"]);
      expect((await server.tarball(R, name, "1.0.0")).status).toBe(200);
      expect((await server.tarball(R, name, "2.0.0")).status).toBe(404);
    });

    test("#12: settings on an absent package hold before it exists: nothing enters, DescribePackage works, zero versions", async () => {
      await publicly("1.0.0");
      await put("BLOCK", "BLOCK");
      expect((await publish("2.0.0")).status).toBe(403);
      expect((await server.npm(R, name)).status).toBe(404);
      expect((await server.tarball(R, name, "1.0.0")).status).toBe(404);
      expect(await settings()).toEqual({ publish: "BLOCK", upstream: "BLOCK" });
      expect(
        (
          await server.client.listPackageVersions({
            domain: DOMAIN,
            repository: R,
            format: "npm",
            package: name,
          })
        ).versions,
      ).toEqual([]);
    });

    test("#13: a retained 1.0.0 stays when upstream turns BLOCK, a new 2.0.0 does not come", async () => {
      await publicly("1.0.0");
      await server.tarball(R, name, "1.0.0").then((answer) => answer.arrayBuffer());
      await publicly("2.0.0");
      await put("BLOCK", "BLOCK");
      expect(await server.versions(R, name)).toEqual(["1.0.0"]);
      expect((await server.tarball(R, name, "1.0.0")).status).toBe(200);
      expect((await server.tarball(R, name, "2.0.0")).status).toBe(404);
    });

    test("#14: deleting every version leaves the settings; a new publish does not change them", async () => {
      await publish("1.0.0");
      await put("ALLOW", "ALLOW");
      const { _rev } = (await (await server.npm(R, name)).json()) as { _rev: string };
      expect((await server.npm(R, `${name}/-rev/${_rev}`, { method: "DELETE" })).status).toBe(200);
      expect(await server.versions(R, name)).toEqual([]);
      expect((await publish("1.0.0", R, "again")).status).toBe(201);
      expect(await settings()).toEqual({ publish: "ALLOW", upstream: "ALLOW" });
    });

    test("a number that an upstream repository holds is a conflict while upstream is ALLOW", async () => {
      await publish("1.0.0", U);
      await put("ALLOW", "ALLOW");
      expect((await publish("1.0.0")).status).toBe(409);
    });

    test("the same bytes again are 200, other bytes 409, and the first stay", async () => {
      await publish("1.0.0");
      const before = Buffer.from(await (await server.tarball(R, name, "1.0.0")).arrayBuffer());
      expect((await publish("1.0.0")).status).toBe(200);
      expect((await publish("1.0.0", R, "other")).status).toBe(409);
      expect(Buffer.from(await (await server.tarball(R, name, "1.0.0")).arrayBuffer()).equals(before)).toBe(
        true,
      );
    });

    test("a blocked name is never asked for outside", async () => {
      await publicly("1.0.0");
      await put("ALLOW", "BLOCK");
      await put("ALLOW", "BLOCK", U);
      const before = await requestsSeenBy(outside);
      await server.versions(R, name);
      await server.tarball(R, name, "1.0.0");
      await publish("1.0.0");
      expect(await requestsSeenBy(outside)).toBe(before);
    });

    /** npm requests that P has answered so far. */
    async function requestsSeenBy(of: TestServer): Promise<number> {
      const text = await (await fetch(`${of.url}/metrics`)).text();
      return [...text.matchAll(/^portcullis_http_requests_total\{door="npm"[^}]*\} (\d+)$/gm)].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    }

    test("whatever is listed downloads; whatever is hidden is 404 on every route", async () => {
      for (const version of ["1.0.0", "1.1.0", "2.0.0"]) await publicly(version);
      await publish("3.0.0", U);
      await server.tarball(R, name, "1.1.0").then((answer) => answer.arrayBuffer());
      for (const [publishing, upstream] of [
        ["ALLOW", "ALLOW"],
        ["BLOCK", "BLOCK"],
        ["ALLOW", "BLOCK"],
      ] as const) {
        await put(publishing, upstream);
        const listed = new Set(await server.versions(R, name));
        for (const version of ["1.0.0", "1.1.0", "2.0.0", "3.0.0", "4.0.0"]) {
          const expected = listed.has(version) ? 200 : 404;
          expect(
            (await server.npm(R, `${name}/${version}`)).status,
            `${version} manifest under ${upstream}`,
          ).toBe(expected);
          const head = await server.npm(R, `${name}/-/${name}-${version}.tgz`, { method: "HEAD" });
          expect(head.status, `${version} HEAD under ${upstream}`).toBe(expected);
        }
      }
      for (const version of await server.versions(R, name))
        expect((await server.tarball(R, name, version)).status).toBe(200);
    });
  },
);
