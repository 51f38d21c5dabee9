// XML (Maven's settings.xml, NuGet.Config): elements and attributes put in beside what is there.
import { eolOf } from "./lines.ts";
import { asList, readSegment, type Syntax, Unreadable, type Value } from "./syntax.ts";
import { type Element, encode, scan, textOf } from "./xml-scan.ts";

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

function matches(text: string, element: Element, segment: string): boolean {
  const { name, key, value } = readSegment(segment.replace(/^\^/, ""));
  if (element.name !== name) return false;
  if (key === undefined) return true;
  if (key.startsWith("@"))
    return element.attributes.some((each) => each.name === key.slice(1) && each.value === value);
  return element.children.some((child) => child.name === key && textOf(text, child) === value);
}

/** How far down the path there are elements: the deepest, and how many segments it took. */
function descend(text: string, path: readonly string[]): { element: Element | undefined; depth: number } {
  const root = scan(text);
  if (root === undefined || !matches(text, root, path[0] ?? "")) return { element: undefined, depth: 0 };
  let element = root;
  for (let depth = 1; depth < path.length; depth++) {
    const next = element.children.find((child) => matches(text, child, path[depth] as string));
    if (next === undefined) return { element, depth };
    element = next;
  }
  return { element, depth: path.length };
}

function indentOf(text: string, element: Element): string {
  return /(?:^|\n)([ \t]*)$/.exec(text.slice(0, element.start))?.[1] ?? "";
}

function unit(text: string): string {
  return /\n([ \t]+)</.exec(text)?.[1] ?? "  ";
}

/** `^` before a segment: in front of its siblings, where the first one counts. */
function addChild(text: string, parent: Element, segment: string): string {
  const eol = eolOf(text);
  const indent = indentOf(text, parent);
  const [sibling] = parent.children;
  const inner = sibling === undefined ? indent + unit(text) : indentOf(text, sibling);
  const element = newElement(segment.replace(/^\^/, ""), inner, unit(text), eol);
  if (parent.empty) {
    const tag = text.slice(parent.start, parent.open).replace(/\s*\/>$/, ">");
    return `${text.slice(0, parent.start)}${tag}${eol}${inner}${element}${eol}${indent}</${parent.name}>${text.slice(parent.end)}`;
  }
  if (segment.startsWith("^"))
    return `${text.slice(0, parent.open)}${eol}${inner}${element}${parent.children.length === 0 ? closing(text, parent, eol + indent) : ""}${text.slice(parent.open)}`;
  const before = text.slice(0, parent.close);
  const kept = before.replace(/\r?\n?[ \t]*$/, "");
  return `${kept}${eol}${inner}${element}${before === kept ? eol + indent : before.slice(kept.length)}${text.slice(parent.close)}`;
}

/** The end tag goes on a line of its own. */
function closing(text: string, parent: Element, line: string): string {
  return /\n/.test(text.slice(parent.open, parent.close)) ? "" : line;
}

function newElement(segment: string, indent: string, step: string, eol: string): string {
  const { name, key, value = "" } = readSegment(segment);
  if (key === undefined) return `<${name}></${name}>`;
  if (key.startsWith("@")) return `<${name} ${key.slice(1)}="${encode(value)}" />`;
  return `<${name}>${eol}${indent}${step}<${key}>${encode(value)}</${key}>${eol}${indent}</${name}>`;
}

function setText(text: string, element: Element, value: string): string {
  if (!element.empty) return text.slice(0, element.open) + encode(value) + text.slice(element.close);
  const tag = text.slice(element.start, element.open).replace(/\s*\/>$/, ">");
  return `${text.slice(0, element.start)}${tag}${encode(value)}</${element.name}>${text.slice(element.end)}`;
}

function setAttribute(text: string, element: Element, name: string, value: string): string {
  const known = element.attributes.find((each) => each.name === name);
  if (known !== undefined)
    return text.slice(0, known.valueStart) + encode(value) + text.slice(known.valueEnd);
  const tag = text.slice(element.start, element.open);
  const head = tag.replace(/\s*\/?>$/, "");
  return `${text.slice(0, element.start)}${head} ${name}="${encode(value)}"${tag.slice(head.length)}${text.slice(element.open)}`;
}

