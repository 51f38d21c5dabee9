// Package-version events: what changed of a version, who is told of it, what is still to be delivered; and the audit of requests.
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

type Table = CreateTableBuilder<string, string>;

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  const bytes = engine === "sqlite" ? "blob" : "bytea";
  const create = (name: string, build: (t: Table) => Table) =>
    build(db.schema.createTable(name) as Table).execute();
  const numbers = (t: Table, ...names: string[]): Table =>
    names.reduce((b, name) => b.addColumn(name, "bigint", (c) => c.notNull()), t);

  // JSON of a VersionEvent; null: the entry is no package-version event.
  await db.schema.alterTable("journal").addColumn("change", "text").execute();
  await db.schema.createIndex("journal_at").on("journal").column("at").execute();

  await create("webhook", (t) =>
    numbers(
      t
        .addColumn("id", text, (c) => c.primaryKey())
        .addColumn("url", text, (c) => c.notNull())
        .addColumn("secret", text, (c) => c.notNull())
        .addColumn("domain_id", "bigint"), // no reference: what a domain's end brought about is still to be told
      "created_at",
    ),
  );
  await create("outbox", (t) =>
    numbers(
      t
        .addColumn("webhook_id", text, (c) => c.notNull().references("webhook.id").onDelete("cascade"))
        .addColumn("stream", text, (c) => c.notNull())
        .addColumn("lease", text)
        .addColumn("first_failed_at", "bigint"),
      "seq",
      "attempts",
      "due_at",
    ).addPrimaryKeyConstraint("outbox_pk", ["webhook_id", "seq"]),
  );
  await db.schema.createIndex("outbox_due").on("outbox").columns(["due_at"]).execute();
  await db.schema
    .createIndex("outbox_stream")
    .on("outbox")
    .columns(["webhook_id", "stream", "seq"])
    .execute();

  const key = (t: Table): Table =>
    engine === "sqlite"
      ? t.addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
      : t.addColumn("id", "bigint", (c) => c.primaryKey().generatedByDefaultAsIdentity());
  await create("audit_batch", (t) =>
    numbers(key(t), "first_at", "last_at", "records").addColumn("content", bytes, (c) => c.notNull()),
  );
  await db.schema.createIndex("audit_batch_last").on("audit_batch").column("last_at").execute();
}
