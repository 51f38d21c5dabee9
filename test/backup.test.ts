// Backup beside a running server, and restore: one moment of it, whole, or nothing.
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../src/store/database.ts";
import { migrate } from "../src/store/migrations.ts";
import { openSqlite } from "../src/store/sqlite.ts";
import { dumpRows, fillMuch, hashBlobs, killWhen, namedBlobs } from "./installation.ts";
import {
  BIN,
  ENGINES,
  file,
  filled,
  filledCopy,
  filledPlace,
  folder,
  newPlace,
  portcullis,
} from "./places.ts";
import { startServer } from "./server.ts";

for (const source of ENGINES)
  for (const target of ENGINES)
    test(`a backup of ${source} restored to ${target} has every row, every blob and the files of the data folder`, async () => {
      const there = await filledPlace(source, await filled());
      const before = await dumpRows(there.location);
      const to = await folder();
      await portcullis("backup", ...there.flags, "--to", to);
      const back = await newPlace(target);
      await portcullis("restore", ...back.flags, "--from", to);
      expect(await dumpRows(back.location)).toEqual(before);
      expect(hashBlobs(join(back.data, "blobs"))).toEqual(namedBlobs(before));
      for (const name of ["credentials", "upstreams.json"])
        expect(readFileSync(join(back.data, name), "utf8")).toBe(
          readFileSync(join(await filled(), name), "utf8"),
        );
      const server = await startServer(back.settings, back.data);
      try {
        expect(await server.versions("main", "left")).toEqual(["1.0.0", "1.1.0", "2.0.0-rc.1"]);
        expect((await server.publish("main", { name: "left", version: "9.0.0" })).status).toBe(201);
      } finally {
        await server.close();
      }
    });

describe("several backups in one folder", () => {
  test("only what is new is copied; each one restores to its own moment", async () => {
    const data = await filledCopy();
    const to = await folder();
    expect(await portcullis("backup", "--data", data, "--to", to)).toMatch(
      /(\d+) blobs .*, \1 of them copied now/,
    );
    const before = await dumpRows(file(data));
    const server = await startServer({}, data);
    await server.publish("main", { name: "left", version: "3.0.0" });
    await server.close();
    expect(await portcullis("backup", "--data", data, "--to", to)).toContain(", 1 of them copied now");
    const [first = ""] = readdirSync(to).sort();
    const [old, latest] = [join(await folder(), "data"), join(await folder(), "data")];
    await portcullis("restore", "--data", old, "--from", to, "--at", first);
    await portcullis("restore", "--data", latest, "--from", to);
    expect(await dumpRows(file(old))).toEqual(before);
    expect(await dumpRows(file(latest))).toEqual(await dumpRows(file(data)));
    expect(hashBlobs(join(old, "blobs"))).toEqual(namedBlobs(before));
  });

  test("--check finds a copy that went bad in the folder, and puts it right", async () => {
    const data = await filledCopy();
    const to = await folder();
    await portcullis("backup", "--data", data, "--to", to);
    const [path] = blobFiles(to);
    const bytes = readFileSync(path);
    bytes[0] = (bytes[0] as number) ^ 1;
    await writeFile(path, bytes);
    expect(await portcullis("backup", "--data", data, "--to", to)).toContain(", 0 of them copied now");
    expect(await portcullis("backup", "--data", data, "--to", to, "--check")).toContain(
      ", 1 of them copied now",
    );
    expect(hashBlobs(join(to, "blobs"))).toEqual(namedBlobs(await dumpRows(file(data))));
  });

  test("one that was killed is none; those before it restore, and the next one comes out whole", async () => {
    const data = await filledCopy();
    const to = await folder();
    await portcullis("backup", "--data", data, "--to", to);
    await fillMuch(data, 1_000, 1_500);
    const held = blobFiles(to).length;
    await killWhen(BIN, ["backup", "--data", data, "--to", to], async () => blobFiles(to).length > held + 50);
    const finished = readdirSync(to).filter((name) => existsSync(join(to, name, "manifest.json")));
    expect(finished).toHaveLength(1);
    const old = join(await folder(), "data");
    await portcullis("restore", "--data", old, "--from", to);
    expect(await dumpRows(file(old))).toEqual(await dumpRows(file(await filled())));
    const database = await openDatabase(file(data));
    await database.write((tx) => tx.deleteFrom("lease").execute()); // as it runs out, within a minute
    await database.close();
    await portcullis("backup", "--data", data, "--to", to);
    const back = join(await folder(), "data");
    await portcullis("restore", "--data", back, "--from", to);
    expect(await dumpRows(file(back))).toEqual(await dumpRows(file(data)));
    expect(hashBlobs(join(back, "blobs"))).toEqual(namedBlobs(await dumpRows(file(data))));
  }, 60_000);
});

