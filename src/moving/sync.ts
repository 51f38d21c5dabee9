// Makes the rows of one place those of another: both are walked in key order, and only what differs is written.
import type { Database } from "../store/database.ts";
import type { RowSource, Snapshot } from "./row-source.ts";
import type { Row, Sum } from "./rows.ts";
import { compareKeys, keyOf, rowLine, sumRows } from "./rows.ts";
import type { Table } from "./tables.ts";
import { createTableWriter } from "./target.ts";

/** Told of every row that has passed: the table, and how many of its rows. */
export type OnRow = (table: string, rows: number) => void;

/**
 * After it resolves, the target's rows are the source's. It may be stopped at any moment and begun again: what is there
 * already is not written twice. `before`: the target's rows as an earlier run left them; undefined: there are none.
 */
export async function syncRows(
  source: RowSource,
  before: Snapshot | undefined,
  target: Database,
  onRow: OnRow,
): Promise<void> {
  // What is gone at the source goes first, rows that refer to others before those.
  if (before !== undefined)
    for (const table of source.tables.toReversed()) await removeRows(source, before, target, table);
  for (const table of source.tables) await writeRows(source, before, target, table, onRow);
}

async function removeRows(
  source: RowSource,
  before: Snapshot,
  target: Database,
  table: Table,
): Promise<void> {
  const keys = { ...table, columns: table.columns.filter(({ name }) => table.key.includes(name)) };
  const writer = createTableWriter(target, keys);
  for await (const [from, to] of pairRows(table, source.rows(table), before.rows(table)))
    if (from === undefined && to !== undefined) await writer.remove(keyRow(keys, table, to));
}

function keyRow(keys: Table, table: Table, row: Row): Row {
  return keys.columns.map(
    ({ name }) => row[table.columns.findIndex((column) => column.name === name)] ?? null,
  );
}

async function writeRows(
  source: RowSource,
  before: Snapshot | undefined,
  target: Database,
  table: Table,
  onRow: OnRow,
): Promise<void> {
  const writer = createTableWriter(target, table);
  let rows = 0;
  for await (const [from, to] of pairRows(table, source.rows(table), before?.rows(table))) {
    if (from === undefined) continue;
    if (to === undefined) await writer.insert(from);
    else if (rowLine(table, from) !== rowLine(table, to)) await writer.update(from);
    onRow(table.name, ++rows);
  }
  await writer.flush();
}

/** Rows of the same key side by side; undefined where one side has none. */
async function* pairRows(
  table: Table,
  from: AsyncIterable<Row>,
  to: AsyncIterable<Row> | undefined,
): AsyncIterable<readonly [Row | undefined, Row | undefined]> {
  const others = to?.[Symbol.asyncIterator]();
  const next = async (): Promise<Row | undefined> => {
    const step = await others?.next();
    return step === undefined || step.done === true ? undefined : step.value;
  };
  let other = await next();
  for await (const row of from) {
    const order = (): number =>
      other === undefined ? 1 : compareKeys(keyOf(table, other), keyOf(table, row));
    for (; order() < 0; other = await next()) yield [undefined, other];
    if (order() > 0) yield [row, undefined];
    else {
      yield [row, other];
      other = await next();
    }
  }
  for (; other !== undefined; other = await next()) yield [undefined, other];
}

/** A table whose rows are not the same in both places. */
export interface Difference {
  readonly table: string;
  readonly source: Sum;
  readonly target: Sum;
}

/** Reads both places whole and compares number and checksum of every table's rows. */
export async function compareRows(
  source: RowSource,
  target: RowSource,
  onRow: OnRow,
): Promise<readonly Difference[]> {
  const different: Difference[] = [];
  for (const table of source.tables) {
    const here = await sumRows(table, source.rows(table));
    const there = await sumRows(table, target.rows(table));
    onRow(table.name, here.rows);
    if (here.sha256 !== there.sha256) different.push({ table: table.name, source: here, target: there });
  }
  return different;
}
