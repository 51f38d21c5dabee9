// Delivers the outbox: at least once, one package's events one after another, however many server processes share the database.
import { randomUUID } from "node:crypto";
import type { Log } from "../core/log.ts";
import type { Database, Queries } from "../store/database.ts";
import { appendJournal, readEntry } from "../store/journal.ts";
import type { Claim, ClaimedEntry, WebhookAddress } from "../store/outbox.ts";
import {
  claimDue,
  countPending,
  findDueWebhooks,
  forgetFailures,
  postponeStream,
  releaseClaim,
  removeClaimed,
} from "../store/outbox.ts";
import type { EventEntry } from "./package-event.ts";
import { packageEvent } from "./package-event.ts";
import { createPoster } from "./post.ts";

export interface DispatcherOptions {
  readonly database: Database;
  readonly region: string;
  readonly log: Log;
  readonly now: () => number;
  /** An event that has failed for so long is given up. */
  readonly giveUpMs: number;
  /** How often the outbox is looked at. */
  readonly pollMs?: number;
  /** Longest wait for a receiver's answer. */
  readonly timeoutMs?: number;
  /** Wait after the first failure; doubles with each further one. */
  readonly retryFirstMs?: number;
  readonly retryMaxMs?: number;
  /** How long what this process has claimed is its own. */
  readonly leaseMs?: number;
}

export interface DispatchCounts {
  /** In the database, as last seen. */
  readonly pending: number;
  /** By this process. */
  readonly delivered: number;
  /** Attempts of this process that failed. */
  readonly failed: number;
  /** Events that this process gave up. */
  readonly givenUp: number;
}

export interface Dispatcher {
  counts(): DispatchCounts;
  /** Stops claiming, cuts what is not answered within `graceMs`, and gives back what was claimed. */
  close(graceMs: number): Promise<void>;
}

/** Streams of one webhook that are delivered at a time by one process: a slow receiver holds up nobody else. */
const STREAMS_MAX = 8;
const ENTRIES_PER_STREAM = 20;
const COUNT_EVERY_MS = 5_000;

