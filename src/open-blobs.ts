// The blob store as the configuration says: a folder, or a bucket with a cache on the local disk in front of it.
import { join } from "node:path";
import type { BlobStore } from "./blobs/blob-store.ts";
import { createDiskStore } from "./blobs/disk.ts";
import { createReadCache, type ReadCache } from "./blobs/read-cache.ts";
import type { Config } from "./config.ts";
import { Fault } from "./core/faults.ts";
import type { Log } from "./core/log.ts";

/**
 * The store itself; the S3 client is loaded only where a bucket is configured. Rejects when the bucket does not let
 * itself be listed. `leads`: whether this process does what must be done once.
 */
export async function openStoredBlobs(config: Config, leads: boolean): Promise<BlobStore> {
  if (config.blobs === undefined) return createDiskStore({ directory: join(config.data, "blobs") });
  const { createS3Store } = await import("./blobs/s3.ts");
  const store = await createS3Store({
    url: config.blobs,
    stagingDirectory: join(config.data, "staging"),
    silenceMs: config.blobTimeoutMs,
    removesLeftovers: leads,
  });
  try {
    await store.probe();
  } catch (error) {
    await store.close();
    const message = error instanceof Error ? error.message : String(error);
    const detail = error instanceof Fault && error.cause instanceof Error ? ` (${error.cause.message})` : "";
    throw new Error(`${config.blobs} cannot be used: ${message}${detail}`, { cause: error });
  }
  return store;
}

/** For a folder both are the store itself: its bytes are as near as a copy would be. */
export async function openServedBlobs(config: Config, store: BlobStore, log: Log): Promise<ReadCache> {
  if (config.blobs === undefined) return { served: store, stored: store, counts: { hits: 0, misses: 0 } };
  return createReadCache({
    store,
    directory: join(config.data, "cache", "blobs"),
    bytesMax: config.blobCacheBytes,
    processes: config.workers,
    onTrouble: (error) =>
      log.warn({ error: String(error) }, "blobs cannot be copied to the local disk; they are read past it"),
  });
}
