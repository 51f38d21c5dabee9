// Backup beside publishes, deletions and sweeps: it is of one moment, and every blob that it speaks of is in it.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { BlobStore } from "../src/blobs/blob-store.ts";
import { createDiskStore } from "../src/blobs/disk.ts";
import { createLog } from "../src/http/log.ts";
import { makeBackup } from "../src/moving/backup.ts";
import { createProgress } from "../src/moving/progress.ts";
import { sweepBlobs } from "../src/registry/collect.ts";
import { openDatabase } from "../src/store/database.ts";
import { dumpRows, fillMuch, hashBlobs, namedBlobs } from "./installation.ts";
import type { Installation } from "./places.ts";
import { ENGINES, filled, filledCopy, filledPlace, folder, newPlace, portcullis } from "./places.ts";
import type { TestServer } from "./server.ts";
import { startServer } from "./server.ts";

/** By this clock every blob is old enough to be swept. */
const later = (): number => Date.now() + 2 * 60 * 60_000;

for (const engine of ENGINES)
  test(`on ${engine}, blobs that nobody points at any more once the rows were read stay until they are copied`, async () => {
    const place = await filledPlace(engine, await filled());
    const before = await dumpRows(place.location);
    const database = await openDatabase(place.location);
    const blobs = await createDiskStore({ directory: join(place.data, "blobs") });
    const sweep = () => sweepBlobs({ database, blobs, now: later, log: createLog("error") });
    const to = await folder();
    try {
      await backUp(
        place,
        to,
        beforeBytes(blobs, async () => {
          await database.write((tx) => tx.deleteFrom("asset").execute());
          await sweep();
        }),
      );
      await sweep();
      expect(hashBlobs(join(place.data, "blobs")), "nothing but the backup kept them").toEqual([]);
    } finally {
      await blobs.close();
      await database.close();
    }
    const back = await newPlace(engine);
    await portcullis("restore", ...back.flags, "--from", to);
    expect(await dumpRows(back.location)).toEqual(before);
    expect(hashBlobs(join(back.data, "blobs"))).toEqual(namedBlobs(before));
  });

/** A store that does something when it is first asked for a blob: a backup has read its rows then, and no bytes. */
function beforeBytes(blobs: BlobStore, act: () => Promise<void>): BlobStore {
  let done: Promise<void> | undefined;
  return {
    ...blobs,
    async stat(sha256) {
      done ??= act();
      await done;
      return blobs.stat(sha256);
    },
  };
}

async function backUp({ data, location }: Installation, to: string, blobs: BlobStore): Promise<void> {
  const whole = { check: false, allowDamage: false, waitMs: 0, now: Date.now };
  const progress = createProgress({ write: () => undefined });
  await makeBackup({ database: location, blobs, data, to, ...whole, progress });
}

for (const engine of ENGINES)
  test(`under load on ${engine}, with sweeps, the backup is of one moment and every blob of it is there`, async () => {
    const data = await filledCopy();
    await fillMuch(data, 0, 1_500); // so that the copying takes long enough for much to be deleted meanwhile
    const place = await filledPlace(engine, data);
    const server = await startServer(place.settings, place.data);
    const load = startLoad(server, place);
    const to = await folder();
    let moments: readonly [Moment, Moment];
    try {
      await load.until(60);
      const begun = load.now();
      await portcullis("backup", ...place.flags, "--to", to);
      moments = [begun, load.now()];
    } finally {
      await load.stop();
      await server.close();
    }
    const back = await newPlace(engine);
    await portcullis("restore", ...back.flags, "--from", to);
    const rows = await dumpRows(back.location);
    expect(hashBlobs(join(back.data, "blobs"))).toEqual(namedBlobs(rows));
    const restored = await startServer(back.settings, back.data);
    try {
      expect(await restored.versions("main", "left")).toEqual(["1.0.0", "1.1.0", "2.0.0-rc.1"]);
      for (const name of load.names) await checkHistory(restored, name, moments);
    } finally {
      await restored.close();
    }
  }, 120_000);

/** Per package: how many of its versions were acknowledged, and how many of these were acknowledged as deleted. */
type Moment = ReadonlyMap<string, { readonly published: number; readonly deleted: number }>;

/** Each package's versions come in order and go in order, so that any one moment shows a run of them without a gap. */
function startLoad(server: TestServer, place: Installation) {
  const counts = new Map(Array.from({ length: 4 }, (_, n) => [`load-${n}`, { published: 0, deleted: 0 }]));
  const stopped = new AbortController();
  const publish = async (name: string): Promise<void> => {
    const count = counts.get(name) as { published: number; deleted: number };
    while (!stopped.signal.aborted) {
      const answer = await server.publish("main", { name, version: `1.0.${count.published}` });
      if (answer.status === 503) continue; // a sweep was at these very bytes: to be sent again
      expect(answer.status).toBe(201);
      count.published++;
      if (count.published - count.deleted < 12) continue;
      await server.client.deletePackageVersions({
        domain: "acme",
        repository: "main",
        format: "npm",
        package: name,
        versions: [`1.0.${count.deleted}`],
      });
      count.deleted++;
    }
  };
  const sweep = async (): Promise<void> => {
    const database = await openDatabase(place.location);
    const blobs = await createDiskStore({ directory: join(place.data, "blobs") });
    while (!stopped.signal.aborted) {
      await sweepBlobs({ database, blobs, now: later, log: createLog("error") });
      await sleep(20);
    }
    await blobs.close();
    await database.close();
  };
  const work = [...counts.keys()].map(publish);
  work.push(sweep());
  const all = Promise.all(work);
  all.catch(() => undefined);
  return {
    names: [...counts.keys()],
    now: (): Moment => new Map([...counts].map(([name, count]) => [name, { ...count }])),
    async until(published: number): Promise<void> {
      const total = (): number => [...counts.values()].reduce((sum, count) => sum + count.published, 0);
      while (total() < published) await Promise.race([sleep(10), all]);
    },
    async stop(): Promise<void> {
      stopped.abort();
      await all;
    },
  };
}

async function checkHistory(
  server: TestServer,
  name: string,
  [begun, ended]: readonly [Moment, Moment],
): Promise<void> {
  const numbers = (await server.versions("main", name))
    .map((version) => Number(version.split(".")[2]))
    .sort((a, b) => a - b);
  const first = numbers[0] as number;
  expect(numbers, "without a gap").toEqual(numbers.map((_, i) => first + i));
  const last = numbers.at(-1) as number;
  const [from, to] = [begun.get(name), ended.get(name)];
  // One more than was acknowledged may have been on its way.
  expect(last + 1, "what was acknowledged before it began is in it").toBeGreaterThanOrEqual(
    from?.published ?? 0,
  );
  expect(last + 1, "what came after it ended is not").toBeLessThanOrEqual((to?.published ?? 0) + 1);
  expect(first).toBeGreaterThanOrEqual(from?.deleted ?? 0);
  expect(first).toBeLessThanOrEqual((to?.deleted ?? 0) + 1);
  const packument = (await (await server.npm("main", name)).json()) as {
    versions: Record<string, { dist: { integrity: string } }>;
  };
  for (const [version, { dist }] of Object.entries(packument.versions)) {
    const bytes = Buffer.from(await (await server.tarball("main", name, version)).arrayBuffer());
    expect(`sha512-${createHash("sha512").update(bytes).digest("base64")}`).toBe(dist.integrity);
  }
}
