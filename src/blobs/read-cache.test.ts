// Copies of a distant store's blobs: right or not given, fetched once, bounded, shared, and never in the way.
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { blobStoreSuite } from "./blob-store.suite.ts";
import type { BlobStore } from "./blob-store.ts";
import { createMemoryStore } from "./memory.ts";
import { CorruptBlob } from "./range.ts";
import { createReadCache, type ReadCache } from "./read-cache.ts";

const SMALL = randomBytes(10_000);
const LARGE = randomBytes(3_000_000);

let directory: string;
let distant: Distant;
const opened: ReadCache[] = [];

interface Distant {
  readonly store: BlobStore;
  /** Digests that were opened or read whole, in order; ranges are told with their bounds. */
  readonly asked: string[];
  /** What is given instead of a blob's bytes. */
  readonly instead: Map<string, Buffer>;
  /** Each whole read waits for it before its last byte. */
  gate: Promise<void>;
}

function createDistant(): Distant {
  const memory = createMemoryStore();
  const asked: string[] = [];
  const instead = new Map<string, Buffer>();
  const known: Distant = {
    asked,
    instead,
    gate: Promise.resolve(),
    store: {
      ...memory,
      async open(sha256, range) {
        asked.push(range === undefined ? sha256 : `${sha256} ${range.start}-${range.end}`);
        if (range !== undefined) return memory.open(sha256, range);
        const bytes = instead.get(sha256) ?? (await memory.read(sha256, 1e9));
        const { gate } = known;
        return Readable.from(
          (async function* () {
            yield bytes.subarray(0, -1);
            await gate;
            yield bytes.subarray(-1);
          })(),
          { objectMode: false },
        );
      },
      async read(sha256, bytesMax) {
        asked.push(sha256);
        return instead.get(sha256) ?? memory.read(sha256, bytesMax);
      },
    },
  };
  return known;
}

async function openCache(bytesMax = 100_000_000, processes = 1): Promise<ReadCache> {
  const cache = await createReadCache({ store: distant.store, directory, bytesMax, processes });
  opened.push(cache);
  return cache;
}

async function put(bytes: Buffer): Promise<string> {
  const writer = await distant.store.create();
  await writer.write(bytes);
  const { digests } = await writer.finish();
  await writer.commit();
  writer.release();
  return digests.sha256;
}

/** What lies in the folder now, once nothing is being copied. */
async function copies(cache: ReadCache): Promise<string[]> {
  await cache.stored.close();
  const folders = await readdir(join(directory, "sha256"));
  const names = await Promise.all(folders.map((folder) => readdir(join(directory, "sha256", folder))));
  expect(await readdir(join(directory, "staging"))).toEqual([]);
  return names.flat().sort();
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-cache-"));
  distant = createDistant();
});
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map(({ stored }) => stored.close()));
  await rm(directory, { recursive: true });
});

blobStoreSuite({
  name: "a cache in front of a store",
  largeBytes: 3_000_000,
  memoryBounded: false,
  make: async () => {
    const cache = await openCache();
    return { store: cache.served, restart: undefined, leftovers: async () => [], remove: async () => {} };
  },
});

describe.each([
  ["a small blob that is read", SMALL, (cache: ReadCache, sha256: string) => cache.served.read(sha256, 1e6)],
  ["a large blob that is streamed", LARGE, streamed],
])("%s", (_, bytes, get) => {
  test("is fetched once, and again after its deletion", async () => {
    const sha256 = await put(bytes);
    const cache = await openCache();
    for (let count = 0; count < 3; count++) expect((await get(cache, sha256)).equals(bytes)).toBe(true);
    expect(distant.asked).toEqual([sha256]);
    await cache.stored.delete(sha256);
    await expect(get(cache, sha256)).rejects.toThrow("no blob");
    await put(bytes);
    expect((await get(cache, sha256)).equals(bytes)).toBe(true);
  });

  test("is found by the next process, and by one beside it", async () => {
    const sha256 = await put(bytes);
    const first = await openCache();
    const beside = await openCache();
    await get(first, sha256);
    expect(await copies(first)).toEqual([sha256]);
    await get(beside, sha256);
    await get(await openCache(), sha256);
    expect(distant.asked).toEqual([sha256]);
  });

  test("is not copied when its bytes are wrong", async () => {
    const sha256 = await put(bytes);
    distant.instead.set(sha256, randomBytes(bytes.length));
    const cache = await openCache();
    await get(cache, sha256).catch(() => {});
    expect(await copies(cache)).toEqual([]);
  });

  test("comes from the distant store while the local disk fails, which is told", async () => {
    const sha256 = await put(bytes);
    const troubles: unknown[] = [];
    const cache = await createReadCache({
      store: distant.store,
      directory,
      bytesMax: 1e9,
      onTrouble: (error) => troubles.push(error),
    });
    opened.push(cache);
    await rm(join(directory, "staging"), { recursive: true });
    await writeFile(join(directory, "staging"), "no folder");
    await get(cache, sha256).catch(() => {});
    expect((await get(cache, sha256)).equals(bytes)).toBe(true);
    await cache.stored.close();
    expect(troubles.length).toBeLessThanOrEqual(1);
  });
});

