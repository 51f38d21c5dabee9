// Every behaviour that blob-store.ts promises, run against whichever driver the given function makes.
import { createHash, randomBytes } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BlobStore, BlobWriter, StagedBlob } from "./blob-store.ts";

export interface StoreUnderTest {
  readonly store: BlobStore;
  /** The store as a process started after a crash of this one would open it; undefined when nothing outlives the process. */
  readonly restart: (() => Promise<BlobStore>) | undefined;
  /** What lies in the staging place now. */
  leftovers(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface SuiteOptions {
  readonly name: string;
  readonly make: () => Promise<StoreUnderTest>;
  /** Larger than what the driver stages in memory. */
  readonly largeBytes: number;
  /** Whether a blob of any size passes through in bounded memory. */
  readonly memoryBounded: boolean;
}

export function blobStoreSuite({ name, make, largeBytes, memoryBounded }: SuiteOptions): void {
  describe(`${name} keeps the blob store's promises`, () => {
    let made: StoreUnderTest;
    let store: BlobStore;

    beforeEach(async () => {
      made = await make();
      store = made.store;
    });
    afterEach(async () => {
      const leftovers = await made.leftovers();
      await store.close();
      await made.remove();
      expect(leftovers, "a test left something in the staging place").toEqual([]);
    });

    const small = randomBytes(10_000);
    const large = randomBytes(largeBytes);
    const bodies = [
      ["an empty blob", Buffer.alloc(0)],
      ["one byte", Buffer.from("x")],
      ["a small blob", small],
      ["a large blob", large],
    ] as const;

    describe.each(bodies)("%s", (_, bytes) => {
      test("has the four digests and the size of its bytes, however they are cut", async () => {
        const writer = await stage(store, bytes, 7001);
        expect(await writer.finish()).toEqual(expectedOf(bytes));
        await writer.discard();
      });

      test("can be read anywhere between finish and release, and not past its end", async () => {
        const writer = await stage(store, bytes, 7001);
        const { size } = await writer.finish();
        const half = Math.floor(size / 2);
        expect(Buffer.from(await writer.readAt(half, size - half))).toEqual(bytes.subarray(half));
        expect((await writer.readAt(size, 0)).length).toBe(0);
        await expect(writer.readAt(half, size - half + 1)).rejects.toThrow("past its end");
        await writer.discard();
      });

      test("is invisible until committed, and then reads back whole", async () => {
        const { sha256 } = expectedOf(bytes).digests;
        const writer = await stage(store, bytes);
        await writer.finish();
        expect(await store.stat(sha256)).toBeUndefined();
        await expect(store.open(sha256)).rejects.toThrow(sha256);
        expect(await listed(store)).toEqual([]);
        expect(await writer.commit()).toEqual(expectedOf(bytes));
        writer.release();
        expect(await store.stat(sha256)).toEqual({ size: bytes.length });
        expectBytes(await buffer(await store.open(sha256)), bytes);
        expectBytes(await store.read(sha256, bytes.length), bytes);
        expect(await listed(store)).toEqual([[sha256, bytes.length]]);
      });

      test("leaves nothing when discarded: before finish, after finish, twice", async () => {
        const early = await stage(store, bytes);
        await early.discard();
        const late = await stage(store, bytes);
        await late.finish();
        await late.discard(new Error("changed our mind"));
        await late.discard();
        expect(await listed(store)).toEqual([]);
        await expect(late.commit()).rejects.toThrow("changed our mind");
      });

      test("leaves nothing visible when the process dies between finish and commit", async () => {
        if (made.restart === undefined) return; // nothing outlives this driver's process
        const writer = await stage(store, bytes);
        await writer.finish();
        const after = await made.restart();
        expect(await listed(after)).toEqual([]);
        expect(await made.leftovers()).toEqual([]);
        await after.close();
        await writer.discard();
      });

      test("is there after a restart once committed", async () => {
        if (made.restart === undefined) return; // nothing outlives this driver's process
        const { digests } = await put(store, bytes);
        const after = await made.restart();
        expectBytes(await buffer(await after.open(digests.sha256)), bytes);
        await after.close();
      });

      test("is one copy when the same bytes are committed again, and all at once", async () => {
        const first = await put(store, bytes);
        expect(await Promise.all(Array.from({ length: 8 }, () => put(store, bytes)))).toEqual(
          Array(8).fill(first),
        );
        expect(await listed(store)).toEqual([[first.digests.sha256, bytes.length]]);
        expectBytes(await buffer(await store.open(first.digests.sha256)), bytes);
      });

      test("reaches a follower whole, whenever it began", async () => {
        const writer = await store.create();
        const early = buffer(writer.follow());
        await writer.write(bytes.subarray(0, bytes.length >> 1));
        const midway = buffer(writer.follow());
        await writer.write(bytes.subarray(bytes.length >> 1));
        await writer.finish();
        const finished = buffer(writer.follow());
        await writer.commit();
        const committed = buffer(writer.follow());
        writer.release();
        const released = buffer(writer.follow());
        for (const follower of [early, midway, finished, committed, released])
          expectBytes(await follower, bytes);
        expectBytes(await buffer(writer.follow()), bytes);
      });

      test("keeps its last byte from followers until the release, though committed", async () => {
        const writer = await store.create();
        const { seen, ended, done } = collect(writer.follow());
        await settle();
        await feed(writer, bytes, 65_536);
        await until(() => seen() >= bytes.length - 1);
        await writer.finish();
        await writer.commit();
        await settle();
        expect([seen(), ended()]).toEqual([Math.max(0, bytes.length - 1), false]);
        writer.release();
        await done;
        expect(seen()).toBe(bytes.length);
      });
    });

    describe.each(bodies.slice(1))("following %s", (_, bytes) => {
      test.each(["while it is written", "after finish", "after commit"])(
        "fails when it is discarded %s",
        async (when) => {
          const writer = await stage(store, bytes);
          const follower = collect(writer.follow());
          const idle = writer.follow();
          if (when !== "while it is written") await writer.finish();
          if (when === "after commit") await writer.commit();
          await writer.discard(new Error("digest mismatch"));
          await expect(follower.done).rejects.toThrow("digest mismatch");
          expect(follower.seen()).toBeLessThan(bytes.length);
          expect(idle.destroyed).toBe(true);
          await expect(buffer(writer.follow())).rejects.toThrow("digest mismatch");
        },
      );

      test("at different speeds gives each reader everything", async () => {
        const writer = await store.create();
        const fast = buffer(writer.follow());
        const slow = readSlowly(writer.follow());
        const paused = writer.follow();
        await feed(writer, bytes, 50_000);
        await writer.finish();
        await writer.commit();
        writer.release();
        expectBytes(await fast, bytes);
        expectBytes(await slow, bytes);
        expectBytes(await buffer(paused), bytes);
      });

      test("may be given up by one reader without harm to the other or to the blob", async () => {
        const writer = await store.create();
        const leaver = writer.follow();
        const stayer = buffer(writer.follow());
        await writer.write(bytes.subarray(0, 1));
        leaver.destroy();
        await feed(writer, bytes.subarray(1), 65_536);
        await writer.finish();
        await writer.commit();
        writer.release();
        expectBytes(await stayer, bytes);
      });
    });

    test("a slow follower's memory does not grow: unread bytes stay in the spool", async () => {
      const writer = await stage(store, large);
      const follower = writer.follow();
      follower.once("readable", () => {});
      await settle();
      expect(follower.readableLength).toBeLessThanOrEqual(512 * 1024);
      follower.destroy();
      await writer.discard();
    });

    test.runIf(memoryBounded)(
      "200 MB pass in, to two followers and out again, in bounded memory",
      { timeout: 120_000 },
      async () => {
        const chunk = randomBytes(1_000_000);
        const writer = await store.create({ size: 200_000_000 });
        const early = collect(writer.follow());
        const stuck = writer.follow();
        const before = process.memoryUsage().arrayBuffers;
        let most = 0;
        for (let count = 0; count < 200; count++) {
          chunk.writeUInt32LE(count);
          await writer.write(chunk);
          most = Math.max(most, process.memoryUsage().arrayBuffers);
        }
        const { size, digests } = await writer.finish();
        await writer.commit();
        writer.release();
        await early.done;
        stuck.destroy();
        const out = collect(await store.open(digests.sha256));
        await out.done;
        expect([size, early.seen(), out.seen()]).toEqual([200_000_000, 200_000_000, 200_000_000]);
        expect(most - before).toBeLessThan(100_000_000);
      },
    );

    test("a chunk may be reused once its write has resolved", async () => {
      const writer = await store.create();
      const chunk = Buffer.alloc(1000, "a");
      await writer.write(chunk);
      chunk.fill("b");
      await writer.write(chunk);
      const { digests } = await writer.finish();
      await writer.commit();
      writer.release();
      expect((await store.read(digests.sha256, 2000)).toString()).toBe("a".repeat(1000) + "b".repeat(1000));
    });

    test.each([0, 10, 10_000, 10_000_000_000])(
      "an expected size of %d is a hint, not a promise",
      async (size) => {
        const writer = await store.create({ size });
        await feed(writer, small, 3000);
        expect(await writer.finish()).toEqual(expectedOf(small));
        await writer.commit();
        writer.release();
        expectBytes(await store.read(expectedOf(small).digests.sha256, 10_000), small);
      },
    );

    test("writes that were not awaited keep their order", async () => {
      const writer = await store.create();
      for (let at = 0; at < large.length; at += 100_000) void writer.write(large.subarray(at, at + 100_000));
      expect(await writer.finish()).toEqual(expectedOf(large));
      await writer.discard();
    });

    test("discard during a write waits for it and leaves nothing", async () => {
      const writer = await store.create();
      const writing = writer.write(large);
      const follower = collect(writer.follow());
      for (let i = 0; i < 5; i++) await Promise.resolve(); // the write has begun and has not ended
      await writer.discard();
      await Promise.allSettled([writing, follower.done]);
      expect(await listed(store)).toEqual([]);
    });

    test("steps out of order are refused: write after finish, commit before finish, release before commit", async () => {
      const writer = await store.create();
      await expect(writer.commit()).rejects.toThrow("finished before");
      await writer.finish();
      await expect(writer.write(small)).rejects.toThrow("finished");
      expect(() => writer.release()).toThrow("committed before");
      await writer.discard();
      const dropped = await store.create();
      await dropped.discard();
      await expect(dropped.write(small)).rejects.toThrow("discarded");
      await expect(dropped.finish()).rejects.toThrow("discarded");
    });

    test("discard after release takes nothing back and fails nobody", async () => {
      const writer = await stage(store, small);
      await writer.finish();
      await writer.commit();
      const follower = buffer(writer.follow());
      writer.release();
      await writer.discard();
      expectBytes(await follower, small);
      expect(await listed(store)).toHaveLength(1);
    });

    test.each([
      [0, 0],
      [0, 9_999],
      [9_999, 9_999],
      [5_000, 6_000],
      [9_990, 20_000],
    ])("the range %d-%d gives those bytes, as far as there are any", async (start, end) => {
      const { digests } = await put(store, small);
      expectBytes(
        await buffer(await store.open(digests.sha256, { start, end })),
        small.subarray(start, end + 1),
      );
    });

    test.each([
      [10_000, 10_001],
      [7, 6],
      [-1, 5],
    ])("the range %d-%d is refused", async (start, end) => {
      const { digests } = await put(store, small);
      await expect(store.open(digests.sha256, { start, end })).rejects.toThrow(RangeError);
    });

    test("a range of a large blob gives those bytes", async () => {
      const { digests } = await put(store, large);
      const range = { start: large.length - 1_100_000, end: large.length - 2 };
      expectBytes(
        await buffer(await store.open(digests.sha256, range)),
        large.subarray(range.start, range.end + 1),
      );
    });

    test("read refuses a blob larger than asked for", async () => {
      const { digests } = await put(store, small);
      await expect(store.read(digests.sha256, 9_999)).rejects.toThrow("10000 bytes");
    });

    test.each(["0".repeat(64), "../../../etc/passwd", "", "A".repeat(64)])(
      "%j is absent from every question",
      async (sha256) => {
        expect(await store.stat(sha256)).toBeUndefined();
        await expect(store.open(sha256)).rejects.toThrow("no blob");
        await expect(store.read(sha256, 100)).rejects.toThrow("no blob");
        await store.delete(sha256);
      },
    );

    test("a deleted blob is gone, others stay, and it may come back", async () => {
      const gone = await put(store, small);
      const stays = await put(store, large);
      await store.delete(gone.digests.sha256);
      await store.delete(gone.digests.sha256);
      expect(await listed(store)).toEqual([[stays.digests.sha256, large.length]]);
      await put(store, small);
      expect(await store.stat(gone.digests.sha256)).toEqual({ size: small.length });
    });

    test("a reader that opened the blob before its deletion may finish", async () => {
      const { digests } = await put(store, large);
      const reader = await store.open(digests.sha256);
      await store.delete(digests.sha256);
      expectBytes(await buffer(reader), large);
    });

    test("a blob that is set aside is gone, others stay, and it may come back", async () => {
      const gone = await put(store, small);
      const stays = await put(store, large);
      expect(await store.setAside(gone.digests.sha256)).toEqual(expect.any(String));
      expect(await store.setAside(gone.digests.sha256)).toBeUndefined();
      expect(await store.stat(gone.digests.sha256)).toBeUndefined();
      expect(await listed(store)).toEqual([[stays.digests.sha256, large.length]]);
      await put(store, small);
      expect(await store.stat(gone.digests.sha256)).toEqual({ size: small.length });
    });

    test("list gives those whose digest begins as asked", async () => {
      const digests = await Promise.all(
        Array.from({ length: 20 }, (_, i) => put(store, Buffer.from(`blob ${i}`))),
      ).then((staged) => staged.map((blob) => blob.digests.sha256));
      const [first = ""] = digests;
      for (const prefix of ["", ...[1, 2, 3, 64].map((length) => first.slice(0, length))]) {
        const found: string[] = [];
        for await (const { sha256 } of store.list(prefix)) found.push(sha256);
        expect(found.sort()).toEqual(digests.filter((sha256) => sha256.startsWith(prefix)).sort());
      }
    });

    test("list tells when each blob came", async () => {
      const before = Date.now();
      await put(store, small);
      for await (const { modifiedMs } of store.list()) expect(modifiedMs).toBeGreaterThan(before - 60_000);
    });

    test("probe answers", async () => {
      await store.probe();
    });
  });
}

/** Says whether, not where, they differ: comparing megabytes element by element takes seconds. */
function expectBytes(actual: Buffer, expected: Buffer): void {
  expect([actual.length, actual.equals(expected)]).toEqual([expected.length, true]);
}

function expectedOf(bytes: Buffer): StagedBlob {
  const digest = (name: string) => createHash(name).update(bytes).digest("hex");
  const digests = {
    md5: digest("md5"),
    sha1: digest("sha1"),
    sha256: digest("sha256"),
    sha512: digest("sha512"),
  };
  return { size: bytes.length, digests };
}

async function feed(writer: BlobWriter, bytes: Buffer, step: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) await writer.write(bytes.subarray(at, at + step));
}

async function stage(store: BlobStore, bytes: Buffer, step = 65_536): Promise<BlobWriter> {
  const writer = await store.create();
  await feed(writer, bytes, step);
  return writer;
}

async function put(store: BlobStore, bytes: Buffer): Promise<StagedBlob> {
  const writer = await stage(store, bytes);
  await writer.finish();
  const staged = await writer.commit();
  writer.release();
  return staged;
}

async function listed(store: BlobStore): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for await (const { sha256, size } of store.list()) found.push([sha256, size]);
  return found;
}

function collect(stream: Readable) {
  let seen = 0;
  let ended = false;
  const done = pipeline(stream, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) seen += chunk.length;
    ended = true;
  });
  done.catch(() => {});
  return { seen: () => seen, ended: () => ended, done };
}

async function readSlowly(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _, next) {
      chunks.push(chunk);
      setTimeout(next, 2);
    },
  });
  await pipeline(stream, slow);
  return Buffer.concat(chunks);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Lets everything that is ready happen, so that a test can see that nothing more does. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}
