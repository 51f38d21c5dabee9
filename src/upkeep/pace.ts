// Keeps work on bytes below a rate, so that it stands in nobody's way.
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until so many more bytes are due. */
export type Pace = (bytes: number) => Promise<void>;

/** Undefined: as fast as it goes. An abort ends a wait with the signal's reason. */
export function createPace(bytesPerSecond: number | undefined, signal?: AbortSignal): Pace {
  if (bytesPerSecond === undefined) return async () => signal?.throwIfAborted();
  let due = performance.now();
  return async (bytes) => {
    signal?.throwIfAborted();
    const now = performance.now();
    due = Math.max(due, now) + (bytes / bytesPerSecond) * 1_000;
    if (due - now > 10) await sleep(due - now, undefined, signal && { signal });
  };
}
