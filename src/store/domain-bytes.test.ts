// The bytes of a domain: of this moment where that is cheap, else of a count that is kept for twenty times its length.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { type Database, openDatabase } from "./database.ts";
import { createDomainBytes } from "./domain-bytes.ts";
import { insertDomain } from "./domains.ts";
import { insertPackage } from "./packages.ts";
import { insertRepository } from "./repositories.ts";
import { insertVersion } from "./versions.ts";

/** Makes a domain; `add` publishes a version with one file of so many bytes in it. */
async function fill(db: Database) {
  const { domainId, repositoryId } = await db.write(async (tx) => {
    const owner = "000000000000";
    const domain = await insertDomain(tx, { owner, name: "acme", encryptionKey: "k", createdAt: 1 });
    const { id } = domain as NonNullable<typeof domain>;
    const repository = await insertRepository(tx, {
      domainId: id,
      name: "npm",
      administratorAccount: owner,
      description: undefined,
      createdAt: 1,
    });
    return { domainId: id, repositoryId: repository as number };
  });
  const key = { format: "npm", namespace: "", name: "p" } as const;
  const settings = { publish: "ALLOW", upstream: "ALLOW" } as const;
  const { id } = await db.write((tx) => insertPackage(tx, repositoryId, key, settings, 1));
  const add = (size: number) =>
    db.write((tx) =>
      insertVersion(
        tx,
        id,
        {
          version: `${size}.0.0`,
          status: "Published",
          revision: "r",
          origin: { type: "INTERNAL", entryPoint: "npm" },
          publishedAt: 1,
          upstreamPublishedAt: undefined,
          firstSeenAt: 1,
          storedAt: 1,
          metadata: {},
          document: "",
          brief: "",
        },
        [{ name: "a", size, digests: { md5: "", sha1: "", sha256: `${size}`, sha512: "" }, document: "" }],
      ),
    );
  return { domainId, add };
}

onEveryDatabase("the bytes of a domain", (open) => {
  let db: Database;
  beforeEach(async () => (db = await open()));
  afterEach(() => db.close());

  test("few files: the figure is of this moment, and another domain's is its own", async () => {
    const { domainId, add } = await fill(db);
    const bytes = createDomainBytes(db, Date.now);
    expect(await bytes(domainId)).toBe(0);
    await add(7);
    expect(await bytes(domainId)).toBe(7);
    expect(await bytes(domainId + 1)).toBe(0);
  });

  test("many files: one count for all who ask, kept for twenty times as long as it took", async () => {
    const { domainId, add } = await fill(db);
    await add(7);
    let time = 0;
    let counts = 0;
    const slow: Database = {
      ...db,
      aside(query) {
        time += 100;
        counts++;
        return db.aside(query);
      },
    };
    const bytes = createDomainBytes(slow, () => time, 0);
    expect(await Promise.all([bytes(domainId), bytes(domainId)])).toEqual([7, 7]);
    expect(counts).toBe(1);
    await add(5);
    time = 2_099;
    expect(await bytes(domainId)).toBe(7);
    time = 2_100;
    expect(await bytes(domainId)).toBe(12);
  });
});

test("SQLite: counted on another connection, which sees what is committed and no more", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-bytes-"));
  const db = await openDatabase(join(folder, "db"));
  const { domainId, add } = await fill(db);
  await add(7);
  const counted = await db.write(async (tx) => {
    await tx.deleteFrom("asset").execute();
    return db.aside<{ n: number }>(
      tx
        .selectFrom("asset")
        .select((e) => e.fn.countAll<number>().as("n"))
        .compile(),
    );
  });
  expect(counted).toEqual([{ n: 1 }]);
  expect(await createDomainBytes(db, Date.now, 0)(domainId)).toBe(0);
  const nowhere = db.read.selectFrom("nowhere" as "asset").selectAll();
  await expect(db.aside(nowhere.compile())).rejects.toThrow("no such table");
  await db.close();
  await rm(folder, { recursive: true });
});
