// Runs one suite on every database there is: SQLite always, PostgreSQL where the machine has it.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe } from "vitest";
import type { Database } from "../src/store/database.ts";
import { openDatabase } from "../src/store/database.ts";

/** `open` gives a fresh, migrated database; the suite closes it. */
export function onEveryDatabase(name: string, suite: (open: () => Promise<Database>) => void): void {
  describe(`${name} on SQLite`, () => suite(() => openDatabase(":memory:")));
  const url = process.env.PORTCULLIS_TEST_POSTGRES;
  if (url === undefined)
    describe.skip(`${name} on PostgreSQL (not installed on this machine)`, () =>
      suite(() => openDatabase("")));
  else describe(`${name} on PostgreSQL`, () => suite(async () => openDatabase(await freshPostgres(url))));
}

/** A new, empty database on the test server. */
export async function freshPostgres(url: string): Promise<string> {
  const name = `t_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client(`${url}/postgres`);
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return `${url}/${name}`;
}
