// The first start's key: made once, or chosen by the operator beforehand.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Database } from "../store/database.ts";
import { openDatabase } from "../store/database.ts";
import { ensureAdministrator } from "./first-start.ts";

const ACCOUNT = "000000000000";
const GIVEN =
  "[default]\naws_access_key_id = AKIA0123456789ABCDEF\naws_secret_access_key = 0123456789abcdef0123\n";
let folder: string;
let database: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-first-"));
  database = await openDatabase(":memory:");
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

const keys = () => database.read.selectFrom("access_key").select("id").execute();

test("a file that is there is the operator's choice of key, and is not written: it may be a mounted secret", async () => {
  const file = join(folder, "credentials");
  await writeFile(file, GIVEN);
  await chmod(file, 0o440);
  const before = await stat(file);
  expect(await ensureAdministrator(database, ACCOUNT, file, 1)).toBe(true);
  expect(await keys()).toEqual([{ id: "AKIA0123456789ABCDEF" }]);
  expect(await readFile(file, "utf8")).toBe(GIVEN);
  expect([(await stat(file)).ino, (await stat(file)).mode]).toEqual([before.ino, before.mode]);
});

test("of nodes that start at once one makes the administrator; the others keep no key that opens nothing", async () => {
  const files = ["a", "b", "c"].map((name) => join(folder, name));
  const made = await Promise.all(files.map((file) => ensureAdministrator(database, ACCOUNT, file, 1)));
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await keys()).toHaveLength(1);
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => undefined)));
  expect(texts.map((text) => text !== undefined)).toEqual(made);
});
