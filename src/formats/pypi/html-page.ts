// Reads the anchors and meta tags of a simple index's HTML page (PEP 503), tolerantly: static mirrors write it by hand; pure.

export interface Anchor {
  readonly attributes: ReadonlyMap<string, string>;
  readonly text: string;
}

export interface HtmlPage {
  readonly anchors: readonly Anchor[];
  /** `<meta name= content=>`, several of one name kept. */
  readonly metas: readonly (readonly [name: string, content: string])[];
  readonly base: string | undefined;
}

/** One pass, each character looked at a bounded number of times: the page is a stranger's. */
export function readHtml(text: string): HtmlPage {
  const page = text.replace(/<!--[^]*?(?:-->|$)/g, "");
  const anchors: Anchor[] = [];
  const metas: [string, string][] = [];
  let base: string | undefined;
  for (let at = page.indexOf("<"); at >= 0; at = page.indexOf("<", at + 1)) {
    const name = /^<(a|meta|base)(?=[\s>/])/i.exec(page.slice(at, at + 6))?.[1]?.toLowerCase();
    if (name === undefined) continue;
    const end = endOfTag(page, at);
    if (end < 0) break;
    const attributes = readAttributes(page.slice(at + 1 + name.length, end));
    if (name === "meta") metas.push([attributes.get("name") ?? "", attributes.get("content") ?? ""]);
    else if (name === "base") base ??= attributes.get("href");
    else {
      const close = page.indexOf("<", end);
      anchors.push({
        attributes,
        text: unescapeHtml(page.slice(end + 1, close < 0 ? page.length : close)).trim(),
      });
    }
    at = end;
  }
  return { anchors, metas, base };
}

/** The `>` that closes the tag: one within quotes does not. */
function endOfTag(page: string, start: number): number {
  let quote = "";
  for (let at = start; at < page.length; at++) {
    const c = page[at] as string;
    if (quote !== "") {
      if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === ">") return at;
  }
  return -1;
}

const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>`]+)))?/g;

function readAttributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", double, single, bare] of text.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, unescapeHtml(double ?? single ?? bare ?? ""));
  }
  return found;
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

function unescapeHtml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (typeof name === "string") return NAMED[name.toLowerCase()] ?? whole;
    const code = typeof hex === "string" ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Safe as text and within double quotes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#x27;");
}
