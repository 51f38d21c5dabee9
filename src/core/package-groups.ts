// Which package group a package belongs to, how, and what stands above a group (spec 3.3, 3.4).
import type { PackageKey } from "./coordinates.ts";
import { packagePath } from "./coordinates.ts";
import { readings } from "./folding.ts";
import type { GroupPattern } from "./group-pattern.ts";
import { ROOT_PATTERN, splitPattern, tokensOf } from "./group-pattern.ts";

/** What matching needs to know of a group; `id` and `createdAt` settle ties between look-alike patterns. */
export interface PatternHolder {
  readonly id: number;
  readonly pattern: string;
  readonly createdAt: number;
}

export interface Association<G> {
  readonly association: "STRONG" | "WEAK";
  /** The package's group and its ancestors, most specific first, root last. */
  readonly groups: readonly G[];
}

export interface GroupIndex<G extends PatternHolder> {
  /** Every group, by pattern. */
  readonly all: readonly G[];
  /** The group of this very pattern. */
  find(pattern: string): G | undefined;
  /** The most specific group over literal and folded matches. Linear in the package's path and the groups it matches. */
  associate(key: PackageKey): Association<G>;
  /** The group and those whose sets contain its own, nearest first. Works for patterns that no group has (preview). */
  lineage(pattern: string): readonly G[];
  /** Groups whose nearest containing group is this one, by pattern (spec 3.3.4). */
  children(pattern: string): readonly G[];
}

/** Groups by the tokens their patterns begin with. */
interface Node<G> {
  readonly next: Map<string, Node<G>>;
  /** Closed by `*` or `~` here; more than one only where folding makes patterns alike. */
  readonly open: Held<G>[];
  /** Closed by `$` here. */
  readonly exact: Held<G>[];
}

interface Held<G> {
  readonly group: G;
  readonly literalLength: number;
  /** Of the prefix in each reading; the second is the first again where there is only one. */
  readonly foldedLengths: readonly [number, number];
  readonly exact: boolean;
}

export function indexGroups<G extends PatternHolder>(groups: Iterable<G>): GroupIndex<G> {
  const literal = node<G>();
  const folded: readonly [Node<G>, Node<G>] = [node<G>(), node<G>()];
  const all = [...groups].sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  const byPattern = new Map(all.map((group) => [group.pattern, group]));
  for (const group of all) insert(literal, folded, group);
  // Most domains have no more than the root group, which matches every name literally.
  const only: Association<G> | undefined =
    all.length === 1 && all[0]?.pattern === ROOT_PATTERN ? { association: "STRONG", groups: all } : undefined;

  const lineage = (pattern: string): readonly G[] => containing(literal, splitPattern(pattern));
  return {
    all,
    find: (pattern) => byPattern.get(pattern),
    associate: (key) => only ?? associate(literal, folded, packagePath(key), lineage),
    lineage,
    children: (pattern) => all.filter((group) => lineage(group.pattern)[1]?.pattern === pattern),
  };
}

function node<G>(): Node<G> {
  return { next: new Map(), open: [], exact: [] };
}

function insert<G extends PatternHolder>(
  literal: Node<G>,
  folded: readonly [Node<G>, Node<G>],
  group: G,
): void {
  const { prefix, suffix } = splitPattern(group.pattern);
  const [first = "", second = first] = readings(prefix);
  const held = {
    group,
    literalLength: prefix.length,
    foldedLengths: [first.length, second.length] as const,
    exact: suffix === "$",
  };
  place(literal, prefix, held);
  place(folded[0], first, held);
  place(folded[1], second, held);
}

function place<G>(root: Node<G>, prefix: string, held: Held<G>): void {
  let at = root;
  for (const token of tokensOf(prefix)) {
    let next = at.next.get(token);
    if (next === undefined) at.next.set(token, (next = node()));
    at = next;
  }
  (held.exact ? at.exact : at.open).push(held);
}

/** Every group whose pattern the text matches, broadest first. `complete`: the text is whole, so `$` may match its end. */
function matches<G>(root: Node<G>, text: string, complete: boolean): Held<G>[] {
  const found: Held<G>[] = [];
  let at: Node<G> | undefined = root;
  for (const token of tokensOf(text)) {
    at = at.next.get(token);
    if (at === undefined) return found;
    found.push(...at.open);
  }
  if (complete) found.push(...at.exact);
  return found;
}

function containing<G extends PatternHolder>(
  literal: Node<G>,
  { prefix, suffix }: GroupPattern,
): readonly G[] {
  return matches(literal, prefix, suffix === "$")
    .toReversed()
    .map(({ group }) => group);
}

/**
 * Decides once in each reading. A weak winner of either counts: a look-alike in one reading is a look-alike (3.4.3,
 * 3.4.4).
 */
function associate<G extends PatternHolder>(
  literal: Node<G>,
  folded: readonly [Node<G>, Node<G>],
  path: string,
  lineage: (pattern: string) => readonly G[],
): Association<G> {
  const strong = new Set(matches(literal, path, true));
  const [first = "", second = first] = readings(path);
  let winner: Held<G> | undefined;
  for (const [reading, text] of [first, second].entries()) {
    const candidates = new Set([...strong, ...matches(folded[reading as 0 | 1], text, true)]);
    winner = mostSpecific(candidates, reading as 0 | 1, strong);
    if (winner !== undefined && !strong.has(winner))
      return { association: "WEAK", groups: lineage(winner.group.pattern) };
  }
  return { association: "STRONG", groups: winner === undefined ? [] : lineage(winner.group.pattern) };
}

function mostSpecific<G extends PatternHolder>(
  candidates: Iterable<Held<G>>,
  reading: 0 | 1,
  strong: ReadonlySet<Held<G>>,
): Held<G> | undefined {
  let best: Held<G> | undefined;
  for (const held of candidates) {
    if (best === undefined || precedence(held, best, reading, strong) > 0) best = held;
  }
  return best;
}

/** Positive when `a` wins: longest, whole names first, then literal before look-alike, then the earliest (3.3.2, 3.4.5). */
function precedence<G extends PatternHolder>(
  a: Held<G>,
  b: Held<G>,
  reading: 0 | 1,
  strong: ReadonlySet<Held<G>>,
): number {
  const aStrong = strong.has(a);
  return (
    a.foldedLengths[reading] - b.foldedLengths[reading] ||
    Number(a.exact) - Number(b.exact) ||
    Number(aStrong) - Number(strong.has(b)) ||
    (aStrong ? a.literalLength - b.literalLength : 0) ||
    b.group.createdAt - a.group.createdAt ||
    b.group.id - a.group.id
  );
}
