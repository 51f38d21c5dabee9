// The very lines that a setting stood in, so that undoing gives back quotes, comments and spacing too.
import { createHash } from "node:crypto";
import type { Written } from "./record.ts";
import { splitLines } from "./syntax/lines.ts";

type Lines = NonNullable<Written["lines"]>;

function digest(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("")).digest("hex");
}

/** What an edit changed, in whole lines. */
function difference(before: string, after: string): { old: string[]; now: string[] } {
  const [a, b] = [splitLines(before), splitLines(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  return { old: a.slice(start, a.length - end), now: b.slice(start, b.length - end) };
}

/** After an edit: `prior` is what an earlier run remembers of the same setting. Undefined: undo it by its value. */
export function rememberLines(before: string, after: string, prior: Lines | undefined): Lines | undefined {
  if (before === after) return prior;
  const { old, now } = difference(before, after);
  if (now.length === 0) return undefined;
  const ours = { count: now.length, sha256: digest(now) };
  if (prior === undefined) return { before: old.join(""), ...ours };
  // Only where what is replaced now is what that run wrote.
  return digest(old) === prior.sha256 ? { before: prior.before, ...ours } : undefined;
}

/** The text with the old lines back; undefined where the lines that took their place are no longer whole, or twice. */
export function restoreLines(text: string, lines: Lines | undefined): string | undefined {
  if (lines === undefined) return undefined;
  const all = splitLines(text);
  const at = all.map((_, i) => i).filter((i) => digest(all.slice(i, i + lines.count)) === lines.sha256);
  if (at.length !== 1) return undefined;
  all.splice(at[0] as number, lines.count, lines.before);
  return all.join("");
}
