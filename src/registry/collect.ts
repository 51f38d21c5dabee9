// Sweeping bytes that nobody points at any more, safely beside publishes that bring the same bytes back.
import { referencedContents } from "../store/versions.ts";
import type { RegistryDeps } from "./deps.ts";

/** Younger blobs are left alone: somebody may be about to record them. */
const GRACE_MS = 60 * 60_000;
const BATCH = 500;

/** Keeps a sweep and a recording of the same content apart, within this process. */
export class BlobClaims {
  readonly #claimed = new Map<string, number>();
  readonly #deleting = new Map<string, Promise<void>>();

  /** Runs `work`, from making the content durable to recording it, while no sweep may delete it. */
  async hold<T>(sha256s: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const sha256 of sha256s) this.#claimed.set(sha256, (this.#claimed.get(sha256) ?? 0) + 1);
    try {
      for (const sha256 of sha256s) await this.#deleting.get(sha256);
      return await work();
    } finally {
      for (const sha256 of sha256s) this.#drop(sha256);
    }
  }

  #drop(sha256: string): void {
    const left = (this.#claimed.get(sha256) ?? 1) - 1;
    if (left === 0) this.#claimed.delete(sha256);
    else this.#claimed.set(sha256, left);
  }

  /** Deletes unless somebody holds it; who comes to hold it meanwhile waits. False when it was held. */
  async remove(sha256: string, remove: () => Promise<void>): Promise<boolean> {
    if (this.#claimed.has(sha256)) return false;
    const removal = remove().finally(() => this.#deleting.delete(sha256));
    this.#deleting.set(sha256, removal);
    await removal;
    return true;
  }
}

/**
 * Deletes blobs that no asset points at. Only this process may record assets meanwhile: it is for the embedded
 * database; several nodes need a claim in the database. Returns how many blobs and bytes went.
 */
export async function sweepBlobs(
  deps: RegistryDeps,
  claims: BlobClaims,
): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const swept = { blobs: 0, bytes: 0 };
  let batch: { readonly sha256: string; readonly size: number }[] = [];
  const flush = async (): Promise<void> => {
    const referenced = await referencedContents(
      deps.database.read,
      batch.map(({ sha256 }) => sha256),
    );
    for (const { sha256, size } of batch) {
      if (referenced.has(sha256)) continue;
      // Asked again one by one: between the batch's query and now a publish may have come and gone.
      const gone = await claims.remove(sha256, async () => {
        if ((await referencedContents(deps.database.read, [sha256])).size === 0)
          await deps.blobs.delete(sha256);
      });
      if (!gone) continue;
      swept.blobs++;
      swept.bytes += size;
    }
    batch = [];
  };
  const before = deps.now() - GRACE_MS;
  for await (const blob of deps.blobs.list()) {
    if (blob.modifiedMs > before) continue;
    batch.push(blob);
    if (batch.length === BATCH) await flush();
  }
  await flush();
  if (swept.blobs > 0) deps.log.info(swept, "swept bytes that nothing pointed at");
  return swept;
}
