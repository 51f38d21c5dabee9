// The folder of registries' documents between processes: nobody takes away what another is writing or has just been told of.
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createIndexStore, type IndexStore, indexKey } from "./index-store.ts";

const KEY = indexKey("public:npmjs", "http://registry.example/", "left", "application/json");
const BYTES = 1024 * 1024;

let folder: string;
const opened: IndexStore[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-index-"));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(trims: boolean): Promise<IndexStore> {
  const store = await createIndexStore(folder, BYTES, { shared: true, trims });
  opened.push(store);
  return store;
}

async function put(store: IndexStore, text: string, checkedAt: number): Promise<string> {
  const document = await store.receive(KEY, Readable.from([Buffer.from(text)]), false, BYTES);
  await store.keep(KEY, { checkedAt, document, source: "test" });
  return store.fileOf(KEY, document);
}

test("a process that comes leaves alone what another is writing, and clears what was left long ago", async () => {
  const one = await open(true);
  const body = new Readable({ read: () => undefined });
  const receiving = one.receive(KEY, body, false, BYTES);
  body.push("half ");
  await expect.poll(() => readdir(join(folder, "staging"))).toHaveLength(1);
  const left = join(folder, "staging", "1-0-1");
  await writeFile(left, "of a crash");
  await utimes(left, new Date(0), new Date(0));
  await open(false);
  expect(await readdir(join(folder, "staging"))).toHaveLength(1);
  body.push("a document");
  body.push(null);
  expect((await receiving).size).toBe("half a document".length);
});

test("what another process was told is used when one's own is checked again, or is gone", async () => {
  const [one, two] = [await open(true), await open(false)];
  await put(one, "old", 1);
  const newer = await put(two, "new", 2);
  expect((await one.find(KEY))?.checkedAt).toBe(1); // still there, still good for its while
  expect((await one.recheck(KEY))?.checkedAt).toBe(2);
  await put(one, "newer", 3);
  const known = (await two.find(KEY))?.document;
  expect(known?.size).toBe("new".length);
  await rm(newer); // as whoever trims the folder does
  expect((await two.find(KEY))?.checkedAt).toBe(3);
});
