// A blob store that forgets everything with the process: for tests.
import { Readable } from "node:stream";
import type { BlobStore, ByteRange, StagedBlob } from "./blob-store.ts";
import { absent, checkRange, checkSize } from "./range.ts";
import { Spool } from "./spool.ts";
import { createWriter } from "./writer.ts";

interface Held {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

export function createMemoryStore(): BlobStore {
  const blobs = new Map<string, Held>();

  function held(sha256: string): Held {
    const blob = blobs.get(sha256);
    if (blob === undefined) throw absent(sha256);
    return blob;
  }

  const store: BlobStore = {
    async create(expected) {
      const spool = new Spool({
        folder: "",
        memoryBytesMax: Number.POSITIVE_INFINITY,
        sizeExpected: expected?.size,
      });
      const keep = async ({ bytes }: Spool, { digests }: StagedBlob) => {
        blobs.set(digests.sha256, { bytes, modifiedMs: Date.now() });
      };
      return createWriter(spool, { keep, open: (sha256) => store.open(sha256) });
    },
    async stat(sha256) {
      const blob = blobs.get(sha256);
      return blob === undefined ? undefined : { size: blob.bytes.length };
    },
    async open(sha256: string, range?: ByteRange) {
      const { bytes } = held(sha256);
      const { start, end } = checkRange(bytes.length, range);
      return Readable.from(end < start ? [] : [bytes.subarray(start, end + 1)], { objectMode: false });
    },
    async read(sha256, bytesMax) {
      const { bytes } = held(sha256);
      checkSize(sha256, bytes.length, bytesMax);
      return bytes;
    },
    async delete(sha256) {
      blobs.delete(sha256);
    },
    async setAside(sha256) {
      return blobs.delete(sha256) ? "nowhere" : undefined;
    },
    async *list(prefix = "") {
      for (const [sha256, { bytes, modifiedMs }] of blobs)
        if (sha256.startsWith(prefix)) yield { sha256, size: bytes.length, modifiedMs };
    },
    async probe() {},
    async close() {},
  };
  return store;
}
