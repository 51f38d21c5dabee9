// Maven's order of versions, as its own ComparableVersion has it; pure, held against its own output (version-order.table.ts).

/** A part of a version: a number, a word, or a list that a `-` or a change from digits to letters or back opens. */
type Item =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "word"; readonly value: string }
  | List;

interface List {
  readonly kind: "list";
  readonly items: Item[];
}

const ZERO: Item = { kind: "number", value: 0n };
/** From oldest to newest; "" is the release itself. */
const QUALIFIERS = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASES = new Set(["ga", "final", "release"]);
const SHORT: ReadonlyMap<string, string> = new Map([
  ["a", "alpha"],
  ["b", "beta"],
  ["m", "milestone"],
]);

/** Negative when `a` is older than `b`, 0 when Maven takes them for equal (`1.0` and `1`). Any text is a version. */
export function compareVersions(a: string, b: string): number {
  return compareLists(parsed(a), parsed(b));
}

/** Oldest first; what Maven takes for equal is ordered by its text, so that the order is one. */
export function sortVersions(versions: Iterable<string>): string[] {
  return [...versions].sort((a, b) => compareVersions(a, b) || (a < b ? -1 : a > b ? 1 : 0));
}

/** Sorting asks for each version many times. */
const known = new Map<string, List>();
const KNOWN_MAX = 20_000;

function parsed(version: string): List {
  let list = known.get(version);
  if (list === undefined) {
    list = parseVersion(version.toLowerCase());
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(version, list);
  }
  return list;
}

/** A reader over one version, which opens a new list inside the last where Maven does. */
function parseVersion(version: string): List {
  const root: List = { kind: "list", items: [] };
  const opened = [root];
  let list = root;
  let start = 0;
  let digits = false;

  const open = (): void => {
    const inner: List = { kind: "list", items: [] };
    list.items.push(inner);
    list = inner;
    opened.push(inner);
  };
  const take = (end: number): void => {
    list.items.push(end === start ? ZERO : itemOf(version.slice(start, end), digits));
    start = end;
  };
  /** `.rc` means what `-rc` does. */
  const takeWord = (end: number, beforeNumber: boolean): void => {
    if (list.items.length > 0) open();
    list.items.push({ kind: "word", value: wordOf(version.slice(start, end), beforeNumber) });
    start = end;
  };

  for (let i = 0; i < version.length; i++) {
    const c = version[i] as string;
    if (c === "." || c === "-") {
      take(i);
      start = i + 1;
      if (c === "-") open();
      continue;
    }
    const digit = c >= "0" && c <= "9";
    if (digit !== digits && i > start) {
      if (digit) takeWord(i, true);
      else take(i);
      open();
    }
    digits = digit;
  }
  if (version.length > start) {
    if (digits) take(version.length);
    else takeWord(version.length, false);
  }
  for (const one of opened.toReversed()) dropNulls(one.items);
  return root;
}

function itemOf(text: string, digits: boolean): Item {
  return digits ? { kind: "number", value: BigInt(text) } : { kind: "word", value: wordOf(text, false) };
}

function wordOf(text: string, beforeNumber: boolean): string {
  const long = beforeNumber ? (SHORT.get(text) ?? text) : text;
  return long === "cr" ? "rc" : long;
}

/** What says nothing at the end, or before a list at the end, goes: zeros, words for the release, empty lists. */
function dropNulls(items: Item[]): void {
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i] as Item;
    if (isNull(item)) items.splice(i, 1);
    else if (item.kind !== "list") return;
  }
}

function isNull(item: Item): boolean {
  if (item.kind === "number") return item.value === 0n;
  if (item.kind === "word") return compareWords(item.value, "") === 0;
  return item.items.length === 0;
}

function compareLists(a: List, b: List): number {
  for (let i = 0; i < Math.max(a.items.length, b.items.length); i++) {
    const left = a.items[i];
    const right = b.items[i];
    const result =
      left === undefined
        ? -againstNothing(right as Item)
        : right === undefined
          ? againstNothing(left)
          : compareItems(left, right);
    if (result !== 0) return result;
  }
  return 0;
}

function againstNothing(item: Item): number {
  switch (item.kind) {
    case "number":
      return item.value === 0n ? 0 : 1;
    case "word":
      return compareWords(item.value, "");
    case "list":
      for (const inner of item.items) {
        const result = againstNothing(inner);
        if (result !== 0) return result;
      }
      return 0;
  }
}

/** Between kinds: words are oldest, then lists, then numbers. */
const RANK = { word: 0, list: 1, number: 2 } as const;

function compareItems(a: Item, b: Item): number {
  if (a.kind === "number" && b.kind === "number") return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  if (a.kind === "word" && b.kind === "word") return compareWords(a.value, b.value);
  if (a.kind === "list" && b.kind === "list") return compareLists(a, b);
  return RANK[a.kind] - RANK[b.kind];
}

/** By Maven's own trick: known words sort by their place, others after all of them, by their text. */
function compareWords(a: string, b: string): number {
  const left = placeOf(a);
  const right = placeOf(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function placeOf(word: string): string {
  const place = QUALIFIERS.indexOf(RELEASES.has(word) ? "" : word);
  return place < 0 ? `${QUALIFIERS.length}-${word}` : String(place);
}
