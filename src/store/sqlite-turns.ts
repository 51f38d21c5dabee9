// Who writes next to a SQLite file that several processes share: waiting blocks nobody, and nobody waits for ever.
import { setTimeout as sleep } from "node:timers/promises";
import { unavailable } from "../core/faults.ts";

/** Tries to begin; resolves with BUSY, nothing begun, while another process writes. */
export type Attempt<T> = () => Promise<T | typeof BUSY>;
export const BUSY = Symbol("busy");

/** A writer that has not had its turn by then is told to come back: its client would give up soon after. */
const WAIT_MS = 10_000;
/** A process with much to write lets others in between for `PAUSE_MS`, at the latest after so long. */
const STREAK_MS = 100;
const PAUSE_MS = 4;

/**
 * Begins as soon as no other process writes. SQLite's own waiting sleeps in the thread that serves, up to 100 ms at a
 * time, and knows no fairness: here it is tried every one to three milliseconds, and a process that writes without end
 * leaves gaps that are longer. To be called again when the last turn has ended. Throws ServiceUnavailable when the time
 * is over.
 */
export function createTurns(waitMs = WAIT_MS): <T>(attempt: Attempt<T>) => Promise<T> {
  let streakSince = 0;
  let endedAt = 0;

  async function leaveGap(): Promise<void> {
    const now = performance.now();
    const idle = now - endedAt > PAUSE_MS;
    if (!idle && now - streakSince <= STREAK_MS) return;
    if (!idle) await sleep(PAUSE_MS);
    streakSince = performance.now();
  }

  async function untilFree<T>(attempt: Attempt<T>): Promise<T> {
    const until = performance.now() + waitMs;
    await leaveGap();
    for (;;) {
      const result = await attempt();
      if (result !== BUSY) return result;
      if (performance.now() >= until)
        throw unavailable(
          "The database is busy: another process has been writing for long. Nothing was recorded; send the request again in a moment.",
        );
      await sleep(1 + Math.random() * 2);
      streakSince = performance.now();
    }
  }

  return (attempt) =>
    untilFree(attempt).finally(() => {
      endedAt = performance.now();
    });
}
