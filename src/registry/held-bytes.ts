// Reading the bytes of held assets: small ones whole from memory, checked when they come there; damage is told, never served.
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { LRUCache } from "lru-cache";
import type { ByteRange } from "../blobs/blob-store.ts";
import { CorruptBlob } from "../blobs/range.ts";
import { Fault, unavailable } from "../core/faults.ts";
import { findUses, noteDamaged } from "../store/contents.ts";
import type { RegistryDeps } from "./deps.ts";
import type { FoundAsset } from "./registry.ts";

export interface HeldBytes {
  /** See Registry.openAsset. */
  open(asset: FoundAsset, range?: ByteRange): Promise<Readable>;
  /** See Registry.smallAsset. */
  small(asset: FoundAsset): Promise<Buffer | undefined>;
  /** See Registry.assetAddress. */
  address(asset: FoundAsset, contentType: string, disposition: string): Promise<string> | undefined;
}

/** Clients follow at once; clocks may differ a little. */
const ADDRESS_LIFE_SECONDS = 300;

/** Keeps small assets' bytes in memory: opening a file costs more than sending ten kilobytes. */
export function createHeldBytes(deps: RegistryDeps): HeldBytes {
  const { smallAssetBytesMax, smallAssetCacheBytes, redirectBytesMin } = deps.limits;
  /** The same damage is told once a minute however many ask. */
  const toldLately = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });
  const damaged = async (sha256: string, problem: "corrupt" | "missing"): Promise<Fault> => {
    if (!toldLately.has(sha256)) {
      toldLately.set(sha256, true);
      await tellDamage(deps, sha256, problem);
    }
    return unserved(sha256, problem);
  };
  const cache = new LRUCache<string, Buffer>({
    maxSize: Math.max(smallAssetCacheBytes, 1), // 0 is not taken for none
    sizeCalculation: (bytes) => Math.max(bytes.length, 1),
    ignoreFetchAbort: true, // what is crowded out before it has come is still answered
    fetchMethod: async (sha256) => {
      const bytes = await deps.blobs.read(sha256, smallAssetBytesMax);
      // Read once, sent many times: here a check costs nothing. Larger files are checked by the scrub and by clients.
      if (createHash("sha256").update(bytes).digest("hex") !== sha256) throw await damaged(sha256, "corrupt");
      return bytes;
    },
  });
  const asDamage = async (sha256: string, error: unknown): Promise<unknown> => {
    if (error instanceof Fault || error instanceof RangeError) return error;
    if (error instanceof CorruptBlob) return damaged(sha256, "corrupt");
    const there = await deps.blobs.stat(sha256).catch(() => "unknown");
    return there === undefined ? damaged(sha256, "missing") : error;
  };
  return {
    async open(asset, range) {
      try {
        const stream = await deps.blobs.open(asset.sha256, range);
        stream.once("error", (error) => {
          if (error instanceof CorruptBlob) damaged(asset.sha256, "corrupt").catch(() => {});
        });
        return stream;
      } catch (error) {
        throw await asDamage(asset.sha256, error);
      }
    },
    address({ sha256, size }, contentType, disposition) {
      if (redirectBytesMin === undefined || size < redirectBytesMin || size <= smallAssetBytesMax)
        return undefined;
      return deps.blobs.presign?.(sha256, { lifeSeconds: ADDRESS_LIFE_SECONDS, contentType, disposition });
    },
    async small(asset) {
      if (asset.size > smallAssetBytesMax) return undefined;
      try {
        return cache.get(asset.sha256) ?? (await cache.fetch(asset.sha256));
      } catch (error) {
        throw await asDamage(asset.sha256, error);
      }
    },
  };
}

async function tellDamage(deps: RegistryDeps, sha256: string, problem: "corrupt" | "missing"): Promise<void> {
  const [use] = await findUses(deps.database.read, sha256, 1);
  if (use === undefined) return; // its version was deleted between the look and the read
  await deps.database.write((tx) => noteDamaged(tx, sha256, problem, deps.now()));
  deps.log.error({ sha256, problem, use }, "a stored file is damaged; it was not served");
}

/** Sending again helps once the operator has repaired it. */
function unserved(sha256: string, problem: string): Fault {
  return unavailable(
    `The stored bytes of this file are ${problem} (sha256 ${sha256}), so they are not sent. Who runs this server can find what is affected with 'portcullis verify' and, where a public registry has the same bytes, repair it with 'portcullis verify --repair'.`,
    60,
  );
}
