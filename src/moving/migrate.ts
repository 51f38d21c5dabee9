// Moves an installation to another database or another blob store: everything or nothing, and every digest is checked.
import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore } from "../blobs/blob-store.ts";
import { DATA_FILES, damageText, keepBlobs } from "./backup.ts";
import type { Carried } from "./carry.ts";
import { carry, finish } from "./carry.ts";
import type { Place } from "./places.ts";
import { openBlobPlace } from "./places.ts";
import type { Progress } from "./progress.ts";
import type { Snapshot } from "./row-source.ts";
import { openSnapshot } from "./snapshot.ts";

export interface MigrateOptions {
  readonly from: Place;
  readonly to: Place;
  /** Carry what there is while the source is still served; a run without it carries what has changed since, and ends the move. */
  readonly ahead: boolean;
  /** Hash blobs that are in place already. */
  readonly check: boolean;
  readonly progress: Progress;
}

const LEASE_WAIT_MS = 90_000;

/**
 * Resolves when every row and every blob is at the target and was compared (with `ahead`: when what there was has been
 * carried). It may be killed at any moment and run again. Rejects when a server has the source open, when the target
 * holds something else, and when anything of the source is missing.
 */
export async function migratePlace(options: MigrateOptions): Promise<Carried> {
  const { from, to, ahead } = options;
  if (from.database === to.database && from.blobs === to.blobs)
    throw new Error("source and target are the same place: there is nothing to move");
  const keeper = ahead ? await keepBlobs(from.database, LEASE_WAIT_MS) : undefined;
  try {
    const source = await openSource(from.database, ahead);
    try {
      const carried = await carryAll(source, options, keeper?.lease?.lost);
      if (!ahead) await complete(source, options);
      return carried;
    } finally {
      await source.close();
    }
  } finally {
    await keeper?.release();
  }
}

async function openSource(location: string, ahead: boolean): Promise<Snapshot> {
  const source = await openSnapshot(location, { alone: !ahead });
  const reason =
    source.unfinished !== undefined
      ? "is half filled itself, by a move or a restore that has not been finished"
      : source.level.length === 0 && "holds nothing of Portcullis";
  if (reason === false) return source;
  await source.close();
  throw new Error(`${source.name} ${reason}`);
}

async function carryAll(source: Snapshot, options: MigrateOptions, signal?: AbortSignal): Promise<Carried> {
  const { from, to, ahead, check, progress } = options;
  const stores = await openStores(from, to);
  const database = from.database === to.database ? undefined : to.database;
  const blobs = { ...stores, name: to.blobs };
  try {
    const carried = await carry({ source, database, blobs, check, signal, progress });
    const { damaged } = carried.contents;
    if (damaged.length > 0) throw new Error(damageText(damaged));
    if (!ahead) await copyDataFiles(from, to);
    return carried;
  } finally {
    await stores.from.close();
    if (stores.to !== stores.from) await stores.to.close();
  }
}

async function openStores(
  from: Place,
  to: Place,
): Promise<{ readonly from: BlobStore; readonly to: BlobStore }> {
  const source = await openBlobPlace(from.blobs, from.data ?? to.data);
  if (from.blobs === to.blobs) return { from: source, to: source };
  try {
    return { from: source, to: await openBlobPlace(to.blobs, to.data ?? from.data) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function copyDataFiles({ data: from }: Place, { data: to }: Place): Promise<void> {
  if (from === undefined || to === undefined || from === to) return;
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of DATA_FILES)
    if (existsSync(join(from, name)) && !existsSync(join(to, name)))
      await copyFile(join(from, name), join(to, name));
}

/** A PostgreSQL source may have been written to meanwhile, so it is asked again; a SQLite file was held. */
async function complete(source: Snapshot, { from, to, progress }: MigrateOptions): Promise<void> {
  const now = await openSnapshot(from.database, { alone: true });
  try {
    const different = from.database === to.database ? [] : await finish(now, to.database, progress);
    if (different.length === 0) return;
    const tables = different.map(
      ({ table, source: { rows }, target }) => `${table} (${rows} rows, ${target.rows} carried)`,
    );
    throw new Error(
      `${source.name} was written to while it was carried: ${tables.join(", ")} differ. Stop whoever serves it and run this again: it carries the difference`,
    );
  } finally {
    await now.close();
  }
}
