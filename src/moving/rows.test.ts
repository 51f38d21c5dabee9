// Rows as lines: what is written is what is read, in the order of both engines, however long a line is.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLines, writeLines } from "./json-lines.ts";
import type { Row } from "./rows.ts";
import { compareKeys, parseRow, rowLine } from "./rows.ts";
import type { Described, Table } from "./tables.ts";
import { carriedTables, kindOf } from "./tables.ts";

const TABLE: Table = {
  name: "thing",
  columns: [
    { name: "id", kind: "number" },
    { name: "name", kind: "text" },
    { name: "content", kind: "bytes" },
  ],
  key: ["name", "id"],
};

test("a row is the same after it was a line of a file: separators of other readers, quotes, bytes, nothing, and megabytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-rows-"));
  const path = join(folder, "rows.jsonl.gz");
  const rows: Row[] = [
    [1, 'a\u2028b\u2029c\r\nd"e\\', Buffer.from([0, 255, 10])],
    [2, "", null],
    [Number.MAX_SAFE_INTEGER, "☃𝄞".repeat(300_000), Buffer.alloc(0)],
    [4, "\0", Buffer.from("x")],
  ];
  const lines = async function* (): AsyncIterable<string> {
    for (const row of rows) yield rowLine(TABLE, row);
  };
  await writeLines(path, lines());
  const read: Row[] = [];
  for await (const line of readLines(path)) read.push(parseRow(TABLE, line));
  await rm(folder, { recursive: true });
  expect(read).toEqual(rows);
});

test("a value of another kind than its column's is told by row and column, on the way out and on the way in", () => {
  expect(() => rowLine(TABLE, ["1", "a", null])).toThrow(
    `thing "a" 1: 'id' holds no number`.replace("1:", '"1":'),
  );
  expect(() => rowLine(TABLE, [2 ** 53, "a", null])).toThrow("'id' holds no number");
  expect(() => parseRow(TABLE, '{"id":1,"name":7,"content":null}')).toThrow("'name' holds no text");
  expect(() => parseRow(TABLE, '{"id":1,"name":"a"}')).toThrow("a row of thing has no 'content'");
});

test("keys are ordered by their bytes, as both engines do, and not by UTF-16", () => {
  expect(compareKeys(["\uffee"], ["😀"])).toBeLessThan(0);
  expect(compareKeys(["a", 10], ["a", 9])).toBeGreaterThan(0);
  expect(compareKeys(["a", 9], ["a", 9])).toBe(0);
});

test("tables come after those that they refer to, and one without a key is refused", () => {
  const table = (name: string, references: string[], key = ["id"]): Described => ({
    name,
    columns: TABLE.columns,
    key,
    references,
  });
  const named = (tables: readonly Described[]): string[] => carriedTables(tables).map(({ name }) => name);
  expect(named([table("a", ["c"]), table("b", []), table("c", ["b"]), table("lease", [])])).toEqual([
    "b",
    "c",
    "a",
  ]);
  expect(() => named([table("a", ["b"]), table("b", ["a"])])).toThrow("in a circle");
  expect(() => named([table("a", [], [])])).toThrow("a has no primary key");
  expect(() => kindOf("jsonb", "a.b")).toThrow("a.b has the type jsonb");
});
