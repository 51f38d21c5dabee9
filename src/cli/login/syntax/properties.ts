// Java's .properties files, and sbt's credentials: `key=value` by line, a backslash at the end goes on.
import { bare, dropLines, insertLines, isBlank, splitLines } from "./lines.ts";
import type { Syntax } from "./syntax.ts";

interface Entry {
  readonly key: string;
  readonly value: string;
  readonly head: string;
  readonly start: number;
  readonly end: number;
}

function parse(text: string): Entry[] {
  const lines = splitLines(text);
  const entries: Entry[] = [];
  for (let start = 0; start < lines.length; start++) {
    if (isBlank(lines[start] as string) || /^\s*[#!]/.test(lines[start] as string)) continue;
    let end = start + 1;
    let whole = bare(lines[start] as string);
    while (/(^|[^\\])(\\\\)*\\$/.test(whole) && end < lines.length)
      whole = whole.slice(0, -1) + bare(lines[end++] as string).trimStart();
    const [, head = "", key = "", value = ""] =
      /^(\s*((?:\\.|[^\\\s:=])+)\s*[=:]?\s*)(.*)$/.exec(whole) ?? [];
    entries.push({ key: unescape(key), value: unescape(value), head, start, end });
    start = end - 1;
  }
  return entries;
}

function unescape(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, c: string) =>
    c.length === 5
      ? String.fromCharCode(Number.parseInt(c.slice(1), 16))
      : ({ t: "\t", n: "\n", r: "\r", f: "\f" }[c] ?? c),
  );
}

function escape(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/^ /, "\\ ");
}

function find(text: string, path: readonly string[]): Entry | undefined {
  return parse(text).findLast((entry) => entry.key === path[0]);
}

export const properties: Syntax = {
  get: (text, path) => find(text, path)?.value,
  set(text, path, value) {
    const entry = find(text, path);
    const shown = escape(String(value));
    if (entry === undefined)
      return insertLines(text, splitLines(text).length, [
        `${(path[0] ?? "").replace(/[\\:= ]/g, "\\$&")}=${shown}`,
      ]);
    const lines = splitLines(text);
    const eol = /\r?\n$/.exec(lines[entry.end - 1] as string)?.[0] ?? "";
    lines.splice(entry.start, entry.end - entry.start, entry.head + shown + eol);
    return lines.join("");
  },
  remove(text, path) {
    const entry = find(text, path);
    return entry === undefined ? text : dropLines(text, entry.start, entry.end);
  },
};