function blobFiles(to: string): [string, ...string[]] {
  const entries = readdirSync(join(to, "blobs", "sha256"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort() as [string, ...string[]];
}

describe("damage", () => {
  test("a blob that the server has lost or that rotted ends the backup by name; --allow-damage lists it and goes on", async () => {
    const data = await filledCopy();
    const [rotten = "", lost = ""] = namedBlobs(await dumpRows(file(data)));
    const path = (sha256: string): string => join(data, "blobs/sha256", sha256.slice(0, 2), sha256);
    const bytes = readFileSync(path(rotten));
    bytes[0] = (bytes[0] as number) ^ 1;
    await writeFile(path(rotten), bytes);
    await rm(path(lost));
    const to = await folder();
    const refused = portcullis("backup", "--data", data, "--to", to);
    await expect(refused).rejects.toThrow(new RegExp(`${rotten}: its bytes hash to[^]*${lost}: missing`));
    expect(readdirSync(to)).toEqual(["blobs"]);
    const told = await portcullis("backup", "--data", data, "--to", to, "--allow-damage");
    expect(told).toContain(`not in the backup: ${lost}: missing`);
    const back = join(await folder(), "data");
    expect(await portcullis("restore", "--data", back, "--from", to)).toContain(
      `not in the backup: ${rotten}`,
    );
    expect(await dumpRows(file(back))).toEqual(await dumpRows(file(data)));
  });

  test("a blob of the backup that is damaged is refused by its file's name, nothing is served, and mended it goes on", async () => {
    const to = await folder();
    await portcullis("backup", "--data", await filledCopy(), "--to", to);
    const [path] = blobFiles(to);
    const bytes = readFileSync(path);
    const wrong = Buffer.from(bytes);
    wrong[0] = (wrong[0] as number) ^ 1;
    await writeFile(path, wrong);
    const back = join(await folder(), "data");
    await expect(portcullis("restore", "--data", back, "--from", to)).rejects.toThrow(path);
    await expect(startServer({}, back)).rejects.toThrow("half filled");
    await writeFile(path, bytes);
    await portcullis("restore", "--data", back, "--from", to);
    expect(await dumpRows(file(back))).toEqual(await dumpRows(file(await filled())));
  });

  test("rows that are damaged are refused by their file's name before anything is written", async () => {
    const to = await folder();
    await portcullis("backup", "--data", await filledCopy(), "--to", to);
    const [name = ""] = readdirSync(to).filter((each) => each !== "blobs");
    const path = join(to, name, "rows", "asset.jsonl.gz");
    truncateSync(path, statSync(path).size - 1);
    const back = join(await folder(), "data");
    await expect(portcullis("restore", "--data", back, "--from", to)).rejects.toThrow(`${path} is damaged`);
    expect(existsSync(file(back))).toBe(false);
  });
});

test("only the owner may read a backup: it holds keys", async () => {
  const to = join(await folder(), "backups");
  await portcullis("backup", "--data", await filledCopy(), "--to", to);
  const [name = ""] = readdirSync(to).filter((each) => each !== "blobs");
  for (const each of ["", "blobs", name]) expect(statSync(join(to, each)).mode & 0o077, each).toBe(0);
  expect(statSync(join(to, name, "files", "credentials")).mode & 0o077).toBe(0);
});

for (const engine of ENGINES)
  test(`restore to ${engine} refuses a place that holds anything`, async () => {
    const to = await folder();
    await portcullis("backup", "--data", await filledCopy(), "--to", to);
    const place = await newPlace(engine);
    await (await openDatabase(place.location)).close();
    await portcullis("user", "list", ...place.flags);
    const before = await dumpRows(place.location);
    await expect(portcullis("restore", ...place.flags, "--from", to)).rejects.toThrow(
      "is not empty: it holds rows of principal",
    );
    expect(await dumpRows(place.location)).toEqual(before);
  });

for (const engine of ENGINES)
  test(`a backup of an older schema is brought to the current one on ${engine}`, async () => {
    const data = await folder();
    const old = openSqlite(file(data));
    await migrate(old.read, old.engine, ["0001-foundation", "0002-package-groups"]);
    await old.read
      .insertInto("principal")
      .values({
        account: "000000000000",
        name: "old",
        arn: "arn:old",
        policies: "[]",
        created_at: 1,
      })
      .execute();
    await old.close();
    const to = await folder();
    await portcullis("backup", "--data", data, "--to", to);
    const place = await newPlace(engine);
    await portcullis("restore", ...place.flags, "--from", to);
    const database = await openDatabase(place.location);
    const principal = await database.read.selectFrom("principal").selectAll().executeTakeFirstOrThrow();
    await database.close();
    expect(principal).toMatchObject({ name: "old", kind: "user", session_seconds_max: 3_600 });
  });

test("a backup of a newer version is refused", async () => {
  const to = await folder();
  await portcullis("backup", "--data", await filledCopy(), "--to", to);
  const [name = ""] = readdirSync(to).filter((each) => each !== "blobs");
  const path = join(to, name, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as { migrations: string[] };
  manifest.migrations.push("9999-to-come");
  await writeFile(path, JSON.stringify(manifest));
  const back = portcullis("restore", "--data", join(await folder(), "data"), "--from", to);
  await expect(back).rejects.toThrow("9999-to-come is of a newer version");
});

test("a backup waits for no sweep that never ends: it says who is in its way", async () => {
  const data = await filledCopy();
  const database = await openDatabase(file(data));
  await database.write((tx) =>
    tx
      .insertInto("lease")
      .values({ name: "blob-deletion", owner: "x", expires_at: 2 ** 50 })
      .execute(),
  );
  await database.close();
  const to = await folder();
  await expect(portcullis("backup", "--data", data, "--to", to, "--wait-seconds", "1")).rejects.toThrow(
    "try again",
  );
  expect(readdirSync(to)).toEqual([]);
});
