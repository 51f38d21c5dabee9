// Publishing, whatever the format: equal bytes come back, other bytes conflict, wrong digests leave nothing, names normalise.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { FormatDriver } from "../format.suite.ts";
import { CONTENT, type World } from "./world.suite.ts";

export function publishTests<U>(driver: FormatDriver<U>, world: () => World<U>): void {
  const [v1 = "", v2 = "", v3 = ""] = driver.versions;

  test("8.0.5: what is published is listed, on every route, and downloads as the very bytes", async () => {
    const { publish, versions, install } = await world().scene();
    expect((await publish(v1)).ok).toBe(true);
    expect((await publish(v2)).ok).toBe(true);
    expect(await versions()).toEqual([v1, v2].sort());
    expect((await install(v1)).status).toBe(200);
    expect((await install(v2)).status).toBe(200);
    expect((await install(v3)).status).toBe(404);
  });

  test("8.0.5: the same bytes again are a success that changes nothing", async () => {
    const { publish, install, api } = await world().scene();
    await publish(v1);
    const { client } = world().server;
    const before = (await client.describePackageVersion({ ...api(), packageVersion: v1 })).packageVersion;
    expect((await publish(v1)).ok).toBe(true);
    expect((await client.describePackageVersion({ ...api(), packageVersion: v1 })).packageVersion).toEqual(
      before,
    );
    expect((await install(v1)).status).toBe(200);
  });

  test("8.0.5, 5.5: other bytes are a 409 and leave none behind; deleted first, they are taken", async () => {
    const { publish, install, api } = await world().scene();
    await publish(v1);
    const before = await world().blobs();
    const refused = await publish(v1, { content: "other" });
    expect(refused.status, await refused.text()).toBe(409);
    expect(await world().blobs()).toEqual(before);
    expect((await install(v1)).status).toBe(200);
    await world().server.client.deletePackageVersions({ ...api(), versions: [v1] });
    expect((await publish(v1, { content: "other" })).ok).toBe(true);
    expect((await install(v1, { content: "other" })).status).toBe(200);
  });

  test("of two publishes of one version at once, one wins and its bytes stay", async () => {
    const { publish, install } = await world().scene();
    const contents = ["one", "other"] as const;
    const answers = await Promise.all(contents.map((content) => publish(v1, { content })));
    const won = answers.findIndex((answer) => answer.ok);
    expect(answers.map(({ ok, status }) => (ok ? "ok" : String(status))).sort()).toEqual(["409", "ok"]);
    expect((await install(v1, { content: contents[won] ?? "" })).status).toBe(200);
  });

  test.each(driver.digests)(
    "5.7.4: bytes that are not as %s says are a 400, and nothing of them is kept",
    async (wrong) => {
      const { publish, versions, held, settings } = await world().scene();
      const before = await world().blobs();
      const refused = await publish(v1, { wrong, content: `wrong ${wrong}` });
      expect(refused.status, await refused.text()).toBe(400);
      expect([await versions(), await held(), await settings()]).toEqual([[], {}, undefined]);
      expect(await world().blobs()).toEqual(before);
      expect((await publish(v1)).ok).toBe(true);
    },
  );

  test("1.6.2, 1.6.6, 5.8: the API describes the version, its assets with all four digests, its dependencies and readme", async () => {
    const { publish, build, api, R } = await world().scene();
    await publish(v1);
    const { built } = await build(v1);
    const { client } = world().server;
    const of = { ...api(), packageVersion: v1 };
    expect((await client.describePackageVersion(of)).packageVersion).toMatchObject({
      version: v1,
      status: "Published",
      origin: { originType: "INTERNAL", domainEntryPoint: { repositoryName: R } },
    });
    const assets = (await client.listPackageVersionAssets(of)).assets ?? [];
    const found = assets.map(
      ({ name, size, hashes = {} }) => [name, [size, hashes["SHA-256"], Object.keys(hashes).sort()]] as const,
    );
    const expected = [...built.assets].map(
      ([name, bytes]) => [name, [bytes.length, sha256(bytes), FOUR]] as const,
    );
    expect(new Map(found)).toEqual(new Map(expected));
    const dependencies = (await client.listPackageVersionDependencies(of)).dependencies ?? [];
    expect(dependencies).toEqual(
      (built.dependencies ?? []).map(({ namespace, name, type, requirement }) => ({
        ...(namespace === undefined ? {} : { namespace }),
        package: name,
        ...(type === undefined ? {} : { dependencyType: type }),
        versionRequirement: requirement,
      })),
    );
    const readme = client.getPackageVersionReadme(of);
    if (built.readme === undefined)
      await expect(readme).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    else expect((await readme).readme).toBe(built.readme);
  });

  test("10.3: the journal has one line for the publish, and one for a refusal", async () => {
    const { publish, put, key, R } = await world().scene();
    await publish(v1);
    await publish(v1);
    await put("BLOCK", "BLOCK");
    await publish(v2);
    const lines = (await world().journal(key)).filter(({ event }) => /^(published|refused)$/.test(event));
    expect(lines[0]).toEqual({ event: "published", repository: R, version: v1 });
    expect(lines.map(({ event }) => event)).toEqual(["published", "refused"]);
  });

  test.skipIf(driver.spellings === undefined)(
    "1.5.6: every spelling of a name is the same package",
    async () => {
      const { publish, versions, install, key, R } = await world().scene();
      const [first = key, ...others] = driver.spellings?.(key) ?? [];
      expect((await publish(v1, { key: first })).ok).toBe(true);
      for (const spelling of [key, first, ...others]) {
        expect(await versions(R, spelling), spelling.name).toEqual([v1]);
        expect((await install(v1, { key: spelling, content: CONTENT })).status, spelling.name).toBe(200);
        expect((await publish(v1, { key: spelling, content: "other" })).status, spelling.name).toBe(409);
      }
      const found = await world().server.client.listPackages({ domain: "acme", repository: R });
      expect(found.packages?.map((p) => p.package)).toEqual([key.name]);
    },
  );

  test.skipIf(driver.unfinished === undefined)(
    "5.1, 5.2: an Unfinished version is held, listed to nobody and not served, until it is finished",
    async () => {
      const { publish, versions, install, held, api } = await world().scene();
      expect((await publish(v1, { unfinished: true })).ok).toBe(true);
      expect(await held()).toEqual({ [v1]: "Unfinished" });
      expect(await versions()).toEqual([]);
      const hidden = await install(v1);
      expect([hidden.status, hidden.reason]).toEqual([404, "version status Unfinished"]);
      expect((await publish(v1)).ok).toBe(true);
      expect([await held(), await versions()]).toEqual([{ [v1]: "Published" }, [v1]]);
      await publish(v2, { unfinished: true });
      await world().server.client.updatePackageVersionsStatus({
        ...api(),
        versions: [v2],
        targetStatus: "Published",
      });
      expect((await install(v2)).status).toBe(200);
    },
  );
}

const FOUR = ["MD5", "SHA-1", "SHA-256", "SHA-512"];

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
