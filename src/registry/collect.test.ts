// The sweep takes what nobody points at, and nothing that somebody is about to point at.
import { expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { createMemoryStore } from "../blobs/memory.ts";
import type { Database } from "../store/database.ts";
import { BlobClaims, sweepBlobs } from "./collect.ts";
import type { RegistryDeps } from "./deps.ts";

async function setUp(open: () => Promise<Database>) {
  const blobs = createMemoryStore();
  const database = await open();
  const put = async (text: string): Promise<string> => {
    const writer = await blobs.create();
    await writer.write(Buffer.from(text));
    await writer.finish();
    const { digests } = await writer.commit();
    writer.release();
    return digests.sha256;
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const later = (): number => Date.now() + 2 * 60 * 60_000;
  return { blobs, database, put, deps: { blobs, database, now: later, log } as unknown as RegistryDeps };
}

onEveryDatabase("the sweep", (open) => {
  test("unreferenced bytes past their grace go, and are counted", async () => {
    const { blobs, database, put, deps } = await setUp(open);
    const gone = await put("nobody's");
    expect(await sweepBlobs(deps, new BlobClaims())).toEqual({ blobs: 1, bytes: 8 });
    expect(await blobs.stat(gone)).toBeUndefined();
    await database.close();
  });

  test("young bytes stay: somebody may be about to record them", async () => {
    const { blobs, database, put, deps } = await setUp(open);
    const young = await put("young");
    await sweepBlobs({ ...deps, now: Date.now }, new BlobClaims());
    expect(await blobs.stat(young)).toBeDefined();
    await database.close();
  });

  test("bytes that a publish holds stay, and a publish waits for a deletion that has begun", async () => {
    const { blobs, database, put, deps } = await setUp(open);
    const claims = new BlobClaims();
    const same = await put("again");
    await claims.hold([same], async () => {
      expect(await sweepBlobs(deps, claims)).toEqual({ blobs: 0, bytes: 0 });
    });
    expect(await blobs.stat(same)).toBeDefined();

    const order: string[] = [];
    const removal = claims.remove(same, async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push("deleted");
    });
    await claims.hold([same], async () => void order.push("recorded"));
    await removal;
    expect(order).toEqual(["deleted", "recorded"]);
    await database.close();
  });
});
