// TOML (cargo, uv, poetry, pyproject.toml): edited statement by statement, and proven by reading the result again.
import { parse as parseToml } from "smol-toml";
import { bare, dropLines, insertLines, isBlank, splitLines } from "./lines.ts";
import { readSegment, type Syntax, Unreadable, type Value } from "./syntax.ts";
import { assertOnlyChanged, lookup } from "./tree.ts";

interface Pair {
  readonly keys: readonly string[];
  /** Line indexes, end exclusive. */
  readonly start: number;
  readonly end: number;
}

interface Table {
  readonly path: readonly string[];
  readonly array: boolean;
  /** -1: before any header. */
  readonly header: number;
  readonly pairs: Pair[];
  /** After its last pair; comments that follow may speak of the next table. */
  end: number;
  comments: number;
}

function document(text: string): Record<string, unknown> {
  try {
    return parseToml(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new Unreadable((error as Error).message.split("\n")[0] ?? "it is no TOML");
  }
}

function reads(text: string): Record<string, unknown> | undefined {
  try {
    return parseToml(text);
  } catch {
    return undefined;
  }
}

function tables(text: string): Table[] {
  document(text);
  const lines = splitLines(text.replace(/^\ufeff/, ""));
  const found: Table[] = [{ path: [], array: false, header: -1, pairs: [], end: 0, comments: 0 }];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const table = found.at(-1) as Table;
    if (isBlank(line)) continue;
    if (/^\s*#/.test(line)) table.comments++;
    else if (/^\s*\[/.test(line)) {
      const array = /^\s*\[\[/.test(line);
      found.push({ path: chain(reads(line) ?? {}), array, header: i, pairs: [], end: i + 1, comments: 0 });
    } else {
      const end = statementEnd(lines, i);
      table.pairs.push({ keys: keysOf(line), start: i, end });
      table.end = end;
      i = end - 1;
    }
  }
  return found;
}

/** A value goes on until what was read so far is whole. */
function statementEnd(lines: readonly string[], start: number): number {
  for (let end = start + 1; end <= lines.length; end++)
    if (reads(lines.slice(start, end).join("")) !== undefined) return end;
  throw new Unreadable(`the setting in line ${start + 1} does not end`);
}

function chain(node: unknown): string[] {
  const inner = Array.isArray(node) ? (node[0] as unknown) : node;
  if (typeof inner !== "object" || inner === null) return [];
  const [key] = Object.keys(inner);
  return key === undefined ? [] : [key, ...chain((inner as Record<string, unknown>)[key])];
}

function keysOf(line: string): string[] {
  for (let at = line.indexOf("="); at >= 0; at = line.indexOf("=", at + 1)) {
    const read = reads(`${line.slice(0, at)}= 0`);
    if (read !== undefined) return chain(read);
  }
  return [];
}

/** Whether the table is what the segments name; an element of an array by the pair that names it. */
function isAt(table: Table, segments: readonly string[], text: string): boolean {
  if (table.path.length !== segments.length) return false;
  return segments.every((segment, i) => {
    const { name, key, value } = readSegment(segment);
    if (table.path[i] !== name) return false;
    const last = i === segments.length - 1;
    if (key === undefined) return !(last && table.array);
    return last && table.array && lookup(ownPairs(table, text), [key]) === value;
  });
}

function ownPairs(table: Table, text: string): unknown {
  const lines = splitLines(text);
  return document(table.pairs.map(({ start, end }) => lines.slice(start, end).join("")).join(""));
}

function find(text: string, path: readonly string[]): { table: Table; pair: Pair } | undefined {
  for (const table of tables(text))
    for (const pair of table.pairs) {
      const split = path.length - pair.keys.length;
      if (split < 0 || pair.keys.join("\0") !== path.slice(split).join("\0")) continue;
      if (isAt(table, path.slice(0, split), text)) return { table, pair };
    }
  return undefined;
}

function renderKey(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

function render(value: Value): string {
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  return `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
}

function replace(text: string, { start, end }: Pair, value: Value): string {
  const lines = splitLines(text);
  const whole = lines.slice(start, end).join("");
  const eol = /\r?\n$/.exec(whole)?.[0] ?? "";
  const body = bare(whole);
  let equals = body.indexOf("=");
  while (reads(`${body.slice(0, equals)}= 0`) === undefined) equals = body.indexOf("=", equals + 1);
  const head = body.slice(0, equals + 1) + (/^[ \t]*/.exec(body.slice(equals + 1))?.[0] ?? "");
  const tail = commentOf(body.slice(head.length));
  lines.splice(start, end - start, head + render(value) + tail + eol);
  return lines.join("");
}

function commentOf(value: string): string {
  for (let at = value.indexOf("#"); at >= 0; at = value.indexOf("#", at + 1))
    if (reads(`x = ${value.slice(0, at)}`) !== undefined)
      return (/\s*$/.exec(value.slice(0, at))?.[0] ?? "") + value.slice(at);
  return "";
}

function insert(text: string, path: readonly string[], value: Value): string {
  const parent = path.slice(0, -1);
  const setting = `${renderKey(path.at(-1) ?? "")} = ${render(value)}`;
  const table = tables(text).find((each) => isAt(each, parent, text));
  if (table !== undefined && (table.header >= 0 || parent.length === 0))
    return insertLines(text, table.end, [setting]);
  const names = parent.map((segment) => renderKey(readSegment(segment).name)).join(".");
  const { key, value: named } = readSegment(parent.at(-1) ?? "");
  const header =
    key === undefined ? [`[${names}]`] : [`[[${names}]]`, `${renderKey(key)} = ${render(named ?? "")}`];
  const lines = splitLines(text);
  return insertLines(text, lines.length, [...(lines.length > 0 ? [""] : []), ...header, setting]);
}

function remove(text: string, path: readonly string[]): string {
  const found = find(text, path);
  if (found === undefined) return text;
  const rest = dropLines(text, found.pair.start, found.pair.end);
  const table = tables(rest).find(({ header }) => header === found.table.header);
  const { key } = readSegment(path.slice(0, -1).at(-1) ?? "");
  const left = table?.pairs.filter(({ keys }) => keys.join("\0") !== key);
  if (table === undefined || table.header < 0 || table.comments > 0 || left?.length !== 0) return rest;
  const before = splitLines(rest)[table.header - 1];
  return dropLines(
    rest,
    before !== undefined && isBlank(before) ? table.header - 1 : table.header,
    table.end,
  );
}

export const toml: Syntax = {
  get: (text, path) => lookup(document(text), path),
  set(text, path, value) {
    const before = document(text);
    const found = find(text, path);
    const after = found === undefined ? insert(text, path, value) : replace(text, found.pair, value);
    assertOnlyChanged(before, reads(after.replace(/^\ufeff/, "")) ?? {}, path, value);
    return after;
  },
  remove(text, path) {
    const after = remove(text, path);
    assertOnlyChanged(document(text), document(after), path, undefined);
    return after;
  },
};
