// What PostgreSQL tells by notices, told on SQLite by rows: which package, domain or identities a process has changed.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

/** How many rows are kept, about; who has not looked for longer takes everything for changed. */
const KEPT = 4_096;

const CHANGES = { insert: "new", update: "new", delete: "old" } as const;

/** The tables of migrations 0004 and 0009, and the changes of them that are told there. */
const IDENTITIES: Readonly<Record<string, readonly string[]>> = {
  principal: ["insert", "update", "delete"],
  principal_member: ["insert", "update", "delete"],
  identity_policy: ["insert", "update", "delete"],
  access_key: ["update", "delete"],
  session: ["update", "delete"],
  authorization_token: ["update of revoked_at", "delete"],
};

/**
 * `pragma data_version` says that another process wrote, and not what: audit records and the tokens' last use are written
 * every second or so, and would void what all the others keep in memory.
 */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine !== "sqlite") return;
  await sql`create table change_notice (seq integer primary key, notice text not null) strict`.execute(db);
  for (const [table, changes] of Object.entries(IDENTITIES))
    for (const change of changes) await tell(db, table, change, `values ('["identities"]')`);
  await tell(db, "domain", "update of revision", "values (json_array('domain', new.id))");
  await tell(db, "domain", "delete", "values (json_array('domain', old.id))");
  for (const [change, row] of Object.entries(CHANGES)) {
    await tell(db, "repository", change, `values (json_array('domain', ${row}.domain_id))`);
    // Packages that go with their repository find none here: the repository's own row names the domain.
    await tell(
      db,
      "package",
      change,
      `select json_array('package', r.domain_id, ${row}.format, ${row}.namespace, ${row}.name)
         from repository r where r.id = ${row}.repository_id`,
    );
  }
  await sql`create trigger change_notice_kept after insert on change_notice when new.seq % 256 = 0
    begin delete from change_notice where seq <= new.seq - ${sql.lit(KEPT)}; end`.execute(db);
}

async function tell(db: Kysely<unknown>, table: string, change: string, notice: string): Promise<void> {
  const name = `change_told_${table}_${change.split(" ")[0]}`;
  await sql`create trigger ${sql.ref(name)} after ${sql.raw(change)} on ${sql.table(table)}
    begin insert into change_notice (notice) ${sql.raw(notice)}; end`.execute(db);
}
