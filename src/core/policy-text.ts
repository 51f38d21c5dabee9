// Text in policies: wildcards and variables, compiled once, matched without backtracking beyond the last `*`.

/** What a request says of itself; keys in lower case, e.g. `aws:username`. A list is a multi-valued key. */
export type RequestFacts = ReadonlyMap<string, string | readonly string[]>;

/** True, false, or undefined: a variable in the pattern has no value in this request. */
export type TextMatcher = (text: string, facts: RequestFacts) => boolean | undefined;

export interface TextRules {
  /** `*` is any run of characters and `?` any one character. */
  readonly wildcards: boolean;
  /** `${aws:username}` and the like are replaced; only policies of Version 2012-10-17 have them. */
  readonly variables: boolean;
  readonly foldCase: boolean;
}

/** A pattern in small steps: a character code, ANY or ONE. */
type Step = number;
const ANY = -1;
const ONE = -2;

interface Variable {
  /** In lower case. */
  readonly key: string;
  readonly fallback: string | undefined;
}

type Piece = readonly Step[] | Variable;

const VARIABLE = /\$\{([^{}]*)\}/g;
const VARIABLE_NAME = /^\s*([A-Za-z][\w-]*:[\w+=,.@:/-]+)\s*(?:,\s*'([^']*)'\s*)?$/;

/** The first `${…}` that is no variable; undefined when all are. */
export function badVariable(text: string): string | undefined {
  for (const [whole, name] of text.matchAll(VARIABLE)) {
    if (!/^[*?$]$/.test(name as string) && !VARIABLE_NAME.test(name as string)) return whole;
  }
  const rest = text.replace(VARIABLE, "");
  const open = rest.indexOf("${");
  return open < 0 ? undefined : rest.slice(open);
}

/** A matcher of whole texts. A pattern without variables is prepared here and never looked at again. */
export function compileText(pattern: string, rules: TextRules): TextMatcher {
  const pieces = readPieces(pattern, rules);
  if (pieces.every(isSteps)) return fixedMatcher(pieces.flat(), rules.foldCase);
  return (text, facts) => {
    const steps = fill(pieces, facts);
    return steps && matchSteps(fold(steps, rules.foldCase), rules.foldCase ? text.toLowerCase() : text);
  };
}

/**
 * A matcher of ARNs (ArnEquals, ArnLike): each of the six parts by itself, so that a wildcard never reaches over a
 * colon. A pattern of fewer parts is matched as plain text.
 */
export function compileArn(pattern: string, variables: boolean): TextMatcher {
  const pieces = readPieces(pattern, { wildcards: true, variables, foldCase: false });
  const fixed = pieces.every(isSteps) ? splitSteps(pieces.flat()) : undefined;
  return (text, facts) => {
    const filled = fixed ?? splitFilled(fill(pieces, facts));
    if (filled === undefined) return undefined;
    const parts = filled.length === 1 ? [text] : splitArn(text);
    return parts.length === filled.length && parts.every((part, i) => matchSteps(filled[i] as Step[], part));
  };
}

/** `*` any run, `?` one character. */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchSteps(toSteps(pattern, true), text);
}

const COLON = 58;

function splitFilled(steps: readonly Step[] | undefined): Step[][] | undefined {
  return steps && splitSteps(steps);
}

/** At the first five colons; one part when there are fewer. */
function splitSteps(steps: readonly Step[]): Step[][] {
  const parts: Step[][] = [[]];
  for (const step of steps) {
    if (step === COLON && parts.length < 6) parts.push([]);
    else (parts.at(-1) as Step[]).push(step);
  }
  return parts.length === 6 ? parts : [[...steps]];
}

function splitArn(text: string): string[] {
  const parts = text.split(":");
  return parts.length < 6 ? [text] : [...parts.slice(0, 5), parts.slice(5).join(":")];
}

function readPieces(pattern: string, { wildcards, variables }: TextRules): Piece[] {
  if (!variables) return [toSteps(pattern, wildcards)];
  const pieces: Piece[] = [];
  let done = 0;
  for (const found of pattern.matchAll(VARIABLE)) {
    const name = found[1] as string;
    const [, key, fallback] = VARIABLE_NAME.exec(name) ?? [];
    if (key === undefined && !/^[*?$]$/.test(name)) continue; // no variable: parsePolicy refuses it, here it is text
    pieces.push(toSteps(pattern.slice(done, found.index), wildcards));
    pieces.push(key === undefined ? toSteps(name, false) : { key: key.toLowerCase(), fallback });
    done = found.index + found[0].length;
  }
  pieces.push(toSteps(pattern.slice(done), wildcards));
  return pieces;
}

function isSteps(piece: Piece): piece is readonly Step[] {
  return Array.isArray(piece);
}

function toSteps(text: string, wildcards: boolean): Step[] {
  return Array.from({ length: text.length }, (_, i) => {
    const code = text.charCodeAt(i);
    if (!wildcards) return code;
    return code === 42 ? ANY : code === 63 ? ONE : code;
  });
}

/** What a variable stands for is text: a `*` in it is a star. Several values are none. */
function fill(pieces: readonly Piece[], facts: RequestFacts): Step[] | undefined {
  const steps: Step[] = [];
  for (const piece of pieces) {
    if (isSteps(piece)) steps.push(...piece);
    else {
      const value = facts.get(piece.key) ?? piece.fallback;
      if (typeof value !== "string") return undefined;
      steps.push(...toSteps(value, false));
    }
  }
  return steps;
}

function fold(steps: readonly Step[], foldCase: boolean): readonly Step[] {
  return foldCase
    ? steps.flatMap((step) => (step < 0 ? [step] : toSteps(String.fromCharCode(step).toLowerCase(), false)))
    : steps;
}

/** The shapes that nearly all patterns have need no stepping: everything, one text, a prefix. */
function fixedMatcher(raw: readonly Step[], foldCase: boolean): TextMatcher {
  const steps = fold(raw, foldCase);
  const ready = (text: string): string => (foldCase ? text.toLowerCase() : text);
  const firstWild = steps.findIndex((step) => step < 0);
  const head = String.fromCharCode(...steps.slice(0, firstWild < 0 ? steps.length : firstWild));
  if (firstWild < 0) return (text) => ready(text) === head;
  if (firstWild === steps.length - 1 && steps[firstWild] === ANY) {
    return head === "" ? () => true : (text) => ready(text).startsWith(head);
  }
  return (text) => matchSteps(steps, ready(text));
}

/** Two pointers: after a mismatch only the last `*` takes one character more, so no pattern is slower than its length times the text's. */
function matchSteps(steps: readonly Step[], text: string): boolean {
  let s = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    const step = steps[s];
    if (step === ANY) {
      star = s++;
      mark = t;
    } else if (step === ONE || step === text.charCodeAt(t)) {
      s++;
      t++;
    } else if (star >= 0) {
      s = star + 1;
      t = ++mark;
    } else return false;
  }
  while (steps[s] === ANY) s++;
  return s === steps.length;
}
