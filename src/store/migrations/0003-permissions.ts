// Resource policies; groups, roles, sessions and named policies; tokens for less than their principal may do.
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Engine } from "../database.ts";

type Table = CreateTableBuilder<string, string>;

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = engine === "sqlite" ? "text" : sql`text collate "C"`;
  const create = (name: string, build: (t: Table) => Table) =>
    build(db.schema.createTable(name) as Table).execute();
  const texts = (t: Table, ...names: string[]): Table =>
    names.reduce((b, name) => b.addColumn(name, text, (c) => c.notNull()), t);
  const owned = (t: Table, name: string, target: string, key: boolean): Table =>
    t.addColumn(name, "bigint", (c) => {
      const column = c.notNull().references(`${target}.id`).onDelete("cascade");
      return key ? column.primaryKey() : column;
    });
  const number = (t: Table, name: string): Table => t.addColumn(name, "bigint", (c) => c.notNull());

  for (const target of ["domain", "repository"]) {
    await create(`${target}_policy`, (t) =>
      number(texts(owned(t, `${target}_id`, target, true), "document", "revision"), "updated_at"),
    );
  }

  const added = {
    principal: ["kind 'user'", "unique_id ''", "tags '{}'", "attached '[]'", "trust"],
    authorization_token: ["label ''", "scope", "session_id"],
  };
  for (const [table, columns] of Object.entries(added)) {
    for (const column of columns) {
      const [name = "", standard] = column.split(" ");
      await db.schema
        .alterTable(table)
        .addColumn(name, text, (c) => (standard === undefined ? c : c.notNull().defaultTo(sql.raw(standard))))
        .execute();
    }
  }
  await db.schema.alterTable("authorization_token").addColumn("last_used_at", "bigint").execute();

  await create("principal_member", (t) =>
    owned(owned(t, "group_id", "principal", false), "member_id", "principal", false).addPrimaryKeyConstraint(
      "principal_member_pk",
      ["group_id", "member_id"],
    ),
  );
  await create("identity_policy", (t) =>
    number(texts(t, "account", "name", "document"), "updated_at").addPrimaryKeyConstraint(
      "identity_policy_pk",
      ["account", "name"],
    ),
  );
  await create("session", (t) =>
    number(
      number(
        texts(
          owned(
            t.addColumn("id", text, (c) => c.primaryKey()),
            "principal_id",
            "principal",
            false,
          ),
          "name",
          "secret",
          "token_hash",
          "policies",
        ),
        "created_at",
      ),
      "expires_at",
    ).addColumn("revoked_at", "bigint"),
  );
}
