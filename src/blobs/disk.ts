// Blobs as files named after their SHA-256, written so that what was committed survives a power cut.
import { close, createReadStream, fstat, fsync, mkdirSync, open, openSync, read } from "node:fs";
import { mkdir, opendir, readdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import type { BlobStore, StagedBlob } from "./blob-store.ts";
import type { Wanted } from "./hashing.ts";
import { absent, checkRange, checkSize, isSha256 } from "./range.ts";
import { Spool, stagingName } from "./spool.ts";
import { ignoreAbsence, openStaging } from "./staging.ts";
import { createWriter } from "./writer.ts";

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);
const readFile = promisify(read);
const syncFolder = promisify(fsync);

export interface DiskOptions {
  /** The store makes `sha256/` and `staging/` in here; both must lie on one file system. */
  readonly directory: string;
  /** Blobs up to this size wait in memory for their commit. Default 2 MiB. */
  readonly memoryBytesMax?: number;
  /** Staging files last written before this moment belong to a process that is gone. Default: when this process started. */
  readonly leftBeforeMs?: number;
  /** Which digests writers tell of their bytes. Default: all. */
  readonly digests?: Wanted;
}

const READ_BYTES = 1024 * 1024;

/** Opens the store, makes its folders, and removes what a crash left in the staging folder. */
export async function createDiskStore(options: DiskOptions): Promise<BlobStore> {
  const root = join(options.directory, "sha256");
  const staging = join(options.directory, "staging");
  const memoryBytesMax = options.memoryBytesMax ?? 2 * 1024 * 1024;
  await mkdir(root, { recursive: true });
  await openStaging(staging, options.leftBeforeMs);
  const folders = openFolders(root);

  const pathOf = (sha256: string) => {
    if (!isSha256(sha256)) throw absent(sha256);
    return `${root}/${sha256.slice(0, 2)}/${sha256}`;
  };

  async function moveIn(spool: Spool, { digests }: StagedBlob): Promise<void> {
    const folder = await folders.get(digests.sha256.slice(0, 2));
    await spool.moveTo(pathOf(digests.sha256));
    await syncFolder(folder);
  }

  const store: BlobStore = {
    async create(expected) {
      const { digests } = options;
      const spool = new Spool({ folder: staging, memoryBytesMax, sizeExpected: expected?.size, digests });
      return createWriter(spool, { keep: moveIn, open: (sha256) => store.open(sha256) });
    },
    async stat(sha256) {
      if (!isSha256(sha256)) return undefined;
      const found = await ignoreAbsence(stat(pathOf(sha256)));
      return found === undefined ? undefined : { size: found.size };
    },
    async open(sha256, range) {
      const { fd, size } = await openBlob(pathOf(sha256), sha256);
      try {
        const { start, end } = checkRange(size, range);
        if (end >= start) return createReadStream("", { fd, start, end, highWaterMark: READ_BYTES });
      } catch (error) {
        await closeFile(fd);
        throw error;
      }
      await closeFile(fd);
      return Readable.from([]);
    },
    async read(sha256, bytesMax) {
      const { fd, size } = await openBlob(pathOf(sha256), sha256);
      try {
        checkSize(sha256, size, bytesMax);
        return await readWhole(fd, size);
      } finally {
        await closeFile(fd);
      }
    },
    async delete(sha256) {
      if (isSha256(sha256)) await ignoreAbsence(unlink(pathOf(sha256)));
    },
    async setAside(sha256) {
      if (!isSha256(sha256)) return undefined;
      const aside = join(options.directory, "damaged");
      await mkdir(aside, { recursive: true });
      const place = join(aside, `${sha256}-${Date.now()}`);
      return ignoreAbsence(rename(pathOf(sha256), place).then(() => place));
    },
    list: (prefix) => listBlobs(root, prefix),
    async probe() {
      const path = join(staging, stagingName());
      await writeFile(path, "probe", { flag: "wx" });
      await unlink(path);
    },
    async close() {
      await folders.close();
    },
  };
  return store;
}

async function openBlob(
  path: string,
  sha256: string,
): Promise<{ readonly fd: number; readonly size: number }> {
  const fd = await ignoreAbsence(openFile(path, "r"));
  if (fd === undefined) throw absent(sha256);
  return { fd, size: (await statFile(fd)).size };
}

async function readWhole(fd: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await readFile(fd, bytes, done, size - done, done);
    if (bytesRead === 0) throw new Error("A blob became shorter while it was read.");
    done += bytesRead;
  }
  return bytes;
}

/**
 * The folders that blobs lie in, each made durable once and kept open: a commit then costs one fsync of a known folder.
 * There are 256 at most.
 */
function openFolders(root: string): { get(prefix: string): Promise<number>; close(): Promise<void> } {
  const rootFd = openSync(root, "r");
  const folders = new Map<string, Promise<number>>();
  const make = async (prefix: string) => {
    mkdirSync(join(root, prefix), { recursive: true });
    const fd = openSync(join(root, prefix), "r");
    await syncFolder(rootFd);
    return fd;
  };
  return {
    get(prefix) {
      const known = folders.get(prefix);
      if (known !== undefined) return known;
      const made = make(prefix);
      folders.set(prefix, made);
      made.catch(() => folders.delete(prefix));
      return made;
    },
    async close() {
      const opened = await Promise.allSettled(folders.values());
      folders.clear();
      for (const folder of opened) if (folder.status === "fulfilled") await closeFile(folder.value);
      await closeFile(rootFd);
    },
  };
}

async function* listBlobs(root: string, prefix = ""): ReturnType<BlobStore["list"]> {
  for (const folder of await readdir(root)) {
    if (!folder.startsWith(prefix.slice(0, 2))) continue;
    for await (const { name } of await opendir(join(root, folder))) {
      const wanted = isSha256(name) && name.startsWith(prefix);
      const found = wanted ? await ignoreAbsence(stat(join(root, folder, name))) : undefined;
      if (found !== undefined) yield { sha256: name, size: found.size, modifiedMs: found.mtimeMs };
    }
  }
}
