// Versions that come together file by file, on both databases: joining, checksums ahead of files, completion, moving builds.
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../test/api.ts";
import { onEveryDatabase } from "../../test/databases.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { readJournal } from "../store/journal.ts";
import type { Publication, RepositoryRecord } from "./registry.ts";

const KEY: PackageKey = { format: "maven", namespace: "com.acme", name: "app" };
const sha1 = (bytes: string): string => createHash("sha1").update(bytes).digest("hex");

onEveryDatabase("assembling versions", (open) => {
  let api: TestApi;
  let repository: RepositoryRecord;
  const caller = {
    account: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/publisher`,
    name: "publisher",
    credential: "test",
    policies: [{ Statement: [{ Effect: "Allow" as const, Action: "*", Resource: "*" }] }],
  };
  const context = { caller, requestId: "test" };

  beforeEach(async () => {
    api = await openApi(await open());
    await api.client.createDomain({ domain: "d1" });
    await api.client.createRepository({ domain: "d1", repository: "r1" });
    repository = await api.registry.repository("d1", ACCOUNT, "r1", caller);
  });
  afterEach(() => api.close());

  async function put(
    version: string,
    files: Readonly<Record<string, string>>,
    more: Partial<Publication> = {},
    into = repository,
  ): Promise<string> {
    const assets = [];
    for (const [name, bytes] of Object.entries(files)) {
      const writer = await api.registry.stageBlob();
      await writer.write(Buffer.from(bytes));
      assets.push({ name, writer, staged: await writer.finish(), document: `about ${name}` });
    }
    const texts = { metadata: {}, document: "first", brief: "" };
    try {
      return await api.registry.publish(
        into,
        { key: KEY, version, assets, ...texts, tags: [], assembly: "open", ...more },
        context,
      );
    } catch (error) {
      for (const { writer } of assets) await writer.discard();
      throw error;
    }
  }

  const held = async (version: string) => {
    const row = (await api.registry.heldVersions(repository, KEY)).find((v) => v.version === version);
    if (row === undefined) return undefined;
    const view = await api.registry.view(repository, KEY);
    const assets = (await api.registry.listedAssets(view, [row])).get(version) ?? [];
    return { row, assets, names: assets.map(({ name }) => name) };
  };

  describe("assets one by one (8.0.5)", () => {
    test("join an open version under a new revision, each with what its format keeps of it", async () => {
      expect(await put("1.0", { "a.jar": "a" })).toBe("published");
      const before = await held("1.0");
      const join = () => ({ metadata: { summary: "told later" }, document: "second", brief: "b" });
      expect(await put("1.0", { "a.pom": "p" }, { join })).toBe("extended");
      const after = await held("1.0");
      expect(after?.assets.map(({ name, document }) => [name, document])).toEqual([
        ["a.jar", "about a.jar"],
        ["a.pom", "about a.pom"],
      ]);
      expect(after?.row.document).toBe("second");
      expect(after?.row.revision).not.toBe(before?.row.revision);
    });

    test("the same bytes again change nothing; other bytes are a conflict that names the asset", async () => {
      await put("1.0", { "a.jar": "a" });
      const before = await held("1.0");
      expect(await put("1.0", { "a.jar": "a" })).toBe("unchanged");
      await expect(put("1.0", { "a.jar": "b", "a.pom": "p" })).rejects.toMatchObject({
        code: "ConflictException",
        message: expect.stringContaining("'a.jar'"),
      });
      expect(await held("1.0")).toEqual(before);
    });

    test("until-published: files join while the version is Unfinished, none after (5.7.3)", async () => {
      const open = { assembly: "until-published" } as const;
      await put("1.0", { a: "a" }, { ...open, status: "Unfinished" });
      expect((await held("1.0"))?.row.status).toBe("Unfinished");
      expect(await put("1.0", { b: "b" }, open)).toBe("extended");
      expect((await held("1.0"))?.row.status).toBe("Published");
      expect(await put("1.0", { b: "b" }, open)).toBe("unchanged");
      await expect(put("1.0", { c: "c" }, open)).rejects.toMatchObject({ code: "ConflictException" });
    });

    test("no file of a publisher joins a version that came from another repository (2.5.1)", async () => {
      await api.client.createRepository({ domain: "d1", repository: "r2" });
      const other = await api.registry.repository("d1", ACCOUNT, "r2", caller);
      await put("1.0", { "a.jar": "a" }, {}, other);
      await api.client.copyPackageVersions({
        domain: "d1",
        sourceRepository: "r2",
        destinationRepository: "r1",
        format: "maven",
        namespace: "com.acme",
        package: "app",
        versions: ["1.0"],
      });
      expect(await put("1.0", { "a.jar": "a" })).toBe("unchanged");
      await expect(put("1.0", { "evil.jar": "e" })).rejects.toMatchObject({
        code: "ConflictException",
        message: expect.stringContaining("'r2'"),
      });
    });

    test("a version that is Archived takes none (5.1.1)", async () => {
      await put("1.0", { a: "a" });
      await api.registry.changeVersions(repository, KEY, { versions: ["1.0"], target: "Archived" }, context);
      await expect(put("1.0", { b: "b" })).rejects.toMatchObject({ code: "ConflictException" });
    });

    test("each step is an event of the version (10.3)", async () => {
      await put("1.0", { "a.jar": "a" });
      await put("1.0", { "a.pom": "p" });
      const lines = await readJournal(api.database.read, repository.domain.id, KEY);
      expect(lines.map(({ event, change }) => [event, change?.operation, change?.assetsAdded])).toEqual([
        ["published", "Created", 1],
        ["assets-added", "Updated", 1],
      ]);
    });
  });

  describe("checksums beside files (8.3.4, 8.3.7)", () => {
    const claim = (value: string, asset = "a.jar") =>
      api.registry.claimChecksum(
        repository,
        KEY,
        { version: "1.0", asset, algorithm: "sha1", value },
        context,
      );

    test("match a file that is there, or wait for one that is not", async () => {
      await put("1.0", { "a.jar": "a" });
      expect(await claim(sha1("a"))).toBe("matches");
      expect(await claim(sha1("p"), "a.pom")).toBe("awaited");
      expect(await put("1.0", { "a.pom": "p" })).toBe("extended");
    });

    test("refuse a file that comes later with other bytes; the next attempt is not refused for the same claim", async () => {
      await claim(sha1("right"));
      await expect(put("1.0", { "a.jar": "wrong" })).rejects.toMatchObject({
        code: "ValidationException",
        message: expect.stringContaining(sha1("wrong")),
      });
      expect(await held("1.0")).toBeUndefined();
      expect(await put("1.0", { "a.jar": "right" })).toBe("published");
    });

    test("a wrong one keeps an Unfinished version from completing until it is put right", async () => {
      await put("1.0", { "a.jar": "a" }, { status: "Unfinished" });
      await expect(claim("0".repeat(40))).rejects.toMatchObject({ code: "ValidationException" });
      const complete = () => api.registry.completeVersions(repository, KEY, ["1.0"], context);
      await expect(complete()).rejects.toMatchObject({ code: "ValidationException" });
      expect((await held("1.0"))?.row.status).toBe("Unfinished");
      expect(await claim(sha1("a"))).toBe("matches");
      expect(await complete()).toEqual(["1.0"]);
      expect((await held("1.0"))?.row.status).toBe("Published");
      expect(await complete()).toEqual([]);
    });
  });

  describe("a version that mirrors builds (8.3.8)", () => {
    const mirror = (of: string) =>
      api.registry.mirrorVersion(
        repository,
        { key: KEY, version: "1-SNAPSHOT", of, metadata: {}, document: `of ${of}`, brief: "" },
        context,
      );

    test("shows the build's files as Published, the build is Unlisted; the next build takes their place", async () => {
      for (const build of ["1-1", "1-2"]) {
        await put(build, { [`app-${build}.jar`]: build }, { status: "Unfinished" });
        await mirror(build);
        expect((await held("1-SNAPSHOT"))?.names).toEqual([`app-${build}.jar`]);
        expect((await held("1-SNAPSHOT"))?.row).toMatchObject({
          status: "Published",
          document: `of ${build}`,
        });
        expect((await held(build))?.row.status).toBe("Unlisted");
      }
      expect((await held("1-1"))?.names).toEqual(["app-1-1.jar"]);
    });

    test("404 for a build that is not there", async () => {
      await put("1-1", { a: "a" });
      await expect(mirror("1-9")).rejects.toMatchObject({ code: "ResourceNotFoundException" });
    });

    test("is a publish: refused where publishing is blocked (2.1.2)", async () => {
      await put("1-1", { a: "a" });
      await api.client.putPackageOriginConfiguration({
        domain: "d1",
        repository: "r1",
        format: "maven",
        namespace: "com.acme",
        package: "app",
        restrictions: { publish: "BLOCK", upstream: "BLOCK" },
      });
      await expect(mirror("1-1")).rejects.toMatchObject({ code: "AccessDeniedException" });
    });
  });

  test("what is kept about single files can be rewritten, under a new revision (1.6.3)", async () => {
    await put("1.0", { "a.jar": "a", "b.jar": "b" });
    const before = await held("1.0");
    const change = { version: "1.0", asset: "a.jar", document: "yanked" };
    await api.registry.rewriteAssets(repository, KEY, [change], "metadata", context);
    const after = await held("1.0");
    expect(after?.assets.map(({ document }) => document)).toEqual(["yanked", "about b.jar"]);
    expect(after?.row.revision).not.toBe(before?.row.revision);
    const absent = { ...change, version: "9" };
    await expect(
      api.registry.rewriteAssets(repository, KEY, [absent], "metadata", context),
    ).rejects.toMatchObject({ code: "ResourceNotFoundException" });
    await api.registry.rewriteAssets(repository, KEY, [absent], "refresh", context);
  });
});
