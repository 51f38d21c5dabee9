// SQLite as the database of one machine: node:sqlite behind Kysely.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Kysely, SqliteDialect, sql } from "kysely";
import type { Database } from "./database.ts";
import type { Change } from "./notices.ts";
import { tellQuery } from "./query-channel.ts";
import type { Schema } from "./schema.ts";
import { queryAside } from "./sqlite-aside.ts";
import { type LocalNotices, readLocalNotices } from "./sqlite-notices.ts";
import { BUSY_TIMEOUT_MS, createWrites } from "./sqlite-writes.ts";
import { sqliteTrouble } from "./trouble.ts";

/** `path`: the file, made where there is none, or ":memory:". */
export function openSqlite(path: string): Database {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  // FULL: an acknowledged publish survives a power cut (contract, SIGKILL at any moment loses nothing).
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000;",
  );
  const kysely = new Kysely<Schema>({ dialect: new SqliteDialect({ database: adaptSqlite(db) }) });
  let notices: LocalNotices | undefined;
  let observer = (_change: Change): void => undefined;
  return {
    engine: "sqlite",
    read: kysely,
    lagging: kysely,
    unhurried: kysely,
    aside: async (query) =>
      path === ":memory:" ? (await kysely.executeQuery(query)).rows : queryAside(path, query),
    write: createWrites(kysely, db),
    lockPackage: () => Promise.resolve(), // BEGIN IMMEDIATE already makes it the only writer
    lockDomain: () => Promise.resolve(),
    skipsLocked: false,
    observe(tell) {
      observer = tell;
      if (path !== ":memory:") notices ??= readLocalNotices(path); // that one is nobody else's
    },
    barrier() {
      for (const change of notices?.news() ?? []) observer(change);
      return undefined;
    },
    probe: async () => void (await sql`select 1`.execute(kysely)),
    async close() {
      notices?.close();
      await kysely.destroy();
    },
  };
}

/** Makes node:sqlite look like the driver Kysely's SQLite dialect expects, and keeps prepared statements by their text. */
function adaptSqlite(db: DatabaseSync): ConstructorParameters<typeof SqliteDialect>[0]["database"] & object {
  const prepared = new Map<string, { statement: StatementSync; reader: boolean }>();
  const prepare = (text: string) => {
    let known = prepared.get(text);
    if (known === undefined) {
      const statement = worded(() => db.prepare(text));
      known = { statement, reader: statement.columns().length > 0 };
      if (prepared.size >= 500) prepared.clear(); // lists of varying length make endless texts
      prepared.set(text, known);
    }
    const { statement, reader } = known;
    const told = <T>(p: Parameters, run: () => T): T => {
      tellQuery(text, p);
      return worded(run);
    };
    return {
      reader,
      all: (p: Parameters) => told(p, () => statement.all(...p)),
      run: (p: Parameters) => told(p, () => statement.run(...p)),
      iterate: (p: Parameters) => statement.iterate(...p),
    };
  };
  return { prepare, close: () => db.close() };
}

/** Trouble of the file or its disk becomes a Fault. */
function worded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw sqliteTrouble(error) ?? error;
  }
}

type Parameters = readonly (string | number | bigint | null)[];
