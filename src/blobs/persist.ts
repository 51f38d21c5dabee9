// Asking a store that may fail or fall silent: each attempt is bounded by its silence, the next follows while it helps.
import { setTimeout as sleep } from "node:timers/promises";

/** What one attempt is given. */
export interface Attempt {
  /** Aborts when nothing has moved for too long. */
  readonly signal: AbortSignal;
  /** Call it whenever bytes move. */
  readonly moved: () => void;
}

/** The store said nothing for too long. */
export class Silence extends Error {}

const BACKOFF_MS = 50;
const BACKOFF_MS_MAX = 2_000;

/**
 * Does the work until it succeeds, or fails for a reason that stays, or `silenceMs` have passed without progress. An
 * attempt may be silent for half of that time, so that there is always a second one. Rejects with the last error.
 */
export async function persist<T>(
  silenceMs: number,
  isPassing: (error: unknown) => boolean,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const began = Date.now();
  for (let count = 0; ; count++) {
    try {
      return await attempt(silenceMs / 2, work);
    } catch (error) {
      const late = count > 0 && Date.now() - began > silenceMs / 2;
      if (late || !isPassing(error)) throw error;
      const pause = Math.min(BACKOFF_MS * 2 ** count, BACKOFF_MS_MAX, silenceMs / 4);
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }
}

async function attempt<T>(silenceMs: number, work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(), silenceMs);
  try {
    return await work({ signal, moved: () => timer.refresh() });
  } catch (error) {
    throw signal.aborted ? new Silence(`nothing came for ${silenceMs} ms`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The chunks of a stream; throws Silence when one that is waited for does not come in time. A reader that takes its time
 * is none of the stream's fault. Destroys the stream in the end.
 */
export async function* listen(
  stream: AsyncIterable<Buffer> & { destroy(): unknown },
  silenceMs: number,
): AsyncGenerator<Buffer, void> {
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await within(silenceMs, chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    stream.destroy();
  }
}

async function within<T>(silenceMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silence(`nothing came for ${silenceMs} ms`)), silenceMs);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
