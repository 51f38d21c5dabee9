// Makes a backup beside a running server: rows of one moment first, then every blob that they speak of.
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobStore } from "../blobs/blob-store.ts";
import { createDiskStore } from "../blobs/disk.ts";
import type { HeldLease } from "../store/leases.ts";
import { BLOB_DELETION, holdLease } from "../store/leases.ts";
import type { Manifest } from "./archive.ts";
import { MANIFEST_FILE, readContents } from "./archive.ts";
import type { Copied, Damaged } from "./contents.ts";
import { copyContents } from "./contents.ts";
import { hashFile, writeLines } from "./json-lines.ts";
import { isPostgres } from "./places.ts";
import { type Progress, printBytes } from "./progress.ts";
import type { Content, Snapshot } from "./row-source.ts";
import { rowLine, startSum } from "./rows.ts";
import { openSnapshot } from "./snapshot.ts";
import type { Table } from "./tables.ts";
import { connect } from "./target.ts";

export interface BackupOptions {
  /** A `postgres://` URL or a SQLite file. */
  readonly database: string;
  readonly blobs: BlobStore;
  /** The data folder, whose `credentials` and `upstreams.json` go with it. */
  readonly data: string;
  /** The folder of backups. */
  readonly to: string;
  /** Hash the blobs that earlier backups have put there, too. */
  readonly check: boolean;
  /** Finish although blobs are missing or damaged; the manifest lists them. */
  readonly allowDamage: boolean;
  /** How long another holder of the lease, at most a batch of a sweep or another backup, is waited for. */
  readonly waitMs: number;
  readonly now: () => number;
  readonly progress: Progress;
}

export interface BackupMade {
  readonly folder: string;
  readonly rows: number;
  readonly contents: Copied;
}

