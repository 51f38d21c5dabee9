// Blobs that a sweep is deleting or has deleted: what keeps a sweep on one node and a recording on another from losing bytes.
import { sql } from "kysely";
import { type Fault, unavailable } from "../core/faults.ts";
import { referencedContents } from "./contents.ts";
import type { Database, Queries } from "./database.ts";
import { databaseNow, renewLease } from "./leases.ts";

/*
 * The protocol. A sweep (1) marks blobs in a transaction that no writer of `asset` overlaps, having seen that no asset
 * points at them, (2) deletes them, (3) marks them as gone. Whoever records (a) waits while a blob of his is marked and
 * not gone, (b) commits its bytes, (c) forgets the marks that he saw at (a), (d) inserts the asset and fails when there
 * is a mark now. A mark seen at (d) is of a deletion that may have come after (b). A mark forgotten at (c) was gone
 * before (b), so that the bytes are there, also for others who committed theirs before that deletion.
 * (d) sits in `insertAssets`, which every way in passes; who leaves out (a) to (c) is refused, never wrong.
 */

/** A sweep deletes within a minute of marking or not at all; past this a mark's maker is gone and the deletion is over. */
const OVER_AFTER_MS = 5 * 60_000;
/** No recording takes as long. */
const FORGET_AFTER_MS = 24 * 60 * 60_000;
/** Publishes queue up behind a lock that is waited for. */
const LOCK_TIMEOUT = "3s";

export interface SweptBlob {
  readonly sha256: string;
  readonly batch: string;
  /** The deletion is over. */
  readonly over: boolean;
}

/** Which of these a sweep has marked. */
export async function sweptAmong(
  database: Database,
  sha256s: readonly string[],
): Promise<readonly SweptBlob[]> {
  if (sha256s.length === 0) return [];
  const rows = await database.read
    .selectFrom("swept_blob")
    .select(["sha256", "batch", "at", "gone_at", databaseNow(database).as("now")])
    .where("sha256", "in", sha256s)
    .execute();
  return rows.map(({ sha256, batch, at, gone_at, now }) => ({
    sha256,
    batch,
    over: gone_at !== null || at <= now - OVER_AFTER_MS,
  }));
}

/** For who saw these marks, each of a deletion that was over, and has committed the bytes since. */
export async function forgetSwept(database: Database, seen: readonly SweptBlob[]): Promise<void> {
  await database.write(async (tx) => {
    for (const { sha256, batch } of seen)
      await tx.deleteFrom("swept_blob").where("sha256", "=", sha256).where("batch", "=", batch).execute();
  });
}

/**
 * After asset rows were inserted, in their transaction: a 503 when a sweep has marked what they point at. The insert
 * has waited for a marking under way, or the marking will wait for this commit (READ COMMITTED: this query sees what
 * was committed before it began).
 */
export async function refuseSwept(tx: Queries, sha256s: readonly string[]): Promise<void> {
  const swept = await tx
    .selectFrom("swept_blob")
    .select("sha256")
    .where("sha256", "in", sha256s)
    .limit(1)
    .executeTakeFirst();
  if (swept !== undefined) throw beingSwept();
}

/** Nothing was recorded, and the same request will do in a moment. */
export function beingSwept(): Fault {
  return unavailable(
    "The same bytes were being removed as unused at this very moment, so nothing was recorded. Send the request again.",
    2,
  );
}

export interface Marking {
  readonly batch: string;
  readonly lease: { readonly name: string; readonly owner: string; readonly ttlMs: number };
  /** Blobs that assets point at stay unmarked. Not so for damaged ones, which are taken away from their readers. */
  readonly sparesReferenced: boolean;
}

/**
 * Marks blobs for deletion; returns those that may be deleted now. Rejects, with nothing marked, when the lease is lost
 * or writers of `asset` held it for longer than the lock is waited for (PostgreSQL's 55P03).
 */
export async function markSwept(
  database: Database,
  sha256s: readonly string[],
  { batch, lease, sparesReferenced }: Marking,
): Promise<readonly string[]> {
  return database.write(async (tx) => {
    if (database.skipsLocked) {
      await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT)}`.execute(tx);
      await sql`lock table asset in share mode`.execute(tx);
    }
    if (!(await renewLease(database, lease.name, lease.ttlMs, lease.owner, tx)))
      throw new Error(`the lease '${lease.name}' was lost`);
    const referenced = sparesReferenced ? await referencedContents(tx, sha256s) : new Set<string>();
    const marks = sha256s
      .filter((sha256) => !referenced.has(sha256))
      .map((sha256) => ({ sha256, batch, at: databaseNow(database), gone_at: null }));
    if (marks.length === 0) return [];
    const now = databaseNow(database);
    const marked = await tx
      .insertInto("swept_blob")
      .values(marks)
      .onConflict((c) =>
        c
          .column("sha256")
          .doUpdateSet((e) => ({ batch: e.ref("excluded.batch"), at: e.ref("excluded.at"), gone_at: null }))
          // Another's deletion that may still be under way is left to it.
          .where((e) =>
            e.or([
              e("swept_blob.gone_at", "is not", null),
              e("swept_blob.at", "<=", sql<number>`${now} - ${sql.lit(OVER_AFTER_MS)}`),
            ]),
          ),
      )
      .returning("sha256")
      .execute();
    return marked.map(({ sha256 }) => sha256);
  });
}

/** They are deleted, for certain: no request that would delete them is under way any more. */
export async function markGone(database: Database, sha256s: readonly string[], batch: string): Promise<void> {
  if (sha256s.length === 0) return;
  await database.write((tx) =>
    tx
      .updateTable("swept_blob")
      .set({ gone_at: databaseNow(database) })
      .where("sha256", "in", sha256s)
      .where("batch", "=", batch)
      .execute(),
  );
}

export async function forgetOldMarks(database: Database): Promise<void> {
  const before = sql<number>`${databaseNow(database)} - ${sql.lit(FORGET_AFTER_MS)}`;
  await database.write((tx) => tx.deleteFrom("swept_blob").where("at", "<", before).execute());
}
