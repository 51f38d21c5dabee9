// One database, SQLite or PostgreSQL, behind one set of Kysely queries; transactions, package locks and error names that are the same on both.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Transaction } from "kysely";
import { Kysely, PostgresDialect, SqliteDialect, sql } from "kysely";
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { migrate } from "./migrations.ts";
import { listenToChanges } from "./notices.ts";
import type { Schema } from "./schema.ts";

export type Engine = "sqlite" | "postgres";

/** What queries run on: the database itself or a transaction of it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;

export interface Database {
  readonly engine: Engine;
  /** For single reads; a write that must hold together goes through `write`. */
  readonly read: Kysely<Schema>;
  /**
   * Runs `work` in one transaction: all of it or nothing, durable once this resolves. Nothing but queries may be
   * awaited inside: on SQLite everyone else waits. A serialisation failure or deadlock is tried again (3 times).
   */
  write<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Inside `write`: makes this transaction the only one that decides about a package name in the domain. */
  lockPackage(tx: Transaction<Schema>, domainId: number, key: PackageKey): Promise<void>;
  /** Inside `write`: the only one that changes what a domain consists of (repositories, upstreams, groups); waits for package decisions. */
  lockDomain(tx: Transaction<Schema>, domainId: number): Promise<void>;
  /** Whether several processes write at a time, so that claiming rows must step over those that another one is claiming. */
  readonly skipsLocked: boolean;
  /** Number that changes when another process wrote to the database (PostgreSQL: to identities or domains). */
  foreignChanges(): number;
  /** Resolves when the database answers. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** `location`: a `postgres://` URL, or the path of a SQLite file (":memory:" for tests). Migrates before it resolves. */
export async function openDatabase(location: string): Promise<Database> {
  const database = /^postgres(ql)?:\/\//.test(location) ? await openPostgres(location) : openSqlite(location);
  try {
    await migrate(database.read, database.engine);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

function openSqlite(path: string): Database {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: 10_000 });
  // FULL: an acknowledged publish survives a power cut (contract, SIGKILL at any moment loses nothing).
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000;",
  );
  const kysely = new Kysely<Schema>({ dialect: new SqliteDialect({ database: adaptSqlite(db) }) });
  const dataVersion = db.prepare("pragma data_version");
  return {
    engine: "sqlite",
    read: kysely,
    write: (work) => kysely.connection().execute((connection) => immediateTransaction(connection, work)),
    lockPackage: () => Promise.resolve(), // BEGIN IMMEDIATE already makes it the only writer
    lockDomain: () => Promise.resolve(),
    skipsLocked: false,
    foreignChanges: () => (dataVersion.get() as { data_version: number }).data_version,
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

async function openPostgres(url: string): Promise<Database> {
  const { default: pg } = await import("pg");
  pg.types.setTypeParser(pg.types.builtins.INT8, Number); // bigint: ids and epoch milliseconds fit a double
  const pool = new pg.Pool({ connectionString: url, max: 16, connectionTimeoutMillis: 10_000 });
  pool.on("error", () => undefined); // an idle connection broke: the pool replaces it, the next query tells
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const notices = await listenToChanges(() => new pg.Client({ connectionString: url }), pool);
  const lock = (tx: Transaction<Schema>, domainId: number, name: string) =>
    sql`select pg_advisory_xact_lock(${LOCK_SPACE + domainId}::int, hashtext(${name}))`.execute(tx);
  return {
    engine: "postgres",
    read: kysely,
    write: (work) => retry(() => kysely.transaction().execute(work)),
    async lockPackage(tx, domainId, key) {
      await sql`select pg_advisory_xact_lock_shared(${LOCK_SPACE}::int, ${domainId}::int)`.execute(tx);
      await lock(tx, domainId, packagePath(key));
    },
    async lockDomain(tx, domainId) {
      await sql`select pg_advisory_xact_lock(${LOCK_SPACE}::int, ${domainId}::int)`.execute(tx);
    },
    skipsLocked: true,
    foreignChanges: () => notices.count(),
    probe: async () => void (await sql`select 1`.execute(kysely)),
    async close() {
      await notices.close();
      await kysely.destroy();
    },
  };
}

/** Keeps our advisory locks apart from other programs' in the same database. */
const LOCK_SPACE = 0x50_43_00_00;

async function retry<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const code = (error as { code?: string }).code;
      if ((code !== "40001" && code !== "40P01") || attempt === 3) throw error;
    }
  }
}

/** Whether a query failed because a row with that key exists already, on either engine. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "23505" || errcode === 2067 || errcode === 1555;
}
