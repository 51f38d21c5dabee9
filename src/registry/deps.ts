// What every verb of the registry works with; app.ts builds it once.
import type { BlobStore } from "../blobs/blob-store.ts";
import type { PackageFormat } from "../core/coordinates.ts";
import type { Log } from "../core/log.ts";
import type { Format } from "../formats/format.ts";
import type { Database } from "../store/database.ts";
import type { Connection, Upstream } from "../upstream/upstream.ts";
import type { Catalog } from "./catalog.ts";
import type { Generations } from "./generations.ts";

export interface RegistryDeps {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly upstream: Upstream;
  /** Where a connection's registry is; undefined when nobody said. */
  readonly connection: (name: string) => Promise<Connection | undefined>;
  readonly formats: ReadonlyMap<PackageFormat, Format>;
  readonly catalog: Catalog;
  readonly generations: Generations;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A new opaque package-version revision: 32 random bytes in base64, as the service's samples show (spec 1.6.3). */
  readonly newRevision: () => string;
  readonly log: Log;
  readonly limits: RegistryLimits;
}

export interface RegistryLimits {
  /** How long a view that has something to show waits for a public registry before it shows what is held, ms. */
  readonly upstreamPatienceMs: number;
  /** Assets up to this size are kept in memory, bytes; the budget for all of them. */
  readonly smallAssetBytesMax: number;
  readonly smallAssetCacheBytes: number;
  /** Assets of at least so many bytes may be fetched at the blob store's own address, where it has one; undefined: none. */
  readonly redirectBytesMin: number | undefined;
}
