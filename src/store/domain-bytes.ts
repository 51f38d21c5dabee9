// How many bytes a domain holds: counted exactly, and where that takes long, not for every one who asks.
import type { Database } from "./database.ts";

/** A count of so many files takes some ten milliseconds. */
const FEW_ASSETS = 5_000;
/** At most this share of the time goes into counting. */
const SHARE = 1 / 20;

interface Count {
  readonly bytes: Promise<number>;
  /** Epoch milliseconds; undefined while it is being counted. */
  until: number | undefined;
}

/**
 * Bytes of a domain's assets, each content once however many repositories hold it (spec 1.3.6). Of a small installation
 * the figure is of this moment; of a large one it is of the last count, which is kept for twenty times as long as it
 * took: a million files take seconds. Counted where no other request waits for it.
 */
export function createDomainBytes(
  database: Database,
  now: () => number,
  fewAssets = FEW_ASSETS,
): (domainId: number) => Promise<number> {
  const counts = new Map<number, Count>();

  async function count(domainId: number): Promise<number> {
    const [row] = await database.aside(sumOf(database, domainId).compile());
    return Number(row?.bytes ?? 0);
  }

  function counted(domainId: number): Promise<number> {
    const known = counts.get(domainId);
    if (known !== undefined && (known.until === undefined || now() < known.until)) return known.bytes;
    const began = now();
    const entry: Count = { bytes: count(domainId), until: undefined };
    counts.set(domainId, entry);
    entry.bytes.then(
      () => (entry.until = now() + (now() - began) / SHARE),
      () => counts.delete(domainId),
    );
    return entry.bytes;
  }

  return async (domainId) => {
    if ((await lastAssetId(database)) <= fewAssets) {
      const row = await sumOf(database, domainId).executeTakeFirst();
      return Number(row?.bytes ?? 0);
    }
    return counted(domainId);
  };
}

/** Not less than how many there are, which a count would have to look at. */
async function lastAssetId({ lagging }: Database): Promise<number> {
  const row = await lagging
    .selectFrom("asset")
    .select((e) => e.fn.max<number | null>("id").as("last"))
    .executeTakeFirst();
  return row?.last ?? 0;
}

function sumOf({ lagging }: Database, domainId: number) {
  const distinct = lagging
    .selectFrom("asset as a")
    .innerJoin("package_version as v", "v.id", "a.package_version_id")
    .innerJoin("package as p", "p.id", "v.package_id")
    .innerJoin("repository as r", "r.id", "p.repository_id")
    .select(["a.sha256", "a.size"])
    .where("r.domain_id", "=", domainId)
    .distinct();
  return lagging.selectFrom(distinct.as("d")).select((e) => e.fn.sum<number | null>("d.size").as("bytes"));
}
