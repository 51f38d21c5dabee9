// Indexes of large tables, built while others write: for migrations that are marked as piecemeal.
import { type Kysely, sql } from "kysely";
import type { Engine } from "./database.ts";

/**
 * Builds the index unless it is there. `on`: the table and what is indexed, as SQL: "asset (sha256)". On PostgreSQL
 * nobody who writes has to wait for it; an attempt that was broken off leaves an index that is of no use, which is
 * removed first.
 */
export async function buildIndex(
  db: Kysely<unknown>,
  engine: Engine,
  name: string,
  on: string,
): Promise<void> {
  if (engine === "sqlite") {
    await sql`create index if not exists ${sql.ref(name)} on ${sql.raw(on)}`.execute(db);
    return;
  }
  const { rows } = await sql<{ valid: boolean }>`select i.indisvalid as valid from pg_index i
    where i.indexrelid = to_regclass(${name})`.execute(db);
  if (rows[0]?.valid === true) return;
  await dropIndex(db, engine, name);
  await sql`create index concurrently ${sql.ref(name)} on ${sql.raw(on)}`.execute(db);
}

async function dropIndex(db: Kysely<unknown>, engine: Engine, name: string): Promise<void> {
  const how = sql.raw(engine === "postgres" ? "concurrently if exists" : "if exists");
  await sql`drop index ${how} ${sql.ref(name)}`.execute(db);
}
