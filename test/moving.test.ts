// Moving an installation: everything arrives, a kill loses nothing, and nothing that is there is overwritten.
import { appendFileSync, existsSync, readdirSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createDiskStore } from "../src/blobs/disk.ts";
import { migratePlace } from "../src/moving/migrate.ts";
import { readPlace } from "../src/moving/places.ts";
import { createProgress } from "../src/moving/progress.ts";
import { openSnapshot } from "../src/moving/snapshot.ts";
import { LEFT_BEHIND } from "../src/moving/tables.ts";
import { openDatabase } from "../src/store/database.ts";
import { freshPostgres } from "./databases.ts";
import { CARRIED, dumpRows, fillMuch, hashBlobs, killWhen, namedBlobs, TABLES } from "./installation.ts";
import { BIN, ENGINES, file, filled, filledCopy, folder, newPlace, POSTGRES } from "./places.ts";
import { startServer } from "./server.ts";

async function migrate(
  from: string,
  to: readonly string[],
  flags: { ahead?: boolean; check?: boolean } = {},
) {
  const source = readPlace([from], "/");
  return migratePlace({
    from: source,
    to: readPlace(to, "/", source),
    ahead: flags.ahead ?? false,
    check: flags.check ?? false,
    progress: createProgress({ write: () => undefined }),
  });
}

test("every table of the schema is carried, or named with the reason why not", async () => {
  expect(TABLES.length).toBeGreaterThan(25);
  for (const location of [
    file(await filled()),
    ...(POSTGRES === undefined ? [] : [await freshPostgres(POSTGRES)]),
  ]) {
    await (await openDatabase(location)).close();
    const snapshot = await openSnapshot(location);
    const carried = snapshot.tables.map(({ name }) => name);
    await snapshot.close();
    expect(carried.toSorted()).toEqual(CARRIED.toSorted());
    expect(carried.indexOf("asset")).toBeGreaterThan(carried.indexOf("package_version"));
  }
  const db = new DatabaseSync(file(await filled()), { readOnly: true });
  const known = db.prepare("select name from sqlite_master where type = 'table'").all();
  db.close();
  const names = known.map(({ name }) => String(name)); // SQLite has all that PostgreSQL has
  const unknown = Object.keys(LEFT_BEHIND).filter((name) => !names.includes(name));
  expect(unknown.filter((name) => !name.startsWith("kysely_"))).toEqual([]);
});

test("the installation of these tests has a row in every table that is carried", async () => {
  const rows = await dumpRows(file(await filled()));
  expect(Object.entries(rows).flatMap(([table, found]) => (found.length === 0 ? [table] : []))).toEqual([]);
});

