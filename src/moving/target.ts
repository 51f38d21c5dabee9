// The database that rows are carried into: empty when it begins, marked while it is half filled, written in batches.
import { existsSync } from "node:fs";
import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import { migrate } from "../store/migrations.ts";
import { openPostgres } from "../store/postgres.ts";
import { UNFINISHED_MOVE } from "../store/settings.ts";
import { openSqlite } from "../store/sqlite.ts";
import { isPostgres } from "./places.ts";
import type { RowSource, Snapshot } from "./row-source.ts";
import type { Row, Value } from "./rows.ts";
import { keyOf, rowName } from "./rows.ts";
import { openSnapshot } from "./snapshot.ts";
import type { Table } from "./tables.ts";

/** Opens a database as it is, whatever its schema. */
export async function connect(location: string): Promise<Database> {
  return isPostgres(location)
    ? openPostgres(location, { poolMax: 4, statementTimeoutMs: 0, lockTimeoutMs: 0 })
    : openSqlite(location);
}

/** What a place holds that is not to be lost. */
export class Occupied extends Error {}

interface Mark {
  readonly installation: string;
  /** What rows are taken from, for people. */
  readonly source: string;
}

/**
 * Whether an earlier run has begun to fill the target from this source. Changes nothing. Rejects with Occupied when the
 * target holds anything else.
 */
export async function inspectTarget(location: string, source: RowSource): Promise<"empty" | "begun"> {
  if (!isPostgres(location) && !existsSync(location)) return "empty";
  const target = await openSnapshot(location);
  try {
    if (target.unfinished !== undefined) {
      checkMark(JSON.parse(target.unfinished) as Mark, source, target.name);
      return "begun";
    }
    const found = await tablesWithRows(target);
    if (found.length > 0)
      throw new Occupied(
        `${target.name} is not empty: it holds rows of ${found.join(", ")}; give an empty database`,
      );
    checkLevel(target, source);
    return "empty";
  } finally {
    await target.close();
  }
}

function checkMark({ installation, source: begun }: Mark, source: RowSource, name: string): void {
  if (installation !== source.installation)
    throw new Occupied(
      `${name} is half filled from ${begun}, which is another installation than ${source.name}; finish that, or give an empty database`,
    );
}

async function tablesWithRows(snapshot: Snapshot): Promise<string[]> {
  const found: string[] = [];
  for (const table of snapshot.tables)
    for await (const _ of snapshot.rows(table)) {
      found.push(table.name);
      break;
    }
  return found;
}

/** Later migrations may change rows on their way, which those that come now would miss. */
function checkLevel(target: Snapshot, source: RowSource): void {
  const ahead = target.level.filter((name) => !source.level.includes(name));
  if (ahead.length > 0)
    throw new Occupied(
      `${target.name} has empty tables of a newer version (${ahead.join(", ")}) than the rows; give a new database`,
    );
}

/** Brings its schema to the source's level and marks it as half filled, until `removeMark`. */
export async function prepareTarget(target: Database, source: RowSource): Promise<void> {
  await migrate(target.unhurried, target.engine, source.level);
  const mark: Mark = { installation: source.installation, source: source.name };
  await target.write((tx) =>
    tx
      .insertInto("server_setting")
      .values({ key: UNFINISHED_MOVE, value: JSON.stringify(mark) })
      .onConflict((c) => c.doNothing())
      .execute(),
  );
}

/** No server starts, and no command works, on a database that has the mark. */
export async function removeMark(target: Database): Promise<void> {
  await target.write((tx) => tx.deleteFrom("server_setting").where("key", "=", UNFINISHED_MOVE).execute());
}

/** PostgreSQL takes 65 535 parameters in a statement, SQLite 32 766. */
const PARAMETERS_MAX = 16_000;
const BATCH_ROWS = 500;
const BATCH_BYTES = 4 * 1024 * 1024;

export interface TableWriter {
  insert(row: Row): Promise<void>;
  update(row: Row): Promise<void>;
  remove(row: Row): Promise<void>;
  /** Everything given so far is durable once this resolves. */
  flush(): Promise<void>;
}

/** Writes are gathered; each batch is one transaction. */
export function createTableWriter(target: Database, table: Table): TableWriter {
  const limit = Math.max(1, Math.min(BATCH_ROWS, Math.floor(PARAMETERS_MAX / table.columns.length)));
  let batch: Row[] = [];
  let bytes = 0;
  const columns = sql.join(table.columns.map(({ name }) => sql.ref(name)));
  const where = (row: Row) => {
    const key = keyOf(table, row);
    return sql.join(
      table.key.map((name, i) => sql`${sql.ref(name)} = ${key[i]}`),
      sql` and `,
    );
  };
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const values = sql.join(batch.map((row) => sql`(${sql.join([...row])})`));
    const insert = sql`insert into ${sql.table(table.name)} (${columns}) values ${values}`;
    await target.write((tx) => insert.execute(tx));
    batch = [];
    bytes = 0;
  };
  const one = async (query: ReturnType<typeof sql>): Promise<void> => {
    await flush();
    await target.write((tx) => query.execute(tx));
  };
  return {
    async insert(row) {
      if (target.engine === "postgres") refuseNul(table, row);
      batch.push(row);
      bytes += sizeOf(row);
      if (batch.length >= limit || bytes >= BATCH_BYTES) await flush();
    },
    async update(row) {
      if (target.engine === "postgres") refuseNul(table, row);
      const fields = table.columns.map(({ name }, i) => sql`${sql.ref(name)} = ${row[i]}`);
      await one(sql`update ${sql.table(table.name)} set ${sql.join(fields)} where ${where(row)}`);
    },
    remove: (row) => one(sql`delete from ${sql.table(table.name)} where ${where(row)}`),
    flush,
  };
}

/** PostgreSQL has no text with a NUL in it. */
function refuseNul(table: Table, row: Row): void {
  const at = row.findIndex((value) => typeof value === "string" && value.includes("\0"));
  if (at !== -1)
    throw new Error(
      `${rowName(table, row)}: '${table.columns[at]?.name}' holds a NUL character, which PostgreSQL cannot keep in text; change or delete that row at the source`,
    );
}

function sizeOf(row: readonly Value[]): number {
  return row.reduce<number>(
    (sum, value) => sum + (typeof value === "string" || value instanceof Uint8Array ? value.length : 8),
    0,
  );
}

/** Makes identity columns go on where the source's had come to: a number that was given out is never given out again. */
export async function setSequences(target: Database, source: RowSource): Promise<void> {
  for (const { name, key } of source.tables) {
    const last = source.sequences[name];
    if (last === undefined || last < 1) continue;
    await target.write(async (tx) => {
      if (target.engine === "postgres")
        await sql`select setval(pg_get_serial_sequence(${quoted(name)}, ${key[0]}), ${last}::bigint)`.execute(
          tx,
        );
      else {
        await sql`delete from sqlite_sequence where name = ${name}`.execute(tx);
        await sql`insert into sqlite_sequence (name, seq) values (${name}, ${last})`.execute(tx);
      }
    });
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
