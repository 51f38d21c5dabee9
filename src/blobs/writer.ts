// The life of bytes on their way in, the same for every driver: write, finish, then commit and release, or discard.
import { Readable } from "node:stream";
import type { BlobWriter, StagedBlob } from "./blob-store.ts";
import { type Arrival, followArrival } from "./follow.ts";
import type { Spool } from "./spool.ts";

/** What differs between drivers. */
export interface Keeper {
  /** Makes the spool's bytes durable and readable under their SHA-256; what it leaves in the staging folder is removed. */
  keep(spool: Spool, staged: StagedBlob): Promise<void>;
  /** Streams a kept blob, for those who begin to follow when it is all over. */
  open(sha256: string): Promise<Readable>;
}

/** A writer as blob-store.ts promises it. */
export function createWriter(spool: Spool, keeper: Keeper): BlobWriter {
  const followers = new Set<Readable>();
  const arrival: Arrival = { spool, complete: false, wakeUps: new Set() };
  let writing: Promise<void> = Promise.resolve();
  let finished: Promise<StagedBlob> | undefined;
  let committed: Promise<StagedBlob> | undefined;
  let kept: StagedBlob | undefined;
  let discarded: Error | undefined;

  function checkWanted(): void {
    if (discarded !== undefined) throw discarded;
  }

  async function append(chunk: Uint8Array): Promise<void> {
    checkWanted();
    await spool.append(chunk);
    wakeFollowers(arrival);
  }

  async function digest(): Promise<StagedBlob> {
    await writing;
    checkWanted();
    return await spool.digest();
  }

  async function keep(staging: Promise<StagedBlob>): Promise<StagedBlob> {
    const staged = await staging;
    checkWanted();
    await keeper.keep(spool, staged);
    spool.remove();
    kept = staged;
    return staged;
  }

  function track(follower: Readable): Readable {
    followers.add(follower);
    follower.once("close", () => followers.delete(follower));
    if (discarded !== undefined) follower.destroy(discarded);
    return follower;
  }

  return {
    write(chunk) {
      if (finished !== undefined) return Promise.reject(new Error("A finished blob takes no more bytes."));
      writing = writing.then(() => append(chunk));
      return writing;
    },
    finish() {
      finished ??= digest();
      return finished;
    },
    async readAt(position, length) {
      await finished;
      checkWanted();
      if (position < 0 || position + length > spool.size) throw new Error("A blob was read past its end.");
      const pieces: Uint8Array[] = [];
      for (let at = position; at < position + length; ) {
        const piece = await spool.readAt(at, position + length - at);
        pieces.push(piece);
        at += piece.length;
      }
      return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
    },
    commit() {
      if (finished === undefined)
        return Promise.reject(new Error("A blob is finished before it is committed."));
      committed ??= keep(finished);
      return committed;
    },
    follow() {
      if (spool.open) return track(followArrival(arrival));
      const staged = kept;
      return track(openLater(staged && (() => keeper.open(staged.digests.sha256))));
    },
    release() {
      if (kept === undefined) throw new Error("A blob is committed before it is released.");
      if (arrival.complete || discarded !== undefined) return;
      arrival.complete = true;
      wakeFollowers(arrival);
      spool.release();
    },
    async discard(reason = new Error("The blob was discarded before it was complete.")) {
      if (arrival.complete || discarded !== undefined) return;
      discarded = reason;
      await Promise.allSettled([writing, finished, committed]);
      for (const follower of followers) follower.destroy(reason);
      spool.remove();
      spool.release();
    },
  };
}

function wakeFollowers(arrival: Arrival): void {
  if (arrival.wakeUps.size === 0) return;
  const wakeUps = [...arrival.wakeUps];
  arrival.wakeUps.clear();
  for (const wake of wakeUps) wake();
}

/** A stream for which the source is opened with the first read. */
function openLater(open: (() => Promise<Readable>) | undefined): Readable {
  const later = Readable.from(
    (async function* () {
      if (open !== undefined) yield* await open();
    })(),
    { objectMode: false },
  );
  later.on("error", () => {});
  return later;
}
