// Reading PostgreSQL for a snapshot: one REPEATABLE READ transaction on a connection of its own, rows through a cursor.
import type { Client, CustomTypesConfig, types as Types } from "pg";
import type { Row } from "./rows.ts";
import type { Reader } from "./snapshot.ts";
import type { Described } from "./tables.ts";
import { kindOf, LEFT_BEHIND } from "./tables.ts";

const ROWS_AT_ONCE = 256;
const FIRST_ROWS = 16;
/** How much of a table may be in memory at a time, as far as the rows before tell how large the next ones are. */
const BYTES_AT_ONCE = 8 * 1024 * 1024;

/** With `alone`: rejects when a server or a command of Portcullis is connected to the database. */
export async function openPostgresReader(url: string, alone: boolean): Promise<Reader> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION,
    types: typeParsers(pg.types),
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  await client.connect();
  client.on("error", () => undefined); // the next query tells
  try {
    await client.query("begin transaction isolation level repeatable read read only");
    await client.query("set local statement_timeout = 0");
    await client.query("set local idle_in_transaction_session_timeout = 0");
    if (alone) await refuseOthers(client, withoutPassword(url));
    await client.query("select 1"); // the snapshot is taken by the first query
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    name: withoutPassword(url),
    describe: () => describe(client),
    sequences: () => sequences(client),
    stream: (query) => stream(client, query),
    sortable: (name, isText) => (isText ? `${name} collate "C"` : name),
    close: () => client.end(),
  };
}

/** What this connection calls itself. A server's are "portcullis" and what begins so. */
const APPLICATION = "portcullis moving";

async function refuseOthers(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ client: string | null }>(
    "select distinct coalesce(host(client_addr), 'this machine') as client from pg_stat_activity where datname = current_database() and application_name like 'portcullis%' and application_name <> $1",
    [APPLICATION],
  );
  if (rows.length > 0)
    throw new Error(
      `${name} is in use from ${rows.map(({ client: address }) => address).join(", ")}: stop every server, and every other portcullis command on it`,
    );
}

export function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = "";
  parsed.searchParams.delete("password");
  return parsed.href;
}

/** Whole numbers as numbers, whatever the process has set for all others. */
function typeParsers({ builtins, getTypeParser }: typeof Types): CustomTypesConfig {
  // The driver's types know the builtin types only by an enum that nothing can be compared with.
  const parserOf = (type: never, format?: never): unknown =>
    Number(type) === Number(builtins.INT8) ? Number : getTypeParser(type, format);
  return { getTypeParser: parserOf as CustomTypesConfig["getTypeParser"] };
}

const COLUMNS = `
  select c.relname as "table", a.attname as "column", format_type(a.atttypid, null) as type,
    coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::int as pk
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
  where c.relkind in ('r', 'p')
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') and c.relnamespace = current_schema()::regnamespace
  order by c.relname, a.attnum`;

const REFERENCES = `
  select distinct c.relname as "table", t.relname as target
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class t on t.oid = k.confrelid
  where k.contype = 'f' and c.oid <> t.oid and c.relnamespace = current_schema()::regnamespace`;

async function describe(client: Client): Promise<Described[]> {
  const columns = (await client.query<{ table: string; column: string; type: string; pk: number }>(COLUMNS))
    .rows;
  const references = (await client.query<{ table: string; target: string }>(REFERENCES)).rows;
  return [...Map.groupBy(columns, ({ table }) => table)].map(([name, found]) => ({
    name,
    columns: found.map(({ column, type }) => ({
      name: column,
      kind: LEFT_BEHIND[name] === undefined ? kindOf(type, `${name}.${column}`) : "text",
    })),
    key: found
      .filter(({ pk }) => pk > 0)
      .sort((a, b) => a.pk - b.pk)
      .map(({ column }) => column),
    references: references.filter(({ table }) => table === name).map(({ target }) => target),
  }));
}

/** Sequences live outside of transactions: a number may be of a row that the snapshot does not show, which only leaves a gap. */
async function sequences(client: Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ table: string; last: number | null }>(`
    select c.relname as "table", s.last_value as last
    from pg_depend d join pg_class q on q.oid = d.objid and q.relkind = 'S'
      join pg_class c on c.oid = d.refobjid
      join pg_sequences s on s.schemaname = current_schema() and s.sequencename = q.relname
    where d.deptype = 'i' and c.relnamespace = current_schema()::regnamespace`);
  return Object.fromEntries(
    rows.flatMap(({ table, last }) => (last === null ? [] : [[table, Number(last)]])),
  );
}

async function* stream(client: Client, query: string): AsyncIterable<Row> {
  const cursor = `rows_${++cursors}`;
  await client.query(`declare ${cursor} no scroll cursor for ${query}`);
  let wanted = FIRST_ROWS;
  while (true) {
    const { rows } = await client.query<Row[]>({ text: `fetch ${wanted} from ${cursor}`, rowMode: "array" });
    const found = rows as unknown as Row[];
    yield* found;
    if (found.length < wanted) break;
    const largest = Math.max(...found.map(sizeOf), 1);
    wanted = Math.max(1, Math.min(ROWS_AT_ONCE, Math.floor(BYTES_AT_ONCE / largest)));
  }
  await client.query(`close ${cursor}`);
}
let cursors = 0;

function sizeOf(row: Row): number {
  return row.reduce<number>(
    (sum, value) => sum + (typeof value === "string" || value instanceof Uint8Array ? value.length : 8),
    0,
  );
}
