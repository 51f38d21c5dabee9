// Restores a backup into an empty place, of either engine and either kind of blob store.
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createDiskStore } from "../blobs/disk.ts";
import type { Archive } from "./archive.ts";
import { archiveRows, checkFiles } from "./archive.ts";
import { DATA_FILES } from "./backup.ts";
import type { Carried } from "./carry.ts";
import { carry, finish } from "./carry.ts";
import type { Damaged } from "./contents.ts";
import type { Place } from "./places.ts";
import { openBlobPlace } from "./places.ts";
import type { Progress } from "./progress.ts";
import { inspectTarget, Occupied } from "./target.ts";

export interface RestoreOptions {
  /** The folder of backups, where all of them keep their blobs. */
  readonly from: string;
  readonly archive: Archive;
  readonly to: Place & { readonly data: string };
  readonly progress: Progress;
}

/**
 * When it resolves, the place may be served. When it rejects or is killed, the database stays marked as half filled and
 * the same call goes on where it was. Every file's and every blob's digest is checked.
 */
export async function restoreBackup({ from, archive, to, progress }: RestoreOptions): Promise<Carried> {
  const source = archiveRows(archive);
  await checkPlace(archive, to);
  progress.begin("checking the backup's files");
  await checkFiles(archive);
  const kept = await createDiskStore({ directory: join(from, "blobs") });
  const store = await openBlobPlace(to.blobs, to.data);
  try {
    const blobs = { from: kept, to: store, name: to.blobs };
    const carried = await carry({ source, database: to.database, blobs, check: false, progress });
    refuseDamage(from, carried.contents.damaged, archive.manifest.damaged);
    await putFiles(archive, to.data);
    const different = await finish(source, to.database, progress);
    for (const { table } of different)
      throw new Error(`the rows of ${table} are not those of the backup after all; restore again`);
    return carried;
  } finally {
    await store.close();
    await kept.close();
  }
}

async function checkPlace(archive: Archive, to: RestoreOptions["to"]): Promise<void> {
  await mkdir(to.data, { recursive: true, mode: 0o700 });
  if ((await inspectTarget(to.database, archiveRows(archive))) === "begun") return;
  const found = DATA_FILES.find(
    (name) => archive.manifest.files[name] !== undefined && existsSync(join(to.data, name)),
  );
  if (found !== undefined)
    throw new Occupied(`${to.data} is not empty: it holds ${found}; give an empty folder`);
}

/** What the server had lost when the backup was made is no fault of the backup's. */
function refuseDamage(from: string, damaged: readonly Damaged[], known: readonly Damaged[]): void {
  const fresh = damaged.filter(({ sha256 }) => !known.some((each) => each.sha256 === sha256));
  if (fresh.length === 0) return;
  const lines = fresh
    .slice(0, 20)
    .map(({ sha256, problem }) => `  ${join(from, "blobs/sha256", sha256.slice(0, 2), sha256)}: ${problem}`);
  throw new Error(
    `${fresh.length} blobs of the backup are missing or damaged:\n${lines.join("\n")}\nput them right (another backup may hold them) and restore again, which goes on from here; what is half restored is not served`,
  );
}

async function putFiles({ folder, manifest }: Archive, data: string): Promise<void> {
  for (const name of DATA_FILES) {
    if (manifest.files[name] === undefined) continue;
    const path = join(data, name);
    await writeFile(`${path}.new`, await readFile(join(folder, "files", name)), { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
  }
}
