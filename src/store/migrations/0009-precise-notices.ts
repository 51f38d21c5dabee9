// PostgreSQL tells every process which domain or which package changed, so that each keeps the rest of what it knows.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

/** A notice holds fewer than 8000 bytes. */
const PAYLOAD_BYTES_MAX = 7_900;
/** Packages that one statement may change before their domains are named instead. */
const PACKAGES_MAX = 100;

/**
 * Every change of a package's versions, files, tags and settings changes its row as well (its revision grows), so that
 * row is watched and no other. Nodes of the version before take any notice as a change of everything. SQLite has its
 * data_version instead.
 */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine === "sqlite") return;
  await sql`create or replace function portcullis_changed() returns trigger language plpgsql as
    $$ begin perform pg_notify('portcullis', '["identities"]'); return null; end $$`.execute(db);
  await noticeDomains(db);
  await noticePackages(db);
}

async function noticeDomains(db: Kysely<unknown>): Promise<void> {
  await sql`create function portcullis_domain_changed() returns trigger language plpgsql as
    $$ begin
      perform pg_notify('portcullis', json_build_array('domain', case tg_op when 'DELETE' then old.id else new.id end)::text);
      return null;
    end $$`.execute(db);
  await sql`create function portcullis_repository_changed() returns trigger language plpgsql as
    $$ begin
      perform pg_notify('portcullis', json_build_array('domain',
        case tg_op when 'DELETE' then old.domain_id else new.domain_id end)::text);
      return null;
    end $$`.execute(db);
  await sql`drop trigger portcullis_changed on domain`.execute(db);
  await sql`create trigger portcullis_changed after update of revision or delete on domain
    for each row execute function portcullis_domain_changed()`.execute(db);
  // A domain's revision grows with its repositories; this is for rows that are removed with others.
  await sql`create trigger portcullis_changed after insert or update or delete on repository
    for each row execute function portcullis_repository_changed()`.execute(db);
}

/** Packages that go with their repository find no domain here: the repository's own notice names it. */
async function noticePackages(db: Kysely<unknown>): Promise<void> {
  await sql`create function portcullis_packages_changed() returns trigger language plpgsql as
    $$ begin
      if (select count(*) from changed) > ${sql.lit(PACKAGES_MAX)} then
        perform pg_notify('portcullis', json_build_array('domain', d.domain_id)::text)
          from (select distinct r.domain_id from changed c join repository r on r.id = c.repository_id) d;
      else
        perform pg_notify('portcullis',
            case when octet_length(n.notice) > ${sql.lit(PAYLOAD_BYTES_MAX)}
              then json_build_array('domain', n.domain_id)::text else n.notice end)
          from (
            select r.domain_id,
              json_build_array('package', r.domain_id, c.format, c.namespace, c.name)::text as notice
            from changed c join repository r on r.id = c.repository_id
          ) n;
      end if;
      return null;
    end $$`.execute(db);
  for (const [change, rows] of [
    ["insert", "new"],
    ["update", "new"],
    ["delete", "old"],
  ] as const) {
    await sql`create trigger ${sql.ref(`portcullis_${change}`)} after ${sql.raw(change)} on package
      referencing ${sql.raw(rows)} table as changed
      for each statement execute function portcullis_packages_changed()`.execute(db);
  }
}
