// `portcullis verify` and the scrub find what a disk has lost, say what it affects, and get back only the very same bytes.
import { execFile } from "node:child_process";
import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openParts, openRows } from "../src/app.ts";
import { loadConfig } from "../src/config.ts";
import type { RegistryDeps } from "../src/registry/deps.ts";
import { listDamaged, noteSound } from "../src/store/contents.ts";
import { acquireLease, releaseLease, SCRUB } from "../src/store/leases.ts";
import { writeSetting } from "../src/store/settings.ts";
import { readScrub, scrubDue } from "../src/upkeep/scrub.ts";
import type { Finding } from "../src/upkeep/verify.ts";
import { verify } from "../src/upkeep/verify.ts";
import { freshPostgres } from "./databases.ts";
import { DOMAIN, makeTarball, startServer, type TestServer } from "./server.ts";

const run = promisify(execFile);
const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
const engines = [{ engine: "SQLite" }, ...(POSTGRES === undefined ? [] : [{ engine: "PostgreSQL" }])];

describe.each(engines)("beside a running server on $engine", { timeout: 60_000 }, ({ engine }) => {
  let outside: TestServer;
  let server: TestServer;
  let deps: RegistryDeps;
  let close: () => Promise<void>;
  let own: string;
  let taken: string;
  let changed: string;

  beforeAll(async () => {
    outside = await startServer();
    await outside.repository("public");
    const upstream = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
    const database = engine === "PostgreSQL" ? { database: await freshPostgres(POSTGRES as string) } : {};
    const settings = { upstream: [`public:npmjs=${upstream}`], "upstream-freshness-ms": "0", ...database };
    server = await startServer(settings);
    await server.repository("store", ["public:npmjs"]);
    await server.repository("repo", ["store"]);
    await server.repository("own");
    for (const name of ["lib", "changed"]) await outside.publish("public", { name, version: "1.0.0" });
    const config = loadConfig({ ...settings, data: server.data }, {}, server.data);
    const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) };
    const rows = await openRows(config, log);
    const parts = await openParts(config, rows, log, { leads: false, shared: true });
    deps = parts.deps;
    close = async () => {
      await parts.connections.close();
      await deps.upstream.close();
      await deps.blobs.close();
      await rows.close();
    };
    await server.publish("own", { name: "mine", version: "1.0.0" });
    for (const name of ["lib", "changed"]) await (await server.tarball("repo", name, "1.0.0")).arrayBuffer();
    own = await sha256Of("own", "mine");
    taken = await sha256Of("store", "lib");
    changed = await sha256Of("store", "changed");
  });
  afterAll(async () => {
    await close();
    await server.close();
    await outside.close();
  });

  const errors: object[] = [];
  beforeEach(() => void errors.splice(0));

  async function sha256Of(repository: string, name: string): Promise<string> {
    const place = { domain: DOMAIN, repository, format: "npm", package: name } as const;
    const { assets } = await server.client.listPackageVersionAssets({ ...place, packageVersion: "1.0.0" });
    return assets?.[0]?.hashes?.["SHA-256"] as string;
  }
  const fileOf = (sha256: string): string => join(server.data, "blobs", "sha256", sha256.slice(0, 2), sha256);
  const spoil = async (sha256: string): Promise<void> => {
    const bytes = await readFile(fileOf(sha256));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await writeFile(fileOf(sha256), bytes);
  };
  async function find(repair: boolean): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    const onFinding = (finding: Finding) => void findings.push(finding);
    await verify(deps, { repair, atOnce: 4, bytesPerSecond: undefined, onFinding, onProgress: () => {} });
    return findings;
  }

  test("all is well: nothing to tell", async () => {
    expect(await find(false)).toEqual([]);
  });

  test("corrupt bytes of one's own: told with what they affect, set aside by a repair and never deleted, and back with the next publish of the same bytes", async () => {
    await spoil(own);
    const [finding] = await find(false);
    expect(finding).toMatchObject({
      problem: "corrupt",
      sha256: own,
      affected: [{ domain: DOMAIN, repository: "own", package: "npm/mine", version: "1.0.0" }],
    });
    expect(await listDamaged(deps.database.read)).toEqual([own]);
    expect((await stat(fileOf(own))).size).toBeGreaterThan(0);

    const [repaired] = await find(true);
    expect(repaired?.repair).toEqual({ repaired: false, because: [expect.stringContaining("'own'")] });
    expect(await readdir(join(server.data, "blobs", "damaged"))).toEqual([expect.stringContaining(own)]);
    const answer = await server.tarball("own", "mine", "1.0.0");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "60"]);
    expect((await find(false)).map(({ problem }) => problem)).toEqual(["missing"]);

    await server.publish("own", { name: "mine", version: "1.0.0" });
    expect(await find(false)).toEqual([]);
    expect(await listDamaged(deps.database.read)).toEqual([]);
    expect((await server.tarball("own", "mine", "1.0.0")).status).toBe(200);
  });

  test("bytes of a public version come back from its registry, for every repository that holds it", async () => {
    await spoil(taken);
    const [finding] = await find(true);
    expect(finding).toMatchObject({ problem: "corrupt", repair: { repaired: true, from: "public:npmjs" } });
    expect(finding?.affected.map(({ repository }) => repository)).toEqual(["store", "repo"]);
    await rm(fileOf(taken));
    expect(await find(true)).toMatchObject([{ problem: "missing", repair: { repaired: true } }]);
    expect(await find(false)).toEqual([]);
    const bytes = await (await server.tarball("repo", "lib", "1.0.0")).arrayBuffer();
    expect(Buffer.from(bytes)).toEqual(await makeTarball({ name: "lib", version: "1.0.0" }));
  });

  test("other bytes at the public registry are not taken for a repair, and a blocked name is not asked for", async () => {
    await rm(fileOf(changed));
    const restrictions = (upstream: "ALLOW" | "BLOCK") =>
      server.client.putPackageOriginConfiguration({
        domain: DOMAIN,
        repository: "store",
        format: "npm",
        package: "changed",
        restrictions: { publish: "BLOCK", upstream },
      });
    await restrictions("BLOCK");
    deps.generations.apply({ of: "everything" });
    expect((await find(true))[0]?.repair).toEqual({
      repaired: false,
      because: ["store", "repo"].map((name) =>
        expect.stringContaining(`'${name}' may not ask for this package`),
      ),
    });
    await restrictions("ALLOW");
    const place = { domain: DOMAIN, repository: "public", format: "npm", package: "changed" } as const;
    await outside.client.deletePackageVersions({ ...place, versions: ["1.0.0"] });
    await outside.publish("public", { name: "changed", version: "1.0.0" }, { content: "other" });
    deps.generations.apply({ of: "everything" });
    expect((await find(true))[0]?.repair).toMatchObject({
      repaired: false,
      because: [expect.stringContaining("has other bytes")],
    });
    const back = await makeTarball({ name: "changed", version: "1.0.0" });
    await writeFile(fileOf(changed), back);
    expect(await find(false)).toEqual([]);
  });

  test("wrong sizes and digests in rows are told, and bytes that nobody uses once they are old", async () => {
    const first = { md5: "0".repeat(32) };
    const { md5 } = await deps.database.read
      .selectFrom("asset")
      .select("md5")
      .where("sha256", "=", own)
      .executeTakeFirstOrThrow();
    await deps.database.read.updateTable("asset").set(first).where("sha256", "=", own).execute();
    const writer = await deps.blobs.create();
    await writer.write(Buffer.from("nobody's"));
    await writer.finish();
    const { digests } = await writer.commit();
    writer.release();
    expect(await find(false)).toMatchObject([{ problem: "misrecorded", sha256: own }]);
    await utimes(fileOf(digests.sha256), 1, 1);
    expect((await find(true)).map(({ problem }) => problem).sort()).toEqual(["misrecorded", "unused"]);
    await deps.database.read.updateTable("asset").set({ md5 }).where("sha256", "=", own).execute();
    await deps.blobs.delete(digests.sha256);
  });

  test("the command tells in JSON, and in its exit code", async () => {
    await spoil(own);
    const program = resolve(import.meta.dirname, "../src/cli/main.ts");
    const args = [program, "verify", "--json", "--data", server.data];
    const place = engine === "PostgreSQL" ? ["--database", server.database] : [];
    const failed = await run(process.execPath, [...args, ...place]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 1 });
    const lines = (failed as { stdout: string }).stdout.trim().split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(["problem", "totals"]);
    await spoil(own);
    await run(process.execPath, [...args, ...place, "--rate", "0.001"]); // a tenth of a second for each small file
  });

  test("a small file that is corrupt is not served, and is noted", async () => {
    const fresh = { name: "small", version: "1.0.0" };
    await server.publish("own", fresh);
    const sha256 = await sha256Of("own", "small");
    await spoil(sha256);
    expect((await server.tarball("own", "small", "1.0.0")).status).toBe(503);
    expect(await listDamaged(deps.database.read)).toEqual([sha256]);
    await spoil(sha256);
    expect((await server.tarball("own", "small", "1.0.0")).status).toBe(200);
    await deps.database.write((tx) => noteSound(tx, sha256));
  });

  test("sweep and scrub have their metrics", async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const name of [
      "sweep_blobs_total",
      "sweep_bytes_total",
      "scrub_blobs_total",
      "scrub_bytes_total",
      "scrub_last_completed_timestamp_seconds",
      "damaged_blobs",
    ])
      expect(text).toMatch(new RegExp(`^portcullis_${name} 0$`, "m"));
  });

  describe("the scrub", () => {
    const DAY = 24 * 60 * 60_000;
    const scrub = async (at: number, signal = new AbortController().signal) => {
      const counts = { blobs: 0, bytes: 0 };
      await scrubDue({ ...deps, now: () => at }, 30, counts, signal);
      return counts.blobs;
    };

    test("reads a 256th of all digests when its time has come, and everything within the days; goes on where it was", async () => {
      const start = Date.now();
      const all = [own, taken, changed, await sha256Of("own", "small")];
      const partOf = (sha256: string): number => Number.parseInt(sha256.slice(0, 2), 16);
      expect(await scrub(start)).toBe(all.filter((sha256) => partOf(sha256) === 0).length);
      expect(await readScrub(deps)).toMatchObject({ part: 1, completedAt: 0 });
      const half = await scrub(start + 15 * DAY);
      expect(half).toBe(all.filter((sha256) => partOf(sha256) <= 128 && partOf(sha256) > 0).length);
      expect(await scrub(start + 15 * DAY)).toBe(0);
      const rest = await scrub(start + 30 * DAY - 1);
      expect(half + rest).toBe(all.filter((sha256) => partOf(sha256) > 0).length);
      expect(await readScrub(deps)).toMatchObject({ part: 0, completedAt: start + 30 * DAY - 1 });
      expect(await scrub(start + 30 * DAY - 1)).toBe(0);
    });

    test("stops between two blobs and goes on with the next", async () => {
      const part = Number.parseInt(own.slice(0, 2), 16);
      const state = { roundAt: 0, part, after: "", completedAt: 0 };
      await deps.database.write((tx) => writeSetting(tx, "scrub", JSON.stringify(state)));
      const at = ((part + 0.5) / 256) * 30 * DAY;
      const stop = new AbortController();
      const stat = deps.blobs.open;
      const opened = { ...deps.blobs, open: (sha256: string) => (stop.abort(), stat(sha256)) };
      const counts = { blobs: 0, bytes: 0 };
      const stopped = scrubDue({ ...deps, blobs: opened, now: () => at }, 30, counts, stop.signal);
      await expect(stopped).rejects.toThrow();
      expect(await readScrub(deps)).toMatchObject({ part });
      expect(await scrub(at)).toBeGreaterThan(0);
      expect(await readScrub(deps)).toMatchObject({ part: part + 1 });
    });

    test("one node at a time; corrupt bytes are set aside, noted, and told with what they affect", async () => {
      await spoil(own);
      const part = Number.parseInt(own.slice(0, 2), 16);
      const state = { roundAt: 0, part, after: "", completedAt: 0 };
      await deps.database.write((tx) => writeSetting(tx, "scrub", JSON.stringify(state)));
      const at = ((part + 0.5) / 256) * 30 * DAY;
      await acquireLease(deps.database, SCRUB, 60_000, "another");
      expect(await scrub(at)).toBe(0);
      await releaseLease(deps.database, SCRUB, "another");
      expect(await scrub(at)).toBeGreaterThan(0);
      expect(errors).toMatchObject([
        { sha256: own, problem: "corrupt", affected: [expect.stringContaining("acme/own: npm/mine 1.0.0")] },
      ]);
      expect(await deps.blobs.stat(own)).toBeUndefined();
      expect(await listDamaged(deps.database.read)).toEqual([own]);
    });
  });
});