for (const engine of ENGINES)
  describe(`to ${engine}`, () => {
    test("all rows and blobs arrive, ids go on where they had come to, and the moved server serves and takes in", async () => {
      const source = await filledCopy();
      const before = await dumpRows(file(source));
      const target = await newPlace(engine);
      const { contents } = await migrate(source, target.words);
      expect(contents.copied).toBe(contents.blobs);
      expect(await dumpRows(target.location)).toEqual(before);
      expect(hashBlobs(join(target.data, "blobs"))).toEqual(namedBlobs(before));

      const server = await startServer(target.settings, target.data);
      try {
        expect(await server.versions("main", "left")).toEqual(["1.0.0", "1.1.0", "2.0.0-rc.1"]);
        expect((await server.tarball("main", "@scope/right", "1.1.0")).status).toBe(200);
        expect((await server.publish("main", { name: "fresh", version: "1.0.0" })).status).toBe(201);
      } finally {
        await server.close();
      }
      const ids = (rows: Readonly<Record<string, readonly string[]>>): number[] =>
        (rows.package ?? []).map((line) => Number((JSON.parse(line) as { id: string }).id));
      const given = ids(before);
      const [fresh] = ids(await dumpRows(target.location)).filter((id) => !given.includes(id));
      expect(fresh).toBeGreaterThan(Math.max(...given) + 1); // the package that was deleted had the next one
    });

    test("a target that holds anything is refused, and nothing of it is changed", async () => {
      const target = await newPlace(engine);
      await mkdir(target.data, { recursive: true });
      await (await startServer(target.settings, target.data)).close();
      const before = await dumpRows(target.location);
      await expect(migrate(await filledCopy(), target.words)).rejects.toThrow(
        /is not empty: it holds rows of .*principal/,
      );
      expect(await dumpRows(target.location)).toEqual(before);
    });

    test("blobs that the source does not speak of are not mixed with its own", async () => {
      const target = await newPlace(engine);
      const store = await createDiskStore({ directory: join(target.data, "blobs") });
      const writer = await store.create();
      await writer.write(Buffer.from("somebody else's"));
      const { digests } = await writer.finish();
      await writer.commit();
      writer.release();
      await store.close();
      await expect(migrate(await filledCopy(), target.words)).rejects.toThrow(digests.sha256);
    });

    test("a blob that the source lacks ends it by name, and the target is not served; mended, the same command ends the move", async () => {
      const source = await filledCopy();
      const target = await newPlace(engine);
      const [sha256 = ""] = namedBlobs(await dumpRows(file(source)));
      const path = join(source, "blobs/sha256", sha256.slice(0, 2), sha256);
      appendFileSync(path, "x");
      await expect(migrate(source, target.words)).rejects.toThrow(`${sha256}: `);
      await expect(openDatabase(target.location)).rejects.toThrow("half filled");
      await cp(join(await filled(), "blobs"), join(source, "blobs"), { recursive: true });
      expect((await migrate(source, target.words)).contents.copied).toBe(1);
      expect(await dumpRows(target.location)).toEqual(await dumpRows(file(source)));
    });

    test("killed among the rows and killed among the blobs, it goes on; nothing serves the half of it", async () => {
      const source = await filledCopy();
      await fillMuch(source, 30_000, 1_500);
      const before = await dumpRows(file(source));
      const target = await newPlace(engine);
      const rows = (): Promise<number> => countJournal(target.location);
      await killWhen(
        BIN,
        ["migrate", "--from", source, "--to", ...target.words],
        async () => (await rows()) > 2_000,
      );
      expect(await rows()).toBeLessThan(30_000);
      await expect(openDatabase(target.location)).rejects.toThrow("half filled");

      const blobs = (): number => countFiles(join(target.data, "blobs/sha256"));
      await killWhen(BIN, ["migrate", "--from", source, "--to", ...target.words], async () => blobs() > 50);
      expect(blobs()).toBeLessThan(1_500);
      await expect(openDatabase(target.location)).rejects.toThrow("half filled");

      const { contents } = await migrate(source, target.words);
      expect(contents.copied).toBeLessThan(contents.blobs);
      expect(await dumpRows(target.location)).toEqual(before);
      expect(hashBlobs(join(target.data, "blobs"))).toEqual(namedBlobs(before));
    }, 120_000);

    test("ahead of the stop, then the difference: what was added, changed and deleted meanwhile is carried", async () => {
      const source = await filledCopy();
      const target = await newPlace(engine);
      const server = await startServer({}, source);
      try {
        await expect(migrate(source, target.words)).rejects.toThrow("is open elsewhere: stop the server");
        await migrate(source, target.words, { ahead: true });
        await expect(openDatabase(target.location)).rejects.toThrow("half filled");
        expect((await server.publish("main", { name: "left", version: "3.0.0" })).status).toBe(201);
        const right = {
          domain: "acme",
          repository: "main",
          format: "npm",
          namespace: "scope",
          package: "right",
        };
        await server.client.deletePackage(right as never);
        await server.client.updateRepository({ domain: "acme", repository: "base", description: "changed" });
      } finally {
        await server.close();
      }
      const { contents } = await migrate(source, target.words);
      expect(contents.copied).toBe(1);
      expect(await dumpRows(target.location)).toEqual(await dumpRows(file(source)));
    });
  });

test.skipIf(POSTGRES === undefined)("from PostgreSQL back to a folder, everything arrives", async () => {
  const there = await freshPostgres(POSTGRES as string);
  const source = await filledCopy();
  await migrate(source, [there]);
  const before = await dumpRows(there);
  const back = join(await folder(), "data");
  const from = readPlace([there, source], "/");
  const progress = createProgress({ write: () => undefined });
  await migratePlace({ from, to: readPlace([back], "/", from), ahead: false, check: true, progress });
  expect(await dumpRows(file(back))).toEqual(before);
  expect(hashBlobs(join(back, "blobs"))).toEqual(namedBlobs(before));
});

test.skipIf(POSTGRES === undefined)(
  "a database that a server is connected to is refused as a source",
  async () => {
    const there = await freshPostgres(POSTGRES as string);
    const source = await filledCopy();
    await migrate(source, [there]);
    const server = await startServer({ database: there }, source);
    const from = readPlace([there, source], "/");
    const to = readPlace([join(await folder(), "data")], "/", from);
    const progress = createProgress({ write: () => undefined });
    try {
      await expect(migratePlace({ from, to, ahead: false, check: false, progress })).rejects.toThrow(
        "is in use from",
      );
    } finally {
      await server.close();
    }
  },
);

test.skipIf(POSTGRES === undefined)(
  "text that PostgreSQL cannot keep is told by table, row and column",
  async () => {
    const source = await filledCopy();
    const database = await openDatabase(file(source));
    await database.write((tx) =>
      tx.updateTable("repository").set({ description: "a\0b" }).where("name", "=", "base").execute(),
    );
    await database.close();
    await expect(migrate(source, [await freshPostgres(POSTGRES as string)])).rejects.toThrow(
      /repository \d+: 'description' holds a NUL character/,
    );
  },
);

test("no server can start on a SQLite source while it is carried", async () => {
  const source = await filledCopy();
  const held = await openSnapshot(file(source), { alone: true });
  try {
    await expect(openDatabase(file(source))).rejects.toThrow(/locked|busy|not answer/i);
  } finally {
    await held.close();
  }
  await (await openDatabase(file(source))).close();
}, 60_000);

async function countJournal(location: string): Promise<number> {
  if (!location.startsWith("postgres") && !existsSync(location)) return 0;
  return (await dumpRows(location).catch(() => undefined))?.journal?.length ?? 0;
}

function countFiles(directory: string): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}
