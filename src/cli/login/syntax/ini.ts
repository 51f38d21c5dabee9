// INI as npm, pip and Python's configparser read it: sections, `key = value`, comments; edited line by line.
import { bare, dropLines, eolOf, insertLines, isBlank, splitLines } from "./lines.ts";
import { asList, type Syntax, Unreadable, type Value } from "./syntax.ts";

interface Dialect {
  /** Indented lines go on with the value above, `:` separates too, keys have no case, a line must be something. */
  readonly python: boolean;
}

interface Entry {
  readonly section: string;
  readonly key: string;
  /** Line indexes, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

interface Section {
  readonly name: string;
  /** The header's line; -1 before any header. */
  readonly header: number;
  /** After its last entry or comment. */
  readonly end: number;
}

interface Parsed {
  readonly entries: readonly Entry[];
  readonly sections: readonly Section[];
}

function keyName(key: string, { python }: Dialect): string {
  return python ? key.trim().toLowerCase().replaceAll("_", "-") : unquote(key.trim());
}

/** npm writes a value with odd characters as a JSON string. */
function unquote(text: string): string {
  if (!/^".*"$/.test(text)) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

function parse(text: string, dialect: Dialect): Parsed {
  const lines = splitLines(text.replace(/^\ufeff/, ""));
  const entries: Entry[] = [];
  const sections: { name: string; header: number; end: number }[] = [{ name: "", header: -1, end: 0 }];
  for (let i = 0; i < lines.length; i++) {
    const line = bare(lines[i] as string);
    const section = sections.at(-1) as { name: string; header: number; end: number };
    if (isBlank(line)) continue;
    const header = /^\s*\[([^\]]*)\]\s*([;#].*)?$/.exec(line);
    if (header !== null) sections.push({ name: (header[1] ?? "").trim(), header: i, end: i + 1 });
    else if (/^\s*[;#]/.test(line)) section.end = i + 1;
    else {
      const entry = readEntry(lines, i, section.name, dialect);
      entries.push(entry);
      i = entry.end - 1;
      section.end = entry.end;
    }
  }
  return { entries, sections };
}

function readEntry(lines: readonly string[], start: number, section: string, dialect: Dialect): Entry {
  const line = bare(lines[start] as string);
  const split = (dialect.python ? /^([^=:]+?)\s*[=:]\s*(.*)$/ : /^\s*([^=]+?)\s*=\s*(.*)$/).exec(line);
  if (dialect.python && (split === null || section === ""))
    throw new Unreadable(`line ${start + 1} is neither a section, a setting nor a comment`);
  let end = start + 1;
  let value = split?.[2] ?? "";
  while (dialect.python && end < lines.length && /^[ \t]+\S/.test(lines[end] as string)) {
    const more = bare(lines[end] as string).trim();
    if (!/^[#;]/.test(more)) value += `\n${more}`;
    end++;
  }
  const read = dialect.python ? value.trim() : unquote(value.replace(/\s+[;#].*$/, "").trim());
  return { section, key: keyName(split?.[1] ?? line, dialect), start, end, value: read };
}

/** One segment is a key before any section; two are section and key. */
function target(path: readonly string[], dialect: Dialect): { section: string; key: string } {
  const [section, key] = path.length === 1 ? ["", path[0]] : path;
  return { section: section ?? "", key: keyName(key ?? "", dialect) };
}

function find(text: string, path: readonly string[], dialect: Dialect): Entry | undefined {
  const { section, key } = target(path, dialect);
  // The last one counts, as for npm; configparser refuses a second one itself.
  return parse(text, dialect).entries.findLast((entry) => entry.section === section && entry.key === key);
}

function render(value: Value, oldLines: readonly string[], eol: string): string {
  if (!Array.isArray(value)) return String(value);
  const list = asList(value);
  return oldLines.length === 1 || list.length < 2
    ? list.join(" ")
    : list.map((item) => `${eol}    ${item}`).join("");
}

function replace(text: string, entry: Entry, value: Value, { python }: Dialect): string {
  const lines = splitLines(text);
  const old = lines.slice(entry.start, entry.end);
  const first = old[0] as string;
  const [, head = ""] = /^(\s*[^=:]*?\s*=\s*|\s*[^=]+?\s*=\s*|[^=:]+?\s*[=:]\s*)/.exec(first) ?? [];
  const end = /\r?\n$/.exec(old.at(-1) as string)?.[0] ?? "";
  // For configparser, what stands behind a value is part of it.
  const comment =
    !python && old.length === 1 ? (/\s+[;#].*$/.exec(bare(first).slice(head.length))?.[0] ?? "") : "";
  const body = render(value, old, eolOf(text));
  const start = body.startsWith("\n") || body.startsWith("\r") ? head.trimEnd() : head;
  lines.splice(entry.start, entry.end - entry.start, start + body + comment + end);
  return lines.join("");
}

function insert(text: string, path: readonly string[], value: Value, dialect: Dialect): string {
  const { section: name } = target(path, dialect);
  const shown =
    Array.isArray(value) && value.length > 1 ? render(value, [], eolOf(text)) : render(value, [""], "");
  const setting = `${path.at(-1)}${dialect.python ? (shown.startsWith("\n") || shown.startsWith("\r") ? " =" : " = ") : "="}${shown}`;
  const { sections } = parse(text, dialect);
  const section = sections.findLast((each) => each.name === name);
  if (section !== undefined) return insertLines(text, section.end, [setting]);
  const lines = splitLines(text);
  return insertLines(text, lines.length, [...(lines.length > 0 ? [""] : []), `[${name}]`, setting]);
}

function remove(text: string, path: readonly string[], dialect: Dialect): string {
  const entry = find(text, path, dialect);
  if (entry === undefined) return text;
  const rest = dropLines(text, entry.start, entry.end);
  const { section: name } = target(path, dialect);
  const section = parse(rest, dialect).sections.findLast((each) => each.name === name);
  if (section === undefined || name === "" || section.end !== section.header + 1) return rest;
  const before = splitLines(rest)[section.header - 1];
  return dropLines(
    rest,
    before !== undefined && isBlank(before) ? section.header - 1 : section.header,
    section.end,
  );
}

function make(dialect: Dialect): Syntax {
  return {
    get: (text, path) => find(text, path, dialect)?.value,
    set(text, path, value) {
      const entry = find(text, path, dialect);
      return entry === undefined ? insert(text, path, value, dialect) : replace(text, entry, value, dialect);
    },
    remove: (text, path) => remove(text, path, dialect),
  };
}

/** .npmrc: any line is a setting, a `;` or `#` after white space begins a comment. */
export const npmrc = make({ python: false });
/** pip.conf, .pypirc. */
export const configparser = make({ python: true });
