// A reader of bytes that are still being written: yields what there is, waits for more.
import { Readable } from "node:stream";
import { FOLLOW_HOLDBACK } from "./blob-store.ts";
import type { Spool } from "./spool.ts";

/** What a follower sees of a writer. */
export interface Arrival {
  readonly spool: Spool;
  /** True once released: the last bytes may be given out. */
  complete: boolean;
  /** Each is called once, at the next write or at the release. */
  readonly wakeUps: Set<() => void>;
}

const READ_BYTES = 256 * 1024;

/** Reads from the spool at its own speed, so that a slow reader holds one chunk and no more. Destroy it to stop. */
export function followArrival(arrival: Arrival): Readable {
  const { spool } = arrival;
  let position = 0;
  let reading: Promise<unknown> = Promise.resolve();
  let wake: (() => void) | undefined;
  const follower = new Readable({ highWaterMark: READ_BYTES, read: step, destroy: stop });
  // A writer that gives up before anyone listens must not bring the process down; pipes and iterators still see it.
  follower.on("error", () => {});
  spool.retain();
  return follower;

  function step(): void {
    const available = spool.size - position - (arrival.complete ? 0 : FOLLOW_HOLDBACK);
    if (available > 0) {
      reading = spool
        .readAt(position, Math.min(available, READ_BYTES))
        .then(deliver, (error: Error) => follower.destroy(error));
    } else if (arrival.complete) {
      follower.push(null);
    } else {
      wake = step;
      arrival.wakeUps.add(step);
    }
  }

  function deliver(bytes: Uint8Array): void {
    position += bytes.length;
    follower.push(bytes);
  }

  function stop(error: Error | null, done: (error: Error | null) => void): void {
    if (wake !== undefined) arrival.wakeUps.delete(wake);
    void reading.then(() => spool.release());
    done(error);
  }
}
