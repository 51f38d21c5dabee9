// Which repositories a package group lets versions enter, per way in (spec 2.7.5).
import { type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

/** A repository that goes leaves every list; one that comes later under its name is not on them. */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  await db.schema
    .createTable("package_group_allowed")
    .addColumn("package_group_id", "bigint", (c) =>
      c.notNull().references("package_group.id").onDelete("cascade"),
    )
    .addColumn("restriction_type", text, (c) => c.notNull())
    .addColumn("repository_id", "bigint", (c) => c.notNull().references("repository.id").onDelete("cascade"))
    .addPrimaryKeyConstraint("package_group_allowed_pk", [
      "package_group_id",
      "restriction_type",
      "repository_id",
    ])
    .execute();
  // Deleting a repository looks here for it.
  await db.schema
    .createIndex("package_group_allowed_repository")
    .on("package_group_allowed")
    .column("repository_id")
    .execute();
}
