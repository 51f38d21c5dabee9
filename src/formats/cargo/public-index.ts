// A public registry's index file of one crate, as untrusted as any input: its lines, and where its files are; pure.
import type { PublicLine } from "./index-line.ts";
import { readPublicLine } from "./index-line.ts";
import { isObject } from "./json.ts";
import { compareVersions, foldName, prefixOf } from "./names.ts";

export interface PublicCrate {
  /** Every number that has a line under this very name, be it one that cannot be taken in: such a number is taken all the same (spec 2.5.1). */
  readonly listed: ReadonlySet<string>;
  readonly lines: ReadonlyMap<string, PublicLine>;
}

/**
 * Lines of this very name; those of another spelling are another crate's. A line that cannot be read is left out and
 * hides none of the others.
 */
export function readPublicCrate(text: string, name: string): PublicCrate {
  const listed = new Set<string>();
  const lines = new Map<string, PublicLine>();
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const found = readPublicLine(line);
    if (found === undefined) {
      const number = numberOf(line, name);
      if (number !== undefined) listed.add(number);
    } else if (found.line.name === name) {
      listed.add(found.line.vers);
      lines.set(found.line.vers, found);
    }
  }
  return { listed, lines };
}

/** What an otherwise unreadable line says of its name and version. */
function numberOf(line: string, name: string): string | undefined {
  try {
    const json: unknown = JSON.parse(line);
    if (isObject(json) && json["name"] === name && typeof json["vers"] === "string") return json["vers"];
  } catch {
    // says nothing
  }
  return undefined;
}

/** The spelling of a name that its newest line has; undefined when none is of this name. */
export function spellingOf(text: string, name: string): string | undefined {
  const lines = text
    .split("\n")
    .map((line) => readPublicLine(line)?.line)
    .filter((line) => line !== undefined && foldName(line.name) === foldName(name));
  return lines.sort((a, b) => compareVersions(a?.vers ?? "", b?.vers ?? "")).at(-1)?.name;
}

/** Where a file is, by the `dl` of the index's config.json; undefined when that is no address. */
export function fileUrl(config: string, { line }: PublicLine): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(config);
  } catch {
    return undefined;
  }
  const dl = isObject(json) ? json["dl"] : undefined;
  if (typeof dl !== "string") return undefined;
  const values: Readonly<Record<string, string>> = {
    crate: line.name,
    version: line.vers,
    prefix: prefixOf(line.name),
    lowerprefix: prefixOf(line.name.toLowerCase()),
    "sha256-checksum": line.cksum,
  };
  const marked = dl.replace(MARKERS, (_, marker: string) => values[marker] as string);
  const url = marked === dl ? `${dl.replace(/\/+$/, "")}/${line.name}/${line.vers}/download` : marked;
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? url : undefined;
}

const MARKERS = /\{(crate|version|prefix|lowerprefix|sha256-checksum)\}/g;
