// Zip archives, read from their central directory: every member checked before a byte is unpacked, and chosen ones read into memory.
import { Readable } from "node:stream";
import * as yauzl from "yauzl";
import {
  type ArchiveEntry,
  ArchiveError,
  type ArchiveLimits,
  archiveFault,
  checkCount,
  checkEntry,
  checkRatio,
} from "./archive.ts";

/** Bytes that can be read anywhere, such as a finished BlobWriter. */
export interface ZipSource {
  readonly size: number;
  /** Exactly these bytes; rejects past the end. */
  readAt(position: number, length: number): Promise<Uint8Array>;
}

export interface ZipContents {
  readonly entries: readonly ArchiveEntry[];
  /** What `want` chose, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** What a reader may hold of one chosen member, bytes. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * Reads a zip. Rejects with a 400 that begins with `what` ("The wheel") when it is no zip, is hostile, or could be read
 * in two ways: a path told twice, a member whose own header names it otherwise than the directory does, bytes before
 * the first member or after the end. `want` chooses the members that are read; each at most 16 MiB.
 */
export async function readZip(
  source: ZipSource,
  limits: ArchiveLimits,
  what: string,
  want: (entry: ArchiveEntry) => boolean,
): Promise<ZipContents> {
  try {
    return await read(source, limits, want);
  } catch (error) {
    throw archiveFault(asRefusal(error), what);
  }
}

async function read(
  source: ZipSource,
  limits: ArchiveLimits,
  want: (entry: ArchiveEntry) => boolean,
): Promise<ZipContents> {
  const zip = await openZip(source);
  const entries: ArchiveEntry[] = [];
  const files = new Map<string, Buffer>();
  const paths = new Set<string>();
  let unpackedBytes = 0;
  let firstAt = source.size;
  try {
    for await (const entry of membersOf(zip)) {
      const member = describeEntry(entry);
      checkCount(limits, entries.push(member));
      checkEntry(member);
      if (paths.has(member.path)) throw new ArchiveError(`${JSON.stringify(member.path)} is there twice`);
      paths.add(member.path);
      unpackedBytes += member.size;
      checkRatio(limits, source.size, unpackedBytes);
      firstAt = Math.min(firstAt, entry.relativeOffsetOfLocalHeader);
      await checkLocalHeader(source, entry);
      if (member.kind === "file" && want(member)) files.set(member.path, await unpack(zip, entry));
    }
  } finally {
    zip.close();
  }
  if (entries.length > 0 && firstAt !== 0) throw new ArchiveError("there are bytes before its first file");
  return { entries, files };
}

/**
 * The first file whose path matches, of an archive that was checked when it came in, or whose bytes are what their index
 * promised: nothing but the directory and that file is read. Undefined when there is none; rejects as `readZip` does.
 */
export async function readZipMember(
  source: ZipSource,
  what: string,
  path: RegExp,
): Promise<Buffer | undefined> {
  try {
    const zip = await openZip(source);
    try {
      for await (const entry of membersOf(zip))
        if (path.test(entry.fileName)) return await unpack(zip, entry);
      return undefined;
    } finally {
      zip.close();
    }
  } catch (error) {
    throw archiveFault(asRefusal(error), what);
  }
}

async function openZip(source: ZipSource): Promise<yauzl.ZipFile> {
  if (source.size < END_RECORD_BYTES) throw new ArchiveError("it is not a zip archive");
  await checkEnd(source);
  return new Promise((resolve, reject) => {
    yauzl.fromRandomAccessReader(
      new SourceReader(source),
      source.size,
      { lazyEntries: true, autoClose: false, validateEntrySizes: true, strictFileNames: true },
      (error, zip) => (error === null ? resolve(zip) : reject(error)),
    );
  });
}

const END_RECORD_BYTES = 22;
const END_RECORD_SIGNATURE = 0x06054b50;

/** Without a comment the end record is the end of the file: what comes after a first end is read by some and not by others. */
async function checkEnd({ size, readAt }: ZipSource): Promise<void> {
  const end = Buffer.from(await readAt(size - END_RECORD_BYTES, END_RECORD_BYTES));
  if (end.readUInt32LE(0) !== END_RECORD_SIGNATURE || end.readUInt16LE(20) !== 0)
    throw new ArchiveError("it does not end as a zip archive does");
}

/** yauzl's members one at a time: it emits the next only when asked. */
async function* membersOf(zip: yauzl.ZipFile): AsyncGenerator<yauzl.Entry> {
  for (;;) {
    const entry = await new Promise<yauzl.Entry | undefined>((resolve, reject) => {
      const settle = (done: () => void): void => {
        zip.removeAllListeners("entry");
        zip.removeAllListeners("end");
        zip.removeAllListeners("error");
        done();
      };
      zip.once("entry", (found: yauzl.Entry) => settle(() => resolve(found)));
      zip.once("end", () => settle(() => resolve(undefined)));
      zip.once("error", (error: Error) => settle(() => reject(error)));
      zip.readEntry();
    });
    if (entry === undefined) return;
    yield entry;
  }
}

const UNIX = 3;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

function describeEntry(entry: yauzl.Entry): ArchiveEntry {
  const { fileName: path, uncompressedSize: size } = entry;
  const mode = entry.versionMadeBy >> 8 === UNIX ? (entry.externalFileAttributes >>> 16) & S_IFMT : 0;
  const directory = path.endsWith("/");
  const odd = mode !== 0 && mode !== (directory ? S_IFDIR : S_IFREG);
  return { path, size, kind: odd ? "other" : directory ? "directory" : "file" };
}

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/** Installers that stream believe a member's own header, others the directory: both must name the same file. */
async function checkLocalHeader({ readAt }: ZipSource, entry: yauzl.Entry): Promise<void> {
  const at = entry.relativeOffsetOfLocalHeader;
  const name = entry.fileNameRaw;
  const header = Buffer.from(await readAt(at, LOCAL_HEADER_BYTES + name.length));
  const same =
    header.readUInt32LE(0) === LOCAL_HEADER_SIGNATURE &&
    header.readUInt16LE(26) === name.length &&
    header.subarray(LOCAL_HEADER_BYTES).equals(name);
  if (!same)
    throw new ArchiveError(
      `${JSON.stringify(entry.fileName.slice(0, 200))} is named otherwise in its own header`,
    );
}

async function unpack(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Buffer> {
  const shown = JSON.stringify(entry.fileName.slice(0, 200));
  if (entry.uncompressedSize > FILE_BYTES_MAX) throw new ArchiveError(`${shown} is too large`);
  if (entry.isEncrypted()) throw new ArchiveError(`${shown} is encrypted`);
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error)));
  });
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ZipSource;

  constructor(source: ZipSource) {
    super();
    this.#source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(pieces(this.#source, start, end), { objectMode: false });
  }
}

async function* pieces({ readAt }: ZipSource, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const piece = await readAt(at, Math.min(READ_BYTES, end - at));
    at += piece.length;
    yield piece;
  }
}

/** yauzl speaks of broken archives by plain errors; a failing disk has a code, and is no fault of the archive. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ArchiveError || "code" in error) return error;
  if (error.message === "A blob was read past its end.") return new ArchiveError("it is cut short");
  return new ArchiveError(`it is not a zip archive that can be read (${error.message})`);
}
