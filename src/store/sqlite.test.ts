// SQLite in trouble, for real: a disk that is full, a file that may not be written.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { readSetting } from "./settings.ts";

let folder: string;
let database: Database;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-sqlite-"));
  database = await openDatabase(join(folder, "db"));
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

const put = (key: string, value = "1"): Promise<void> =>
  database.write(async (tx) => void (await tx.insertInto("server_setting").values({ key, value }).execute()));
const unavailable = (status: number, message: RegExp) =>
  expect.objectContaining({
    code: "ServiceUnavailable",
    status,
    message: expect.stringMatching(message),
  });

test("a file that may not be written: a 503, and reads go on", async () => {
  await sql`pragma query_only = on`.execute(database.read);
  await expect(put("x")).rejects.toEqual(unavailable(503, /cannot be written. Nothing was recorded/));
  expect(await readSetting(database.read, "x")).toBeUndefined();
  await sql`pragma query_only = off`.execute(database.read);
  await put("x");
});

test("a full disk: a 507 that says what to do, nothing recorded, and writing goes on when there is room", async () => {
  await sql`pragma max_page_count = 1`.execute(database.read); // as many as there are
  await expect(put("x", "x".repeat(1_000_000))).rejects.toEqual(unavailable(507, /disk is full.*make room/));
  expect(await readSetting(database.read, "x")).toBeUndefined();
  await sql`pragma max_page_count = 1000000`.execute(database.read);
  await put("x");
  expect(await readSetting(database.read, "x")).toBe("1");
});
