// Room for copies on a local disk: how many bytes there are, and which go when there are too many.
import type { BlobStore } from "./blob-store.ts";

/** A larger blob would push out too much else. */
const SHARE_MAX = 1 / 4;
/** Past the first, copies go until the second is reached; as shares of what there may be. */
const FULL = 0.9;
const ROOMY = 0.8;
/** How much all processes together may add before one of them counts again. */
const UNSEEN = 0.1;

export interface Shelf {
  /** Whether so many bytes may come; waits for room where there is none. Each is followed by `came`. */
  makeRoom(size: number): Promise<boolean>;
  /** So many bytes are in the store now, or will not be. */
  came(size: number): void;
  settled(): Promise<void>;
}

/** Keeps what lies in the local store below `bytesMax`, by the blobs' modification time as the time of last use. */
export function createShelf(local: BlobStore, bytesMax: number, processes: number): Shelf {
  let coming = 0;
  let held = 0;
  let since = 0;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    since = 0;
    const copies: { readonly sha256: string; readonly size: number; readonly modifiedMs: number }[] = [];
    for await (const copy of local.list()) copies.push(copy);
    let bytes = copies.reduce((sum, { size }) => sum + size, 0);
    if (bytes + coming > FULL * bytesMax) {
      copies.sort((a, b) => a.modifiedMs - b.modifiedMs);
      for (const { sha256, size } of copies) {
        if (bytes + coming <= ROOMY * bytesMax) break;
        await local.delete(sha256);
        bytes -= size;
      }
    }
    held = bytes + coming;
  }

  function recount(): Promise<void> {
    counting ??= count().finally(() => {
      counting = undefined;
    });
    return counting;
  }

  recount().catch(() => {});
  return {
    async makeRoom(size) {
      if (size > SHARE_MAX * bytesMax) return false;
      coming += size;
      held += size;
      since += size;
      if (held > bytesMax) await recount();
      else if (held > FULL * bytesMax || since > (UNSEEN * bytesMax) / processes) recount().catch(() => {});
      return true;
    },
    came(size) {
      coming -= size;
    },
    async settled() {
      await counting?.catch(() => {});
    },
  };
}
