// The scrub: reads every blob again within so many days, a little at a time, and finds what a disk has lost before a user does.
import { GRACE_MS } from "../registry/collect.ts";
import { listDamaged } from "../store/contents.ts";
import { holdLease, SCRUB } from "../store/leases.ts";
import { readSetting, writeSetting } from "../store/settings.ts";
import { type DamageDeps, findAffected, noteInspected, printUse, setAside } from "./damage.ts";
import { type Inspected, inspect, PREFIXES } from "./inspect.ts";
import { createPace } from "./pace.ts";

/** Where the scrub is, for whichever node goes on with it. Times are epoch ms. */
export interface ScrubState {
  /** When this round began, or is to begin. */
  readonly roundAt: number;
  /** The part that comes next. */
  readonly part: number;
  /** The last digest of it that was read; "" when it has not begun. */
  readonly after: string;
  /** When the last whole round ended; 0: none has. */
  readonly completedAt: number;
}

export interface ScrubCounts {
  blobs: number;
  bytes: number;
}

const SETTING = "scrub";
const DAY_MS = 24 * 60 * 60_000;
/** Renewed four times as often; few, since every write makes the other processes on a SQLite file look again. */
const LEASE_MS = 10 * 60_000;
const SAVE_EVERY_MS = 5 * 60_000;
/** Reading needs no more than this of a disk, unless the parts are so large that a round would not end in its time. */
const BYTES_PER_SECOND_MIN = 8 * 1024 * 1024;
/** So many corrupt blobs in one part are no rotten sectors but a store or a memory that lies: then nothing more is taken away. */
const ASIDE_MAX = 20;

export async function readScrub({ database, now }: DamageDeps): Promise<ScrubState> {
  const text = await readSetting(database.read, SETTING);
  if (text === undefined) return { roundAt: now(), part: 0, after: "", completedAt: 0 };
  return JSON.parse(text) as ScrubState;
}

/**
 * Reads the parts that are due, at a low rate; resolves at once when none is or when another node scrubs. A part is due
 * when its share of the days is over, so that the reading is spread over all of them. Rejects when the store or the
 * database does not answer; what was read is remembered.
 */
export async function scrubDue(
  deps: DamageDeps,
  days: number,
  counts: ScrubCounts,
  signal: AbortSignal,
): Promise<void> {
  if (!isDue(await readScrub(deps), days, deps.now())) return;
  const lease = await holdLease(deps.database, SCRUB, { ttlMs: LEASE_MS });
  if (lease === undefined) return;
  const stop = AbortSignal.any([signal, lease.lost]);
  try {
    let state = await readScrub(deps); // another node may have gone on meanwhile
    while (isDue(state, days, deps.now()) && !stop.aborted)
      state = await scrubPart(deps, state, days, counts, stop);
  } finally {
    await lease.release();
  }
}

function isDue({ roundAt, part }: ScrubState, days: number, now: number): boolean {
  return now >= roundAt + (part / PREFIXES.length) * days * DAY_MS;
}

async function scrubPart(
  deps: DamageDeps,
  begun: ScrubState,
  days: number,
  counts: ScrubCounts,
  stop: AbortSignal,
): Promise<ScrubState> {
  let state = begun;
  let savedAt = deps.now();
  let aside = 0;
  const save = (): Promise<void> =>
    deps.database.write((tx) => writeSetting(tx, SETTING, JSON.stringify(state)));
  const known = new Set(await listDamaged(deps.database.read));
  const partMs = (days * DAY_MS) / PREFIXES.length;
  try {
    await inspect({
      ...deps,
      prefix: PREFIXES[state.part] as string,
      after: state.after,
      atOnce: 1,
      pace: (bytes) => createPace(Math.max(BYTES_PER_SECOND_MIN, (2_000 * bytes) / partMs), stop),
      unusedBefore: deps.now() - GRACE_MS,
      async onResult(result) {
        counts.blobs++;
        counts.bytes += result.bytes;
        await noteInspected(deps, result, known);
        if (await tell(deps, result, known, aside < ASIDE_MAX)) aside++;
        state = { ...state, after: result.sha256 };
        if (deps.now() - savedAt > SAVE_EVERY_MS) {
          savedAt = deps.now();
          await save();
        }
        stop.throwIfAborted();
      },
    });
    state = nextPart(state, days, deps.now());
  } finally {
    // A node that was stopped before it read anything has nothing to remember.
    if (!stop.aborted || state.after !== begun.after) await save();
  }
  return state;
}

function nextPart(state: ScrubState, days: number, now: number): ScrubState {
  const part = state.part + 1;
  if (part < PREFIXES.length) return { ...state, part, after: "" };
  return { roundAt: Math.max(state.roundAt + days * DAY_MS, now), part: 0, after: "", completedAt: now };
}

/** True when the blob was taken away. Damage that is known already is not told again with every round's noise, but once a round. */
async function tell(
  deps: DamageDeps,
  { sha256, problem, detail }: Inspected,
  known: ReadonlySet<string>,
  mayTake: boolean,
): Promise<boolean> {
  if (problem === undefined || problem === "unused") return false;
  const uses = await findAffected(deps, sha256);
  const place = problem === "corrupt" && mayTake ? await setAside(deps, sha256) : undefined;
  const affected = uses
    .map(printUse)
    .map(
      ({ domain, repository, package: name, version, asset }) =>
        `${domain}/${repository}: ${name} ${version} ${asset}`,
    );
  deps.log.error(
    { sha256, problem, detail, affected, setAside: place, known: known.has(sha256) },
    "a stored file is damaged: `portcullis verify --repair` gets back what a public registry still has",
  );
  return place !== undefined;
}
