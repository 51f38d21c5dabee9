// Moving to an object store and back, and backups of one, against radosgw.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dumpRows, fillMuch, hashBlobs, killWhen, namedBlobs } from "./installation.ts";
import { BIN, ENGINES, file, filledCopy, folder, newFilled, newPlace } from "./places.ts";
import type { Rgw } from "./rgw.ts";
import { startRgw } from "./rgw.ts";

const run = promisify(execFile);

let rgw: Rgw | undefined;
let filled = "";

beforeAll(async () => {
  rgw = await startRgw();
  if (rgw === undefined) return;
  filled = await filledCopy();
  await fillMuch(filled, 0, 300);
}, 180_000);
afterAll(() => rgw?.stop());

async function portcullis(store: Rgw, ...args: string[]): Promise<string> {
  return (await run(BIN, args, { env: { ...process.env, ...store.env } })).stdout;
}

test("from a folder to a database and a bucket, killed on the way, and back: every row and every digest", async ({
  skip,
}) => {
  if (rgw === undefined) return skip("radosgw is not installed");
  const before = await dumpRows(file(filled));
  const { data, location } = await newPlace(ENGINES.at(-1) as string); // PostgreSQL where there is one
  const to = [ENGINES.length === 1 ? data : location, await rgw.bucket()];
  const child = { ...process.env, ...rgw.env };
  let asked = 0;
  const reached = (): Promise<boolean> =>
    dumpRows(location).then(
      ({ asset = [] }) => asset.length >= namedBlobs(before).length && ++asked > 3,
      () => false,
    );
  await killWhen(BIN, ["migrate", "--from", filled, "--to", ...to], reached, child);
  const told = await portcullis(rgw, "migrate", "--from", filled, "--to", ...to);
  expect(told).toContain(`${namedBlobs(before).length} blobs`);
  expect(await dumpRows(location)).toEqual(before);

  const back = join(await folder(), "data");
  await portcullis(rgw, "migrate", "--from", ...to, "--to", back);
  expect(await dumpRows(file(back))).toEqual(before);
  expect(hashBlobs(join(back, "blobs"))).toEqual(namedBlobs(before));
}, 120_000);

test("blobs alone move to a bucket; another installation's bucket is refused", async ({ skip }) => {
  if (rgw === undefined) return skip("radosgw is not installed");
  const bucket = await rgw.bucket();
  const before = await dumpRows(file(filled));
  await portcullis(rgw, "migrate", "--from", filled, "--to", bucket);
  expect(await portcullis(rgw, "migrate", "--from", filled, "--to", bucket, "--check")).toContain(
    ", 0 of them copied",
  );
  const refused = portcullis(rgw, "migrate", "--from", await newFilled(), "--to", bucket);
  await expect(refused).rejects.toThrow("is not empty");
  const back = join(await folder(), "data");
  await portcullis(rgw, "migrate", "--from", filled, bucket, "--to", back);
  expect(hashBlobs(join(back, "blobs"))).toEqual(namedBlobs(before));
}, 120_000);

test("a backup of a bucket restores to a bucket", async ({ skip }) => {
  if (rgw === undefined) return skip("radosgw is not installed");
  const [bucket, second] = [await rgw.bucket(), await rgw.bucket()];
  await portcullis(rgw, "migrate", "--from", filled, "--to", bucket);
  const to = await folder();
  await portcullis(rgw, "backup", "--data", filled, "--blobs", bucket, "--to", to);
  const data = join(await folder(), "data");
  await portcullis(rgw, "restore", "--data", data, "--blobs", second, "--from", to);
  const back = join(await folder(), "data");
  await portcullis(rgw, "migrate", "--from", data, second, "--to", back);
  expect(await dumpRows(file(back))).toEqual(await dumpRows(file(filled)));
  expect(hashBlobs(join(back, "blobs"))).toEqual(namedBlobs(await dumpRows(file(filled))));
}, 120_000);
