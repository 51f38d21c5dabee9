// Large tables, so that PostgreSQL's planner has a reason to choose an index: rows by generate_series, straight into a database.
import { type Kysely, sql } from "kysely";
import type { Database } from "../src/store/database.ts";
import type { Schema } from "../src/store/schema.ts";

/** Rows of each table that is large in a company's service. */
export const ROWS = {
  package: 40_000,
  package_version: 80_000,
  asset: 120_000,
  package_tag: 40_000,
  journal: 60_000,
  outbox: 20_000,
  audit_batch: 20_000,
  authorization_token: 20_000,
  session: 20_000,
  access_key: 5_000,
  principal: 5_000,
  principal_member: 5_000,
  sighting: 20_000,
  checksum_claim: 5_000,
  package_group: 5_000,
} as const;

/** And of those that stay small: reading all of them is no harm. */
const SMALL = {
  repository: 2_000,
  repository_upstream: 2_000,
  resource_tag: 2_000,
  package_group_allowed: 2_000,
} as const;
const COUNTS = { ...ROWS, ...SMALL };
const DOMAINS = 100;
/** What is old is deleted: little of it is, at any time. */
const LATER = 4_000_000_000_000;

/** PostgreSQL only. */
export async function fillTables(database: Database): Promise<void> {
  await database.unhurried.connection().execute(fill); // one session: a setting of it holds for all
}

async function fill(db: Kysely<Schema>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db);
  const many = (table: keyof typeof COUNTS, columns: string, values: string) =>
    run(`insert into ${table} (${columns}) select ${values} from generate_series(1, ${COUNTS[table]}) n`);
  const one = (from: keyof typeof COUNTS) => `1 + n % ${COUNTS[from]}`;
  await run("set session_replication_role = replica"); // neither triggers nor references are of interest
  await run(
    `insert into domain (owner, name, encryption_key, revision, created_at)
     select '000000000000', 'domain-' || n, 'k', 1, 1 from generate_series(1, ${DOMAINS}) n`,
  );
  await many(
    "repository",
    "domain_id, name, administrator_account, created_at",
    `1 + n % ${DOMAINS}, 'r' || n, 'a', 1`,
  );
  await many("repository_upstream", "repository_id, position, upstream_id", `n, 0, ${one("repository")}`);
  await many(
    "package",
    "repository_id, format, namespace, name, publish, upstream, revision, created_at",
    `${one("repository")}, (array['npm','pypi','maven','generic'])[1 + n % 4], 'ns' || n % 7, 'name-' || n, 'ALLOW', 'ALLOW', 1, 1`,
  );
  await many(
    "package_version",
    "package_id, version, status, revision, origin_type, entry_point, metadata, document, brief, published_at, first_seen_at, stored_at",
    `${one("package")}, '1.' || n, 'Published', 'r', 'INTERNAL', 'r', '{}', '{}', '{}', n, 1, 1`,
  );
  await many(
    "asset",
    "package_version_id, name, size, md5, sha1, sha256, sha512",
    `${one("package_version")}, 'file-' || n, 1, 'm', 's', md5(n::text), 's'`,
  );
  await many("package_tag", "package_id, tag, version", "n, 'latest', '1.1'");
  await many(
    "journal",
    "at, domain_id, event, repository, format, namespace, package, version, actor, request_id, detail",
    `n, 1 + n % ${DOMAINS}, 'published', 'r', 'npm', '', 'name-' || n % 20000, '1.0.0', 'a', 'q', '{}'`,
  );
  await run(
    "insert into webhook (id, url, secret, created_at) select 'w' || n, 'u', 's', 1 from generate_series(1, 5) n",
  );
  await many(
    "outbox",
    "webhook_id, stream, seq, attempts, due_at",
    "'w' || (1 + n % 5), 's' || n % 1000, n, 0, n",
  );
  await many("audit_batch", "first_at, last_at, records, content", `n, ${LATER} + n, 1, ''::bytea`);
  await many(
    "principal",
    "account, name, arn, policies, created_at",
    "'000000000000', 'u' || n, 'arn:' || n, '[]', 1",
  );
  await many("principal_member", "group_id, member_id", `${one("principal")}, n`);
  await many("access_key", "id, principal_id, secret, created_at", "'AKIA' || n, n, 's', 1");
  await many(
    "authorization_token",
    "id, secret_hash, domain_id, principal_id, created_at, expires_at",
    `'t' || n, 'h', 1 + n % ${DOMAINS}, ${one("principal")}, 1, ${LATER} + n`,
  );
  await many(
    "session",
    "id, principal_id, name, secret, token_hash, policies, created_at, expires_at",
    `'ASIA' || n, ${one("principal")}, 'n', 's', 'h', '[]', 1, ${LATER} + n`,
  );
  await many(
    "sighting",
    "connection, format, namespace, name, versions",
    "'c', 'npm', '', 'name-' || n, '{}'",
  );
  await many(
    "checksum_claim",
    "repository_id, format, namespace, name, version, asset, algorithm, value, claimed_at",
    `${one("repository")}, 'maven', 'g', 'name-' || n, '1', 'a', 'sha1', 'v', n`,
  );
  await many("resource_tag", "resource_arn, key, value", "'arn:' || n, 'k', 'v'");
  await many(
    "package_group",
    "domain_id, pattern, publish_mode, external_mode, internal_mode, created_at",
    `1 + n % ${DOMAINS}, '/npm//p' || n || '*', 'INHERIT', 'INHERIT', 'INHERIT', 1`,
  );
  await many(
    "package_group_allowed",
    "package_group_id, restriction_type, repository_id",
    `n, 'PUBLISH', ${one("repository")}`,
  );
  await run("set session_replication_role = default");
  await run("analyze");
}
