// The first schema: identities, domains, repositories, packages with their origin settings, the journal.
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

type Table = CreateTableBuilder<string, string>;

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  // biome-ignore format: a table reads best as a table
  const table = (name: string, build: (t: Table) => Table) => build(db.schema.createTable(name) as Table).execute();
  const id = (t: Table): Table =>
    engine === "sqlite"
      ? t.addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
      : t.addColumn("id", "bigint", (c) => c.primaryKey().generatedByDefaultAsIdentity());
  // Names are compared byte for byte on both engines, so that pages come in one order everywhere.
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  const texts = (t: Table, ...names: string[]): Table =>
    names.reduce((b, n) => b.addColumn(n, text, (c) => c.notNull()), t);
  const numbers = (t: Table, ...names: string[]): Table =>
    names.reduce((b, n) => b.addColumn(n, "bigint", (c) => c.notNull()), t);
  const reference = (t: Table, name: string, target: string): Table =>
    t.addColumn(name, "bigint", (c) => c.notNull().references(`${target}.id`).onDelete("cascade"));

  await table("server_setting", (t) =>
    texts(
      t.addColumn("key", text, (c) => c.primaryKey()),
      "value",
    ),
  );

  await table("principal", (t) =>
    numbers(texts(id(t), "account", "name", "arn", "policies"), "created_at").addUniqueConstraint(
      "principal_arn",
      ["arn"],
    ),
  );
  await table("access_key", (t) =>
    numbers(
      texts(
        reference(
          t.addColumn("id", text, (c) => c.primaryKey()),
          "principal_id",
          "principal",
        ),
        "secret",
      ),
      "created_at",
    ).addColumn("disabled_at", "bigint"),
  );

  await table("domain", (t) =>
    numbers(texts(id(t), "owner", "name", "encryption_key"), "revision", "created_at").addUniqueConstraint(
      "domain_name",
      ["owner", "name"],
    ),
  );
  await table("authorization_token", (t) =>
    numbers(
      texts(
        reference(
          reference(
            t.addColumn("id", text, (c) => c.primaryKey()),
            "domain_id",
            "domain",
          ),
          "principal_id",
          "principal",
        ),
        "secret_hash",
      ),
      "created_at",
      "expires_at",
    ).addColumn("revoked_at", "bigint"),
  );

  await table("repository", (t) =>
    numbers(texts(reference(id(t), "domain_id", "domain"), "name", "administrator_account"), "created_at")
      .addColumn("description", text)
      .addUniqueConstraint("repository_name", ["domain_id", "name"]),
  );
  await table("repository_upstream", (t) =>
    reference(
      numbers(reference(t, "repository_id", "repository"), "position"),
      "upstream_id",
      "repository",
    ).addPrimaryKeyConstraint("repository_upstream_pk", ["repository_id", "position"]),
  );
  await table("repository_connection", (t) =>
    texts(reference(t, "repository_id", "repository"), "connection").addPrimaryKeyConstraint(
      "repository_connection_pk",
      ["repository_id", "connection"],
    ),
  );
  await table("resource_tag", (t) =>
    texts(t, "resource_arn", "key", "value").addPrimaryKeyConstraint("resource_tag_pk", [
      "resource_arn",
      "key",
    ]),
  );

  await table("package_group", (t) =>
    numbers(
      texts(
        reference(id(t), "domain_id", "domain"),
        "pattern",
        "publish_mode",
        "external_mode",
        "internal_mode",
      ),
      "created_at",
    )
      .addColumn("contact_info", text)
      .addColumn("description", text)
      .addUniqueConstraint("package_group_pattern", ["domain_id", "pattern"]),
  );

  await table("package", (t) =>
    numbers(
      texts(
        reference(id(t), "repository_id", "repository"),
        "format",
        "namespace",
        "name",
        "publish",
        "upstream",
      ),
      "revision",
      "created_at",
    ).addUniqueConstraint("package_key", ["repository_id", "format", "namespace", "name"]),
  );
  await table("package_version", (t) =>
    numbers(
      texts(
        reference(id(t), "package_id", "package"),
        "version",
        "status",
        "revision",
        "origin_type",
        "entry_point",
        "metadata",
        "document",
        "brief",
      ),
      "published_at",
      "first_seen_at",
      "stored_at",
    )
      .addColumn("upstream_published_at", "bigint")
      .addUniqueConstraint("package_version_number", ["package_id", "version"]),
  );
  await table("asset", (t) =>
    numbers(
      texts(
        reference(id(t), "package_version_id", "package_version"),
        "name",
        "md5",
        "sha1",
        "sha256",
        "sha512",
      ),
      "size",
    ).addUniqueConstraint("asset_name", ["package_version_id", "name"]),
  );
  await db.schema.createIndex("asset_sha256").on("asset").column("sha256").execute();
  await table("package_tag", (t) =>
    texts(reference(t, "package_id", "package"), "tag", "version").addPrimaryKeyConstraint("package_tag_pk", [
      "package_id",
      "tag",
    ]),
  );

  await table("sighting", (t) =>
    texts(t, "connection", "format", "namespace", "name", "versions").addPrimaryKeyConstraint("sighting_pk", [
      "connection",
      "format",
      "namespace",
      "name",
    ]),
  );

  const journalKey = (t: Table): Table =>
    engine === "sqlite"
      ? t.addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
      : t.addColumn("seq", "bigint", (c) => c.primaryKey().generatedByDefaultAsIdentity());
  await table("journal", (t) =>
    texts(
      numbers(journalKey(t), "at", "domain_id"),
      "event",
      "repository",
      "format",
      "namespace",
      "package",
      "version",
      "actor",
      "request_id",
      "detail",
    ),
  );
  await db.schema
    .createIndex("journal_package")
    .on("journal")
    .columns(["domain_id", "format", "namespace", "package", "seq"])
    .execute();
}
