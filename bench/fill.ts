// Fills a database with copies of one package by the database's own means: what a server would take hours to be told.
import { DatabaseSync } from "node:sqlite";
import { withClient } from "./postgres.ts";

/** The name of copy `i`; the pattern itself is `package-000000`. */
export function copyName(i: number): string {
  return `package-${String(i).padStart(6, "0")}`;
}

/** The versions that the pattern has. */
export const copiedVersions = Array.from({ length: 10 }, (_, i) => `1.0.${i}`);

/** Makes copies 1 to `count` of `package-000000` with its versions, assets, tags and journal. The server must not run. */
export async function fill(location: string, count: number): Promise<void> {
  if (location.startsWith("postgres:")) await fillPostgres(location, count);
  else await fillSqlite(location, count);
}

interface Dialect {
  /** The one number that a query gives. */
  number(query: string): Promise<number> | number;
  /** Columns of a table but for its own key, in any order. */
  columns(table: string): Promise<string[]> | string[];
  /** A table expression `n(i)` of 1 to count. */
  numbers(count: number): string;
  /** `package-000042` of n.i */
  name: string;
  /** 64 hexadecimal digits, others for each row. */
  digest: string;
}

/**
 * The statements, in order; every column is the pattern's own but for those that must differ. The first versions of all
 * packages come before their second ones, as in life: versions of one package do not lie side by side.
 */
async function statements(dialect: Dialect, count: number): Promise<string[]> {
  const first = copyName(0);
  const id = await dialect.number(`select id from package where name = '${first}'`);
  const renamed = (column: string) => `replace(t.${column}, '${first}', p.name)`;
  const copy = async (table: string, from: string, change: Record<string, string>) => {
    const columns = await dialect.columns(table);
    const values = columns.map((column) => change[column] ?? `t."${column}"`);
    const names = columns.map((column) => `"${column}"`).join(", ");
    return `insert into ${table} (${names}) select ${values.join(", ")} from ${from}`;
  };
  const copies = `package p on p.id > ${id}`;
  const texts = [
    await copy("package", `package t cross join ${dialect.numbers(count)} where t.id = ${id}`, {
      name: dialect.name,
    }),
    await copy("package_tag", `package_tag t join ${copies} where t.package_id = ${id}`, {
      package_id: "p.id",
    }),
  ];
  for (const version of copiedVersions) {
    const versionId = await dialect.number(
      `select id from package_version where package_id = ${id} and version = '${version}'`,
    );
    texts.push(
      await copy("package_version", `package_version t join ${copies} where t.id = ${versionId}`, {
        package_id: "p.id",
        metadata: renamed("metadata"),
        document: renamed("document"),
        brief: renamed("brief"),
      }),
      await copy(
        "asset",
        `asset t join ${copies} join package_version v on v.package_id = p.id and v.version = '${version}'
         where t.package_version_id = ${versionId}`,
        { package_version_id: "v.id", name: renamed("name"), sha256: dialect.digest },
      ),
      await copy(
        "journal",
        `journal t join ${copies} where t.package = '${first}' and t.version = '${version}'`,
        { package: "p.name" },
      ),
    );
  }
  return texts;
}

async function fillSqlite(path: string, count: number): Promise<void> {
  const db = new DatabaseSync(path);
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = off; pragma foreign_keys = off; pragma cache_size = -1000000; pragma temp_store = memory",
  );
  const texts = await statements(
    {
      number: (query) => Number(Object.values(db.prepare(query).get() ?? {})[0]),
      columns: (table) =>
        db
          .prepare(`select name from pragma_table_info('${table}') where name not in ('id', 'seq')`)
          .all()
          .map(({ name }) => String(name)),
      numbers: (upTo) =>
        `(with recursive r(i) as (select 1 union all select i + 1 from r where i < ${upTo}) select i from r) n`,
      name: "printf('package-%06d', n.i)",
      digest: "lower(hex(randomblob(32)))",
    },
    count,
  );
  db.exec(`begin; ${texts.join(";\n")}; commit; pragma wal_checkpoint(truncate)`);
  db.close();
}

async function fillPostgres(url: string, count: number): Promise<void> {
  await withClient(url, async (client) => {
    const texts = await statements(
      {
        number: async (query) => Number(Object.values((await client.query(query)).rows[0] ?? {})[0]),
        columns: async (table) =>
          (
            await client.query<{ column_name: string }>(
              `select column_name from information_schema.columns
               where table_schema = current_schema() and table_name = '${table}' and column_name not in ('id', 'seq')`,
            )
          ).rows.map((row) => row.column_name),
        numbers: (upTo) => `(select generate_series(1, ${upTo}) as i) n`,
        name: "'package-' || lpad(n.i::text, 6, '0')",
        digest: "md5(random()::text) || md5(random()::text)",
      },
      count,
    );
    // Without triggers: no other process listens, and references hold by how the rows are made.
    for (const text of [
      "set session_replication_role = replica",
      "set synchronous_commit = off",
      "begin",
      ...texts,
      "commit",
      "vacuum analyze",
      "checkpoint",
    ])
      await client.query(text);
  });
}
