// Versions side by side: what a newer one may do to the database while older ones serve, and what stops an older one.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshPostgres } from "../../test/databases.ts";
import { buildIndex } from "./build-index.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./database.ts";
import { applyMigrations, type Migrations } from "./migrator.ts";
import { readSetting } from "./settings.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
const engines = [
  { engine: "SQLite", skip: false },
  { engine: "PostgreSQL", skip: POSTGRES === undefined },
];

/** What the next version brings: more columns, an index of a table in use. */
const NEXT: Migrations = {
  "9001-wider": {
    up: async (db) => {
      await sql`alter table server_setting add column note text`.execute(db);
      await sql`create table later (id integer primary key)`.execute(db);
    },
  },
  "9002-index": {
    up: (db, engine) => buildIndex(db, engine, "server_setting_value", "server_setting (value)"),
    piecemeal: true,
  },
};
/** And the one after: nothing uses that table since 9001. */
const AFTER_NEXT: Migrations = {
  ...NEXT,
  "9003-narrower": {
    up: async (db) => void (await sql`drop table audit_batch`.execute(db)),
    needs: "9001-wider",
  },
};

describe.each(engines.filter(({ skip }) => !skip))("on $engine", ({ engine }) => {
  const postgres = engine === "PostgreSQL";
  let folder: string;
  let location: string;
  let open: Database[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "portcullis-migrator-"));
    location = postgres ? await freshPostgres(POSTGRES as string) : join(folder, "db");
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((database) => database.close()));
    await rm(folder, { recursive: true });
  });
  const start = async (): Promise<Database> => {
    const database = await openDatabase(location);
    open.push(database);
    return database;
  };
  /** As the start of a version that has these besides ours. */
  const startAs = (by: Database, migrations: Migrations): Promise<void> =>
    applyMigrations(
      by.unhurried as unknown as Kysely<unknown>,
      by.engine,
      migrations,
      Object.keys(migrations),
    );
  const works = async (database: Database, value: string): Promise<void> => {
    await database.write(async (tx) => {
      const row = tx.insertInto("server_setting").values({ key: "key", value });
      await row.onConflict((c) => c.column("key").doUpdateSet({ value })).execute();
    });
    expect(await readSetting(database.read, "key")).toBe(value);
  };

  test("a version that only adds: the one before goes on, and may start afterwards", async () => {
    const before = await start();
    for (let i = 0; i < 5; i++) await works(before, `${i}`); // so that its statements are prepared
    await startAs(before, NEXT);
    await works(before, "after");
    await works(await start(), "started after");
    await startAs(before, NEXT); // a second node of the newer version finds nothing to do
  });

  test("a version that takes something away: those that know since when it is unused go on, older ones refuse to start and say why", async () => {
    const database = await start();
    await startAs(database, NEXT);
    await startAs(database, AFTER_NEXT);
    await startAs(database, NEXT);
    await expect(openDatabase(location)).rejects.toThrow(
      /changed by a newer version of Portcullis \(migration 9003-narrower\).*do not know migration 9001-wider.*start the newer version/,
    );
  });

  test("a migration that fails is named, leaves nothing of itself, and is tried again at the next start", async () => {
    const database = await start();
    const failing: Migrations = {
      "9001-half": {
        up: async (db) => {
          await sql`create table half (id integer)`.execute(db);
          await sql`no such words`.execute(db);
        },
      },
    };
    await expect(startAs(database, failing)).rejects.toThrow(/migration 9001-half failed: .*syntax error/);
    await startAs(database, {
      "9001-half": { up: async (db) => void (await sql`create table half (id integer)`.execute(db)) },
    });
  });

  test("nodes that start together on an empty database migrate it once", async () => {
    const nodes = await Promise.all(Array.from({ length: postgres ? 4 : 1 }, start));
    let runs = 0;
    const slow: Migrations = {
      "9001-slow": {
        up: async (db) => {
          runs++;
          await sql`create table later (id integer)`.execute(db);
          await new Promise((resolve) => setTimeout(resolve, 50));
        },
      },
      ...(postgres ? { "9002-index": NEXT["9002-index"] as Migrations[string] } : {}),
    };
    await Promise.all(nodes.map((node) => startAs(node, slow)));
    expect(runs).toBe(1);
  });
});

describe.skipIf(POSTGRES === undefined)("on PostgreSQL only", () => {
  let older: Database;
  let newer: Database;
  beforeEach(async () => {
    const url = await freshPostgres(POSTGRES as string);
    older = await openDatabase(url);
    newer = await openDatabase(url);
  });
  afterEach(() => Promise.all([older.close(), newer.close()]));
  const migrate = (migrations: Migrations) =>
    applyMigrations(
      newer.unhurried as unknown as Kysely<unknown>,
      "postgres",
      migrations,
      Object.keys(migrations),
    );

  test("a change of a table that is in use lets others pass while it waits", async () => {
    const held = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const long = older.write(async (tx) => {
      await readSetting(tx, "key");
      held.resolve();
      await ended.promise;
    });
    await held.promise;
    const changing = migrate({
      "9001-wider": {
        up: async (db) => void (await sql`alter table server_setting add column note text`.execute(db)),
      },
    });
    let changed = false;
    void changing.then(() => (changed = true));
    // Longer than the migration waits for its lock: some of these come while it does.
    for (let i = 0; i < 12; i++) {
      await readSetting(older.read, "key");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    ended.resolve();
    expect(changed).toBe(false);
    await Promise.all([long, changing]);
  });

  test("an index that broke off half-built is built anew", async () => {
    await sql`insert into server_setting (key, value) select 'twice' || n, 'same' from generate_series(1, 2) n`.execute(
      newer.read,
    );
    await sql`create unique index concurrently server_setting_value on server_setting (value)`
      .execute(newer.unhurried)
      .catch(() => undefined); // two rows alike: it stays behind, invalid
    await migrate({ "9002-index": NEXT["9002-index"] as Migrations[string] });
    const { rows } = await sql<{ valid: boolean }>`select indisvalid as valid from pg_index
      where indexrelid = 'server_setting_value'::regclass`.execute(newer.read);
    expect(rows).toEqual([{ valid: true }]);
  });
});
