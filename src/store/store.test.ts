// Every row's promise, on both databases.
import { afterEach, beforeEach, expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { referencedContents } from "./contents.ts";
import type { Database } from "./database.ts";
import { isUniqueViolation } from "./database.ts";
import { createDomainBytes } from "./domain-bytes.ts";
import { findDomain, insertDomain, listDomains, loadSnapshot, touchDomain } from "./domains.ts";
import { findAccessKey, findToken, insertAccessKey, insertPrincipal, insertToken } from "./identities.ts";
import { appendJournal, readJournal } from "./journal.ts";
import { migrate } from "./migrations.ts";
import {
  deleteTag,
  findPackage,
  findPackages,
  findTags,
  insertPackage,
  listPackages,
  searchPackages,
  touchPackage,
  updateSettings,
  upsertTags,
} from "./packages.ts";
import { insertConnection, insertRepository, listRepositories, replaceUpstreams } from "./repositories.ts";
import { settingOnce } from "./settings.ts";
import { readSightings, recordSightings } from "./sightings.ts";
import type { NewVersion } from "./versions.ts";
import {
  findAssets,
  findVersion,
  findVersions,
  insertVersion,
  listVersions,
  newestPublished,
} from "./versions.ts";

const OWNER = "000000000000";
const OPEN = { publish: "ALLOW", upstream: "ALLOW" } as const;
const npm = (name: string, namespace = ""): PackageKey => ({ format: "npm", namespace, name });

onEveryDatabase("the store", (open) => {
  let db: Database;
  beforeEach(async () => {
    db = await open();
  });
  afterEach(() => db.close());

  async function repository(name = "r1", domainName = "d1"): Promise<{ domainId: number; id: number }> {
    return db.write(async (tx) => {
      const domain =
        (await findDomain(tx, OWNER, domainName)) ??
        (await insertDomain(tx, { owner: OWNER, name: domainName, encryptionKey: "k", createdAt: 1 }));
      const domainId = (domain as { id: number }).id;
      const id = await insertRepository(tx, {
        domainId,
        name,
        administratorAccount: OWNER,
        description: undefined,
        createdAt: 2,
      });
      return { domainId, id: id as number };
    });
  }

  function version(number: string, at: number): NewVersion {
    return {
      version: number,
      status: "Published",
      revision: `rev-${number}`,
      origin: { type: "INTERNAL", entryPoint: "r1" },
      publishedAt: at,
      upstreamPublishedAt: undefined,
      firstSeenAt: at + 1,
      storedAt: at + 2,
      metadata: { summary: "s" },
      document: "{}",
      brief: "{}",
    };
  }

  const asset = (name: string, sha256: string, size = 10) => ({
    name,
    size,
    digests: { md5: "m", sha1: "s", sha256, sha512: "x" },
    document: "",
  });

  test("migrating an up-to-date database changes nothing", async () => {
    await repository();
    await migrate(db.read, db.engine);
    expect(await findDomain(db.read, OWNER, "d1")).toMatchObject({ name: "d1", revision: 1 });
  });

  test("a failed transaction leaves nothing behind", async () => {
    await expect(
      db.write(async (tx) => {
        await insertDomain(tx, { owner: OWNER, name: "gone", encryptionKey: "k", createdAt: 1 });
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await findDomain(db.read, OWNER, "gone")).toBeUndefined();
  });

  test("transactions that come together fail alone: the others' rows are all there", async () => {
    const make = (name: string, fail: boolean) =>
      db.write(async (tx) => {
        await insertDomain(tx, { owner: OWNER, name, encryptionKey: "k", createdAt: 1 });
        if (fail) throw new Error(`${name} fails`);
        return name;
      });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 70 }, (_, i) => make(`d${i}`, i % 3 === 0)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      outcomes.map((_, i) => (i % 3 === 0 ? "rejected" : "fulfilled")),
    );
    const names = (await listDomains(db.read, OWNER, "", 100)).map(({ name }) => name);
    expect(names.sort()).toEqual(outcomes.flatMap((o) => (o.status === "fulfilled" ? [o.value] : [])).sort());
  });

  test("a taken key is told apart from other failures, and does not poison a later transaction", async () => {
    const { id } = await repository();
    await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    const error = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1)).catch((e: unknown) => e);
    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(new Error("other"))).toBe(false);
    expect(await findPackage(db.read, id, npm("p"))).toBeDefined();
  });

  test("1.3.7, 2.7.3: a new domain has a root group that allows all three ways", async () => {
    await repository();
    const snapshot = await loadSnapshot(db.read, OWNER, "d1");
    expect(snapshot?.groups.find("/*")).toMatchObject({
      pattern: "/*",
      modes: { PUBLISH: "ALLOW", EXTERNAL_UPSTREAM: "ALLOW", INTERNAL_UPSTREAM: "ALLOW" },
    });
  });

  test("a snapshot holds repositories with upstreams in order and connections; its revision grows with every change", async () => {
    const r1 = await repository("r1");
    const r2 = await repository("r2");
    const r3 = await repository("r3");
    await db.write(async (tx) => {
      await replaceUpstreams(tx, r1.id, [r3.id, r2.id]);
      await insertConnection(tx, r3.id, "public:npmjs");
      await touchDomain(tx, r1.domainId);
    });
    const snapshot = await loadSnapshot(db.read, OWNER, "d1");
    expect(snapshot?.byName.get("r1")?.upstreams).toEqual([r3.id, r2.id]);
    expect(snapshot?.byName.get("r3")?.connections).toEqual(["public:npmjs"]);
    expect(snapshot?.revision).toBe(2);
  });

  test("domains and repositories page by name, byte for byte, whatever the database's collation", async () => {
    for (const name of ["b-b", "ba", "b0"]) await repository("Zeta", name);
    for (const name of ["a.b", "a_b", "aB"]) await repository(name, "ba");
    expect((await listDomains(db.read, OWNER, "", 10)).map(({ name }) => name)).toEqual(["b-b", "b0", "ba"]);
    expect((await listDomains(db.read, OWNER, "b-b", 1)).map(({ name }) => name)).toEqual(["b0"]);
    const names = (await listRepositories(db.read, { owner: OWNER }, { domain: "ba", name: "" }, 10)).map(
      ({ name }) => name,
    );
    expect(names).toEqual(["Zeta", "a.b", "aB", "a_b"]);
    expect(
      await listRepositories(db.read, { owner: OWNER, prefix: "a_" }, { domain: "", name: "" }, 10),
    ).toHaveLength(1);
  });

  test("5.8.1: packages page by (format, namespace, name); prefixes know no wildcards", async () => {
    const { id } = await repository();
    for (const key of [npm("b"), npm("a"), npm("a", "acme"), npm("a%b"), npm("a_b")])
      await db.write((tx) => insertPackage(tx, id, key, OPEN, 1));
    const all = await listPackages(db.read, id, {}, undefined, 10);
    expect(all.map(({ key }) => `${key.namespace}/${key.name}`)).toEqual([
      "/a",
      "/a%b",
      "/a_b",
      "/b",
      "acme/a",
    ]);
    const rest = await listPackages(db.read, id, {}, npm("a_b"), 10);
    expect(rest.map(({ key }) => key.name)).toEqual(["b", "a"]);
    expect(await listPackages(db.read, id, { namePrefix: "a%" }, undefined, 10)).toHaveLength(1);
    expect(
      await listPackages(db.read, id, { format: "npm", namespacePrefix: "ac" }, undefined, 10),
    ).toHaveLength(1);
    expect(await listPackages(db.read, id, { publish: "BLOCK" }, undefined, 10)).toHaveLength(0);
  });

  test("names such as __proto__ and constructor are just names, versions and tags too", async () => {
    const { id } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("__proto__"), OPEN, 1));
    await db.write((tx) => upsertTags(tx, record.id, ["constructor", "__proto__"], "1.0.0"));
    const tags = (await findTags(db.read, [record.id])).get(record.id);
    expect([...(tags ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ["__proto__", "1.0.0"],
      ["constructor", "1.0.0"],
    ]);
    expect(await db.write((tx) => deleteTag(tx, record.id, "__proto__"))).toBe(true);
    expect(await db.write((tx) => deleteTag(tx, record.id, "__proto__"))).toBe(false);
  });

  test("the package's revision grows with every change, and keeps up with the clock", async () => {
    const { id } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    await db.write((tx) => updateSettings(tx, record.id, { publish: "BLOCK", upstream: "ALLOW" }, 1));
    expect(await findPackages(db.read, [id], npm("p"))).toMatchObject([
      { revision: 2, settings: { publish: "BLOCK", upstream: "ALLOW" } },
    ]);
    await db.write((tx) => touchPackage(tx, record.id, 1_000));
    expect(await findPackage(db.read, id, npm("p"))).toMatchObject({ revision: 1_000 });
  });

  test("the three times of a version are three columns", async () => {
    const { id } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    const given = { ...version("1.0.0", 100), upstreamPublishedAt: 50 };
    await db.write((tx) => insertVersion(tx, record.id, given, [asset("p-1.0.0.tgz", "aa")]));
    expect(await findVersion(db.read, record.id, "1.0.0")).toMatchObject({
      publishedAt: 100,
      upstreamPublishedAt: 50,
      firstSeenAt: 101,
      storedAt: 102,
    });
  });

  test("5.8.2: versions page newest first or in stored order, filtered by status and origin", async () => {
    const { id } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    for (const [number, at] of [
      ["1.0.0", 30],
      ["2.0.0", 10],
      ["3.0.0", 20],
    ] as const) {
      await db.write((tx) => insertVersion(tx, record.id, version(number, at), [asset("a", number)]));
    }
    const published = await listVersions(db.read, record.id, {}, "published", undefined, 2);
    expect(published.map((v) => v.version)).toEqual(["1.0.0", "3.0.0"]);
    const last = published.at(-1) as { publishedAt: number; id: number };
    expect((await listVersions(db.read, record.id, {}, "published", last, 2)).map((v) => v.version)).toEqual([
      "2.0.0",
    ]);
    expect(
      (await listVersions(db.read, record.id, {}, "stored", undefined, 9)).map((v) => v.version),
    ).toEqual(["1.0.0", "2.0.0", "3.0.0"]);
    expect(
      await listVersions(db.read, record.id, { originType: "EXTERNAL" }, "stored", undefined, 9),
    ).toHaveLength(0);
    expect(await newestPublished(db.read, record.id)).toBe("1.0.0");
    expect((await findVersions(db.read, [record.id])).length).toBe(3);
  });

  test("1.3.6: a domain counts each content once, however many versions hold it", async () => {
    const { id, domainId } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    const v1 = await db.write((tx) =>
      insertVersion(tx, record.id, version("1.0.0", 1), [asset("a", "same", 7)]),
    );
    await db.write((tx) =>
      insertVersion(tx, record.id, version("2.0.0", 2), [asset("a", "same", 7), asset("b", "other", 5)]),
    );
    expect(await createDomainBytes(db, Date.now)(domainId)).toBe(12);
    expect(await findAssets(db.read, v1)).toMatchObject([{ name: "a", size: 7 }]);
    expect([...(await referencedContents(db.read, ["same", "gone"]))]).toEqual(["same"]);
  });

  test("identities: a key leads to its principal and policies, a token too; a disabled key does not", async () => {
    const { domainId } = await repository();
    const policies = [{ Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }] as const;
    const principalId = await db.write((tx) =>
      insertPrincipal(tx, { account: OWNER, name: "a", arn: "arn:a", policies }, 1),
    );
    await db.write((tx) => insertAccessKey(tx, { id: "AK", secret: "s", principalId }, 1));
    expect(await findAccessKey(db.read, "AK")).toMatchObject({
      secret: "s",
      principal: { arn: "arn:a", policies },
    });
    await db.write((tx) =>
      insertToken(tx, { id: "t", secretHash: "h", domainId, principalId, createdAt: 1, expiresAt: 9 }),
    );
    expect(await findToken(db.read, "t")).toMatchObject({ expiresAt: 9, domainId, principal: { name: "a" } });
    await db.write((tx) => tx.updateTable("access_key").set({ disabled_at: 5 }).execute());
    expect(await findAccessKey(db.read, "AK")).toBeUndefined();
  });

  test("the journal keeps order and reasons", async () => {
    const { domainId } = await repository();
    const entry = {
      at: 1,
      domainId,
      repository: "r1",
      key: npm("p"),
      actor: "arn:a",
      requestId: "q",
      detail: { why: ["x"] },
    } as const;
    await db.write((tx) =>
      appendJournal(tx, [
        { ...entry, event: "refused", version: "1.0.0" },
        { ...entry, event: "published", version: "1.0.1" },
      ]),
    );
    expect(await readJournal(db.read, domainId, npm("p"))).toMatchObject([
      { event: "refused", detail: { why: ["x"] } },
      { event: "published" },
    ]);
  });

  test("a first sighting never moves", async () => {
    await db.write((tx) => recordSightings(tx, "public:npmjs", npm("p"), ["1.0.0", "__proto__"], 10));
    await db.write((tx) => recordSightings(tx, "public:npmjs", npm("p"), ["1.0.0", "2.0.0"], 20));
    expect([...(await readSightings(db.read, "public:npmjs", npm("p")))]).toEqual([
      ["1.0.0", 10],
      ["__proto__", 10],
      ["2.0.0", 20],
    ]);
  });

  test("a setting is made once, whoever asks first", async () => {
    const values = await Promise.all(["a", "b", "c"].map((value) => settingOnce(db, "k", () => value)));
    expect(new Set(values).size).toBe(1);
  });

  test("search: every word, in name or namespace, in any case", async () => {
    const { id } = await repository();
    for (const key of [npm("ui-kit", "acme"), npm("kit"), npm("UI")])
      await db.write((tx) => insertPackage(tx, id, key, OPEN, 1));
    const found = await searchPackages(db.read, [id], "npm", ["ui"], 10);
    expect(found.map(({ name }) => name).sort()).toEqual(["UI", "ui-kit"]);
    expect(await searchPackages(db.read, [id], "npm", ["kit", "@acme"], 10)).toHaveLength(1);
  });

  test("transactions on one package follow one another", async () => {
    const { id, domainId } = await repository();
    const record = await db.write((tx) => insertPackage(tx, id, npm("p"), OPEN, 1));
    const order: string[] = [];
    const step = (name: string) =>
      db.write(async (tx) => {
        await db.lockPackage(tx, domainId, npm("p"));
        order.push(`${name} in`);
        await findPackage(tx, id, npm("p"));
        await updateSettings(tx, record.id, OPEN, 9);
        order.push(`${name} out`);
      });
    await Promise.all([step("a"), step("b"), step("c")]);
    for (let i = 0; i < order.length; i += 2)
      expect(order[i]?.replace(" in", "")).toBe(order[i + 1]?.replace(" out", ""));
  });
});
