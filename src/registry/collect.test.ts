// The sweep takes what nobody points at, and whatever comes first, no asset is left without its bytes.
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres, onEveryDatabase } from "../../test/databases.ts";
import { play, playMany, type Stage } from "../../test/interleavings.ts";
import type { BlobStore, StagedBlob } from "../blobs/blob-store.ts";
import { hashBytes } from "../blobs/hashing.ts";
import { createMemoryStore } from "../blobs/memory.ts";
import type { Caller } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import { generic } from "../formats/generic/index.ts";
import type { Database } from "../store/database.ts";
import { openDatabase } from "../store/database.ts";
import { insertDomain } from "../store/domains.ts";
import { acquireLease, BLOB_DELETION, releaseLease, SWEEP } from "../store/leases.ts";
import { insertPackage } from "../store/packages.ts";
import { insertConnection, insertRepository } from "../store/repositories.ts";
import { markSwept } from "../store/swept-blobs.ts";
import type { AssetRecord, NewVersion } from "../store/versions.ts";
import { insertVersion } from "../store/versions.ts";
import { createCatalog } from "./catalog.ts";
import { keepBlobs, sweepBlobs } from "./collect.ts";
import { createRegistry } from "./create.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { Generations } from "./generations.ts";
import { createIngestion } from "./ingest.ts";
import type { RepositoryRecord } from "./registry.ts";

const OWNER = "000000000000";
const CALLER: Caller = {
  account: OWNER,
  arn: `arn:aws:iam::${OWNER}:user/x`,
  name: "x",
  credential: "test",
  policies: [{ Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }],
};
const CONTEXT = { caller: CALLER, requestId: "q" };
/** Everything is old to who sweeps with this clock: the grace is no part of what keeps bytes safe. */
const later = (): number => Date.now() + 2 * 60 * 60_000;

function depsOf(database: Database, blobs: BlobStore, now: () => number = Date.now): RegistryDeps {
  const generations = new Generations();
  return {
    database,
    blobs,
    upstream: {
      open: (_: unknown, url: string) =>
        Promise.resolve({
          status: 200,
          headers: {},
          body: Readable.from([Buffer.from(decodeURIComponent(url))]),
        }),
    },
    formats: new Map([["generic", generic]]),
    connection: () => Promise.resolve(undefined),
    catalog: createCatalog(database, generations),
    generations,
    region: "us-east-1",
    now,
    newRevision: () => "rev",
    log: { debug() {}, info() {}, warn() {}, error() {} },
    limits: { upstreamPatienceMs: 10, smallAssetBytesMax: 1024, smallAssetCacheBytes: 1024 },
  } as unknown as RegistryDeps;
}

async function stage(blobs: BlobStore, text: string) {
  const writer = await blobs.create();
  await writer.write(Buffer.from(text));
  return { writer, staged: await writer.finish() };
}

async function put(blobs: BlobStore, text: string): Promise<string> {
  const { writer } = await stage(blobs, text);
  const { digests } = await writer.commit();
  writer.release();
  return digests.sha256;
}

onEveryDatabase("the sweep", (open) => {
  test("unreferenced bytes past their grace go, and are counted; young ones stay", async () => {
    const database = await open();
    const blobs = createMemoryStore();
    const gone = await put(blobs, "nobody's");
    expect(await sweepBlobs(depsOf(database, blobs))).toEqual({ blobs: 0, bytes: 0 });
    expect(await sweepBlobs(depsOf(database, blobs, later))).toEqual({ blobs: 1, bytes: 8 });
    expect(await blobs.stat(gone)).toBeUndefined();
    await database.close();
  });

  test("one node sweeps at a time, and none while somebody needs every blob to stay", async () => {
    const database = await open();
    const blobs = createMemoryStore();
    await put(blobs, "nobody's");
    for (const name of [SWEEP, BLOB_DELETION]) {
      await acquireLease(database, name, 60_000, "another");
      expect(await sweepBlobs(depsOf(database, blobs, later)), name).toEqual({ blobs: 0, bytes: 0 });
      await database.read.deleteFrom("lease").execute();
    }
    expect(await sweepBlobs(depsOf(database, blobs, later))).toEqual({ blobs: 1, bytes: 8 });
    await database.close();
  });

  test("a deletion that failed keeps publishes of the same bytes out until it is over for certain, and no longer", async () => {
    const database = await open();
    const blobs = createMemoryStore();
    await put(blobs, "stuck");
    const stuck = { ...blobs, delete: () => Promise.reject(new Error("no answer")) };
    expect(await sweepBlobs(depsOf(database, stuck, later))).toEqual({ blobs: 0, bytes: 0 });
    await database.read
      .updateTable("swept_blob")
      .set({ at: Date.now() - 60 * 60_000 })
      .execute();
    await keepBlobs({ database }, [await stage(blobs, "stuck")]);
    expect(await database.read.selectFrom("swept_blob").selectAll().execute()).toEqual([]);
    await database.close();
  });
});