function ensure(text: string, path: readonly string[]): string {
  let result = text;
  for (;;) {
    const { element, depth } = descend(result, path);
    if (depth === path.length) return result;
    if (element !== undefined) result = addChild(result, element, path[depth] as string);
    else {
      const [root = ""] = path;
      if (scan(result) !== undefined) descendError(root);
      const eol = eolOf(result);
      result = `${result === "" ? DECLARATION + eol : result}<${root}>${eol}</${root}>${eol}`;
    }
  }
}

function descendError(root: string): never {
  throw new Unreadable(`its root element is not <${root}>`);
}

/** A list at a path: the texts of the elements of the last name. */
function listed(text: string, path: readonly string[]): { parent: Element | undefined; found: Element[] } {
  const { element, depth } = descend(text, path.slice(0, -1));
  if (depth !== path.length - 1 || element === undefined) return { parent: undefined, found: [] };
  return { parent: element, found: element.children.filter(({ name }) => name === path.at(-1)) };
}

/** One item more or less than there is. */
function setList(text: string, path: readonly string[], value: readonly string[]): string {
  let result = ensure(text, path.slice(0, -1));
  const old = listed(result, path).found.map((element) => textOf(result, element));
  // From the last: the places of those before stay.
  for (const element of listed(result, path).found.toReversed())
    if (!value.includes(textOf(result, element))) result = dropElement(result, element);
  for (const item of value.filter((each) => !old.includes(each))) {
    const { parent } = listed(result, path);
    result = addChild(result, parent as Element, path.at(-1) ?? "");
    result = setText(result, listed(result, path).found.at(-1) as Element, item);
  }
  return result;
}

/** With the line it stood on. */
function dropElement(text: string, element: Element): string {
  return text.slice(0, element.start).replace(/\r?\n?[ \t]*$/, "") + text.slice(element.end);
}

function prune(text: string, path: readonly string[]): string {
  let result = text;
  for (let length = path.length; length > 1; length--) {
    const { element, depth } = descend(result, path.slice(0, length));
    if (element === undefined || depth !== length) return result;
    const { key } = readSegment(path[length - 1] as string);
    const held = element.children.some(({ name }) => name !== key);
    const attributes = element.attributes.some(({ name }) => `@${name}` !== key);
    const inner = result.slice(element.open, element.close);
    if (
      held ||
      attributes ||
      (element.children.length === 0 && inner.trim() !== "") ||
      inner.includes("<!--")
    )
      return result;
    result = dropElement(result, element);
  }
  return result;
}

function isAttribute(path: readonly string[]): boolean {
  return path.at(-1)?.startsWith("@") === true;
}

function isList(path: readonly string[]): boolean {
  return path.at(-1)?.startsWith("*") === true;
}

/** The last segment may be `@name` for an attribute, or `*name` for all elements of that name as a list. */
function plain(path: readonly string[]): readonly string[] {
  return [...path.slice(0, -1), (path.at(-1) ?? "").replace(/^\*/, "")];
}

function get(text: string, path: readonly string[]): Value | undefined {
  if (isList(path)) {
    const { found } = listed(text, plain(path));
    return found.length === 0 ? undefined : found.map((element) => textOf(text, element));
  }
  const elements = isAttribute(path) ? path.slice(0, -1) : path;
  const { element, depth } = descend(text, elements);
  if (depth !== elements.length || element === undefined) return undefined;
  if (!isAttribute(path)) return textOf(text, element);
  return element.attributes.find(({ name }) => `@${name}` === path.at(-1))?.value;
}

export const xml: Syntax = {
  get,
  set(text, path, value) {
    if (isList(path)) return setList(text, plain(path), asList(value));
    const elements = isAttribute(path) ? path.slice(0, -1) : path;
    const made = ensure(text, elements);
    const { element } = descend(made, elements);
    return isAttribute(path)
      ? setAttribute(made, element as Element, (path.at(-1) ?? "").slice(1), String(value))
      : setText(made, element as Element, String(value));
  },
  remove(text, path) {
    if (get(text, path) === undefined) return text;
    if (isList(path)) return prune(setList(text, plain(path), []), path.slice(0, -1));
    if (!isAttribute(path)) {
      const { element } = descend(text, path);
      return prune(dropElement(text, element as Element), path.slice(0, -1));
    }
    const { element } = descend(text, path.slice(0, -1));
    const attribute = element?.attributes.find(({ name }) => `@${name}` === path.at(-1));
    if (attribute === undefined) return text;
    const kept = text.slice(0, attribute.start).replace(/\s+$/, "") + text.slice(attribute.valueEnd + 1);
    return prune(kept, path.slice(0, -1));
  },
};
