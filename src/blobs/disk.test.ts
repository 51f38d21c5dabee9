// The disk store keeps the contract, and what only a disk can get wrong.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { blobStoreSuite } from "./blob-store.suite.ts";
import { createDiskStore } from "./disk.ts";

const makeFolder = () => mkdtemp(join(tmpdir(), "portcullis-blobs-"));

blobStoreSuite({
  name: "disk",
  largeBytes: 3_000_000,
  memoryBounded: true,
  make: async () => {
    const folder = await makeFolder();
    return {
      store: await createDiskStore({ directory: folder }),
      restart: () => createDiskStore({ directory: folder, leftBeforeMs: Number.POSITIVE_INFINITY }),
      leftovers: () => readdir(join(folder, "staging")),
      remove: () => rm(folder, { recursive: true }),
    };
  },
});

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true }));

/** A staging file as a process with that id would have left it, last written in 2001. */
async function leave(pid: number): Promise<string> {
  const path = join(folder, "staging", `${pid}-x-1`);
  await mkdir(join(folder, "staging"), { recursive: true });
  await writeFile(path, "half a blob");
  await utimes(path, 1e9, 1e9);
  return path;
}

test("a start removes the staging files of processes that are gone, and of an earlier one with its own id", async () => {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  await leave(child.pid ?? 0);
  await leave(process.pid);
  await (await createDiskStore({ directory: folder })).close();
  expect(await readdir(join(folder, "staging"))).toEqual([]);
});

test("a start leaves alone what another running process stages, and what was written since the start", async () => {
  const theirs = await leave(process.ppid);
  const fresh = await leave(process.pid);
  await utimes(fresh, new Date(), new Date());
  await (await createDiskStore({ directory: folder })).close();
  await stat(theirs);
  await stat(fresh);
});

test("when the disk takes no bytes, write rejects, what follows rejects, and discard cleans up", async () => {
  const store = await createDiskStore({ directory: folder, memoryBytesMax: 10 });
  await rm(join(folder, "staging"), { recursive: true });
  const writer = await store.create();
  await expect(writer.write(Buffer.alloc(100))).rejects.toThrow("ENOENT");
  await expect(writer.write(Buffer.alloc(1))).rejects.toThrow("ENOENT");
  await expect(writer.finish()).rejects.toThrow("ENOENT");
  await expect(writer.commit()).rejects.toThrow("ENOENT");
  await writer.discard();
  await expect(store.probe()).rejects.toThrow("ENOENT");
  await store.close();
});

test("a commit that the disk refuses leaves nothing and discard cleans up", async () => {
  const store = await createDiskStore({ directory: folder });
  const writer = await store.create();
  await writer.write(Buffer.from("abc"));
  const { digests } = await writer.finish();
  await mkdir(join(folder, "sha256", digests.sha256.slice(0, 2), digests.sha256), { recursive: true });
  await expect(writer.commit()).rejects.toThrow("EISDIR");
  await writer.discard();
  expect(await readdir(join(folder, "staging"))).toEqual([]);
  await store.close();
});
