// An XML file as elements with their places in the text: enough to edit it without writing it anew.
import { Unreadable } from "./syntax.ts";

export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Of the name; and of the value, between its quotes. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface Element {
  readonly name: string;
  readonly attributes: Attribute[];
  readonly children: Element[];
  readonly parent: Element | undefined;
  /** Of `<`. */
  readonly start: number;
  /** After the `>` of the start tag. */
  readonly open: number;
  /** Of the end tag's `<`; as `open` for `<a/>`. */
  close: number;
  /** After the whole element. */
  end: number;
  readonly empty: boolean;
}

const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*>|<\/([^\s>]+)\s*>|<([^\s/>!?]+)((?:\s+[^\s=/>]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|</g;

/** The root element; undefined for a file without any. Throws Unreadable when tags do not match. */
export function scan(text: string): Element | undefined {
  let root: Element | undefined;
  let current: Element | undefined;
  for (const match of text.matchAll(TOKEN)) {
    const [token, closes, opens, attributes = "", slash] = match;
    const end = match.index + token.length;
    if (closes !== undefined) {
      if (current?.name !== closes) throw new Unreadable(`</${closes}> closes nothing that is open there`);
      current.close = match.index;
      current.end = end;
      current = current.parent;
    } else if (opens !== undefined) {
      if (current === undefined && root !== undefined) throw new Unreadable("it has two roots");
      const at = match.index + 1 + opens.length;
      const element: Element = {
        name: opens,
        attributes: readAttributes(attributes, at),
        children: [],
        parent: current,
        start: match.index,
        open: end,
        close: end,
        end,
        empty: slash === "/",
      };
      root ??= element;
      current?.children.push(element);
      if (!element.empty) current = element;
    } else if (token === "<")
      throw new Unreadable(`the '<' in line ${text.slice(0, match.index).split("\n").length} begins no tag`);
  }
  if (current !== undefined) throw new Unreadable(`<${current.name}> is never closed`);
  if (root === undefined && text.replace(TOKEN, "").trim() !== "") throw new Unreadable("it is no XML");
  return root;
}

function readAttributes(text: string, offset: number): Attribute[] {
  return [...text.matchAll(/([^\s=]+)\s*=\s*("([^"]*)"|'([^']*)')/g)].map((match) => {
    const value = match[3] ?? match[4] ?? "";
    const valueEnd = offset + match.index + match[0].length - 1;
    return {
      name: match[1] ?? "",
      value: decode(value),
      start: offset + match.index,
      valueStart: valueEnd - value.length,
      valueEnd,
    };
  });
}

/** What an element says, without comments and white space round it. */
export function textOf(text: string, element: Element): string {
  return text
    .slice(element.open, element.close)
    .replace(/<!--[\s\S]*?-->/g, "")
    .split(/(<!\[CDATA\[[\s\S]*?\]\]>)/)
    .map((part) => (part.startsWith("<![CDATA[") ? part.slice(9, -3) : decode(part)))
    .join("")
    .trim();
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith("#")) return ENTITIES[name] ?? whole;
    const code = name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

export function encode(text: string): string {
  return text.replace(/[<>&"]/g, (c) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[c] ?? "&quot;");
}
