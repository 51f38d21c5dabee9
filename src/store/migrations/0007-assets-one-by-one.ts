// Versions that come together file by file: what a format keeps about one file, and checksums that are sent beside files.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

export async function up(db: Kysely<unknown>, _engine: Engine): Promise<void> {
  await db.schema
    .alterTable("asset")
    .addColumn("document", "text", (c) => c.notNull().defaultTo(""))
    .execute();
  await db.schema
    .createTable("checksum_claim")
    .addColumn("repository_id", "integer", (c) => c.notNull().references("repository.id").onDelete("cascade"))
    .addColumn("format", "text", (c) => c.notNull())
    .addColumn("namespace", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("asset", "text", (c) => c.notNull())
    .addColumn("algorithm", "text", (c) => c.notNull())
    .addColumn("value", "text", (c) => c.notNull())
    .addColumn("claimed_at", sql`bigint`, (c) => c.notNull())
    .addPrimaryKeyConstraint("checksum_claim_key", [
      "repository_id",
      "format",
      "namespace",
      "name",
      "version",
      "asset",
      "algorithm",
    ])
    .execute();
  await db.schema.createIndex("checksum_claim_age").on("checksum_claim").column("claimed_at").execute();
}
