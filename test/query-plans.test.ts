// One index per hot query (issue 6): whatever a scene at every door asks of the database is explained over large tables.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../src/store/database.ts";
import type { RunQuery } from "../src/store/query-channel.ts";
import { freshPostgres } from "./databases.ts";
import { playScene } from "./query-scene.ts";
import { fillTables, ROWS } from "./query-tables.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;

/** Questions that may read a whole table, each with its reason. */
const ALLOWED: readonly (readonly [RegExp, string])[] = [
  [/^select count\(\*\) as "n" from "principal"$/, "once, at the first start"],
  [
    /^select count\(\*\) as "pending" from "outbox"$/,
    "a metric, by one node: the outbox is short while webhooks answer",
  ],
  [
    /^select \* from "journal" where "at" >= \S+ order by "seq" desc limit/,
    "the command line's: walks back from the newest entry",
  ],
  [
    /^select sum\("d"."size"\) as "bytes"/,
    "DescribeDomain adds up the contents of a whole domain (spec 1.3.6)",
  ],
];

/** Deletes of what is old. How much that is depends on the value, so they are planned anew for each. */
const PLANNED_ANEW = /^delete from .*"(expires_at|last_at)" </;

const isStatement = ({ sql: text }: RunQuery): boolean => /^(select|insert|update|delete|with) /i.test(text);
const isAllowed = (text: string): boolean => ALLOWED.some(([form]) => form.test(text));

/** Everything that is asked while `work` runs, once per text. */
async function asked(work: () => Promise<void>): Promise<readonly RunQuery[]> {
  const queries = new Map<string, RunQuery>();
  const hear = (message: unknown): void => {
    const query = message as RunQuery;
    if (isStatement(query) && !/pg_|information_schema|sqlite_/.test(query.sql))
      queries.set(query.sql, query);
  };
  subscribe("portcullis:query", hear);
  try {
    await work();
  } finally {
    unsubscribe("portcullis:query", hear);
  }
  return [...queries.values()];
}

describe.skipIf(POSTGRES === undefined)("on PostgreSQL (skipped without one)", () => {
  let queries: readonly RunQuery[];
  let database: Database;
  let client: pg.Client;
  beforeAll(async () => {
    queries = await asked(async () => playScene({ database: await freshPostgres(POSTGRES as string) }));
    const url = await freshPostgres(POSTGRES as string);
    database = await openDatabase(url);
    await fillTables(database);
    client = new pg.Client(url);
    await client.connect();
    await client.query("set plan_cache_mode = force_generic_plan");
  }, 240_000);
  afterAll(async () => {
    await client.end();
    await database.close();
  });

  test("the scene asks what the doors ask", () => expect(queries.length).toBeGreaterThan(80));

  test("no hot query reads a large table from end to end, planned for its values or for any", async () => {
    const slow: string[] = [];
    for (const { sql: text, parameters } of queries) {
      if (isAllowed(text)) continue;
      const nulls = parameters.map(() => "null").join(", ");
      const plans = [await explain(text, parameters)];
      // A prepared statement's plan, once the server thinks that one does for all values.
      if (!PLANNED_ANEW.test(text))
        plans.push(
          await explain(
            `execute general${nulls === "" ? "" : `(${nulls})`}`,
            [],
            `prepare general as ${text}`,
          ),
        );
      for (const found of new Set(plans.flatMap((plan) => wholeReads(plan)))) slow.push(`${found}: ${text}`);
    }
    expect(slow).toEqual([]);
  });

  async function explain(text: string, parameters: readonly unknown[], before = ""): Promise<Plan> {
    if (before !== "") await client.query(before);
    const { rows } = await client.query(`explain (format json) ${text}`, [...parameters]);
    if (before !== "") await client.query("deallocate all");
    return (rows[0] as { "QUERY PLAN": [{ Plan: Plan }] })["QUERY PLAN"][0].Plan;
  }

  test("every column that refers to another table is found by an index: else deleting what it refers to reads it all", async () => {
    const { rows } = await client.query(`
      select c.conrelid::regclass::text || '.' || a.attname as missing
      from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and not exists (
        select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`);
    expect(rows).toEqual([]);
  });
});

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Plan[];
}

/** Nodes of the plan that read all of a filled table. Under a limit, an index without a condition ends early. */
function wholeReads(plan: Plan, limited = false): string[] {
  const { "Node Type": node, "Relation Name": table = "", "Index Cond": condition } = plan;
  const under = limited ? node !== "Sort" && node !== "Aggregate" : node === "Limit";
  const inner = (plan.Plans ?? []).flatMap((child) => wholeReads(child, under));
  if (!Object.hasOwn(ROWS, table)) return inner;
  const whole = node === "Seq Scan" || (node.startsWith("Index") && condition === undefined && !limited);
  return whole ? [`${node} of ${table}`, ...inner] : inner;
}

describe("on SQLite", () => {
  let queries: readonly RunQuery[];
  let database: Database;
  beforeAll(async () => {
    queries = await asked(() => playScene({}));
    database = await openDatabase(":memory:");
  }, 120_000);
  afterAll(() => database.close());

  test("the scene asks what the doors ask", () => expect(queries.length).toBeGreaterThan(80));

  test("no hot query reads a large table from end to end", async () => {
    const slow: string[] = [];
    for (const { sql: text } of queries) {
      if (isAllowed(text)) continue;
      const { rows } = await sql<{ detail: string }>`${sql.raw(`explain query plan ${text}`)}`.execute(
        database.read,
      );
      for (const { detail } of rows) {
        const [, alias = "", by] = /^SCAN (\S+)( USING (COVERING )?INDEX)?/.exec(detail) ?? [];
        const table = new RegExp(`"(\\w+)" as "${alias}"`).exec(text)?.[1] ?? alias;
        if (Object.hasOwn(ROWS, table) && !(by !== undefined && / limit \?/.test(text)))
          slow.push(`${detail}: ${text}`);
      }
    }
    expect(slow).toEqual([]);
  });
});
