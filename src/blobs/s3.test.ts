// The S3 store keeps the contract against a real server: radosgw, or the empty bucket PORTCULLIS_TEST_S3 with the standard AWS variables.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { startRgw } from "../../test/rgw.ts";
import { type S3Proxy, startS3Proxy } from "../../test/s3-proxy.ts";
import { blobStoreSuite } from "./blob-store.suite.ts";
import type { BlobStore } from "./blob-store.ts";
import { checkBytes } from "./checked.ts";
import { CorruptBlob } from "./range.ts";
import { createS3Store } from "./s3.ts";
import { openS3, parseS3Url, type S3 } from "./s3-client.ts";
import { abortUploads } from "./s3-leftovers.ts";

const given = process.env.PORTCULLIS_TEST_S3;
const rgw = given === undefined ? await startRgw() : undefined;
if (rgw !== undefined) Object.assign(process.env, rgw.env);
const bucket = given ?? (await rgw?.bucket());
afterAll(() => rgw?.stop());

const PART = 8 * 1024 * 1024;
const SMALL = randomBytes(100_000);
/** Four parts, the last a short one. */
const LARGE = randomBytes(3 * PART + 1_000);

if (bucket === undefined) {
  test.skip("S3: radosgw is not installed, and no other server is given in PORTCULLIS_TEST_S3", () => {});
} else {
  blobStoreSuite({
    name: "S3",
    largeBytes: 20_000_000,
    memoryBounded: true,
    make: async () => {
      const stagingDirectory = await mkdtemp(join(tmpdir(), "portcullis-s3-"));
      const options = { url: `${bucket}/test/${randomUUID()}`, stagingDirectory };
      const store = await createS3Store(options);
      return {
        store,
        restart: () => createS3Store({ ...options, leftBeforeMs: Number.POSITIVE_INFINITY }),
        leftovers: () => readdir(stagingDirectory),
        remove: async () => {
          const left = await createS3Store(options);
          for await (const { sha256 } of left.list()) await left.delete(sha256);
          await left.close();
          await rm(stagingDirectory, { recursive: true });
        },
      };
    },
  });
}