export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const { database, log, now, pollMs = 500, timeoutMs = 15_000, leaseMs = 60_000 } = options;
  const { retryFirstMs = 5_000, retryMaxMs = 60 * 60_000 } = options;
  const poster = createPoster();
  const stop = new AbortController();
  const counts = { pending: 0, delivered: 0, failed: 0, givenUp: 0 };
  /** Deliveries under way, by webhook. */
  const busy = new Map<string, Set<Promise<void>>>();
  let closing = false;
  let countedAt = Number.NEGATIVE_INFINITY;
  let polling: Promise<void> = Promise.resolve();

  async function poll(): Promise<void> {
    for (const webhook of await findDueWebhooks(database.read, now())) {
      const running = busy.get(webhook.id) ?? new Set();
      busy.set(webhook.id, running);
      const streams = STREAMS_MAX - running.size;
      if (streams <= 0 || closing) continue;
      const claims = await claimDue(database, {
        webhookId: webhook.id,
        lease: randomUUID(),
        now: now(),
        until: now() + leaseMs,
        streams,
        entriesPerStream: ENTRIES_PER_STREAM,
      });
      for (const claim of claims) follow(running, deliverClaim(webhook, claim, now() + leaseMs));
    }
    if (now() - countedAt >= COUNT_EVERY_MS) {
      countedAt = now();
      counts.pending = await countPending(database.read);
    }
  }

  function follow(running: Set<Promise<void>>, work: Promise<void>): void {
    const one = work
      .catch((error: unknown) => log.warn({ error: String(error) }, "a webhook's delivery was not recorded"))
      .finally(() => {
        running.delete(one);
        if (!closing) tick(0); // there may be more of it
      });
    running.add(one);
  }

  async function deliverClaim(webhook: WebhookAddress, claim: Claim, leaseEnds: number): Promise<void> {
    let recovered = false;
    for (const entry of claim.entries) {
      if (closing || now() + timeoutMs >= leaseEnds)
        return database.write((tx) => releaseClaim(tx, claim, now()));
      const failure = await deliver(webhook, entry.seq);
      if (failure === undefined) {
        counts.delivered++;
        await database.write((tx) => removeClaimed(tx, claim, entry.seq));
        if (entry.firstFailedAt !== undefined && !recovered)
          await database.write((tx) => forgetFailures(tx, claim));
        recovered = true;
      } else if (stop.signal.aborted) return database.write((tx) => releaseClaim(tx, claim, now()));
      else return recordFailure(claim, recovered ? { ...entry, firstFailedAt: undefined } : entry, failure);
    }
    // What was added to the stream meanwhile is due as it is.
  }

  async function deliver({ url, secret }: WebhookAddress, seq: number): Promise<string | undefined> {
    const entry = await readEntry(database.read, seq);
    if (entry?.change === undefined) return undefined;
    const body = JSON.stringify(packageEvent(entry as EventEntry, options.region));
    const { signal } = stop;
    return poster.post({ url, secret, id: entry.change.id, body, timeoutMs, now: now(), signal });
  }

  async function recordFailure(claim: Claim, entry: ClaimedEntry, reason: string): Promise<void> {
    counts.failed++;
    const { webhookId, stream } = claim;
    const { seq, firstFailedAt = now() } = entry;
    const attempts = entry.attempts + 1;
    const fields = { webhook: webhookId, package: stream, event: seq, attempts, reason };
    if (now() - firstFailedAt >= options.giveUpMs) {
      counts.givenUp++;
      log.error(fields, "a webhook's event is given up");
      await giveUp(database, claim, seq, { attempts, reason }, now());
      return;
    }
    const waitMs = backOff(attempts, retryFirstMs, retryMaxMs);
    log.warn({ ...fields, nextAttemptInMs: waitMs }, "a webhook did not take an event");
    await database.write((tx) => postponeStream(tx, claim, { seq, now: now(), until: now() + waitMs }));
  }

  let timer: NodeJS.Timeout | undefined;
  let again = false;
  let active = false;

  /** One look at a time; asked for during one, another follows. */
  function tick(delayMs: number): void {
    if (closing) return;
    if (active) {
      again ||= delayMs === 0;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => {
      active = true;
      polling = poll()
        .catch((error: unknown) => log.warn({ error: String(error) }, "the outbox could not be read"))
        .finally(() => {
          active = false;
          const soon = again;
          again = false;
          tick(soon ? 0 : pollMs);
        });
    }, delayMs).unref();
  }
  tick(0);

  return {
    counts: () => counts,
    async close(graceMs) {
      closing = true;
      clearTimeout(timer);
      const cut = setTimeout(() => stop.abort(), graceMs);
      await polling;
      await Promise.all([...busy.values()].flatMap((running) => [...running]));
      clearTimeout(cut);
      await poster.close();
    },
  };
}

/** Twice as long after each failure, up to a bound, and a random half less so that receivers are not met by a crowd. */
export function backOff(attempts: number, firstMs: number, maxMs: number): number {
  const bound = Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, 30));
  return Math.round(bound * (0.5 + Math.random() / 2));
}

/** The event leaves the outbox and is journalled as given up; what waits behind it is tried next. */
async function giveUp(
  database: Database,
  claim: Claim,
  seq: number,
  detail: { readonly attempts: number; readonly reason: string },
  at: number,
): Promise<void> {
  await database.write(async (tx: Queries) => {
    if (!(await removeClaimed(tx, claim, seq))) return;
    await releaseClaim(tx, claim, at);
    const entry = await readEntry(tx, seq);
    if (entry === undefined) return;
    const { domainId, repository, key, version, change } = entry;
    const told = { webhook: claim.webhookId, event: change?.id, sequenceNumber: seq, ...detail };
    const line = { domainId, repository, key, version, actor: "portcullis", requestId: "", detail: told };
    await appendJournal(tx, [{ at, event: "event-given-up", ...line }]);
  });
}