/** Rejects, with no new backup in the folder, when anything of it could not be had. */
export async function makeBackup(options: BackupOptions): Promise<BackupMade> {
  const at = new Date(options.now()).toISOString();
  const folder = join(options.to, at.replaceAll(":", "-"));
  await mkdir(options.to, { recursive: true, mode: 0o700 });
  await mkdir(folder, { mode: 0o700 });
  try {
    return await fill(folder, at, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function fill(folder: string, at: string, options: BackupOptions): Promise<BackupMade> {
  const { progress } = options;
  const keeper = await keepBlobs(options.database, options.waitMs);
  try {
    const described = await writeSnapshot(folder, at, options);
    const contents = await copyBlobs(folder, options, keeper.lease?.lost);
    if (contents.damaged.length > 0 && !options.allowDamage) throw new Error(damageText(contents.damaged));
    const { blobs, bytes, damaged } = contents;
    const manifest: Manifest = {
      ...described,
      blobs: { ...described.blobs, count: blobs, bytes },
      files: await copyFiles(options.data, join(folder, "files")),
      damaged: [...damaged],
    };
    await seal(folder, manifest);
    progress.end();
    return { folder, rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0), contents };
  } finally {
    await keeper.release();
  }
}

/** Sees to it that no blob is deleted. A database from before there were leases has a sweep that spares an hour's blobs. */
export async function keepBlobs(
  location: string,
  waitMs: number,
): Promise<{ lease?: HeldLease; release(): Promise<void> }> {
  if (!(await hasLeases(location))) return { release: () => Promise.resolve() };
  const database = await connect(location);
  const lease = await holdLease(database, BLOB_DELETION, { waitMs }).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  if (lease === undefined) {
    await database.close();
    throw new Error("another backup or a long sweep is at work on this server; try again when it is done");
  }
  return {
    lease,
    async release() {
      await lease.release().catch(() => undefined); // it runs out by itself
      await database.close();
    },
  };
}

async function hasLeases(location: string): Promise<boolean> {
  const snapshot = await openSnapshot(location);
  await snapshot.close();
  if (snapshot.unfinished !== undefined)
    throw new Error(`${snapshot.name} is half filled by a move or a restore that has not been finished`);
  if (snapshot.level.length === 0) throw new Error(`${snapshot.name} holds nothing of Portcullis`);
  return snapshot.level.includes("0010-upkeep");
}

type Described = Omit<Manifest, "files" | "damaged">;

async function writeSnapshot(
  folder: string,
  at: string,
  { database, progress }: BackupOptions,
): Promise<Described> {
  const snapshot = await openSnapshot(database);
  try {
    await mkdir(join(folder, "rows"), { mode: 0o700 });
    const tables: Manifest["tables"] = [];
    let count = 0;
    progress.begin("rows");
    for (const table of snapshot.tables) {
      const onRow = (): void => progress.tell(`${++count} written, of ${table.name}`);
      tables.push(await writeTable(join(folder, "rows", `${table.name}.jsonl.gz`), snapshot, table, onRow));
    }
    const fileSha256 = await writeLines(join(folder, "blobs.jsonl.gz"), contentLines(snapshot.contents()));
    return {
      format: "portcullis-backup",
      version: 1,
      at,
      engine: isPostgres(database) ? "postgres" : "sqlite",
      installation: snapshot.installation,
      migrations: [...snapshot.level],
      sequences: { ...snapshot.sequences },
      tables,
      blobs: { count: 0, bytes: 0, fileSha256 },
    };
  } finally {
    await snapshot.close();
  }
}

async function writeTable(
  path: string,
  snapshot: Snapshot,
  table: Table,
  onRow: () => void,
): Promise<Manifest["tables"][number]> {
  const sum = startSum(table);
  const lines = async function* (): AsyncIterable<string> {
    for await (const row of snapshot.rows(table)) {
      sum.add(row);
      onRow();
      yield rowLine(table, row);
    }
  };
  const fileSha256 = await writeLines(path, lines());
  const { rows, sha256: linesSha256 } = sum.done();
  const { name, columns, key } = table;
  return {
    name,
    columns: columns.map((column) => ({ ...column })),
    key: [...key],
    rows,
    linesSha256,
    fileSha256,
  };
}

async function* contentLines(contents: AsyncIterable<Content>): AsyncIterable<string> {
  for await (const { sha256, size } of contents) yield `${JSON.stringify({ sha256, size })}\n`;
}

async function copyBlobs(folder: string, options: BackupOptions, signal?: AbortSignal): Promise<Copied> {
  const { blobs: from, check, progress } = options;
  const directory = join(options.to, "blobs");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const to = await createDiskStore({ directory });
  progress.begin("blobs");
  let [count, bytes] = [0, 0];
  const onBlob = ({ size }: Content, copied: boolean): void => {
    if (copied) [count, bytes] = [count + 1, bytes + size];
    progress.tell(`${count} copied, ${printBytes(bytes)}`);
  };
  try {
    return await copyContents(readContents(folder), { from, to, check, signal, onBlob });
  } finally {
    await to.close();
  }
}

export function damageText(damaged: readonly Damaged[]): string {
  const shown = damaged.slice(0, 20).map(({ sha256, problem }) => `  ${sha256}: ${problem}`);
  const more = damaged.length > shown.length ? [`  and ${damaged.length - shown.length} more`] : [];
  return [
    `${damaged.length} blobs are missing or damaged at the source; 'portcullis verify' says which assets they are and repairs what it can:`,
    ...shown,
    ...more,
  ].join("\n");
}

/** What a data folder holds besides database, blobs and caches. */
export const DATA_FILES = ["credentials", "upstreams.json"] as const;

async function copyFiles(data: string, folder: string): Promise<Manifest["files"]> {
  await mkdir(folder, { mode: 0o700 });
  const files: Manifest["files"] = {};
  for (const name of DATA_FILES) {
    const bytes = await readFile(join(data, name)).catch(() => undefined); // a node need not have them
    if (bytes === undefined) continue;
    await writeFile(join(folder, name), bytes, { mode: 0o600, flag: "wx", flush: true });
    files[name] = await hashFile(join(folder, name));
  }
  return files;
}

/** The manifest comes last: a folder without one is no backup. */
async function seal(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST_FILE);
  for (const each of ["rows", "files"]) await syncFolder(join(folder, each));
  await writeFile(`${path}.new`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  await syncFolder(folder);
  await syncFolder(dirname(folder));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