describe.runIf(rgw !== undefined)("S3 in trouble", () => {
  let stagingDirectory: string;
  let proxy: S3Proxy;
  let url: string;
  let store: BlobStore;
  let s3: S3;
  const others: BlobStore[] = [];

  beforeEach(async () => {
    stagingDirectory = await mkdtemp(join(tmpdir(), "portcullis-s3-"));
    proxy = await startS3Proxy(rgw?.endpoint as string);
    url = `${bucket}/trouble/${randomUUID()}?endpoint=${encodeURIComponent(proxy.endpoint)}`;
    store = await createS3Store({ url, stagingDirectory, silenceMs: 3_000 });
    s3 = await openS3(parseS3Url(url), 10_000);
  });
  afterEach(async () => {
    await Promise.all([store, ...others.splice(0)].map((each) => each.close()));
    s3.client.destroy();
    await proxy.close();
    expect(await readdir(stagingDirectory)).toEqual([]);
    await rm(stagingDirectory, { recursive: true });
  });

  const answers = (message: RegExp) =>
    expect.objectContaining({ status: 503, message: expect.stringMatching(message) });

  async function put(bytes: Buffer): Promise<string> {
    const writer = await store.create();
    for (let at = 0; at < bytes.length; at += 1_000_000)
      await writer.write(bytes.subarray(at, at + 1_000_000));
    await writer.finish();
    try {
      const { digests } = await writer.commit();
      writer.release();
      return digests.sha256;
    } finally {
      await writer.discard();
    }
  }

  function keyOf(sha256: string): { Bucket: string; Key: string } {
    const { bucket: Bucket, prefix } = parseS3Url(url);
    return { Bucket, Key: `${prefix}sha256/${sha256.slice(0, 2)}/${sha256}` };
  }

  const overwrite = (sha256: string, Body: Buffer) =>
    s3.send(() => new s3.sdk.PutObjectCommand({ ...keyOf(sha256), Body }));
  const uploads = async () => {
    const { bucket: Bucket, prefix: Prefix } = parseS3Url(url);
    return (await s3.send(() => new s3.sdk.ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads ?? [];
  };
  const sent = (pattern: RegExp) => proxy.seen.filter((line) => pattern.test(line));

  test.each([
    ["small", SMALL],
    ["large", LARGE],
  ])("a %s blob that is there is not sent again, nor its object replaced", async (_, bytes) => {
    const sha256 = await put(bytes);
    const before = await s3.send(() => new s3.sdk.HeadObjectCommand(keyOf(sha256)));
    proxy.seen.length = 0;
    await put(bytes);
    expect(sent(/uploads|uploadId/)).toEqual([]);
    expect((await s3.send(() => new s3.sdk.HeadObjectCommand(keyOf(sha256)))).LastModified).toEqual(
      before.LastModified,
    );
  });

  test.each([
    ["small, cut short", SMALL, SMALL.subarray(0, 500)],
    ["small, of the same length", SMALL, Buffer.alloc(SMALL.length)],
    ["large, cut short", LARGE, LARGE.subarray(0, -1)],
    ["large, of the same length", LARGE, Buffer.alloc(LARGE.length)],
  ])("an object that is not the blob is replaced: %s", async (_, bytes, wrong) => {
    const sha256 = await put(bytes);
    await overwrite(sha256, wrong);
    await put(bytes);
    expect((await buffer(await store.open(sha256))).equals(bytes)).toBe(true);
  });

  test("a store that does not know conditions is asked without them", async () => {
    let refused = 0;
    proxy.plan = (method) => (method === "PUT" && refused++ === 0 ? { status: 501 } : undefined);
    const sha256 = await put(SMALL);
    await put(randomBytes(10));
    expect(sent(/^PUT/)).toHaveLength(3);
    expect(await store.stat(sha256)).toEqual({ size: SMALL.length });
  });

  test.each([{ status: 503 }, { status: 500 }, { garble: true } as const])(
    "a part that fails on the way (%j) is sent again alone",
    async (mishap) => {
      let failed = 0;
      proxy.plan = (_, target) => (/partNumber=2/.test(target) && failed++ === 0 ? mishap : undefined);
      const sha256 = await put(LARGE);
      expect([1, 2, 3, 4].map((part) => sent(new RegExp(`^PUT.*partNumber=${part}&`)).length)).toEqual([
        1, 2, 1, 1,
      ]);
      expect((await buffer(await store.open(sha256))).equals(LARGE)).toBe(true);
    },
  );

  test("a small blob that is garbled on the way is refused there and sent again", async () => {
    let garbled = 0;
    proxy.plan = (method) => (method === "PUT" && garbled++ === 0 ? { garble: true } : undefined);
    const sha256 = await put(SMALL);
    expect((await store.read(sha256, 1e6)).equals(SMALL)).toBe(true);
  });

  test.each([
    ["a part", /partNumber=3/],
    ["the end", /^(?!.*partNumber).*uploadId=(?!.*DELETE)/],
  ])("an upload of which %s fails leaves nothing behind", async (_, pattern) => {
    proxy.plan = (method, target) =>
      method !== "DELETE" && pattern.test(target) ? { status: 500 } : undefined;
    await expect(put(LARGE)).rejects.toEqual(answers(/blob store failed \(500/));
    expect(await uploads()).toEqual([]);
    for await (const blob of store.list()) expect(blob).toBeUndefined();
  });

  test("an upload whose last answer is lost is a success", async () => {
    let lost = 0;
    proxy.plan = (method, target) =>
      method === "POST" && /uploadId=/.test(target) && lost++ === 0 ? { cutAfter: 1 } : undefined;
    const sha256 = await put(LARGE);
    expect(await store.stat(sha256)).toEqual({ size: LARGE.length });
  });

  test("what an upload left that nobody ended is removed once it is old", async () => {
    const begin = () => s3.send(() => new s3.sdk.CreateMultipartUploadCommand(keyOf("0".repeat(64))));
    await begin();
    await begin();
    const { prefix } = parseS3Url(url);
    expect(await abortUploads(s3, prefix, Date.now() - 60_000)).toBe(0);
    expect(await uploads()).toHaveLength(2);
    expect(await abortUploads(s3, prefix, Date.now() + 60_000)).toBe(2);
    expect(await uploads()).toEqual([]);
  });

  test("other bytes of the same length are never given whole", async () => {
    const sha256 = await put(LARGE);
    await overwrite(sha256, Buffer.alloc(LARGE.length));
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of checkBytes(await store.open(sha256), sha256))
        seen += (chunk as Buffer).length;
    })();
    await expect(reading).rejects.toThrow(CorruptBlob);
    expect(seen).toBeLessThan(LARGE.length);
  });

  test.each([{ cutAfter: 1_000_000 }, { hangAfter: 1_000_000 }])(
    "a body that breaks off (%j) is gone on with where it ended",
    async (mishap) => {
      const sha256 = await put(LARGE);
      let broken = 0;
      proxy.plan = (method) => (method === "GET" && broken++ < 2 ? mishap : undefined);
      expect((await buffer(await store.open(sha256))).equals(LARGE)).toBe(true);
      broken = 0;
      const range = { start: 1_000, end: 5_000_000 };
      expect((await buffer(await store.open(sha256, range))).equals(LARGE.subarray(1_000, 5_000_001))).toBe(
        true,
      );
    },
  );

  test("a stream that is given up unread gives its connection back", async () => {
    const sha256 = await put(LARGE);
    for (const wrap of [(stream: Readable) => stream, (stream: Readable) => checkBytes(stream, sha256)]) {
      wrap(await store.open(sha256)).destroy();
      await expect.poll(() => proxy.answering()).toBe(0);
    }
    await expect(store.read(sha256, 10)).rejects.toThrow(RangeError);
    await expect.poll(() => proxy.answering()).toBe(0);
  });

  test("a body that always breaks off at once is given up", async () => {
    const sha256 = await put(LARGE);
    proxy.plan = (method) => (method === "GET" ? { cutAfter: 0 } : undefined);
    await expect(buffer(await store.open(sha256))).rejects.toThrow();
  });

  test("a store that stalls is a 503, for every question and in the midst of an upload; afterwards all is well", async () => {
    const sha256 = await put(SMALL);
    const stream = await store.open(await put(LARGE));
    rgw?.pause();
    try {
      const silent = answers(/does not answer/);
      await Promise.all([
        expect(store.stat(sha256)).rejects.toEqual(silent),
        expect(store.open(sha256)).rejects.toEqual(silent),
        expect(store.read(sha256, 1e6)).rejects.toEqual(silent),
        expect(store.delete(sha256)).rejects.toEqual(silent),
        expect(store.probe()).rejects.toEqual(silent),
        expect(put(randomBytes(1_000))).rejects.toEqual(silent),
        expect(put(randomBytes(2 * PART))).rejects.toEqual(silent),
        expect(buffer(stream)).rejects.toEqual(silent),
      ]);
    } finally {
      rgw?.resume();
    }
    await expect.poll(() => store.read(sha256, 1e6).catch(() => "none"), { timeout: 30_000 }).toEqual(SMALL);
  });

  test("a store that is gone is a 503; one that comes back in time is not noticed", async () => {
    const direct = `${bucket}/trouble/${randomUUID()}`;
    const [brief, patient] = await Promise.all(
      [1_000, 60_000].map((silenceMs) => createS3Store({ url: direct, stagingDirectory, silenceMs })),
    );
    others.push(brief as BlobStore, patient as BlobStore);
    await rgw?.kill();
    await expect(brief?.probe()).rejects.toEqual(answers(/cannot be reached/));
    const answered = patient?.probe();
    await rgw?.revive();
    await answered;
  });

  test.each([
    ["wrong secret", { AWS_SECRET_ACCESS_KEY: "wrong" }, /refuses this server \(SignatureDoesNotMatch\)/],
    ["unknown key", { AWS_ACCESS_KEY_ID: "nobody" }, /refuses this server \(InvalidAccessKeyId\)/],
  ])("a %s is told, once", async (_, env, message) => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    const refused = await createS3Store({ url, stagingDirectory });
    others.push(refused);
    await expect(refused.probe())
      .rejects.toEqual(answers(message))
      .finally(() => Object.assign(process.env, before));
    expect(proxy.seen).toHaveLength(1);
  });

  test("a bucket that is not there is an error, never an absent blob", async () => {
    const other = await createS3Store({ url: `s3://no-such-${randomUUID()}`, stagingDirectory });
    others.push(other);
    await expect(other.probe()).rejects.toEqual(answers(/has no bucket/));
    await expect(other.open("0".repeat(64))).rejects.toEqual(answers(/has no bucket/));
  });

  test("a presigned address gives the blob as it is to be presented, and nothing else", async () => {
    const sha256 = await put(SMALL);
    const address = await store.presign?.(sha256, {
      lifeSeconds: 60,
      contentType: "application/x-thing",
      disposition: 'attachment; filename="a b.tgz"',
    });
    const answer = await fetch(address as string);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/x-thing");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="a b.tgz"');
    expect(Buffer.from(await answer.arrayBuffer()).equals(SMALL)).toBe(true);
    const other = (address as string).replace(sha256, "0".repeat(64));
    expect((await fetch(other)).status).toBe(403);
  });
});

test.each([
  ["s3://b", { bucket: "b", prefix: "" }],
  ["s3://b/", { bucket: "b", prefix: "" }],
  ["s3://my.bucket/a/b/", { bucket: "my.bucket", prefix: "a/b/" }],
  [
    "s3://b/a?endpoint=http://127.0.0.1:9&region=eu-west-3&path-style=on",
    { bucket: "b", prefix: "a/", endpoint: "http://127.0.0.1:9", region: "eu-west-3", pathStyle: true },
  ],
])("%s says where blobs are", (text, place) => {
  expect(parseS3Url(text)).toEqual(place);
});

test.each(["s3://b?pathstyle=on", "s3://b?path-style=yes"])("%s is refused", (text) => {
  expect(() => parseS3Url(text)).toThrow(/path-?style/);
});