/** What became of an order: its actors say so. */
interface Ending {
  outcome: string;
  swept?: string;
}

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
/** On PostgreSQL sweeper and recorders are two nodes. */
const engines = [
  { engine: "SQLite", orders: 300 },
  ...(POSTGRES === undefined ? [] : [{ engine: "PostgreSQL", orders: 80 }]),
];

describe.each(engines)("on $engine, whatever comes first", { timeout: 180_000 }, ({ engine, orders }) => {
  let here: Database;
  let there: Database;
  let round = 0;
  const blockedMs = engine === "SQLite" ? 0 : 100;
  beforeAll(async () => {
    const url = engine === "SQLite" ? ":memory:" : await freshPostgres(POSTGRES as string);
    here = await openDatabase(url);
    there = engine === "SQLite" ? here : await openDatabase(url);
    await here.write(async (tx) => {
      const domain = await insertDomain(tx, { owner: OWNER, name: "d1", encryptionKey: "k", createdAt: 1 });
      for (const name of ["r1", "r2", "outside"]) {
        const id = await insertRepository(tx, {
          domainId: domain?.id as number,
          name,
          administratorAccount: OWNER,
          description: undefined,
          createdAt: 1,
        });
        if (name === "outside") await insertConnection(tx, id as number, "public:npmjs");
      }
    });
  });
  afterAll(async () => {
    await here.close();
    if (there !== here) await there.close();
  });

  /** Fresh bytes under a fresh name in a store that one actor reaches through gates. */
  function scene() {
    const blobs = createMemoryStore();
    const text = `bytes ${++round}`;
    const key: PackageKey = { format: "generic", namespace: "n", name: `p${round}` };
    const gated = (database: Database, actor: string, at: Stage, now?: () => number): RegistryDeps =>
      depsOf(
        {
          ...database,
          write: async (work) => {
            await at.gate(actor);
            return database.write(work);
          },
        },
        gatedStore(blobs, actor, at),
        now,
      );
    return { blobs, text, key, gated, plain: depsOf(here, blobs) };
  }

  type Scene = ReturnType<typeof scene>;

  async function publish(deps: RegistryDeps, key: PackageKey, text: string, repository = "r1") {
    const registry = createRegistry(deps);
    const into = await registry.repository("d1", OWNER, repository, CALLER);
    const asset = { name: "a.bin", ...(await stage(deps.blobs, text)) };
    const texts = { metadata: {}, document: "{}", brief: "{}" };
    return registry.publish(into, { key, version: "1.0.0", assets: [asset], ...texts, tags: [] }, CONTEXT);
  }

  const outcomeOf = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "done",
      (error: unknown) => {
        if (error instanceof Fault) return `${error.status}`;
        throw error;
      },
    );

  /** The property: what any asset points at can be read. */
  async function lostIn(blobs: BlobStore, text: string): Promise<readonly string[]> {
    const { sha256 } = hashBytes(Buffer.from(text));
    const rows = await here.read.selectFrom("asset").select("name").where("sha256", "=", sha256).execute();
    if (rows.length === 0 || (await blobs.read(sha256, 1e6).catch(() => "")).toString() === text) return [];
    return rows.map(({ name }) => name);
  }

  const record = async ({ gated, key, text }: Scene, at: Stage): Promise<string> => {
    await at.gate("recorder");
    return outcomeOf(publish(gated(here, "recorder", at), key, text));
  };

  const sweep = ({ gated }: Scene, at: Stage) => sweepBlobs(gated(there, "sweeper", at, later));

  /**
   * Plays the actors in many orders, each in a scene of its own; `begin` fills it, by default with bytes that nobody
   * points at. After every order the property must hold, and after `end` again. Gives the endings there were, sorted.
   */
  async function endingsOf(
    actors: (of: Scene, at: Stage, ending: Ending) => Readonly<Record<string, () => Promise<unknown>>>,
    begin = ({ blobs, text }: Scene): Promise<unknown> => put(blobs, text),
    end = (_of: Scene, _ending: Ending): Promise<unknown> => Promise.resolve(),
  ): Promise<readonly string[]> {
    const seen = new Set<string>();
    await playMany(orders, async (pick) => {
      const of = scene();
      await begin(of);
      const ending: Ending = { outcome: "" };
      const choices = await play((at) => actors(of, at, ending), pick, blockedMs);
      const told = Object.values(ending).join(", ");
      seen.add(told);
      expect(await lostIn(of.blobs, of.text), told).toEqual([]);
      await end(of, ending);
      expect(await lostIn(of.blobs, of.text), told).toEqual([]);
      return choices;
    });
    return [...seen].sort();
  }

  test("an old blob that nobody points at, and a publish of the same bytes", async () => {
    const endings = await endingsOf(
      (of, at, ending) => ({
        recorder: async () => {
          ending.outcome = await record(of, at);
        },
        sweeper: async () => {
          ending.swept = `${(await sweep(of, at)).blobs} swept`;
        },
      }),
      undefined,
      // Who was refused sends it again.
      async ({ plain, key, text }, { outcome }) => outcome === "done" || publish(plain, key, text),
    );
    expect(endings).toEqual(["503, 1 swept", "done, 0 swept", "done, 1 swept"]);
  });

  test("the same, beside another who goes away, before he commits the same bytes or before he records them", async () => {
    const endings = await endingsOf((of, at, ending) => ({
      recorder: async () => {
        ending.outcome = await record(of, at);
      },
      quitter: async () => {
        const deps = of.gated(here, "quitter", at);
        await at.gate("quitter");
        const { writer, staged } = await stage(deps.blobs, of.text);
        const full = () => at.gate("quitter").then(() => Promise.reject(new Error("disk full")));
        const commit = round % 2 === 0 ? writer.commit : full;
        await keepBlobs(deps, [{ writer: { ...writer, commit }, staged }]).catch(() => undefined);
      },
      sweeper: () => sweep(of, at),
    }));
    expect(endings).toEqual(["503", "done"]);
  });

  /** Transactions stay open for a while before they commit. */
  const slow = (database: Database, begun: () => void): Database => ({
    ...database,
    write: (work) =>
      database.write(async (tx) => {
        const result = await work(tx);
        begun();
        await sleep(300);
        return result;
      }),
  });

  test("a recording that is not committed yet is waited for before its bytes are judged", async () => {
    const { blobs, text, key } = scene();
    await put(blobs, text);
    const { promise: inserted, resolve: begun } = Promise.withResolvers<void>();
    const publishing = publish(depsOf(slow(here, begun), blobs), key, text);
    await inserted;
    const { blobs: swept } = await sweepBlobs(depsOf(there, blobs, later));
    expect([await outcomeOf(publishing), swept]).toEqual(["done", 0]);
    expect(await lostIn(blobs, text)).toEqual([]);
  });

  test("a mark that is not committed yet is waited for before a recording is", async () => {
    const { blobs, text, key } = scene();
    await put(blobs, text);
    const { promise: marked, resolve: begun } = Promise.withResolvers<void>();
    const lease = { name: BLOB_DELETION, owner: "s", ttlMs: 60_000 };
    await acquireLease(there, lease.name, lease.ttlMs, lease.owner);
    const staged = await stage(blobs, text);
    const { sha256 } = staged.staged.digests;
    await keepBlobs({ database: here }, [staged]);
    const marking = markSwept(slow(there, begun), [sha256], { batch: "b", lease, sparesReferenced: true });
    await marked;
    const registry = createRegistry(depsOf(here, blobs));
    const into = await registry.repository("d1", OWNER, "r1", CALLER);
    const recording = here.write(async (tx) => {
      const settings = { publish: "ALLOW", upstream: "BLOCK" } as const;
      const { id } = await insertPackage(tx, into.id, key, settings, 1);
      await insertVersion(tx, id, versionOf("1.0.0"), [assetOf(staged.staged)]);
    });
    expect([await outcomeOf(recording), await marking]).toEqual(["503", [sha256]]);
    await releaseLease(there, lease.name, lease.owner);
  });

  test("a copy while its source is deleted", async () => {
    const endings = await endingsOf(
      (of, at, ending) => {
        const registry = createRegistry(of.gated(here, "copier", at));
        const deleting = createRegistry(of.gated(here, "deleter", at));
        const find = (name: string) => registry.repository("d1", OWNER, name, CALLER);
        return {
          copier: async () => {
            const [source, destination] = [await find("r1"), await find("r2")];
            const versions = { versions: ["1.0.0"], revisions: new Map(), allowOverwrite: false };
            const wanted = { source, destination, key: of.key, includeFromUpstream: false, ...versions };
            ending.outcome = await outcomeOf(registry.copyVersions(wanted as never, CONTEXT));
          },
          deleter: async () => deleting.deletePackage(await find("r1"), of.key, CONTEXT),
          sweeper: () => sweep(of, at),
        };
      },
      ({ plain, key, text }) => publish(plain, key, text, "r1"),
    );
    expect(endings).toContain("done");
  });

  /** Takes the package in from a public registry that has these bytes. */
  async function ingest(deps: RegistryDeps, { key, text }: Scene): Promise<string> {
    const snapshot = await deps.catalog.domain(OWNER, "d1");
    const holder = snapshot.byName.get("outside") as RepositoryRecord;
    const external = {
      connection: (name: string) => Promise.resolve({ name, url: "http://registry.example/" }),
      format: () => ({}),
    } as unknown as External;
    const ingestion = createIngestion(deps, external);
    const { sha256 } = hashBytes(Buffer.from(text));
    const arriving = await ingestion.ingest({
      snapshot,
      holder,
      repository: holder,
      connection: "public:npmjs",
      key,
      version: { version: "1.0.0", assets: [], metadata: {}, document: "{}", brief: "{}" },
      asset: { name: "a.bin", url: encodeURIComponent(text), digests: { sha256 } },
      context: CONTEXT,
    });
    const outcome = await outcomeOf(arriving?.follow().toArray() as Promise<unknown>);
    await ingestion.settled();
    return outcome;
  }

  test("an ingestion of bytes that a sweep is about to delete", async () => {
    const endings = await endingsOf((of, at, ending) => ({
      ingester: async () => {
        const deps = of.gated(here, "ingester", at);
        await at.gate("ingester");
        ending.outcome = await ingest(deps, of);
      },
      sweeper: () => sweep(of, at),
    }));
    expect(endings).toEqual(["503", "done"]);
  });

  test("publishers and deleters of few contents beside two sweepers, unhindered: what was recorded can be read", async () => {
    const blobs = sluggish(createMemoryStore());
    const contents = Array.from({ length: 4 }, (_, i) => `shared ${++round} ${i}`);
    const outcomes = new Map<string, number>();
    const published = new AbortController();
    const publisher = async (name: string): Promise<void> => {
      const deps = depsOf(name < "p4" ? here : there, blobs);
      const registry = createRegistry(deps);
      const r1 = await registry.repository("d1", OWNER, "r1", CALLER);
      for (let i = 0; i < 30; i++) {
        const key: PackageKey = { format: "generic", namespace: "n", name: `${name}-${round}-${i}` };
        const outcome = await outcomeOf(publish(deps, key, contents[i % 4] as string));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome === "done") expect(await lostIn(blobs, contents[i % 4] as string)).toEqual([]);
        if (outcome === "done") await registry.deletePackage(r1, key, CONTEXT);
      }
    };
    const sweeper = async (database: Database): Promise<number> => {
      let swept = 0;
      while (!published.signal.aborted) swept += (await sweepBlobs(depsOf(database, blobs, later))).blobs;
      return swept;
    };
    const sweeping = [sweeper(here), sweeper(there)];
    await Promise.all(Array.from({ length: 8 }, (_, i) => publisher(`p${i}`)));
    published.abort();
    const swept = await Promise.all(sweeping);
    expect(swept[0] as number).toBeGreaterThan(0);
    expect(outcomes.get("done")).toBeGreaterThan(0);
    for (const text of contents) expect(await lostIn(blobs, text)).toEqual([]);
  });
});

