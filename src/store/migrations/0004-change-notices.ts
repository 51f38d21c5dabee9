// PostgreSQL tells every process what the others changed in identities and domains, so that nothing revoked stays cached.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

/** Table → the changes that void what a process may have cached of it. */
const TOLD = {
  principal: "insert or update or delete",
  principal_member: "insert or update or delete",
  identity_policy: "insert or update or delete",
  access_key: "update or delete",
  session: "update or delete",
  authorization_token: "update of revoked_at or delete",
  domain: "update of revision or delete",
};

/** SQLite has its data_version instead. */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine === "sqlite") return;
  await sql`create function portcullis_changed() returns trigger language plpgsql as
    $$ begin perform pg_notify('portcullis', current_schema()); return null; end $$`.execute(db);
  for (const [table, changes] of Object.entries(TOLD)) {
    await sql`create trigger portcullis_changed after ${sql.raw(changes)} on ${sql.table(table)}
      for each statement execute function portcullis_changed()`.execute(db);
  }
}
