// What one process changes, another one is told of, on both databases; and after a barrier nothing is still on its way.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshPostgres } from "../../test/databases.ts";
import { openRoad, type Road } from "../../test/road.ts";
import type { PackageKey } from "../core/coordinates.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./database.ts";
import { insertDomain, touchDomain } from "./domains.ts";
import { insertToken, recordTokenUse, revokeToken } from "./identities.ts";
import { type Change, listenToChanges, readChange } from "./notices.ts";
import { deletePackage, insertPackage, touchPackage, updateSettings } from "./packages.ts";
import { deletePrincipal, insertPrincipal } from "./principals.ts";
import { deleteRepository, insertRepository } from "./repositories.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
const engines = [
  { engine: "SQLite", skip: false },
  { engine: "PostgreSQL", skip: POSTGRES === undefined },
];
const OPEN = { publish: "ALLOW", upstream: "ALLOW" } as const;
const USER = { account: "000000000000", name: "a", arn: "arn:a", policies: [] };
const DOMAIN = { owner: "000000000000", name: "d1", encryptionKey: "k", createdAt: 1 };

describe.each(engines.filter(({ skip }) => !skip))("on $engine", ({ engine }) => {
  const postgres = engine === "PostgreSQL";
  let folder: string;
  let here: Database;
  let there: Database;
  let told: Change[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "portcullis-notices-"));
    const location = postgres ? await freshPostgres(POSTGRES as string) : join(folder, "db");
    here = await openDatabase(location);
    there = await openDatabase(location);
    await here.barrier();
    told = [];
    here.observe((change) => told.push(change));
  });
  afterEach(async () => {
    await Promise.all([here.close(), there.close()]);
    await rm(folder, { recursive: true });
  });

  /** What `here` has been told of a change by the time its barrier holds. */
  async function hears<T>(change: (db: Database) => Promise<T>, expected: readonly Change[]): Promise<T> {
    await here.barrier();
    told.length = 0;
    const result = await change(there);
    await here.barrier();
    expect(told).toEqual(expected);
    return result;
  }

  test("users, revoked tokens, domains, repositories, packages: each told as what it is", async () => {
    const identities = [{ of: "identities" }] as const;
    const id = await hears((db) => db.write((tx) => insertPrincipal(tx, USER, 1)), identities);
    const made = await there.write((tx) => insertDomain(tx, DOMAIN));
    const domainId = made?.id as number;
    const token = { id: "t", secretHash: "h", domainId, principalId: id, createdAt: 1, expiresAt: 9 };
    await there.write((tx) => insertToken(tx, token));
    await hears((db) => db.write((tx) => revokeToken(tx, "t", 2)), identities);
    const domain = [{ of: "domain", domainId }] as const;
    await hears((db) => db.write((tx) => touchDomain(tx, domainId)), domain);
    const place = { domainId, name: "r", administratorAccount: "0", description: undefined, createdAt: 1 };
    const repository = (await hears((db) => db.write((tx) => insertRepository(tx, place)), domain)) as number;
    const key: PackageKey = { format: "npm", namespace: "größe", name: `"quoted" 'name'` };
    const named = [{ of: "package", domainId, key }] as const;
    const held = await hears((db) => db.write((tx) => insertPackage(tx, repository, key, OPEN, 1)), named);
    await hears((db) => db.write((tx) => touchPackage(tx, held.id, 2)), named);
    await hears((db) => db.write((tx) => updateSettings(tx, held.id, OPEN, 3)), named);
    await hears((db) => db.write((tx) => deletePackage(tx, held.id)), named);
    await there.write((tx) => insertPackage(tx, repository, key, OPEN, 1));
    await hears((db) => db.write((tx) => deleteRepository(tx, repository)), domain);
    await hears((db) => db.write((tx) => deletePrincipal(tx, id)), identities);
  });

  test("not that a token was made or used: that voids nothing", async () => {
    const made = await there.write((tx) => insertDomain(tx, DOMAIN));
    const principalId = await there.write((tx) => insertPrincipal(tx, USER, 1));
    const ids = { domainId: made?.id as number, principalId };
    await hears(async (db) => {
      await db.write((tx) =>
        insertToken(tx, { id: "t", secretHash: "h", ...ids, createdAt: 1, expiresAt: 9 }),
      );
      await db.write((tx) => recordTokenUse(tx, "t", 5));
    }, []);
  });

  test("what was taken back is not told", async () => {
    await hears(
      (db) =>
        db
          .write(async (tx) => {
            await insertPrincipal(tx, USER, 1);
            throw new Error("taken back");
          })
          .catch(() => undefined),
      [],
    );
  });

  test.runIf(postgres)("what it did itself as well: the answer to a commit may be lost", async () => {
    await here.write((tx) => insertPrincipal(tx, USER, 1));
    await here.barrier();
    expect(told).toEqual([{ of: "identities" }]);
  });

  test.runIf(postgres)(
    "of many packages in one statement only their domain, and of a name too long for a notice",
    async () => {
      const domainId = (await there.write((tx) => insertDomain(tx, DOMAIN)))?.id as number;
      const place = { domainId, name: "r", administratorAccount: "0", description: undefined, createdAt: 1 };
      const repository = (await there.write((tx) => insertRepository(tx, place))) as number;
      const row = (name: string) =>
        ({
          repository_id: repository,
          format: "npm",
          namespace: "",
          name,
          ...OPEN,
          revision: 1,
          created_at: 1,
        }) as const;
      const rows = Array.from({ length: 101 }, (_, i) => row(`p${i}`));
      await hears((db) => db.read.insertInto("package").values(rows).execute(), [{ of: "domain", domainId }]);
      await hears(
        (db) =>
          db.read
            .insertInto("package")
            .values(row("n".repeat(8_000)))
            .execute(),
        [{ of: "domain", domainId }],
      );
      await hears(
        (db) =>
          db.read
            .insertInto("package")
            .values([row("x")])
            .execute(),
        [{ of: "package", domainId, key: { format: "npm", namespace: "", name: "x" } }],
      );
    },
  );

  test.skipIf(postgres)("of very many changes that something changed, and then again what", async () => {
    const domainId = (await there.write((tx) => insertDomain(tx, DOMAIN)))?.id as number;
    const touch = async (db: Database, times: number): Promise<void> => {
      await db.write(async (tx) => {
        for (let i = 0; i < times; i++) await touchDomain(tx, domainId);
      });
    };
    await hears((db) => touch(db, 600), [{ of: "everything" }]);
    await hears((db) => touch(db, 1), [{ of: "domain", domainId }]);
    await hears((db) => touch(db, 5_000), [{ of: "everything" }]); // the first of them are no longer kept
    await hears((db) => touch(db, 2), [{ of: "domain", domainId }]);
    const kept = await sql<{ n: number }>`select count(*) as n from change_notice`.execute(there.read);
    expect(kept.rows[0]?.n).toBeLessThan(5_000);
  });

  test("after a barrier nothing that was acknowledged before it is unheard, thousands of times", async () => {
    const domainId = (await there.write((tx) => insertDomain(tx, DOMAIN)))?.id as number;
    let heard = 0;
    here.observe(() => heard++);
    await here.barrier();
    for (let round = 0; round < 3_000; round++) {
      const before = heard;
      await there.write((tx) => touchDomain(tx, domainId));
      await here.barrier();
      if (heard === before) expect.fail(`round ${round} was not heard of`);
    }
  });
});

