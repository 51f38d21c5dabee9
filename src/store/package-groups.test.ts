// 2.7.5, 3.5: groups and their lists are kept, and leave with what they belong to, on both databases.
import { afterEach, beforeEach, expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import type { Database } from "./database.ts";
import { insertDomain, loadSnapshot } from "./domains.ts";
import { appendDomainJournal } from "./journal.ts";
import type { GroupModes } from "./package-groups.ts";
import {
  deleteAllowed,
  deleteGroup,
  insertAllowed,
  insertGroup,
  listPackageNames,
  loadGroups,
  updateGroup,
  updateModes,
} from "./package-groups.ts";
import { deleteRepository, insertRepository } from "./repositories.ts";

const OWNER = "000000000000";
const INHERIT: GroupModes = {
  PUBLISH: "INHERIT",
  EXTERNAL_UPSTREAM: "INHERIT",
  INTERNAL_UPSTREAM: "INHERIT",
};

onEveryDatabase("package groups", (open) => {
  let db: Database;
  let domainId: number;
  let r1: number;
  let r2: number;

  beforeEach(async () => {
    db = await open();
    const repository = (name: string) =>
      db.write(
        async (tx) =>
          (await insertRepository(tx, {
            domainId,
            name,
            administratorAccount: OWNER,
            description: undefined,
            createdAt: 1,
          })) ?? 0,
      );
    domainId =
      (
        await db.write((tx) =>
          insertDomain(tx, { owner: OWNER, name: "d1", encryptionKey: "k", createdAt: 1 }),
        )
      )?.id ?? 0;
    r1 = await repository("r1");
    r2 = await repository("r2");
  });
  afterEach(() => db.close());

  async function group(pattern: string): Promise<number> {
    await db.write((tx) =>
      insertGroup(
        tx,
        domainId,
        { pattern, contactInfo: "me", description: undefined, createdAt: 2 },
        INHERIT,
      ),
    );
    return (await loadGroups(db.read, domainId)).find((g) => g.pattern === pattern)?.id ?? 0;
  }
  const found = async (pattern: string) => (await loadSnapshot(db.read, OWNER, "d1"))?.groups.find(pattern);

  test("what was written is what the domain's snapshot holds", async () => {
    const id = await group("/npm/*");
    await db.write(async (tx) => {
      await updateModes(tx, id, { ...INHERIT, PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" });
      await insertAllowed(tx, id, "PUBLISH", [r1, r2]);
      await insertAllowed(tx, id, "EXTERNAL_UPSTREAM", [r2]);
      await deleteAllowed(tx, id, "PUBLISH", [r2]);
      await updateGroup(tx, id, { description: "new" });
    });
    expect(await found("/npm/*")).toEqual({
      id,
      pattern: "/npm/*",
      contactInfo: "me",
      description: "new",
      createdAt: 2,
      modes: { ...INHERIT, PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
      allowedRepositories: {
        PUBLISH: new Set(["r1"]),
        EXTERNAL_UPSTREAM: new Set(["r2"]),
        INTERNAL_UPSTREAM: new Set(),
      },
    });
    expect((await found("/*"))?.allowedRepositories.PUBLISH.size).toBe(0);
  });

  test("a deleted repository leaves every list, and one that comes after it under its name is on none", async () => {
    const id = await group("/npm/*");
    await db.write((tx) => insertAllowed(tx, id, "PUBLISH", [r1, r2]));
    await db.write(async (tx) => {
      await deleteRepository(tx, r1);
      await insertRepository(tx, {
        domainId,
        name: "r1",
        administratorAccount: OWNER,
        description: undefined,
        createdAt: 3,
      });
    });
    expect((await found("/npm/*"))?.allowedRepositories.PUBLISH).toEqual(new Set(["r2"]));
  });

  test("a deleted group is gone with its lists", async () => {
    const id = await group("/npm/*");
    await db.write((tx) => insertAllowed(tx, id, "PUBLISH", [r1]));
    await db.write((tx) => deleteGroup(tx, id));
    expect(await found("/npm/*")).toBeUndefined();
    expect(await db.read.selectFrom("package_group_allowed").selectAll().execute()).toEqual([]);
  });

  test("patterns differ by case (3.4.5); the same pattern twice is refused", async () => {
    await group("/npm//a$");
    await group("/npm//A$");
    await expect(group("/npm//a$")).rejects.toThrow();
  });

  test("a journal line about the domain names no package", async () => {
    await db.write((tx) =>
      appendDomainJournal(tx, {
        at: 5,
        event: "group-created",
        domainId,
        actor: "a",
        requestId: "r",
        detail: { pattern: "/npm/*" },
      }),
    );
    const [row] = await db.read.selectFrom("journal").selectAll().execute();
    expect(row).toMatchObject({
      event: "group-created",
      domain_id: domainId,
      package: "",
      detail: '{"pattern":"/npm/*"}',
    });
  });

  test("3.5.6 names of several repositories come in the database's order, each once, whatever the stretch", async () => {
    const letters = ["a", "B", "é", "\uffee", "\u{1F4E6}", "-"]; // the last but one is beyond UTF-16's first plane
    const names = letters.flatMap((x) => letters.flatMap((y) => letters.map((z) => `${x}${y}${z}`)));
    const rowsOf = (repositoryId: number, some: readonly string[]) =>
      some.map((name) => ({
        repository_id: repositoryId,
        format: "npm",
        namespace: "",
        name,
        publish: "ALLOW" as const,
        upstream: "BLOCK" as const,
        revision: 0,
        created_at: 1,
      }));
    const first = rowsOf(r1, names.slice(0, 150));
    const second = rowsOf(r2, names.slice(30));
    await db.write((tx) =>
      tx
        .insertInto("package")
        .values([...first, ...second])
        .execute(),
    );
    const query = db.read.selectFrom("package").select("name").distinct().orderBy("name");
    const expected = (await query.execute()).map(({ name }) => name);
    const walked: string[] = [];
    let after: Parameters<typeof listPackageNames>[3];
    for (let last = false; !last; ) {
      const stretch = await listPackageNames(db.read, [r1, r2], "npm", after, 10);
      expect(stretch.last || stretch.keys.length > 0).toBe(true);
      walked.push(...stretch.keys.map(({ name }) => name));
      after = stretch.keys.at(-1);
      last = stretch.last;
    }
    expect(walked).toEqual(expected);
    expect((await listPackageNames(db.read, [r1, r2], "pypi", undefined, 10)).keys).toEqual([]);
    expect(await listPackageNames(db.read, [], undefined, undefined, 10)).toEqual({ keys: [], last: true });
  });
});
