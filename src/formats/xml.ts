// XML from strangers, for the formats whose packages describe themselves in it, as a tree with attributes: no entities but XML's own five, no DOCTYPE, bounded in size and depth; pure.
import { createRequire } from "node:module";
import type * as FastXml from "fast-xml-parser";
import { invalid } from "../core/faults.ts";

/** An element: its text, its attributes, and its children in order. */
export interface Element {
  /** Without its namespace's prefix. */
  readonly name: string;
  readonly text: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
}

/** As the library gives it with preserveOrder. */
type Node = Readonly<Record<string, unknown>>;

const DEPTH_MAX = 50;

/** Loaded with the first document: servers without such packages start sooner and hold less. */
let parser: FastXml.XMLParser | undefined;
function openParser(): FastXml.XMLParser {
  const { XMLParser } = createRequire(import.meta.url)("fast-xml-parser") as typeof FastXml;
  return new XMLParser(OPTIONS);
}

const OPTIONS: FastXml.X2jOptions = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  trimValues: false,
  maxNestedTags: DEPTH_MAX,
};

/** The document's root element. `what` names the document in the ValidationException that anything odd is. */
export function parseXml(bytes: Uint8Array, what: string): Element {
  const text = decode(bytes, what);
  if (/<!(DOCTYPE|ENTITY)/i.test(text))
    throw invalid(`${what} has a DOCTYPE. Remove it: entities and outside definitions are not read here.`);
  let nodes: unknown;
  try {
    parser ??= openParser();
    nodes = parser.parse(text, true);
  } catch (error) {
    throw invalid(`${what} is not XML that can be read: ${error instanceof Error ? error.message : "?"}`);
  }
  const roots = Array.isArray(nodes) ? elementsOf(nodes, 0, what) : [];
  const [root] = roots;
  if (root === undefined || roots.length > 1) throw invalid(`${what} must have one root element.`);
  return root;
}

/** UTF-8 unless the bytes or the declaration say otherwise (old POMs are ISO-8859-1). */
function decode(bytes: Uint8Array, what: string): string {
  const start = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^\uFEFF?(?:\u00ef\u00bb\u00bf)?<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(
    start,
  )?.[1];
  const marked =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : undefined;
  try {
    return new TextDecoder(marked ?? declared ?? "utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid(`${what} is not text in the encoding that it says (${marked ?? declared ?? "utf-8"}).`);
  }
}

function elementsOf(nodes: readonly unknown[], depth: number, what: string): Element[] {
  if (depth > DEPTH_MAX) throw invalid(`${what} is nested deeper than ${DEPTH_MAX} elements.`);
  return (nodes as readonly Node[]).flatMap((node) => {
    const name = Object.keys(node).find((key) => key !== ":@");
    const inner = name === undefined ? undefined : node[name];
    if (name === undefined || name === "#text" || !Array.isArray(inner)) return [];
    const attributes = attributesOf(node[":@"]);
    return [{ name, text: textOf(inner), attributes, children: elementsOf(inner, depth + 1, what) }];
  });
}

function attributesOf(given: unknown): ReadonlyMap<string, string> {
  if (typeof given !== "object" || given === null) return new Map();
  return new Map(
    Object.entries(given).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, unescapeXml(value).trim()] as const] : [],
    ),
  );
}

function textOf(inner: readonly Node[]): string {
  return unescapeXml(
    inner.map((node) => (typeof node["#text"] === "string" ? node["#text"] : "")).join(""),
  ).trim();
}

const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/g,
    (all, hex, decimal, name) => {
      if (name !== undefined) return NAMED[name as string] as string;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}

/** For text between tags. Characters that XML has no place for are left out. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
    .replace(/[&<>]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;"));
}

export function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((inner) => inner.name === name);
}

export function children(element: Element | undefined, name: string): readonly Element[] {
  return element?.children.filter((inner) => inner.name === name) ?? [];
}

/** The text of a child; undefined when there is none or it is empty. */
export function textIn(element: Element | undefined, name: string): string | undefined {
  const text = child(element, name)?.text;
  return text === "" ? undefined : text;
}
