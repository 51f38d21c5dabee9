// YAML (yarn's .yarnrc.yml, RubyGems' and Bundler's files): edited in place where block style allows, proven by reading again.
import {
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { eolOf } from "./lines.ts";
import { type Syntax, Unreadable, type Value } from "./syntax.ts";
import { assertOnlyChanged, lookup } from "./tree.ts";

type Item = Pair<Scalar>;

function read(text: string) {
  const document = parseDocument(text, { logLevel: "silent", uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw new Unreadable(error.message.split("\n")[0] ?? "it is no YAML");
  if (
    document.contents !== null &&
    !isMap(document.contents) &&
    !(isScalar(document.contents) && document.contents.value === null)
  )
    throw new Unreadable("it is YAML, but no mapping");
  return document;
}

function plain(text: string): unknown {
  return read(text).toJS() ?? {};
}

function renderScalar(value: string | boolean): string {
  return typeof value === "boolean" ? String(value) : JSON.stringify(value);
}

function renderKey(key: string): string {
  return stringify(key, { lineWidth: 0 }).trim();
}

/** The keys that are missing, nested, and the value: as lines without ends. */
function block(path: readonly string[], value: Value, indent: string): string[] {
  const lines = path.map((key, depth) => `${indent}${"  ".repeat(depth)}${renderKey(key)}:`);
  const last = lines.length - 1;
  if (!Array.isArray(value)) lines[last] += ` ${renderScalar(value as string | boolean)}`;
  else
    for (const item of value) lines.push(`${indent}${"  ".repeat(last)}  - ${renderScalar(item as string)}`);
  return lines;
}

function pairOf(map: YAMLMap, key: string): Item | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) as Item | undefined;
}

/** The end of the line in which a node's last character stands. */
function lineEnd(text: string, node: { range?: readonly number[] | null }): number {
  const trimmed = text.slice(0, node.range?.[1] ?? text.length).trimEnd().length;
  const newline = text.indexOf("\n", trimmed);
  return newline < 0 ? text.length : newline + 1;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

function insertAt(text: string, offset: number, lines: readonly string[]): string {
  const eol = eolOf(text);
  const head = text.slice(0, offset);
  return `${head}${head === "" || head.endsWith("\n") ? "" : eol}${lines.map((line) => line + eol).join("")}${text.slice(offset)}`;
}

/** Undefined where only the library can do it. */
function edit(text: string, path: readonly string[], value: Value): string | undefined {
  const { contents } = read(text);
  if (!isMap(contents)) return insertAt(text, text.length, block(path, value, ""));
  let map = contents as YAMLMap;
  for (const [depth, key] of path.entries()) {
    if (map.flow === true) return undefined;
    const pair = pairOf(map, key);
    if (pair === undefined) {
      const first = (map.items[0] as Item | undefined)?.key.range?.[0];
      if (first === undefined) return undefined;
      const indent = text.slice(lineStart(text, first), first);
      return /^ *$/.test(indent)
        ? insertAt(text, lineEnd(text, map), block(path.slice(depth), value, indent))
        : undefined;
    }
    if (depth === path.length - 1) return replace(text, pair.value, value);
    if (!isMap(pair.value)) return undefined;
    map = pair.value;
  }
  return undefined;
}

function replace(text: string, node: unknown, value: Value): string | undefined {
  if (isSeq(node) && Array.isArray(value)) return replaceList(text, node, value as readonly string[]);
  if (!isScalar(node) || Array.isArray(value) || !node.range || /BLOCK/.test(node.type ?? ""))
    return undefined;
  if (node.value === value) return text;
  const [start, end] = node.range;
  const space = /[\s]$/.test(text.slice(0, start)) ? "" : " ";
  return text.slice(0, start) + space + renderScalar(value as string | boolean) + text.slice(end);
}

/** One item more at the end, one less, or others in their places: those are the edits that logins make. */
function replaceList(text: string, node: YAMLSeq, value: readonly string[]): string | undefined {
  const items = node.items as Scalar[];
  const [first] = items;
  if (node.flow === true || !items.every(isScalar) || first === undefined) return undefined;
  const old = items.map((item) => String(item.value));
  const start = lineStart(text, first.range?.[0] ?? 0);
  const dash = text.slice(start, first.range?.[0]);
  if (!/^ *- +$/.test(dash)) return undefined;
  if (JSON.stringify(value.slice(0, -1)) === JSON.stringify(old))
    return insertAt(text, lineEnd(text, node), [dash + renderScalar(value.at(-1) ?? "")]);
  const gone = items[old.findIndex((_, i) => JSON.stringify(old.toSpliced(i, 1)) === JSON.stringify(value))];
  if (gone !== undefined)
    return text.slice(0, lineStart(text, gone.range?.[0] ?? 0)) + text.slice(lineEnd(text, gone));
  if (value.length === old.length)
    return items.reduceRight((result, item, i) => replace(result, item, value[i] ?? "") ?? result, text);
  return insertAt(
    text.slice(0, start) + text.slice(lineEnd(text, node)),
    start,
    value.map((item) => dash + renderScalar(item)),
  );
}

/** Comments stay, but indentation becomes the library's. */
function rewrite(text: string, path: readonly string[], value: Value | undefined): string {
  const document = read(text);
  if (value === undefined) document.deleteIn(path);
  else {
    const old = document.getIn(path, true);
    const node = document.createNode(value);
    if (isSeq(old) && isSeq(node)) node.flow = old.flow === true;
    document.setIn(path, node);
  }
  return document.toString({ lineWidth: 0 }).replaceAll("\n", eolOf(text));
}

function remove(text: string, path: readonly string[]): string {
  let map = read(text).contents as YAMLMap | null;
  let doomed: Item | undefined;
  let depth = 0;
  for (const [i, key] of path.entries()) {
    const pair = isMap(map) ? pairOf(map, key) : undefined;
    if (pair === undefined || map === null) return text;
    // What holds nothing else goes with it.
    if (doomed === undefined || map.items.length > 1) [doomed, depth] = [pair, i];
    if (map.flow === true) return rewrite(text, path.slice(0, depth + 1), undefined);
    map = pair.value as YAMLMap | null;
  }
  if (doomed === undefined) return text;
  const start = lineStart(text, doomed.key.range?.[0] ?? 0);
  const value = doomed.value as Scalar | null;
  const end = !value?.range ? lineEnd(text, doomed.key) : lineEnd(text, value);
  return text.slice(0, start) + text.slice(end);
}

export const yaml: Syntax = {
  get: (text, path) => lookup(plain(text), path),
  set(text, path, value) {
    const after = edit(text, path, value) ?? rewrite(text, path, value);
    assertOnlyChanged(plain(text), plain(after), path, value);
    return after;
  },
  remove(text, path) {
    const after = remove(text, path);
    assertOnlyChanged(plain(text), plain(after), path, undefined);
    return after;
  },
};
