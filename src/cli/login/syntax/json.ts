// JSON files that a tool writes itself (SwiftPM's registries.json): order and indentation kept.
import { eolOf } from "./lines.ts";
import { type Syntax, Unreadable, type Value } from "./syntax.ts";

type Node = Record<string, unknown>;

function parse(text: string): Node {
  if (text.trim() === "") return {};
  try {
    const document: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
    if (isNode(document)) return document;
  } catch (error) {
    throw new Unreadable((error as Error).message);
  }
  throw new Unreadable("it is JSON, but no object");
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function render(text: string, document: Node): string {
  const indent = /\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  const shown = JSON.stringify(document, null, indent).replaceAll("\n", eolOf(text));
  return text === "" || text.endsWith("\n") ? shown + eolOf(text) : shown;
}

export const json: Syntax = {
  get(text, path) {
    const found = path.reduce<unknown>((node, key) => (isNode(node) ? node[key] : undefined), parse(text));
    return found === undefined || isNode(found)
      ? undefined
      : typeof found === "number"
        ? String(found)
        : (found as Value);
  },
  set(text, path, value) {
    const document = parse(text);
    let node = document;
    for (const key of path.slice(0, -1)) {
      const next = node[key] ?? {};
      if (!isNode(next)) throw new Unreadable(`'${key}' is no object there`);
      node[key] = next;
      node = next;
    }
    const key = path.at(-1) ?? "";
    // Numbers are written as numbers: registries.json has a version.
    node[key] = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    return render(text, document);
  },
  remove(text, path) {
    const document = parse(text);
    const drop = (node: unknown, rest: readonly string[]): void => {
      const [key = "", ...more] = rest;
      if (!isNode(node) || !Object.hasOwn(node, key)) return;
      if (more.length > 0) drop(node[key], more);
      const left = node[key];
      if (more.length === 0 || (isNode(left) && Object.keys(left).length === 0)) delete node[key];
    };
    drop(document, path);
    return render(text, document);
  },
};
