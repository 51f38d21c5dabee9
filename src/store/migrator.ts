// Applies migrations one by one under a lock, and says who may go on beside a database that a newer version has changed.
import { type Kysely, sql } from "kysely";
import type { Engine } from "./database.ts";
import { causeOf } from "./trouble.ts";

/** One step of the schema. See docs/decisions/0008 for what it may do. */
export interface Migration {
  readonly up: (db: Kysely<unknown>, engine: Engine) => Promise<void>;
  /**
   * Absent: it only adds, and every older version goes on beside it. Else the migration that a version must know in
   * order to serve after this one: the one since which nothing uses what goes away here, or this one itself.
   */
  readonly needs?: string;
  /**
   * Without a transaction around it on PostgreSQL, so that an index of a large table is built while others write. It must
   * be possible to run it again after it was broken off.
   */
  readonly piecemeal?: true;
}

export type Migrations = Readonly<Record<string, Migration>>;

/** The table and the lock are Kysely's own, which applied the migrations of older versions: the two exclude each other. */
const TABLE = "kysely_migration";
const LOCK_ID = sql.lit(3853314791062309107n);
const LOCK_EVERY_MS = 200;

/** Applies those of `wanted` that are missing, in the order of their names; rejects, naming it, when one fails. */
export async function applyMigrations(
  db: Kysely<unknown>,
  engine: Engine,
  known: Migrations,
  wanted: readonly string[],
): Promise<void> {
  await db.connection().execute(async (connection) => {
    await lock(connection, engine);
    try {
      await sql`create table if not exists ${sql.table(TABLE)} (name varchar(255) primary key, timestamp varchar(255) not null)`.execute(
        connection,
      );
      await refuseContracted(connection, known);
      for (const name of wanted.toSorted()) await apply(connection, engine, name, known[name] as Migration);
    } finally {
      await unlock(connection, engine);
    }
  });
}

async function apply(db: Kysely<unknown>, engine: Engine, name: string, migration: Migration): Promise<void> {
  if ((await applied(db)).has(name)) return;
  try {
    if (engine === "sqlite") await inTransaction(db, (tx) => applyUnlessDone(tx, engine, name, migration));
    else if (migration.piecemeal) await applyUnlessDone(db, engine, name, migration);
    else
      await patiently(() =>
        db.transaction().execute(async (tx) => {
          await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT)}`.execute(tx);
          await applyUnlessDone(tx, engine, name, migration);
        }),
      );
  } catch (error) {
    throw new Error(`migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}

async function applyUnlessDone(
  db: Kysely<unknown>,
  engine: Engine,
  name: string,
  { up, needs }: Migration,
): Promise<void> {
  if ((await applied(db)).has(name)) return; // on SQLite another process may have come first
  await up(db, engine);
  if (needs !== undefined)
    await sql`insert into server_setting (key, value) values (${NEEDED + name}, ${needs}) on conflict (key) do nothing`.execute(
      db,
    );
  const at = new Date().toISOString();
  await sql`insert into ${sql.table(TABLE)} (name, timestamp) values (${name}, ${at})`.execute(db);
}

async function applied(db: Kysely<unknown>): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(TABLE)}`.execute(db);
  return new Set(rows.map(({ name }) => name));
}

/** Keys of server_setting: which migration a version must know, for each that took something away. */
const NEEDED = "migration-needs/";

/** Rejects when a newer version has taken away what this one uses. */
async function refuseContracted(db: Kysely<unknown>, known: Migrations): Promise<void> {
  if ((await applied(db)).size === 0) return;
  const { rows } = await sql<{
    key: string;
    value: string;
  }>`select key, value from server_setting where key >= ${NEEDED} and key < ${`${NEEDED}~`} order by key`.execute(
    db,
  );
  const missing = rows.find(({ value }) => known[value] === undefined);
  if (missing === undefined) return;
  throw new Error(
    `the database was changed by a newer version of Portcullis (migration ${missing.key.slice(NEEDED.length)}), and versions that do not know migration ${missing.value} cannot use it any more: start the newer version, or restore a backup from before`,
  );
}

/**
 * By asking again and again: a session that waits for the lock inside a statement would be waited for in turn by an
 * index that is built concurrently.
 */
async function lock(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine === "sqlite") return;
  for (;;) {
    const { rows } = await sql<{ got: boolean }>`select pg_try_advisory_lock(${LOCK_ID}) as got`.execute(db);
    if (rows[0]?.got === true) return;
    await pause(LOCK_EVERY_MS);
  }
}

async function unlock(db: Kysely<unknown>, engine: Engine): Promise<void> {
  // With the connection the lock goes too; and what broke the connection is told already.
  if (engine === "postgres")
    await sql`select pg_advisory_unlock(${LOCK_ID})`.execute(db).catch(() => undefined);
}

/**
 * A change of a table waits for those who use it, and everybody who comes later waits behind it: so it gives up soon,
 * lets the others pass, and tries again.
 */
const LOCK_TIMEOUT = "2s";
const LOCK_ATTEMPTS = 30;
const LOCK_PAUSE_MS = 1_000;

async function patiently<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (causeOf(error).code !== "55P03" || attempt === LOCK_ATTEMPTS) throw error;
      await pause(LOCK_PAUSE_MS * (0.5 + Math.random()));
    }
  }
}

async function inTransaction(
  db: Kysely<unknown>,
  work: (db: Kysely<unknown>) => Promise<void>,
): Promise<void> {
  await sql`begin immediate`.execute(db);
  try {
    await work(db);
    await sql`commit`.execute(db);
  } catch (error) {
    await sql`rollback`.execute(db).catch(() => undefined);
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
