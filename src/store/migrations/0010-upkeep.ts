// What keeps bytes and rows together on many nodes: blobs being swept, leases, and blobs known to be damaged.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  await db.schema
    .createTable("swept_blob")
    .addColumn("sha256", text, (c) => c.primaryKey())
    .addColumn("batch", text, (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("gone_at", "bigint")
    .execute();
  await db.schema
    .createTable("lease")
    .addColumn("name", text, (c) => c.primaryKey())
    .addColumn("owner", text, (c) => c.notNull())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("damaged_blob")
    .addColumn("sha256", text, (c) => c.primaryKey())
    .addColumn("problem", text, (c) => c.notNull())
    .addColumn("found_at", "bigint", (c) => c.notNull())
    .execute();
}
