// XML from strangers as a tree with attributes: no entities but XML's own five, no DOCTYPE, bounded in depth; pure.
import { XMLParser } from "fast-xml-parser";
import { invalid } from "../../core/faults.ts";

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

const parser = new XMLParser({
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
});

/** The document's root element. `what` names the document in the ValidationException that anything odd is. */
export function parseXml(bytes: Uint8Array, what: string): Element {
  const text = decode(bytes, what);
  if (/<!(DOCTYPE|ENTITY)/i.test(text))
    throw invalid(`${what} has a DOCTYPE. Remove it: entities and outside definitions are not read here.`);
  let nodes: unknown;
  try {
    nodes = parser.parse(text, true);
  } catch (error) {
    throw invalid(`${what} is not XML that can be read: ${error instanceof Error ? error.message : "?"}`);
  }
  const roots = Array.isArray(nodes) ? elementsOf(nodes, 0, what) : [];
  const [root] = roots;
  if (root === undefined || roots.length > 1) throw invalid(`${what} must have one root element.`);
  return root;
}

function decode(bytes: Uint8Array, what: string): string {
  const start = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^(?:\u00ef\u00bb\u00bf)?<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(
    start,
  )?.[1];
  const marked =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : undefined;
  const encoding = marked ?? declared ?? "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw invalid(`${what} is not text in the encoding that it says (${encoding}).`);
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
    (all: string, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      if (name !== undefined) return NAMED[name] as string;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}

export function children(element: Element | undefined, name: string): readonly Element[] {
  return element?.children.filter((inner) => inner.name === name) ?? [];
}
