// What every archive is held to, whatever its kind: paths that stay inside, no links, and sizes that were said beforehand.
import { invalid } from "../core/faults.ts";

/** One member of an archive. */
export interface ArchiveEntry {
  readonly path: string;
  readonly kind: "file" | "directory" | "other";
  /** Unpacked bytes, as the archive says. */
  readonly size: number;
}

export interface ArchiveLimits {
  /** Members of the archive. */
  readonly entriesMax: number;
  /** Unpacked bytes per packed byte, once more than `ratioFreeBytes` are unpacked. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  entriesMax: 200_000,
  ratioMax: 200,
  ratioFreeBytes: 64 * 1024 * 1024,
};

/** The archive is broken, ambiguous or hostile; the message says how, and goes on after "it is refused:". */
export class ArchiveError extends Error {}

export function checkRatio(limits: ArchiveLimits, packedBytes: number, unpackedBytes: number): void {
  if (unpackedBytes > limits.ratioFreeBytes && unpackedBytes > packedBytes * limits.ratioMax)
    throw new ArchiveError(`it unpacks to more than ${limits.ratioMax} times its size`);
}

export function checkCount(limits: ArchiveLimits, entries: number): void {
  if (entries > limits.entriesMax) throw new ArchiveError(`it holds more than ${limits.entriesMax} files`);
}

/** Links, devices and paths that could leave the package's folder, or that two clients could place differently. */
export function checkEntry({ path, kind }: ArchiveEntry): void {
  const shown = JSON.stringify(path.slice(0, 200));
  if (kind === "other") throw new ArchiveError(`${shown} is a link or a device`);
  const parts = (kind === "directory" ? path.replace(/\/$/, "") : path).split("/");
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(path))
    throw new ArchiveError(`the path ${shown} holds a control character or a backslash`);
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path))
    throw new ArchiveError(`the path ${shown} is absolute`);
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    throw new ArchiveError(`the path ${shown} holds an empty or dotted part`);
}

/** What the publisher is told; `what` is the archive's name for it. An error that is not about the archive is a bug and stays as it is. */
export function archiveFault(error: unknown, what: string): unknown {
  if (error instanceof ArchiveError) return invalid(`${what} is refused: ${error.message}.`);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "Z_BUF_ERROR") return invalid(`${what} is refused: its gzip stream is cut short.`);
  if (code.startsWith("Z_")) return invalid(`${what} is refused: it is not a valid gzip stream.`);
  return error;
}
