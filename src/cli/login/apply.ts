// Doing and undoing a login's settings on a desk of files, remembering what was there before.
import { createHash } from "node:crypto";
import type { Desk, Sheet } from "./desk.ts";
import { rememberLines, restoreLines } from "./exact-lines.ts";
import type { FileState, Login, Written } from "./record.ts";
import { hashOf, sameSetting } from "./record.ts";
import { SYNTAXES } from "./syntax/index.ts";
import { asList, sameValue, Unreadable, type Value } from "./syntax/syntax.ts";
import { LoginError, type Setting } from "./tool.ts";

/** One line of what is shown. */
export interface Change {
  readonly file: string;
  readonly path: readonly string[];
  readonly syntax: Setting["syntax"];
  readonly secret: boolean;
  readonly before: Value | undefined;
  readonly after: Value | undefined;
  /** For `member`: the list is before and after, and this is the item. */
  readonly item?: string;
  /** Why nothing is changed. */
  readonly kept?: string;
}

/** The file cannot be edited: said with its name, and nothing has been written. */
function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new LoginError(
      `${file} is left alone: ${error.message.replace(`${file} `, "it ")}. Nothing was changed.`,
    );
  }
}

function stateOf(sheet: Sheet): FileState {
  const state = { file: sheet.file, existed: sheet.existed, sha256: digest(sheet.before) };
  if (sheet.modeBefore !== undefined) return { ...state, mode: sheet.modeBefore };
  return sheet.missingFolder === undefined ? state : { ...state, made: sheet.missingFolder };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Makes the settings; `old` is what the same login wrote before. Gives what to remember and what to show. */
export function doSettings(
  desk: Desk,
  settings: readonly Setting[],
  old: Login | undefined,
  others: readonly Login[],
): { written: Written[]; files: FileState[]; changes: Change[] } {
  const written: Written[] = [];
  const files = new Map<string, FileState>();
  const changes: Change[] = [];
  for (const setting of settings) {
    const sheet = guarded(setting.file, () => desk.open(setting.file));
    const state = old?.files.find(({ file }) => file === setting.file) ?? stateOf(sheet);
    files.set(setting.file, state);
    const prior = old?.settings.find(
      (each) => sameSetting(each, setting) && (each.member === true) === (setting.member === true),
    );
    const done = guarded(setting.file, () =>
      setting.member === true
        ? addMember(sheet, setting, prior)
        : setValue(sheet, setting, prior, old, others),
    );
    if (done.written !== undefined) written.push(done.written);
    changes.push(done.change);
    if (setting.secret === true) sheet.mode = (sheet.mode ?? 0o600) & 0o700;
    else if (setting.executable === true) sheet.mode = 0o755;
  }
  return { written, files: [...files.values()], changes };
}

interface Done {
  readonly written: Written | undefined;
  readonly change: Change;
}

function setValue(
  sheet: Sheet,
  setting: Setting,
  prior: Written | undefined,
  old: Login | undefined,
  others: readonly Login[],
): Done {
  const { file, syntax, path, value, secret = false } = setting;
  const text = sheet.text;
  const current = SYNTAXES[syntax].get(text, path);
  if (!sameValue(current, value)) sheet.text = SYNTAXES[syntax].set(text, path, value);
  const ours = prior !== undefined && current !== undefined && hashOf(current) === prior.hash;
  const before = ours ? prior.before : current;
  // A later login took our place, and this one takes it back: what we found first is for that one to restore.
  if (prior !== undefined && old !== undefined && !ours) passOn(prior, old, others);
  const lines =
    before === undefined ? undefined : rememberLines(text, sheet.text, ours ? prior.lines : undefined);
  const written: Written = {
    file,
    syntax,
    path: [...path],
    hash: hashOf(value),
    ...given({ before: before === undefined ? undefined : copy(before), lines }),
  };
  return { written, change: { file, syntax, path, secret, before: current, after: value } };
}

/** Without what is undefined: records are compared and written. */
function given<T extends object>(members: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function copy(value: Value): string | boolean | string[] {
  return typeof value === "object" ? [...value] : value;
}

/** Of an earlier run's item the hash is known, so a new token takes the old one's place. */
function addMember(sheet: Sheet, setting: Setting, prior: Written | undefined): Done {
  const { file, syntax, path, secret = false, seed } = setting;
  const item = String(setting.value);
  const text = sheet.text;
  const there = SYNTAXES[syntax].get(text, path);
  const list = there === undefined ? (seed ?? []) : asList(there);
  const stale = prior === undefined ? -1 : list.findIndex((each) => hashOf(each) === prior.hash);
  const next = stale >= 0 ? list.with(stale, item) : list.includes(item) ? list : [...list, item];
  const change: Change = {
    file,
    syntax,
    path,
    secret,
    before: there === undefined ? undefined : list,
    after: next,
    item,
  };
  // An item that is there already, and is not ours, is not ours to take away either.
  if (stale < 0 && list.includes(item)) return { written: undefined, change };
  if (!sameValue(list, next)) sheet.text = SYNTAXES[syntax].set(text, path, next);
  const known = stale >= 0 ? prior : undefined;
  const seeded = there === undefined ? seed : known?.seed;
  const lines = there === undefined ? undefined : rememberLines(text, sheet.text, known?.lines);
  // A list that this login began has no lines of before.
  const kept = stale >= 0 && prior?.lines === undefined ? undefined : lines;
  const more = given({ seed: seeded === undefined ? undefined : [...seeded], lines: kept });
  const written: Written = { file, syntax, path: [...path], hash: hashOf(item), member: true, ...more };
  return { written, change };
}

/**
 * Undoes settings, the last first. What was changed since is left as it is; where a later login remembers our value
 * as what it found, it gets to remember what we found.
 */
export function undoSettings(
  desk: Desk,
  login: Login,
  which: readonly Written[],
  others: readonly Login[],
): Change[] {
  return which.toReversed().map((written) => {
    const sheet = guarded(written.file, () => desk.open(written.file));
    return guarded(written.file, () =>
      written.member === true ? dropMember(sheet, written) : restore(sheet, written, login, others),
    );
  });
}

function restore(sheet: Sheet, written: Written, login: Login, others: readonly Login[]): Change {
  const { file, syntax, path, before } = written;
  const current = SYNTAXES[syntax].get(sheet.text, path);
  const change = { file, syntax, path, secret: true, before: current };
  if (current === undefined) return { ...change, after: undefined, kept: "it is gone already" };
  if (hashOf(current) !== written.hash) {
    passOn(written, login, others);
    return { ...change, after: current, kept: "it was changed since, so it stays" };
  }
  sheet.text =
    before === undefined
      ? SYNTAXES[syntax].remove(sheet.text, path)
      : (exactly(sheet, written, before) ?? SYNTAXES[syntax].set(sheet.text, path, before));
  return { ...change, after: before };
}

/** The lines of before, where they still mean the value of before. */
function exactly({ text }: Sheet, { syntax, path, lines }: Written, before: Value): string | undefined {
  const restored = restoreLines(text, lines);
  return restored !== undefined && sameValue(SYNTAXES[syntax].get(restored, path), before)
    ? restored
    : undefined;
}

function passOn(written: Written, login: Login, others: readonly Login[]): void {
  for (const other of others) {
    if (other === login) continue;
    const later = other.settings.find((each) => sameSetting(each, written));
    if (later?.before === undefined || hashOf(later.before) !== written.hash) continue;
    delete later.before;
    const lines = later.lines && written.lines && { ...later.lines, before: written.lines.before };
    delete later.lines;
    Object.assign(later, given({ before: written.before, lines }));
  }
}

function dropMember(sheet: Sheet, written: Written): Change {
  const { file, syntax, path, hash, seed = [] } = written;
  const list = asList(SYNTAXES[syntax].get(sheet.text, path));
  const change = { file, syntax, path, secret: true, before: list };
  const left = list.filter((item) => hashOf(item) !== hash);
  if (left.length === list.length) return { ...change, after: list, kept: "it is gone already" };
  const nothing = sameValue(left, seed);
  const restored = nothing
    ? SYNTAXES[syntax].remove(sheet.text, path)
    : restoreLines(sheet.text, written.lines);
  const right =
    restored !== undefined && (nothing || sameValue(asList(SYNTAXES[syntax].get(restored, path)), left));
  sheet.text = right ? restored : SYNTAXES[syntax].set(sheet.text, path, left);
  return { ...change, after: nothing ? undefined : left };
}

/** After undoing all: the last byte, the mode and the file itself become what they were. */
export function settleFiles(desk: Desk, login: Login, others: readonly Login[]): void {
  for (const state of login.files) {
    const sheet = desk.open(state.file);
    const heir = others.find(
      (other) => other !== login && other.files.some(({ file }) => file === state.file),
    );
    const theirs = heir?.files.find(({ file }) => file === state.file);
    if (theirs !== undefined && later(heir as Login, login, others)) Object.assign(theirs, state);
    if (theirs !== undefined) continue;
    if (!state.existed && isBare(sheet.text)) sheet.gone = { upTo: state.made };
    else if (state.existed) {
      const candidates = [
        sheet.text,
        sheet.text.replace(/\r?\n$/, ""),
        sheet.text.trimEnd(),
        `${sheet.text.trimEnd()}\n`,
      ];
      sheet.text = candidates.find((text) => digest(text) === state.sha256) ?? sheet.text;
      if (state.mode !== undefined) sheet.mode = state.mode;
    }
  }
}

function later(a: Login, b: Login, all: readonly Login[]): boolean {
  return all.indexOf(a) > all.indexOf(b);
}

/** Nothing but the frame that its syntax needs. */
function isBare(text: string): boolean {
  return text.replace(/<\?xml[^>]*\?>|<(\w+)>\s*<\/\1>|^---$|\{\s*\}/gm, "").trim() === "";
}
