// One transfer however many ask in the same instant, from however many repositories (threats F).
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { createMemoryStore } from "../blobs/memory.ts";
import type { Database } from "../store/database.ts";
import { insertDomain } from "../store/domains.ts";
import { readJournal } from "../store/journal.ts";
import { findPackage } from "../store/packages.ts";
import { insertConnection, insertRepository, replaceUpstreams } from "../store/repositories.ts";
import { createCatalog } from "./catalog.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { Generations } from "./generations.ts";
import { createIngestion, type Wanted } from "./ingest.ts";
import type { RepositoryRecord } from "./registry.ts";

const OWNER = "000000000000";
const BYTES = Buffer.from("the bytes");
const SHA1 = "d0a5f5d9a1b9b6ca4ef2ee0c67ebdc7e7b9e4b29";

async function setUp(open: () => Promise<Database>) {
  const database = await open();
  await database.write(async (tx) => {
    const domain = await insertDomain(tx, { owner: OWNER, name: "d1", encryptionKey: "k", createdAt: 1 });
    const ids = [];
    for (const name of ["store", "r1", "r2"])
      ids.push(
        await insertRepository(tx, {
          domainId: domain?.id as number,
          name,
          administratorAccount: OWNER,
          description: undefined,
          createdAt: 1,
        }),
      );
    const [store, r1, r2] = ids as [number, number, number];
    await insertConnection(tx, store, "public:npmjs");
    await replaceUpstreams(tx, r1, [store]);
    await replaceUpstreams(tx, r2, [store]);
  });
  const opened: string[] = [];
  const generations = new Generations();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const deps = {
    database,
    blobs: createMemoryStore(),
    upstream: {
      open: (_: unknown, url: string) => {
        opened.push(url);
        return Promise.resolve({ status: 200, headers: {}, body: Readable.from([BYTES]) });
      },
    },
    catalog: createCatalog(database, generations),
    generations,
    now: Date.now,
    newRevision: () => "rev",
    log,
  } as unknown as RegistryDeps;
  const external = {
    connection: (name: string) => Promise.resolve({ name, url: "http://registry.example/" }),
    format: () => ({}),
  } as unknown as External;
  const snapshot = await deps.catalog.domain(OWNER, "d1");
  const wanted = (repository: string, sha1: string): Wanted => ({
    snapshot,
    holder: snapshot.byName.get("store") as RepositoryRecord,
    connection: "public:npmjs",
    repository: snapshot.byName.get(repository) as RepositoryRecord,
    key: { format: "npm", namespace: "", name: "p" },
    version: { version: "1.0.0", assets: [], metadata: {}, document: "{}", brief: "{}" },
    asset: { name: "package.tgz", url: "http://registry.example/p.tgz", digests: { sha1 } },
    context: {
      caller: { account: OWNER, arn: "arn:x", name: "x", credential: "c", policies: [] },
      requestId: "q",
    },
  });
  return { database, deps, opened, ingestion: createIngestion(deps, external), wanted, snapshot };
}

async function sha1Of(bytes: Buffer): Promise<string> {
  const { createHash } = await import("node:crypto");
  return createHash("sha1").update(bytes).digest("hex");
}

onEveryDatabase("ingestion", (open) => {
  test("ten askers in one instant, from two repositories: one transfer, and all three repositories keep the version", async () => {
    const { database, opened, ingestion, wanted, snapshot } = await setUp(open);
    const sha1 = await sha1Of(BYTES);
    const arriving = await Promise.all(
      Array.from({ length: 10 }, (_, i) => ingestion.ingest(wanted(i % 2 === 0 ? "r1" : "r2", sha1))),
    );
    const bodies = await Promise.all(
      arriving.map(async (one) =>
        one === undefined ? undefined : Buffer.concat(await one.follow().toArray()),
      ),
    );
    expect(bodies.every((body) => body?.equals(BYTES))).toBe(true);
    await ingestion.settled();
    expect(opened).toHaveLength(1);
    for (const name of ["store", "r1", "r2"]) {
      const held = await findPackage(database.read, snapshot.byName.get(name)?.id as number, {
        format: "npm",
        namespace: "",
        name: "p",
      });
      expect(held?.settings, name).toEqual({ publish: "BLOCK", upstream: "ALLOW" });
    }
    await database.close();
  });

  test("a digest that is not the index's: every follower fails, no row and no blob is left", async () => {
    const { database, deps, ingestion, wanted, snapshot } = await setUp(open);
    const arriving = await Promise.all([
      ingestion.ingest(wanted("r1", SHA1)),
      ingestion.ingest(wanted("r2", SHA1)),
    ]);
    for (const one of arriving) await expect(one?.follow().toArray()).rejects.toThrow(/sha1/);
    await ingestion.settled();
    const blobs = [];
    for await (const blob of deps.blobs.list()) blobs.push(blob);
    expect(blobs).toEqual([]);
    const { key } = wanted("r1", SHA1);
    expect(await findPackage(database.read, snapshot.byName.get("r1")?.id as number, key)).toBeUndefined();
    expect(await readJournal(database.read, snapshot.domain.id, key)).toMatchObject([
      { event: "refused", repository: "store", detail: { reason: expect.stringContaining("sha1") } },
    ]);
    await database.close();
  });
});
