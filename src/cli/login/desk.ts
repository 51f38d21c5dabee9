// The files that a login touches, edited in memory first: nothing is written until every edit has worked.

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Unreadable } from "./syntax/syntax.ts";

/** A file as it was found, and as it shall be. */
export interface Sheet {
  /** As the plan names it. */
  readonly file: string;
  readonly existed: boolean;
  readonly before: string;
  /** Permission bits; undefined where there was no file. */
  readonly modeBefore: number | undefined;
  /** The topmost folder that has to be made for it. */
  readonly missingFolder: string | undefined;
  text: string;
  mode: number | undefined;
  /** Take the file away, and these folders of its path where they are left empty. */
  gone?: { readonly upTo: string | undefined };
}

export interface Desk {
  /** Throws Unreadable for a file that is no text. */
  open(file: string): Sheet;
  sheets(): Sheet[];
}

const FILE_BYTES_MAX = 10 * 1024 * 1024;

export function openDesk(): Desk {
  const sheets = new Map<string, Sheet>();
  return {
    open(file) {
      const known = sheets.get(file);
      if (known !== undefined) return known;
      const sheet = read(file);
      sheets.set(file, sheet);
      return sheet;
    },
    sheets: () => [...sheets.values()],
  };
}

function read(file: string): Sheet {
  const place = followLinks(file);
  const stats = statSync(place, { throwIfNoEntry: false });
  if (stats === undefined)
    return {
      file,
      existed: false,
      before: "",
      modeBefore: undefined,
      missingFolder: topmostMissing(dirname(place)),
      text: "",
      mode: undefined,
    };
  if (!stats.isFile()) throw new Unreadable(`${file} is no file`);
  if (stats.size > FILE_BYTES_MAX) throw new Unreadable(`${file} is too large to be settings`);
  const text = decode(file, readFileSync(place));
  const mode = stats.mode & 0o777;
  return { file, existed: true, before: text, modeBefore: mode, missingFolder: undefined, text, mode };
}

function topmostMissing(folder: string): string | undefined {
  if (existsSync(folder)) return undefined;
  return topmostMissing(dirname(folder)) ?? folder;
}

function decode(file: string, bytes: Buffer): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // said below
  }
  throw new Unreadable(`${file} is no UTF-8 text`);
}

/** Where a chain of symbolic links ends, also when there is nothing yet. */
function followLinks(file: string): string {
  let place = file;
  for (let hops = 0; hops < 40; hops++) {
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return place;
    place = resolve(dirname(place), readlinkSync(place));
  }
  throw new Unreadable(`${file} is a symbolic link to itself`);
}

export function isChanged(sheet: Sheet): boolean {
  return (
    sheet.gone !== undefined ||
    sheet.text !== sheet.before ||
    (sheet.existed && sheet.mode !== sheet.modeBefore)
  );
}

/** Writes one file, whole or not at all. */
export function writeSheet(sheet: Sheet): void {
  const place = followLinks(sheet.file);
  if (sheet.gone !== undefined) {
    rmSync(place, { force: true });
    dropFolders(dirname(place), sheet.gone.upTo);
    return;
  }
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
  writeAtomic(place, sheet.text, sheet.mode ?? 0o644);
}

/** A temporary file beside it, then a rename: a reader sees the old text or the new one. */
export function writeAtomic(place: string, text: string, mode: number): void {
  const temporary = `${place}.${randomBytes(6).toString("hex")}.tmp`;
  const owner = statSync(place, { throwIfNoEntry: false });
  try {
    writeFileSync(temporary, text, { mode, flag: "wx", flush: true });
    chmodSync(temporary, mode); // whatever the umask took
    keepOwner(temporary, owner);
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** As root in another one's home, the file stays theirs. */
function keepOwner(file: string, owner: { readonly uid: number; readonly gid: number } | undefined): void {
  if (owner === undefined || process.getuid?.() !== 0 || owner.uid === 0) return;
  chownSync(file, owner.uid, owner.gid);
}

function dropFolders(folder: string, upTo: string | undefined): void {
  if (upTo === undefined) return;
  for (let each = folder; each.startsWith(upTo) && each.length > 1; each = dirname(each)) {
    try {
      rmdirSync(each);
    } catch {
      return; // something else lives there
    }
  }
}
