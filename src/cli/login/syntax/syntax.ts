// What an editor of one file syntax promises: change one setting, leave every other byte of the file as it is.

export type Value = string | boolean | readonly string[];

/** The file cannot be read as what it should be, or not changed safely: it is left alone. */
export class Unreadable extends Error {}

/**
 * A path names a setting from the outside in. A segment like `server[id=acme]` (TOML, XML) or `add[@key=acme]` (XML)
 * picks the element whose child or attribute has that value, and makes it where there is none. Every function throws
 * Unreadable for a text it does not understand. A missing file is the empty text.
 */
export interface Syntax {
  /** Undefined: not set. */
  get(text: string, path: readonly string[]): Value | undefined;
  /** The text with this setting, in place of the old one or beside its neighbours. */
  set(text: string, path: readonly string[], value: Value): string;
  /** The text without this setting, and without what only held it. */
  remove(text: string, path: readonly string[]): string;
}

export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Lists of lists: some syntaxes write a list as words in one string. */
export function asList(value: Value | undefined): readonly string[] {
  if (value === undefined || typeof value === "boolean") return [];
  return typeof value === "string" ? value.split(/\s+/).filter((word) => word !== "") : value;
}

export interface Predicate {
  readonly name: string;
  /** `id=acme` of `server[id=acme]`. */
  readonly key?: string;
  readonly value?: string;
}

export function readSegment(segment: string): Predicate {
  const [, name, key, value] = /^([^[\]]+)\[([^=\]]+)=(.*)\]$/s.exec(segment) ?? [];
  return name === undefined || key === undefined || value === undefined
    ? { name: segment }
    : { name, key, value };
}
