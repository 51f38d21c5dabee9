// PostgreSQL restarted, killed and cut off under load: brief refusals, nothing acknowledged is lost, service returns by itself.
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Nodes, startNodes } from "./nodes.ts";
import { findPostgres, type Postgres, startPostgres } from "./postgres.ts";
import { DOMAIN, type TestServer } from "./server.ts";

describe.skipIf(findPostgres() === undefined)("two nodes under load (skipped without PostgreSQL)", () => {
  let postgres: Postgres;
  let service: Nodes;
  let nodes: readonly TestServer[];
  beforeAll(async () => {
    postgres = (await startPostgres()) as Postgres;
    // Lines about the trouble are expected here, and many.
    service = await startNodes(postgres.url, 2, { "log-level": "error" });
    nodes = service.nodes;
    await nodes[0]?.repository("repo");
    for (const node of nodes) await node.token();
  });
  afterAll(async () => {
    await service.close();
    await postgres.stop();
  });

  let rounds = 0;
  /** Readers and publishers at both nodes until `work` is done and everything has answered well again. */
  async function underLoad(work: () => Promise<void>): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
    const round = ++rounds;
    const name = (publisher: number) => `loaded-${round}-${publisher}`;
    const acknowledged = new Map<string, string[]>();
    const answers = new Map<string, Set<number>>();
    const state = { done: false, wellSince: 0 };
    const note = (what: string, status: number): number => {
      answers.set(what, (answers.get(what) ?? new Set()).add(status));
      if (status >= 300) state.wellSince = 0;
      return status;
    };
    const publisher = async (node: TestServer, id: number): Promise<void> => {
      acknowledged.set(name(id), []);
      for (let n = 0; !state.done; n++) {
        const version = `1.0.${n}`;
        // The same bytes until they are taken: what a client that is told 503 does.
        while (!state.done) {
          const answer = await node.publish("repo", { name: name(id), version });
          if (note("publish", answer.status) < 300) {
            acknowledged.get(name(id))?.push(version);
            state.wellSince++;
            break;
          }
          expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
          expect(await answer.text()).toMatch(/database/i);
          await pause(50);
        }
        await pause(5);
      }
    };
    const reader = async (node: TestServer): Promise<void> => {
      while (!state.done) {
        const document = await node.npm("repo", name(0));
        if (document.status !== 404) note("document", document.status);
        await document.arrayBuffer();
        const described = await node.client.listPackages({ domain: DOMAIN, repository: "repo" }).then(
          ({ $metadata }) => $metadata,
          (error: { $metadata: { httpStatusCode?: number } }) => error.$metadata,
        );
        note("api", described.httpStatusCode ?? 0);
        await pause(5);
      }
    };
    const load = nodes.flatMap((node, i) => [
      publisher(node, 2 * i),
      publisher(node, 2 * i + 1),
      reader(node),
    ]);
    await pause(300);
    await work();
    state.wellSince = 0;
    for (let waited = 0; state.wellSince < 20 && waited < 15_000; waited += 50) await pause(50);
    state.done = true;
    await Promise.all(load);
    expect(state.wellSince).toBeGreaterThanOrEqual(20);
    for (const [what, statuses] of answers)
      expect(
        [...statuses].filter((status) => status !== 200 && status !== 201 && status !== 503),
        what,
      ).toEqual([]);
    for (const [package_, versions] of acknowledged)
      for (const node of nodes)
        expect(await node.versions("repo", package_)).toEqual(expect.arrayContaining(versions));
    return answers;
  }

  test.each(["fast", "immediate"] as const)("a restart (%s)", async (how) => {
    const answers = await underLoad(async () => {
      await postgres.halt(how);
      await pause(300);
      await postgres.resume();
    });
    // It was noticed: else this would show nothing.
    for (const what of ["publish", "document", "api"]) expect(answers.get(what), what).toContain(503);
  });

  test("every connection ended, several times", async () => {
    await underLoad(async () => {
      const admin = new pg.Client(service.database);
      await admin.connect();
      for (let i = 0; i < 5; i++) {
        await admin.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        );
        await pause(100);
      }
      await admin.end();
    });
  });

  test("not ready while the database is gone, ready again when it is back", async () => {
    const ready = async () => (await fetch(`${nodes[0]?.url}/readyz`)).status;
    expect(await ready()).toBe(200);
    await postgres.halt("fast");
    expect(await ready()).toBe(503);
    await postgres.resume();
    let status = 503;
    for (let tries = 0; status !== 200 && tries < 100; tries++, await pause(100)) status = await ready();
    expect(status).toBe(200);
  });
});
