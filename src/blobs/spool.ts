// Bytes that are still arriving: in memory while they are few, in a file of the staging folder once they are many.
import {
  closeSync,
  fdatasync,
  open,
  openSync,
  read,
  renameSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import type { StagedBlob } from "./blob-store.ts";
import { type FileHasher, hashBytes, hashFile, type Wanted } from "./hashing.ts";

const openFile = promisify(open);
const writeFile = promisify(write);
const readFile = promisify(read);
export const syncData = promisify(fdatasync);

export interface SpoolOptions {
  /** Where staging files are made; it exists. */
  readonly folder: string;
  /** Past this many bytes they go to a file. */
  readonly memoryBytesMax: number;
  readonly sizeExpected?: number | undefined;
  /** Default: all. */
  readonly digests?: Wanted | undefined;
}

interface SpoolFile {
  readonly path: string;
  readonly fd: number;
  readonly hasher: FileHasher;
}

/** Makes a name that no other process and no other spool uses; the first part lets a later start see whose it was. */
export function stagingName(): string {
  return `${process.pid}-${Date.now().toString(36)}-${++lastName}`;
}
let lastName = 0;

/**
 * Appends at the end, reads anywhere. Calls of `append` must not overlap. Users (the writer, each follower) keep the
 * file open with `retain` and let go with `release`, which each calls once and only with no read or write under way.
 */
export class Spool {
  readonly #options: SpoolOptions;
  #memory: Buffer;
  #size = 0;
  #file: SpoolFile | undefined;
  #users = 1;
  #staged = false;

  constructor(options: SpoolOptions) {
    const expected = options.sizeExpected ?? 0;
    this.#options = options;
    this.#memory = Buffer.allocUnsafe(expected <= options.memoryBytesMax ? expected : 0);
  }

  get size(): number {
    return this.#size;
  }

  async append(chunk: Uint8Array): Promise<void> {
    const size = this.#size + chunk.length;
    if (
      this.#file === undefined &&
      Math.max(size, this.#options.sizeExpected ?? 0) <= this.#options.memoryBytesMax
    ) {
      this.#reserve(size);
      this.#memory.set(chunk, this.#size);
    } else {
      const file = this.#file ?? (await this.#spill());
      await writeWhole(file.fd, chunk, this.#size);
      file.hasher.grown(size);
    }
    this.#size = size;
  }

  /** At least one and at most `lengthMax` of the bytes from `position`, which must lie before `size`. */
  async readAt(position: number, lengthMax: number): Promise<Uint8Array> {
    const length = Math.min(lengthMax, this.#size - position);
    if (this.#file === undefined) return this.#memory.subarray(position, position + length);
    const { bytesRead, buffer } = await readFile(
      this.#file.fd,
      Buffer.allocUnsafe(length),
      0,
      length,
      position,
    );
    if (bytesRead === 0) throw new Error("A staging file lost bytes while it was read.");
    return buffer.subarray(0, bytesRead);
  }

  /** Call once, after the last append. */
  async digest(): Promise<StagedBlob> {
    const digests =
      this.#file === undefined
        ? hashBytes(this.bytes, this.#options.digests)
        : await this.#file.hasher.finish(this.#size);
    return { size: this.#size, digests };
  }

  /** All bytes, while they are in memory. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#size);
  }

  /** Where the bytes are, or undefined while they are in memory. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /**
   * Makes the bytes durable and moves them to `path`, over whatever is there. The caller syncs the folder.
   * Calls that only touch the page cache are made at once: handing each to a thread costs more than it takes.
   */
  async moveTo(path: string): Promise<void> {
    if (this.#file !== undefined) {
      await syncData(this.#file.fd);
      renameSync(this.#file.path, path);
      this.#staged = false;
      return;
    }
    const staging = `${this.#options.folder}/${stagingName()}`;
    try {
      await writeDurably(staging, this.bytes);
      renameSync(staging, path);
    } catch (error) {
      removeQuietly(staging);
      throw error;
    }
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0 && this.#file !== undefined) closeSync(this.#file.fd);
  }

  /** Whether the bytes can still be read here: a file is closed once its last user let go. */
  get open(): boolean {
    return this.#users > 0 || this.#file === undefined;
  }

  /** Removes the staging file's name; users that still read go on reading. */
  remove(): void {
    if (this.#file === undefined) return;
    this.#file.hasher.stop();
    if (this.#staged) removeQuietly(this.#file.path);
    this.#staged = false;
  }

  #reserve(size: number): void {
    if (size <= this.#memory.length) return;
    const larger = Buffer.allocUnsafe(
      Math.max(size, Math.min(2 * this.#memory.length, this.#options.memoryBytesMax)),
    );
    larger.set(this.bytes);
    this.#memory = larger;
  }

  async #spill(): Promise<SpoolFile> {
    const path = `${this.#options.folder}/${stagingName()}`;
    const fd = await openFile(path, "wx+");
    this.#staged = true;
    const file = { path, fd, hasher: hashFile(path, this.#options.digests) };
    try {
      await writeWhole(fd, this.bytes, 0);
    } catch (error) {
      this.#file = file;
      throw error;
    }
    this.#file = file;
    this.#memory = Buffer.alloc(0);
    return file;
  }
}

async function writeWhole(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeFile(fd, bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const fd = openSync(path, "wx");
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    await syncData(fd);
  } finally {
    closeSync(fd);
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
