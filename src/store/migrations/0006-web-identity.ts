// OpenID Connect issuers; who took on a session, and for how long a role may be; what a file of identities has made.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  await db.schema
    .createTable("oidc_provider")
    .addColumn("arn", text, (c) => c.primaryKey())
    .addColumn("account", text, (c) => c.notNull())
    .addColumn("url", text, (c) => c.notNull())
    .addColumn("audiences", text, (c) => c.notNull())
    .addColumn("authorities", text)
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("applied_at", "bigint")
    .execute();
  await db.schema
    .alterTable("session")
    .addColumn("taken_by", text, (c) => c.notNull().defaultTo(""))
    .execute();
  await db.schema
    .alterTable("principal")
    .addColumn("session_seconds_max", "bigint", (c) => c.notNull().defaultTo(3_600))
    .execute();
  for (const table of ["principal", "identity_policy"])
    await db.schema.alterTable(table).addColumn("applied_at", "bigint").execute();
}
