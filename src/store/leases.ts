// Leases: work that only one node does at a time. A lease runs out by itself when its holder dies.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type RawBuilder, sql } from "kysely";
import type { Database, Queries } from "./database.ts";

/**
 * Held while blobs are deleted: whoever holds it sees no blob vanish. A sweep takes it for one batch at a time and ends
 * when it cannot have it; a backup holds it (`holdLease` with a `waitMs` of a minute) from before it reads the rows until
 * the last blob is copied.
 */
export const BLOB_DELETION = "blob-deletion";

/** One sweep, and one scrub, at a time in a cluster. */
export const SWEEP = "sweep";
export const SCRUB = "scrub";

/** Epoch milliseconds by the database's clock, which all nodes share whatever their own clocks say. */
export function databaseNow({ engine }: Database): RawBuilder<number> {
  return engine === "postgres"
    ? sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`
    : sql<number>`cast(unixepoch('now', 'subsec') * 1000 as integer)`;
}

/** Takes the lease, or prolongs it for who holds it already. False while another owner's has not run out. */
export async function acquireLease(
  database: Database,
  name: string,
  ttlMs: number,
  owner: string,
): Promise<boolean> {
  const now = databaseNow(database);
  const expires = sql<number>`${now} + ${sql.lit(ttlMs)}`;
  const row = await database.write((tx) =>
    tx
      .insertInto("lease")
      .values({ name, owner, expires_at: expires })
      .onConflict((c) =>
        c
          .column("name")
          .doUpdateSet({ owner, expires_at: expires })
          .where((e) => e.or([e("lease.owner", "=", owner), e("lease.expires_at", "<=", now)])),
      )
      .returning("name")
      .executeTakeFirst(),
  );
  return row !== undefined;
}

/**
 * Prolongs a lease that has not run out. False: it is lost. Within a transaction, name its queries: then what the
 * transaction does happens only if the lease was still held, and nobody can take it before the commit.
 */
export async function renewLease(
  database: Database,
  name: string,
  ttlMs: number,
  owner: string,
  tx?: Queries,
): Promise<boolean> {
  const now = databaseNow(database);
  const renew = (on: Queries) =>
    on
      .updateTable("lease")
      .set({ expires_at: sql<number>`${now} + ${sql.lit(ttlMs)}` })
      .where("name", "=", name)
      .where("owner", "=", owner)
      .where("expires_at", ">", now)
      .returning("name")
      .executeTakeFirst();
  return (await (tx === undefined ? database.write(renew) : renew(tx))) !== undefined;
}

export async function releaseLease(database: Database, name: string, owner: string): Promise<void> {
  await database.write((tx) =>
    tx.deleteFrom("lease").where("name", "=", name).where("owner", "=", owner).execute(),
  );
}

export interface HeldLease {
  readonly owner: string;
  /** Aborted when the lease could not be prolonged: stop at once what it allowed. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface HoldOptions {
  /** How long the others wait when this process dies. Default 60 s. */
  readonly ttlMs?: number;
  /** How long to wait for another holder. Default: not at all. */
  readonly waitMs?: number;
}

const POLL_MS = 500;

/** Takes a lease and keeps it until `release`, renewing it in the background; undefined when another holds it. */
export async function holdLease(
  database: Database,
  name: string,
  { ttlMs = 60_000, waitMs = 0 }: HoldOptions = {},
): Promise<HeldLease | undefined> {
  const owner = `${process.pid}-${randomUUID()}`;
  const giveUp = performance.now() + waitMs;
  while (!(await acquireLease(database, name, ttlMs, owner))) {
    if (performance.now() >= giveUp) return undefined;
    await sleep(POLL_MS);
  }
  const lost = new AbortController();
  let renewedAt = performance.now();
  const renew = async (): Promise<void> => {
    const asked = performance.now();
    const kept = await renewLease(database, name, ttlMs, owner).catch(() => undefined);
    if (kept === true) renewedAt = asked;
    // A database that did not answer leaves it ours until it has run out.
    else if (kept === false || performance.now() - renewedAt > ttlMs / 2)
      lost.abort(new Error(`the lease '${name}' was lost`));
  };
  const timer = setInterval(() => void renew(), ttlMs / 4).unref();
  return {
    owner,
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      await releaseLease(database, name, owner);
    },
  };
}
