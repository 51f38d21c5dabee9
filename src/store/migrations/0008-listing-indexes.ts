// Indexes for pages of versions in either order, and for names that are one name to a client.
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

export async function up(db: Kysely<unknown>, _engine: Engine): Promise<void> {
  await db.schema
    .createIndex("package_version_stored")
    .on("package_version")
    .columns(["package_id", "id"])
    .execute();
  await db.schema
    .createIndex("package_version_published")
    .on("package_version")
    .columns(["package_id", "published_at", "id"])
    .execute();
  // As findSpellings writes it, or the index is not used.
  await sql`create index package_spelling on package (format, namespace, lower(replace("name", '-', '_')))`.execute(
    db,
  );
}
