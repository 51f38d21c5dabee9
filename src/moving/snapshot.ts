// A database at one moment, read on a connection of its own, beside a server that goes on writing.
import { createHash } from "node:crypto";
import { UNFINISHED_MOVE } from "../store/settings.ts";
import { isPostgres } from "./places.ts";
import type { Content, Snapshot } from "./row-source.ts";
import type { Row } from "./rows.ts";
import type { Described, Table } from "./tables.ts";
import { carriedTables } from "./tables.ts";

/** What an engine must be able to do for a snapshot. */
export interface Reader {
  readonly name: string;
  /** Every table, kysely's own too; empty before the first start. */
  describe(): Promise<readonly Described[]>;
  sequences(): Promise<Readonly<Record<string, number>>>;
  /** Rows of a query without parameters, streamed. */
  stream(query: string): AsyncIterable<Row>;
  /** `name`, ready to be sorted by its bytes. */
  sortable(name: string, isText: boolean): string;
  close(): Promise<void>;
}

/**
 * `location`: a `postgres://` URL or the path of a SQLite file that is there. With `alone` it rejects
 * when a server has it open, and a SQLite file is held so that none can open it until `close`.
 */
export async function openSnapshot(location: string, { alone = false } = {}): Promise<Snapshot> {
  const reader = isPostgres(location)
    ? await (await import("./snapshot-postgres.ts")).openPostgresReader(location, alone)
    : (await import("./snapshot-sqlite.ts")).openSqliteReader(location, alone);
  try {
    return await readSnapshot(reader);
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readSnapshot(reader: Reader): Promise<Snapshot> {
  const described = await reader.describe();
  const has = (name: string): boolean => described.some((table) => table.name === name);
  const texts = async (query: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const [value] of reader.stream(query)) found.push(String(value));
    return found;
  };
  const setting = async (key: string): Promise<string | undefined> =>
    has("server_setting")
      ? (await texts(`select value from server_setting where key = '${key}'`))[0]
      : undefined;
  const pagingKey = await setting("paging-key");
  return {
    name: reader.name,
    installation:
      pagingKey === undefined ? "" : createHash("sha256").update(pagingKey).digest("hex").slice(0, 16),
    unfinished: await setting(UNFINISHED_MOVE),
    level: has("kysely_migration") ? await texts("select name from kysely_migration order by name") : [],
    tables: carriedTables(described),
    sequences: await reader.sequences(),
    rows: (table) => reader.stream(rowsQuery(reader, table)),
    contents: () => readContents(reader),
    close: () => reader.close(),
  };
}

function rowsQuery(reader: Reader, table: Table): string {
  const order = table.key.map((name) =>
    reader.sortable(
      quote(name),
      table.columns.some((column) => column.name === name && column.kind === "text"),
    ),
  );
  const without = table.name === "server_setting" ? `where "key" <> '${UNFINISHED_MOVE}'` : "";
  const columns = table.columns.map(({ name }) => quote(name)).join(", ");
  return `select ${columns} from ${quote(table.name)} ${without} order by ${order.join(", ")}`;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function* readContents(reader: Reader): AsyncIterable<Content> {
  const query = `select sha256, max(size) from asset group by sha256 order by ${reader.sortable("sha256", true)}`;
  for await (const [sha256, size] of reader.stream(query))
    yield { sha256: String(sha256), size: Number(size) };
}
