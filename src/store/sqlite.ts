// SQLite as the database of one machine: node:sqlite behind Kysely, one writer at a time.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Transaction } from "kysely";
import { Kysely, SqliteDialect, sql } from "kysely";
import type { Database } from "./database.ts";
import type { Change } from "./notices.ts";
import type { Schema } from "./schema.ts";

/** `path`: the file, made where there is none, or ":memory:". */
export function openSqlite(path: string): Database {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: 10_000 });
  // FULL: an acknowledged publish survives a power cut (contract, SIGKILL at any moment loses nothing).
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000;",
  );
  const kysely = new Kysely<Schema>({ dialect: new SqliteDialect({ database: adaptSqlite(db) }) });
  const dataVersion = db.prepare("pragma data_version");
  /** Changes when another connection, and so another process, wrote; costs a microsecond. */
  const version = (): number => (dataVersion.get() as { data_version: number }).data_version;
  let seen = version();
  let observer = (_change: Change): void => undefined;
  return {
    engine: "sqlite",
    read: kysely,
    write: (work) => kysely.connection().execute((connection) => immediateTransaction(connection, work)),
    lockPackage: () => Promise.resolve(), // BEGIN IMMEDIATE already makes it the only writer
    lockDomain: () => Promise.resolve(),
    skipsLocked: false,
    observe: (tell) => void (observer = tell),
    barrier() {
      const now = version();
      if (now !== seen) observer({ of: "everything" });
      seen = now;
      return undefined;
    },
    probe: async () => void (await sql`select 1`.execute(kysely)),
    close: () => kysely.destroy(),
  };
}

/** BEGIN IMMEDIATE, so that a reader never has to become a writer half-way and fail with SQLITE_BUSY. */
async function immediateTransaction<T>(
  connection: Kysely<Schema>,
  work: (tx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  await sql`begin immediate`.execute(connection);
  try {
    const result = await work(connection as Transaction<Schema>);
    await sql`commit`.execute(connection);
    return result;
  } catch (error) {
    await sql`rollback`.execute(connection);
    throw error;
  }
}

/** Makes node:sqlite look like the driver Kysely's SQLite dialect expects, and keeps prepared statements by their text. */
function adaptSqlite(db: DatabaseSync): ConstructorParameters<typeof SqliteDialect>[0]["database"] & object {
  const prepared = new Map<string, { statement: StatementSync; reader: boolean }>();
  const prepare = (text: string) => {
    let known = prepared.get(text);
    if (known === undefined) {
      const statement = db.prepare(text);
      known = { statement, reader: statement.columns().length > 0 };
      if (prepared.size >= 500) prepared.clear(); // lists of varying length make endless texts
      prepared.set(text, known);
    }
    const { statement, reader } = known;
    return {
      reader,
      all: (p: Parameters) => statement.all(...p),
      run: (p: Parameters) => statement.run(...p),
      iterate: (p: Parameters) => statement.iterate(...p),
    };
  };
  return { prepare, close: () => db.close() };
}
type Parameters = readonly (string | number | bigint | null)[];
