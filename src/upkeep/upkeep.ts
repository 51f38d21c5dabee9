// What a server does for its stored bytes by itself: the sweep of unused ones and the scrub of all; one process of a cluster at a time.
import { sweepBlobs } from "../registry/collect.ts";
import { listDamaged } from "../store/contents.ts";
import { readSetting, writeSetting } from "../store/settings.ts";
import type { DamageDeps } from "./damage.ts";
import { readScrub, scrubDue } from "./scrub.ts";

export interface UpkeepCounts {
  readonly scrub: { blobs: number; bytes: number };
  readonly sweep: { blobs: number; bytes: number };
  /** Contents that assets point at and that are known to be damaged; of the whole installation. */
  damaged: number;
  /** Seconds since the epoch; 0: no whole round has ended. */
  scrubCompletedAt: number;
}

export interface Upkeep {
  readonly counts: UpkeepCounts;
  /** Nothing of it is under way any more once this resolves. */
  close(): Promise<void>;
}

export interface UpkeepOptions extends DamageDeps {
  /** A blob is read again about once in so many days; 0: never. */
  readonly scrubDays: number;
}

/** Per cluster; each process looks more often, since it may not live as long. */
const SWEEP_EVERY_MS = 6 * 60 * 60_000;
const SWEEP_LOOK_MS = 10 * 60_000;
const SWEPT_AT = "swept-at";
const SCRUB_EVERY_MS = 60_000;

export function startUpkeep(deps: UpkeepOptions): Upkeep {
  const counts: UpkeepCounts = {
    scrub: { blobs: 0, bytes: 0 },
    sweep: { blobs: 0, bytes: 0 },
    damaged: 0,
    scrubCompletedAt: 0,
  };
  const stop = new AbortController();
  const sweep = async (): Promise<void> => {
    const sweptAt = Number(await readSetting(deps.database.read, SWEPT_AT));
    if (deps.now() - sweptAt < SWEEP_EVERY_MS) return; // NaN before the first one: not less
    await deps.database.write((tx) => writeSetting(tx, SWEPT_AT, String(deps.now())));
    const { blobs, bytes } = await sweepBlobs(deps, stop.signal);
    counts.sweep.blobs += blobs;
    counts.sweep.bytes += bytes;
  };
  const scrub = async (): Promise<void> => {
    if (deps.scrubDays > 0) await scrubDue(deps, deps.scrubDays, counts.scrub, stop.signal);
    counts.damaged = (await listDamaged(deps.database.read)).length;
    counts.scrubCompletedAt = (await readScrub(deps)).completedAt / 1_000;
  };
  const tasks = [
    every(SWEEP_LOOK_MS, sweep, (error) =>
      deps.log.warn({ error: String(error) }, "the sweep of unused bytes failed"),
    ),
    every(SCRUB_EVERY_MS, scrub, (error) => {
      if (!stop.signal.aborted) deps.log.warn({ error: String(error) }, "the scrub of stored bytes failed");
    }),
  ];
  return {
    counts,
    async close() {
      stop.abort(new Error("the server ends"));
      await Promise.all(tasks.map((task) => task.close()));
    },
  };
}

/** Runs `work` now and then, never twice at a time. */
function every(
  ms: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): { close(): Promise<void> } {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }, ms).unref();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