test.each([0, 100_000_000])(
  "a stream of wrong bytes fails short of its end (cache of %d bytes)",
  async (bytesMax) => {
    const sha256 = await put(LARGE);
    distant.instead.set(sha256, randomBytes(LARGE.length));
    const cache = await openCache(bytesMax);
    const stream = await cache.served.open(sha256);
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of stream) seen += (chunk as Buffer).length;
    })();
    await expect(reading).rejects.toThrow(CorruptBlob);
    expect(seen).toBeLessThan(LARGE.length);
  },
);

test("many who ask at once are served by one fetch, as it comes", async () => {
  const sha256 = await put(LARGE);
  const { promise, resolve } = Promise.withResolvers<void>();
  distant.gate = promise;
  const cache = await openCache();
  const streams = await Promise.all(Array.from({ length: 20 }, () => cache.served.open(sha256)));
  for (const stream of streams) await new Promise((seen) => stream.once("readable", seen as () => void));
  resolve();
  for (const stream of streams) expect((await buffer(stream)).equals(LARGE)).toBe(true);
  expect(distant.asked).toEqual([sha256]);
});

test("a part that is not here is read there and not copied; one that is here is read here", async () => {
  const sha256 = await put(LARGE);
  const cache = await openCache();
  const range = { start: 5, end: 1_000_000 };
  expect((await buffer(await cache.served.open(sha256, range))).equals(LARGE.subarray(5, 1_000_001))).toBe(
    true,
  );
  await streamed(cache, sha256);
  await buffer(await cache.served.open(sha256, range));
  expect(distant.asked).toEqual([`${sha256} 5-1000000`, sha256]);
});

test("a copy that rotted is not given as a small blob", async () => {
  const sha256 = await put(SMALL);
  const cache = await openCache();
  await cache.served.read(sha256, 1e6);
  await copies(cache);
  await writeFile(join(directory, "sha256", sha256.slice(0, 2), sha256), randomBytes(SMALL.length));
  const next = await openCache();
  expect((await next.served.read(sha256, 1e6)).equals(SMALL)).toBe(true);
});

test("there are never more bytes than allowed, and what was used last stays", async () => {
  const blobs = await Promise.all(Array.from({ length: 30 }, () => put(randomBytes(100_000))));
  const [favourite = ""] = blobs;
  let cache = await openCache(1_000_000);
  for (const [index, sha256] of blobs.entries()) {
    await streamed(cache, sha256);
    await cache.stored.close();
    expect((await copiesNow()).length).toBeLessThanOrEqual(10);
    const past = new Date(Date.now() - 1_000_000 + index * 1_000);
    await utimes(join(directory, "sha256", sha256.slice(0, 2), sha256), past, past);
    cache = await openCache(1_000_000);
    await streamed(cache, favourite);
  }
  expect(await copiesNow()).toContain(favourite);
  expect(distant.asked.filter((sha256) => sha256 === favourite)).toHaveLength(1);
});

test("a blob too large for the cache is streamed past it", async () => {
  const sha256 = await put(LARGE);
  const cache = await openCache(4_000_000);
  expect((await streamed(cache, sha256)).equals(LARGE)).toBe(true);
  expect(await copies(cache)).toEqual([]);
});

async function copiesNow(): Promise<string[]> {
  const folders = await readdir(join(directory, "sha256"));
  return (await Promise.all(folders.map((folder) => readdir(join(directory, "sha256", folder))))).flat();
}

async function streamed({ served }: ReadCache, sha256: string): Promise<Buffer> {
  const bytes = await buffer(await served.open(sha256));
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
  return bytes;
}
