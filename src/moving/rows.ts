// One row of any table: its values, its line of JSON (the same from either engine), and where it stands in key order.
import { createHash } from "node:crypto";
import type { Column, Table } from "./tables.ts";

export type Value = string | number | null | Uint8Array;

/** The values of one row, in the order of its table's columns. */
export type Row = readonly Value[];

/** How many rows, and what their lines hash to (SHA-256, lower-case hex), in key order. */
export interface Sum {
  readonly rows: number;
  readonly sha256: string;
}

/** `{"id":1,"name":"a"}` and a line feed; bytes are base64. Throws, naming row and column, for what is not of its column's kind. */
export function rowLine(table: Table, row: Row): string {
  const fields = table.columns.map((column, i) => {
    const value = row[i] ?? null;
    if (value !== null && !fits(column, value))
      throw new Error(`${rowName(table, row)}: '${column.name}' holds no ${column.kind}`);
    const plain = value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
    return `${JSON.stringify(column.name)}:${JSON.stringify(plain)}`;
  });
  return `{${fields.join(",")}}\n`;
}

/** Throws when the line is not a row of this table. */
export function parseRow(table: Table, line: string): Row {
  const fields = JSON.parse(line) as Readonly<Record<string, string | number | null>>;
  const row = table.columns.map(({ name, kind }): Value => {
    const value = fields[name];
    if (value === undefined) throw new Error(`a row of ${table.name} has no '${name}'`);
    return kind === "bytes" && typeof value === "string" ? Buffer.from(value, "base64") : value;
  });
  for (const [i, column] of table.columns.entries())
    if (row[i] !== null && !fits(column, row[i] as Value))
      throw new Error(`${rowName(table, row)}: '${column.name}' holds no ${column.kind}`);
  return row;
}

function fits({ kind }: Column, value: Value): boolean {
  if (kind === "number") return Number.isSafeInteger(value);
  return kind === "text" ? typeof value === "string" : value instanceof Uint8Array;
}

/** `package 17`, or with each part of a longer key. */
export function rowName(table: Table, row: Row): string {
  const key = keyOf(table, row).map((value) => (typeof value === "string" ? JSON.stringify(value) : value));
  return `${table.name} ${key.join(" ")}`;
}

export function keyOf(table: Table, row: Row): Row {
  return table.key.map((name) => row[table.columns.findIndex((column) => column.name === name)] ?? null);
}

/** Below zero: `a` comes before `b`. Text is compared by its bytes, as both engines do. */
export function compareKeys(a: Row, b: Row): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (left === right) continue;
    if (typeof left === "number" && typeof right === "number") return left - right;
    return Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
  }
  return 0;
}

/** Adds up rows that pass in key order. */
export function startSum(table: Table): { add(row: Row): void; done(): Sum } {
  const hash = createHash("sha256");
  let rows = 0;
  return {
    add(row) {
      hash.update(rowLine(table, row));
      rows++;
    },
    done: () => ({ rows, sha256: hash.digest("hex") }),
  };
}

export async function sumRows(table: Table, rows: AsyncIterable<Row>): Promise<Sum> {
  const sum = startSum(table);
  for await (const row of rows) sum.add(row);
  return sum.done();
}
