// Parsed documents as trees: find what a path names, and prove that an edit changed nothing else.
import { readSegment, Unreadable, type Value } from "./syntax.ts";

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined where there is nothing, or nothing but a table. */
export function lookup(document: unknown, path: readonly string[]): Value | undefined {
  const found = path.reduce<unknown>(step, document);
  if (Array.isArray(found)) return found.map(String);
  if (typeof found === "boolean" || typeof found === "string") return found;
  return typeof found === "number" || typeof found === "bigint" || found instanceof Date
    ? String(found)
    : undefined;
}

function step(node: unknown, segment: string): unknown {
  const { name, key, value } = readSegment(segment);
  const child = isNode(node) && Object.hasOwn(node, name) ? node[name] : undefined;
  if (key === undefined) return child;
  return Array.isArray(child) ? child.find((each) => isNode(each) && each[key] === value) : undefined;
}

/** Throws unless `after` says `value` at the path, and both documents agree on all else. */
export function assertOnlyChanged(
  before: unknown,
  after: unknown,
  path: readonly string[],
  value: Value | undefined,
): void {
  const got = lookup(after, path);
  const same = JSON.stringify(got) === JSON.stringify(Array.isArray(value) ? value.map(String) : value);
  if (!same || rest(before, path) !== rest(after, path))
    throw new Unreadable(
      `'${path.join(".")}' is written there in a way that cannot be edited safely; change it by hand`,
    );
}

/** As text, with keys in order: tables may be written in any. */
function rest(document: unknown, path: readonly string[]): string {
  return JSON.stringify(without(document, path) ?? {}, (_, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    if (!isNode(value) || value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([one], [two]) => (one < two ? -1 : 1)));
  });
}

/** A copy without the path, and without the tables and elements that only held it. */
function without(node: unknown, [segment, ...more]: readonly string[]): unknown {
  if (segment === undefined) return undefined;
  if (!isNode(node)) return node;
  const { name, key, value } = readSegment(segment);
  const kept: Node = { ...node };
  if (key === undefined) kept[name] = without(node[name], more);
  else if (Array.isArray(node[name])) {
    const left = node[name].map((each: unknown) => {
      if (!isNode(each) || each[key] !== value) return each;
      const bare = without(each, more);
      return isNode(bare) && Object.keys(bare).length > 1 ? bare : undefined;
    });
    kept[name] = left.some((each) => each !== undefined)
      ? left.filter((each) => each !== undefined)
      : undefined;
  }
  if (kept[name] === undefined || kept[name] === null) delete kept[name];
  return Object.keys(kept).length === 0 ? undefined : kept;
}
