// Bytes and rows together: committing bytes beside a sweep, and sweeping what nobody points at any more, on any number of nodes.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlobStore, BlobWriter, StagedBlob } from "../blobs/blob-store.ts";
import type { Log } from "../core/log.ts";
import { referencedContents } from "../store/contents.ts";
import type { Database } from "../store/database.ts";
import { BLOB_DELETION, holdLease, SWEEP } from "../store/leases.ts";
import {
  beingSwept,
  forgetOldMarks,
  forgetSwept,
  markGone,
  markSwept,
  type SweptBlob,
  sweptAmong,
} from "../store/swept-blobs.ts";

interface CollectDeps {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly now: () => number;
  readonly log: Log;
}

/** A sweep deletes one batch in seconds: a publish of the same bytes waits for that, and no longer. */
const DELETION_WAIT_MS = 5_000;
const DELETION_POLL_MS = 50;

/**
 * Commits staged bytes so that their rows may be recorded next (swept-blobs.ts has the protocol). Every way in calls
 * this, and nothing else calls `commit`. Throws a 503 when the same bytes are being swept and that takes long.
 */
export async function keepBlobs(
  { database }: Pick<CollectDeps, "database">,
  blobs: readonly { readonly writer: BlobWriter; readonly staged: StagedBlob }[],
): Promise<void> {
  const swept = await awaitDeletions(
    database,
    blobs.map(({ staged }) => staged.digests.sha256),
  );
  for (const { writer } of blobs) await writer.commit();
  if (swept.length > 0) await forgetSwept(database, swept);
}

async function awaitDeletions(database: Database, sha256s: readonly string[]): Promise<readonly SweptBlob[]> {
  const giveUp = performance.now() + DELETION_WAIT_MS;
  for (;;) {
    const swept = await sweptAmong(database, sha256s);
    if (swept.every(({ over }) => over)) return swept;
    if (performance.now() > giveUp) throw beingSwept();
    await sleep(DELETION_POLL_MS);
  }
}

/** Younger blobs are left alone: somebody may be about to record them, and would have to send them again. */
export const GRACE_MS = 60 * 60_000;
const BATCH = 500;

export interface Swept {
  blobs: number;
  bytes: number;
}

/**
 * Deletes blobs that no asset points at, in batches, beside publishes, copies and ingestions on any node. Does nothing
 * while another node sweeps; ends early, without an error, when somebody needs every blob to stay (a backup) or `stop` is
 * aborted. Returns how many blobs and bytes went.
 */
export async function sweepBlobs(deps: CollectDeps, stop?: AbortSignal): Promise<Swept> {
  const swept = { blobs: 0, bytes: 0 };
  const lease = await holdLease(deps.database, SWEEP);
  if (lease === undefined) return swept;
  try {
    await forgetOldMarks(deps.database);
    const before = deps.now() - GRACE_MS;
    let batch = new Map<string, number>();
    const flush = async (): Promise<boolean> => {
      const removed = await removeUnreferenced(deps, [...batch.keys()]);
      for (const sha256 of removed ?? []) {
        swept.blobs++;
        swept.bytes += batch.get(sha256) ?? 0;
      }
      batch = new Map();
      return removed !== undefined && !lease.lost.aborted && stop?.aborted !== true;
    };
    for await (const { sha256, size, modifiedMs } of deps.blobs.list()) {
      if (stop?.aborted === true) break;
      if (modifiedMs > before) continue;
      batch.set(sha256, size);
      if (batch.size === BATCH && !(await flush())) break;
    }
    await flush();
  } finally {
    await lease.release();
  }
  if (swept.blobs > 0) deps.log.info({ ...swept }, "swept bytes that nothing pointed at");
  return swept;
}

/** Undefined when nothing may be deleted now. */
async function removeUnreferenced(
  deps: CollectDeps,
  sha256s: readonly string[],
): Promise<readonly string[] | undefined> {
  // Most are referenced: found out here, without keeping publishes waiting.
  const referenced = await referencedContents(deps.database.read, sha256s);
  const candidates = sha256s.filter((sha256) => !referenced.has(sha256));
  if (candidates.length === 0) return [];
  return removeBlobs(deps, candidates, (sha256) => deps.blobs.delete(sha256), { sparesReferenced: true });
}

const LEASE_MS = 60_000;
/** Less than a mark's OVER_AFTER_MS by more than any one deletion takes, so that none comes after its mark was taken for over. */
const DELETE_WITHIN_MS = 30_000;
const AT_ONCE = 8;

/**
 * Takes blobs out of the store by `remove`, so that no recording of the same bytes loses them. Returns which are gone;
 * undefined when somebody needs every blob to stay, or when the database would not have it now.
 */
export async function removeBlobs(
  deps: CollectDeps,
  sha256s: readonly string[],
  remove: (sha256: string) => Promise<void>,
  { sparesReferenced }: { readonly sparesReferenced: boolean },
): Promise<readonly string[] | undefined> {
  const lease = await holdLease(deps.database, BLOB_DELETION, { ttlMs: LEASE_MS });
  if (lease === undefined) return undefined;
  try {
    const batch = randomUUID();
    const stopAt = performance.now() + DELETE_WITHIN_MS;
    const marked = await markSwept(deps.database, sha256s, {
      batch,
      lease: { name: BLOB_DELETION, owner: lease.owner, ttlMs: LEASE_MS },
      sparesReferenced,
    });
    const left = [...marked];
    const gone: string[] = [];
    const work = async (): Promise<void> => {
      for (let sha256 = left.pop(); sha256 !== undefined; sha256 = left.pop()) {
        if (performance.now() > stopAt || lease.lost.aborted) return;
        try {
          await remove(sha256);
          gone.push(sha256);
        } catch (error) {
          // Its mark stays as it is: whether it was deleted is not known until it is over.
          deps.log.warn({ sha256, error: String(error) }, "a blob could not be removed");
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await markGone(deps.database, gone, batch);
    return gone;
  } catch (error) {
    deps.log.warn({ error: String(error) }, "nothing could be removed from the blob store now");
    return undefined;
  } finally {
    await lease.release();
  }
}
