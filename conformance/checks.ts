// Collects what held and what did not: every check prints one line, and the run ends with the count.
import { run } from "./processes.ts";
import type { CheckReport } from "./report.ts";
import { takeUses, type Use } from "./witness.ts";

/** Thrown inside a check that cannot be made here; the message is the reason. */
export class Skip extends Error {}

export interface Checks {
  /** Runs one check: it holds unless the body throws. Gives true when it held, so that a follower can be skipped. */
  check(title: string, body: () => Promise<unknown>, timeoutMs?: number): Promise<boolean>;
  /** Says that a check was not made, and why. */
  skip(title: string, reason: string): void;
  /** Takes over a result that another program found. */
  record(outcome: "ok" | "not ok" | "skip", title: string, reason: string): void;
  /**
   * Says which library the checks from here on are about, with its own version, where no program is started that shows
   * it (`run` notes those by itself); without a name: none any more.
   */
  client(name?: string, version?: string): void;
}

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Every check, for `--report`. */
  readonly checks: CheckReport[];
}

const CHECK_TIMEOUT_MS = 240_000;

/** Makes a collector that writes to standard output and counts into `tally`. */
export function collect(suite: string, tally: Tally): Checks {
  let library: Use | undefined;
  const note = (
    outcome: CheckReport["outcome"],
    title: string,
    reason: string,
    uses: readonly Use[] = [],
  ) => {
    tally.checks.push({
      suite,
      title,
      outcome,
      reason,
      uses: library === undefined ? uses : [library, ...uses],
    });
    print(outcome, title, reason);
  };
  const print: Checks["record"] = (outcome, title, reason) => {
    const why = outcome === "skip" ? ` # ${reason}` : reason === "" ? "" : `\n${indent(reason)}`;
    console.log(`${outcome.padEnd(6)} ${suite}: ${title}${why}`);
    if (outcome === "ok") tally.passed++;
    else if (outcome === "skip") tally.skipped++;
    else tally.failed++;
  };
  return {
    record: (outcome, title, reason) => note(outcome, title, reason),
    skip: (title, reason) => note("skip", title, reason),
    client(name, version = "unknown") {
      library = name === undefined ? undefined : { client: name, version, commands: [] };
    },
    async check(title, body, timeoutMs = CHECK_TIMEOUT_MS) {
      await uses(); // what ran between two checks is about neither
      try {
        await withDeadline(body(), timeoutMs);
        note("ok", title, "", await uses());
        return true;
      } catch (error) {
        if (error instanceof Skip) note("skip", title, error.message, await uses());
        else note("not ok", title, describe(error), await uses());
        return false;
      }
    },
  };
}

function uses(): Promise<Use[]> {
  return takeUses(async (command, place) => (await run(command, { ...place, timeoutMs: 20_000 })).output);
}

/** Rejects when the work has not ended in time; the work itself goes on. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no end within ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again every 200 ms until the answer is no longer undefined. Throws with `what` when the time is over. */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /\/conformance\/[^\s)]+/.exec(error.stack ?? "")?.[0] ?? "";
  return `${error.message}\n(at ${place.slice(1)})`;
}

function indent(text: string): string {
  const lines = text.trimEnd().split("\n");
  const shown = lines.length > 40 ? [...lines.slice(0, 10), "…", ...lines.slice(-30)] : lines;
  return shown.map((line) => `         ${line}`).join("\n");
}
