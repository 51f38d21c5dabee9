// Copies of a distant store's blobs on a local disk: at most so many bytes, those that were not used for longest go first.
import { createHash } from "node:crypto";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { LRUCache } from "lru-cache";
import type { BlobStore, BlobWriter } from "./blob-store.ts";
import { checkBytes } from "./checked.ts";
import { createDiskStore } from "./disk.ts";
import { CorruptBlob, checkSize } from "./range.ts";
import { createShelf } from "./shelf.ts";

export interface ReadCacheOptions {
  /** The distant store. */
  readonly store: BlobStore;
  /** Of the cache alone; several processes may share it. */
  readonly directory: string;
  /** 0: no copies; what is read is checked all the same. */
  readonly bytesMax: number;
  /** How many processes share the folder. Default 1. */
  readonly processes?: number;
  readonly onTrouble?: (error: unknown) => void;
}

export interface ReadCache {
  /**
   * The store for those who serve: whole reads come from here where they can, are copied where they cannot, and are
   * checked when they come from the distant store. A part that is not here is read there and not copied.
   */
  readonly served: BlobStore;
  /** The store for those who look after it: `open` and `read` go to the distant store itself, unchecked. */
  readonly stored: BlobStore;
  readonly counts: { hits: number; misses: number };
}

/** After a failure of the local disk reads go past it for so long. */
const REST_MS = 60_000;

/** Opens the cache over the store; what an earlier process copied is used again. */
export async function createReadCache(options: ReadCacheOptions): Promise<ReadCache> {
  const { store } = options;
  const counts = { hits: 0, misses: 0 };
  if (options.bytesMax === 0) {
    const open: BlobStore["open"] = async (sha256, range) =>
      range === undefined ? checkBytes(await store.open(sha256), sha256) : store.open(sha256, range);
    return { served: { ...store, open }, stored: store, counts };
  }
  const local = await createDiskStore({ directory: options.directory, digests: "sha256" });
  const copies = createCopies({ ...options, local });

  const forget = async <T>(sha256: string, work: Promise<T>): Promise<T> => {
    await copies.forget(sha256);
    return work;
  };
  const stored: BlobStore = {
    ...store,
    delete: (sha256) => forget(sha256, store.delete(sha256)),
    setAside: (sha256) => forget(sha256, store.setAside(sha256)),
    async close() {
      await copies.settled();
      await local.close();
      await store.close();
    },
  };
  const served: BlobStore = {
    ...stored,
    async open(sha256, range) {
      const kept = await local.open(sha256, range).catch(throwRange);
      if (kept !== undefined) {
        counts.hits++;
        copies.noteUse(sha256);
        return kept;
      }
      counts.misses++;
      if (range !== undefined) return store.open(sha256, range);
      return (await copies.follow(sha256)) ?? checkBytes(await store.open(sha256), sha256);
    },
    async read(sha256, bytesMax) {
      const kept = await local.read(sha256, bytesMax).catch(throwRange);
      if (kept !== undefined && isRight(kept, sha256)) {
        counts.hits++;
        copies.noteUse(sha256);
        return kept;
      }
      counts.misses++;
      return copies.readThrough(sha256, bytesMax);
    },
  };
  return { served, stored, counts };
}

/** A copy that cannot be read is none: the distant store has the blob. */
function throwRange(error: unknown): undefined {
  if (error instanceof RangeError) throw error;
}

function isRight(bytes: Buffer, sha256: string): boolean {
  return createHash("sha256").update(bytes).digest("hex") === sha256;
}

