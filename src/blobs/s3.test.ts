// The S3 store keeps the contract against a real server: radosgw, or the empty bucket PORTCULLIS_TEST_S3 with the standard AWS variables.
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startRgw } from "../../test/rgw.ts";
import { blobStoreSuite } from "./blob-store.suite.ts";
import { createS3Store } from "./s3.ts";

const given = process.env.PORTCULLIS_TEST_S3;
const rgw = given === undefined ? await startRgw() : undefined;
if (rgw !== undefined) Object.assign(process.env, rgw.env);
const bucket = given ?? (await rgw?.bucket());
afterAll(() => rgw?.stop());

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

  test("a bucket that is not there is an error, never an absent blob", async () => {
    const stagingDirectory = await mkdtemp(join(tmpdir(), "portcullis-s3-"));
    const store = await createS3Store({ url: `s3://no-such-${randomUUID()}`, stagingDirectory });
    await expect(store.probe()).rejects.toThrow();
    await expect(store.open("0".repeat(64))).rejects.toThrow("has no bucket");
    await store.close();
    await rm(stagingDirectory, { recursive: true });
  });
}
