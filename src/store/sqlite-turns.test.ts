// Writers of several processes over one SQLite file, shown with two connections: waiting stops nobody, and ends in a 503.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { readSetting } from "./settings.ts";
import { BUSY, createTurns } from "./sqlite-turns.ts";

let folder = "";
const opened: Database[] = [];

async function open(): Promise<Database> {
  folder ||= await mkdtemp(join(tmpdir(), "portcullis-turns-"));
  const database = await openDatabase(join(folder, "shared.sqlite"));
  opened.push(database);
  return database;
}

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  await rm(folder, { recursive: true, force: true });
  folder = "";
});

function put(database: Database, key: string, held: Promise<void> = Promise.resolve()): Promise<void> {
  return database.write(async (tx) => {
    await tx.insertInto("server_setting").values({ key, value: "v" }).execute();
    await held;
  });
}

test("a process that waits for another's write goes on reading, and writes when the other has ended", async () => {
  const one = await open();
  const two = await open();
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const first = put(one, "first", held);
  let second = "waits";
  const waiting = put(two, "second").then(() => (second = "written"));
  for (let i = 0; i < 50; i++) {
    expect(await readSetting(two.read, "second")).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 1)); // the thread is free: timers fire
  }
  expect(second).toBe("waits");
  letGo();
  await Promise.all([first, waiting]);
  expect(await readSetting(one.read, "second")).toBe("v");
});

test("writes of one process are taken in the order in which they came", async () => {
  const database = await open();
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      database.write(async (tx) => {
        await readSetting(tx, "any");
        order.push(n);
      }),
    ),
  );
  expect(order).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test("a write that fails leaves the turn to the next, and nothing behind", async () => {
  const database = await open();
  const failing = database.write(async (tx) => {
    await tx.insertInto("server_setting").values({ key: "lost", value: "v" }).execute();
    throw new Error("changed its mind");
  });
  const next = put(database, "next");
  await expect(failing).rejects.toThrow("changed its mind");
  await next;
  expect(await readSetting(database.read, "lost")).toBeUndefined();
  expect(await readSetting(database.read, "next")).toBe("v");
});

test("a writer that never gets its turn is a 503 to be sent again, not a 500; the next one is asked for again", async () => {
  const turn = createTurns(5);
  await expect(turn(() => Promise.resolve<typeof BUSY>(BUSY))).rejects.toMatchObject({
    code: "ServiceUnavailable",
    status: 503,
    detail: { retryAfterSeconds: 1 },
  });
  expect(await turn(() => Promise.resolve("mine"))).toBe("mine");
});