test("a notice of another version voids everything", () => {
  for (const payload of [undefined, "", "public", "[]", "{}", "7", '["something",1]'])
    expect(readChange(payload)).toEqual({ of: "everything" });
});

describe.skipIf(POSTGRES === undefined)("over a connection that fails", () => {
  let url: string;
  let road: Road;
  let told: Change[];
  let writer: pg.Client;
  beforeEach(async () => {
    url = await freshPostgres(POSTGRES as string);
    road = await openRoad(Number(new URL(url).port));
    writer = new pg.Client(url);
    await writer.connect();
    told = [];
  });
  afterEach(async () => {
    await writer.end();
    await road.close();
  });

  const listen = (stalenessMs = 0) => {
    const address = new URL(url);
    address.port = String(road.port);
    const connect = () => new pg.Client(address.href);
    return listenToChanges({ connect, tell: (change) => told.push(change), stalenessMs, answerMs: 300 });
  };
  const say = () => writer.query(`notify portcullis, '["identities"]'`);

  test("one barrier is in flight and one waits, however many ask, and each that asked later is a later one", async () => {
    const notices = await listen();
    road.asked = 0;
    await Promise.all(Array.from({ length: 500 }, () => notices.barrier()));
    await until(() => road.asked === 1);
    road.holdAnswers();
    const first = notices.barrier();
    await until(() => road.asked === 2);
    // Its question may have been heard before what was committed since.
    const later = Array.from({ length: 500 }, () => notices.barrier());
    road.letAnswersGo();
    await Promise.all([first, ...later]);
    await until(() => road.asked === 3);
    await notices.close();
  });

  test("ten that write and ask at once: each barrier that was asked for after a commit has heard of it", async () => {
    const heard = new Set<number>();
    const connect = () => new pg.Client(url);
    const tell = (change: Change) => change.of === "domain" && heard.add(change.domainId);
    const notices = await listenToChanges({ connect, tell, stalenessMs: 0 });
    const writers = Array.from({ length: 10 }, connect);
    await Promise.all(
      writers.map(async (one, index) => {
        await one.connect();
        for (let round = 0; round < 400; round++) {
          const mark = index * 1_000 + round;
          await one.query("select pg_notify('portcullis', $1)", [`["domain",${mark}]`]);
          await notices.barrier();
          if (!heard.has(mark)) expect.fail(`writer ${index} was not heard in round ${round}`);
        }
        await one.end();
      }),
    );
    await notices.close();
  });

  test("a lost connection voids everything, and the barrier holds again over a new one", async () => {
    const notices = await listen();
    await notices.barrier();
    told.length = 0;
    await writer.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
    );
    await notices.barrier();
    expect(told).toContainEqual({ of: "everything" });
    await say();
    await notices.barrier();
    expect(told.at(-1)).toEqual({ of: "identities" });
    await notices.close();
  });

  test("a connection that hangs is cut, and no barrier holds over it", async () => {
    const notices = await listen();
    await notices.barrier();
    road.hang();
    told.length = 0;
    await say();
    await notices.barrier();
    expect(told).toContainEqual({ of: "everything" });
    await notices.close();
  });

  test("while the database cannot be reached a barrier is refused with 503 and when to come back; then it holds again", async () => {
    const notices = await listen(60_000);
    await notices.barrier();
    expect(notices.barrier()).toBeUndefined();
    await road.close();
    await until(() => notices.barrier() !== undefined);
    await expect(notices.barrier()).rejects.toMatchObject({ status: 503, detail: { retryAfterSeconds: 1 } });
    told.length = 0;
    await road.open();
    await until(
      () =>
        notices.barrier()?.then(
          () => true,
          () => false,
        ) ?? true,
    );
    expect(told).toContainEqual({ of: "everything" });
    await notices.close();
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
