// BYTES: where assets' contents live, addressed by their SHA-256. The comments are the contract; blob-store.suite.ts holds every driver to it.
import type { Readable } from "node:stream";

/** The four digests the API reports for every asset (spec 1.6.6), lower-case hex. */
export interface Digests {
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
  readonly sha512: string;
}

export interface StagedBlob {
  readonly size: number;
  readonly digests: Digests;
}

/**
 * Bytes on their way in. Nothing is visible to `open` or `stat` until `commit` has resolved.
 * `commit` and then `release`, or `discard`, end it; after either, nothing temporary is left.
 */
export interface BlobWriter {
  /**
   * Appends. Resolves when more may be written (back-pressure); rejects when the bytes could not be kept, after
   * which only `discard` may follow. The chunk may be reused by the caller once resolved.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** No more bytes: flushes them to the store's staging place and tells size and digests. Still invisible. */
  finish(): Promise<StagedBlob>;
  /**
   * After `finish` and before `release` or `discard`: these very bytes of what was written, for formats whose archives
   * are read from their end. Rejects when they reach past the end.
   */
  readAt(position: number, length: number): Promise<Uint8Array>;
  /**
   * Follows the bytes from the first one while they are still being written: yields what there is, waits for more.
   * Ends once `release` was called; fails when the blob was discarded. The last `FOLLOW_HOLDBACK` bytes are withheld
   * until `release`, so that a reader never holds a whole body whose digest turned out wrong or that nobody recorded.
   * May be called before or after `finish`, `commit` and `release`. Memory does not grow with slow readers.
   */
  follow(): Readable;
  /**
   * After `finish`: makes the bytes durable and readable under their SHA-256. When it resolves, a crash at any later
   * moment loses nothing. Committing bytes that are already there is a success and leaves one copy.
   */
  commit(): Promise<StagedBlob>;
  /** After `commit`, when whoever writes rows has recorded the blob: lets followers have the last bytes and end. */
  release(): void;
  /**
   * Drops everything written so far; followers fail. Safe to call at any time, more than once, and after a failure.
   * After `commit` it takes nothing back (the blob may be someone else's too): it only makes waiting followers fail.
   */
  discard(reason?: Error): Promise<void>;
}

/** How many of the last bytes a follower waits for. */
export const FOLLOW_HOLDBACK = 1;

export interface ByteRange {
  /** First byte, inclusive. */
  readonly start: number;
  /** Last byte, inclusive. */
  readonly end: number;
}

export interface Presentation {
  readonly lifeSeconds: number;
  readonly contentType: string;
  readonly disposition: string;
}

export interface BlobStore {
  /** Starts a new blob. `expected` lets a driver choose memory or disk; it is not a promise. */
  create(expected?: { readonly size?: number }): Promise<BlobWriter>;
  /** Size in bytes, or undefined when there is no such blob. */
  stat(sha256: string): Promise<{ readonly size: number } | undefined>;
  /** Streams the blob or a part of it, with large reads. Rejects when it is absent. */
  open(sha256: string, range?: ByteRange): Promise<Readable>;
  /** The whole of a small blob. Rejects when it is absent or larger than `bytesMax`. */
  read(sha256: string, bytesMax: number): Promise<Buffer>;
  /**
   * An address at which anyone may read the whole blob for `lifeSeconds`; absent where the store has none. Does not look
   * whether the blob is there. Content type and disposition are what the store then answers with.
   */
  presign?(sha256: string, presentation: Presentation): Promise<string>;
  /** Forgets the blob. No error when it is absent. Readers that already opened it may finish. */
  delete(sha256: string): Promise<void>;
  /**
   * Takes a damaged blob out of everybody's reach, as `delete` does, but keeps its bytes beside the store for an
   * operator to look into; tells where. Undefined when it is absent. A later commit of the right bytes is not hindered.
   */
  setAside(sha256: string): Promise<string | undefined>;
  /** Every blob, or those whose SHA-256 begins with `prefix`; in no particular order, for sweeps and checks. */
  list(
    prefix?: string,
  ): AsyncIterable<{ readonly sha256: string; readonly size: number; readonly modifiedMs: number }>;
  /** Resolves when the store answers; used by /readyz. */
  probe(): Promise<void>;
  close(): Promise<void>;
}