/** How blobs come into the local store. */
function createCopies(options: ReadCacheOptions & { readonly local: BlobStore }) {
  const { store, local, directory } = options;
  const shelf = createShelf(local, options.bytesMax, options.processes ?? 1);
  const flights = new Map<string, Promise<BlobWriter | undefined>>();
  const reads = new Map<string, Promise<Buffer>>();
  const pending = new Map<string, Promise<void>>();
  const used = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });
  let restUntil = 0;

  function rest(error: unknown): void {
    if (Date.now() >= restUntil) options.onTrouble?.(error);
    restUntil = Date.now() + REST_MS;
  }

  /** Copies are made one at a time for each blob, and waited for before it is deleted and at the end. */
  function track(sha256: string, work: Promise<void>): void {
    pending.set(
      sha256,
      work.catch(rest).finally(() => pending.delete(sha256)),
    );
  }

  /** Undefined when it is not to be copied. The copy goes on though its readers leave: the next one finds it here. */
  async function begin(sha256: string): Promise<BlobWriter | undefined> {
    if (Date.now() < restUntil) return undefined;
    // Both at once: a reader waits for one answer, and for one that does not come.
    const opening = store.open(sha256);
    const [size, stream] = await Promise.all([
      store.stat(sha256).then((found) => found?.size),
      opening,
    ]).catch(async (error: unknown) => {
      (await opening).destroy();
      throw error;
    });
    if (size === undefined || !(await shelf.makeRoom(size))) {
      stream.destroy();
      return undefined;
    }
    const writer = await local.create({ size });
    track(sha256, copy(sha256, size, stream, writer));
    return writer;
  }

  async function copy(sha256: string, size: number, stream: Readable, writer: BlobWriter): Promise<void> {
    try {
      for await (const chunk of stream) await writer.write(chunk as Uint8Array);
      const { digests } = await writer.finish();
      if (digests.sha256 !== sha256) throw new CorruptBlob(sha256);
      await writer.commit();
      writer.release();
    } catch (error) {
      await writer.discard(error as Error);
      if (isOfDisk(error)) throw error;
    } finally {
      shelf.came(size);
      flights.delete(sha256);
    }
  }

  async function put(bytes: Buffer): Promise<void> {
    if (Date.now() < restUntil || !(await shelf.makeRoom(bytes.length))) return;
    const writer = await local.create({ size: bytes.length });
    try {
      await writer.write(bytes);
      await writer.finish();
      await writer.commit();
      writer.release();
    } finally {
      await writer.discard();
      shelf.came(bytes.length);
    }
  }

  function startRead(sha256: string, bytesMax: number): Promise<Buffer> {
    const reading = store.read(sha256, bytesMax);
    reads.set(sha256, reading);
    const done = (): boolean => reads.delete(sha256);
    reading.then((bytes) => {
      if (isRight(bytes, sha256) && !pending.has(sha256)) track(sha256, put(bytes).finally(done));
      else done();
    }, done);
    return reading;
  }

  return {
    async forget(sha256: string): Promise<void> {
      reads.delete(sha256);
      await pending.get(sha256);
      await local.delete(sha256).catch(rest);
    },
    /** The time of last use is the file's own: so other processes know it, and the next start. To the minute. */
    noteUse(sha256: string): void {
      if (used.has(sha256)) return;
      used.set(sha256, true);
      const now = new Date();
      utimes(join(directory, "sha256", sha256.slice(0, 2), sha256), now, now).catch(() => {});
    },
    /** Streams the blob while it is copied, once however many ask; undefined when it is not to be copied. */
    async follow(sha256: string): Promise<Readable | undefined> {
      let flight = flights.get(sha256);
      if (flight === undefined) {
        flight = begin(sha256);
        flights.set(sha256, flight);
        flight.then(
          (writer) => writer ?? flights.delete(sha256),
          () => flights.delete(sha256),
        );
      }
      return (await flight)?.follow();
    },
    /** Reads it there, and copies it behind the reader's back; once however many ask until the copy is here. */
    async readThrough(sha256: string, bytesMax: number): Promise<Buffer> {
      const known = reads.get(sha256) ?? startRead(sha256, bytesMax);
      const bytes = await known;
      checkSize(sha256, bytes.length, bytesMax);
      return bytes;
    },
    async settled(): Promise<void> {
      await Promise.allSettled([...flights.values(), ...reads.values()]);
      await Promise.allSettled(pending.values());
      await shelf.settled();
    },
  };
}

/** The distant store's troubles are Faults; what the system says is about the copy. */
function isOfDisk(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
