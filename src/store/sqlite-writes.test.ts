// Writes that wait at one time share a commit: each stands alone, and none is answered before the commit.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, isUniqueViolation, openDatabase, type Queries } from "./database.ts";
import { readSetting } from "./settings.ts";

let folder: string;
let database: Database;
let stranger: DatabaseSync;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-writes-"));
  const path = join(folder, "db");
  database = await openDatabase(path);
  stranger = new DatabaseSync(path, { readOnly: true });
});
afterEach(async () => {
  stranger.close();
  await database.close();
  await rm(folder, { recursive: true });
});

const insert = async (tx: Queries, key: string, value = "1"): Promise<void> =>
  void (await tx.insertInto("server_setting").values({ key, value }).execute());
const put = (key: string, value?: string): Promise<void> => database.write((tx) => insert(tx, key, value));
/** As another connection sees it: committed, or not there. */
const isCommitted = (key: string): boolean =>
  stranger.prepare("select 1 from server_setting where key = ?").get(key) !== undefined;

test("the next one sees what waits for the same commit, others do not, and each is answered after it", async () => {
  const first = put("first").then(() => isCommitted("first"));
  const second = database.write(async (tx) => ({
    seen: await readSetting(tx, "first"),
    committed: isCommitted("first"),
  }));
  expect(await first).toBe(true);
  expect(await second).toEqual({ seen: "1", committed: false });
});

test("one that fails, wherever it stands, takes nothing with it and leaves nothing behind", async () => {
  for (const place of [0, 1, 2]) {
    const key = (n: number) => `${place}-${n}`;
    const writes = [0, 1, 2].map((n) =>
      database.write(async (tx) => {
        await insert(tx, key(n));
        if (n === place) throw new Error("changed its mind");
      }),
    );
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status === "rejected")).toEqual([0, 1, 2].map((n) => n === place));
    expect([0, 1, 2].map((n) => isCommitted(key(n)))).toEqual([0, 1, 2].map((n) => n !== place));
  }
});

test("of two that want the same key one gets it, and the other is told so", async () => {
  const [one, other] = await Promise.allSettled([put("k", "one"), put("k", "other")]);
  expect(one.status).toBe("fulfilled");
  expect(isUniqueViolation((other as PromiseRejectedResult).reason)).toBe(true);
  expect(await readSetting(database.read, "k")).toBe("one");
});

test("a disk that fills up in the middle fails all of them, and nothing of them is recorded", async () => {
  await sql`pragma max_page_count = 1`.execute(database.read); // as many as there are
  const outcomes = await Promise.allSettled([put("a"), put("b", "b".repeat(1_000_000)), put("c")]);
  expect(outcomes.slice(0, 2)).toEqual(
    ["a", "b"].map(() => ({
      status: "rejected",
      reason: expect.objectContaining({ code: "ServiceUnavailable", status: 507 }),
    })),
  );
  expect([isCommitted("a"), isCommitted("b")]).toEqual([false, false]);
  expect(isCommitted("c")).toBe(outcomes[2].status === "fulfilled"); // it had its own turn
});

test("a crowd is answered whole and in order, more than one transaction takes", async () => {
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      put(String(n))
        .then(() => expect(isCommitted(String(n))).toBe(true))
        .then(() => order.push(n)),
    ),
  );
  expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
});