/** As slow as a store across a network, so that others come in between. */
function sluggish(blobs: BlobStore): BlobStore {
  return {
    ...blobs,
    async create(expected) {
      const writer = await blobs.create(expected);
      const commit = async (): Promise<StagedBlob> => {
        const staged = await writer.commit();
        await sleep(3);
        return staged;
      };
      return { ...writer, commit };
    },
    delete: (sha256) => sleep(2).then(() => blobs.delete(sha256)),
  };
}

const versionOf = (version: string): NewVersion => ({
  version,
  status: "Published",
  revision: "rev",
  origin: { type: "INTERNAL", entryPoint: "r1" },
  publishedAt: 1,
  upstreamPublishedAt: undefined,
  firstSeenAt: 1,
  storedAt: 1,
  metadata: {},
  document: "{}",
  brief: "{}",
});

const assetOf = ({ size, digests }: StagedBlob): AssetRecord => ({
  name: "a.bin",
  size,
  digests,
  document: "",
});

function gatedStore(blobs: BlobStore, actor: string, at: Stage): BlobStore {
  return {
    ...blobs,
    async create(expected) {
      const writer = await blobs.create(expected);
      const commit = async () => {
        await at.gate(actor);
        return writer.commit();
      };
      return { ...writer, commit };
    },
    async delete(sha256) {
      await at.gate(actor);
      await blobs.delete(sha256);
    },
    async *list() {
      await at.gate(actor);
      yield* blobs.list();
    },
  };
}
