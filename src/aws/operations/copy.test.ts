// CopyPackageVersions as the official client sees it, on both databases (spec 5.6, 2.5.5, 4.6.2).
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import { readJournal } from "../../store/journal.ts";

const KEY = { format: "npm", namespace: "", name: "left-pad" } as const;
const PKG = { domain: "d1", format: "npm", package: "left-pad" } as const;
const COPY = { ...PKG, sourceRepository: "from", destinationRepository: "to" } as const;

onEveryDatabase("CopyPackageVersions", (open) => {
  let api: TestApi;
  let client: Codeartifact;
  beforeEach(async () => {
    api = await openApi(await open());
    client = api.client;
    await client.createDomain({ domain: "d1" });
    for (const [repository, upstreams] of [
      ["far", []],
      ["from", ["far"]],
      ["to", []],
    ] as const) {
      await client.createRepository({
        domain: "d1",
        repository,
        upstreams: upstreams.map((repositoryName) => ({ repositoryName })),
      });
    }
    await api.publish("from", KEY, "1.0.0", "one", ["latest", "lts"]);
    await api.publish("from", KEY, "2.0.0", "two");
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const describeAt = async (repository: string, packageVersion: string) =>
    (await client.describePackageVersion({ ...PKG, repository, packageVersion })).packageVersion;
  const versionsAt = async (repository: string) =>
    (await client.listPackageVersions({ ...PKG, repository })).versions?.map(({ version }) => version);

  describe("200", () => {
    test("copies assets, revision, status and origin, not the first arrival's name (5.6.6, 1.6.2)", async () => {
      const source = await describeAt("from", "1.0.0");
      const { successfulVersions, failedVersions } = await client.copyPackageVersions({
        ...COPY,
        versions: ["1.0.0"],
      });
      expect(successfulVersions).toEqual({ "1.0.0": { revision: source?.revision, status: "Published" } });
      expect(failedVersions).toEqual({});
      const copy = await describeAt("to", "1.0.0");
      expect(copy?.origin).toEqual({ originType: "INTERNAL", domainEntryPoint: { repositoryName: "from" } });
      const asset = await client.getPackageVersionAsset({
        ...PKG,
        repository: "to",
        packageVersion: "1.0.0",
        asset: "left-pad-1.0.0.tgz",
      });
      expect(await asset.asset?.transformToString()).toBe("one");
    });

    test("takes along every tag that points at a copied version, over the destination's own (5.6.5)", async () => {
      await api.publish("to", KEY, "0.9.0", "old", ["latest"]);
      await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      const { defaultDisplayVersion } = await client.listPackageVersions({ ...PKG, repository: "to" });
      expect(defaultDisplayVersion).toBe("1.0.0");
    });

    test("tells nothing of a version that is there already, byte for byte (5.6.3)", async () => {
      await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      const again = await client.copyPackageVersions({ ...COPY, versions: ["1.0.0", "2.0.0"] });
      expect(Object.keys(again.successfulVersions ?? {})).toEqual(["2.0.0"]);
      expect(again.failedVersions).toEqual({});
    });

    test("a Disposed version is NOT_ALLOWED, an Archived one keeps its status (5.6.6)", async () => {
      await client.updatePackageVersionsStatus({
        ...PKG,
        repository: "from",
        versions: ["1.0.0"],
        targetStatus: "Archived",
      });
      await client.disposePackageVersions({ ...PKG, repository: "from", versions: ["2.0.0"] });
      const { failedVersions } = await client.copyPackageVersions({ ...COPY, versions: ["2.0.0"] });
      expect(failedVersions?.["2.0.0"]?.errorCode).toBe("NOT_ALLOWED");
      await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      expect((await describeAt("to", "1.0.0"))?.status).toBe("Archived");
    });

    test("one failure leaves everything as it was, the others SKIPPED (5.6.4)", async () => {
      const { successfulVersions, failedVersions } = await client.copyPackageVersions({
        ...COPY,
        versions: ["1.0.0", "9.9.9"],
      });
      expect(successfulVersions).toEqual({});
      expect(failedVersions).toEqual({
        "1.0.0": { errorCode: "SKIPPED", errorMessage: "Version 1.0.0 was skipped" },
        "9.9.9": { errorCode: "NOT_FOUND", errorMessage: "Could not find version 9.9.9" },
      });
      await expect(client.describePackage({ ...PKG, repository: "to" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
    });

    test("other content is ALREADY_EXISTS, and replaced with allowOverwrite (5.6.3)", async () => {
      await api.publish("to", KEY, "1.0.0", "mine");
      const refused = await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      expect(refused.failedVersions?.["1.0.0"]).toEqual({
        errorCode: "ALREADY_EXISTS",
        errorMessage: "Version 1.0.0 already exists",
      });
      const replaced = await client.copyPackageVersions({
        ...COPY,
        versions: ["1.0.0"],
        allowOverwrite: true,
      });
      expect(Object.keys(replaced.successfulVersions ?? {})).toEqual(["1.0.0"]);
      expect((await describeAt("to", "1.0.0"))?.origin?.domainEntryPoint?.repositoryName).toBe("from");
    });

    test("versionRevisions that are not the source's own are MISMATCHED_REVISION (5.6.1)", async () => {
      const right = (await describeAt("from", "1.0.0"))?.revision ?? "";
      const wrong = await client.copyPackageVersions({ ...COPY, versionRevisions: { "1.0.0": "other" } });
      expect(wrong.failedVersions?.["1.0.0"]?.errorCode).toBe("MISMATCHED_REVISION");
      await client.copyPackageVersions({ ...COPY, versionRevisions: { "1.0.0": right } });
      expect(await versionsAt("to")).toEqual(["1.0.0"]);
    });

    test("what only an upstream of the source holds needs includeFromUpstream (4.6.2)", async () => {
      await client.putPackageOriginConfiguration({
        ...PKG,
        repository: "from",
        restrictions: { publish: "ALLOW", upstream: "ALLOW" },
      });
      await api.publish("far", KEY, "3.0.0", "three");
      const without = await client.copyPackageVersions({ ...COPY, versions: ["3.0.0"] });
      expect(without.failedVersions?.["3.0.0"]?.errorCode).toBe("NOT_FOUND");
      await client.copyPackageVersions({ ...COPY, versions: ["3.0.0"], includeFromUpstream: true });
      expect(await versionsAt("to")).toEqual(["3.0.0"]);
      expect(await versionsAt("from")).toEqual(["1.0.0", "2.0.0"]);
    });

    test("copies past publish=BLOCK, not under a name that only looks guarded (2.5.5)", async () => {
      await client.putPackageOriginConfiguration({
        ...PKG,
        repository: "to",
        restrictions: { publish: "BLOCK", upstream: "BLOCK" },
      });
      await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      expect(await versionsAt("to")).toEqual(["1.0.0"]);
      await client.createPackageGroup({ domain: "d1", packageGroup: "/npm//left_pad$" });
      const weak = await client.copyPackageVersions({ ...COPY, versions: ["2.0.0"] });
      expect(weak.failedVersions?.["2.0.0"]?.errorCode).toBe("NOT_ALLOWED");
    });

    test("is journalled with where it came from, as a created or an updated version (10.3)", async () => {
      await client.copyPackageVersions({ ...COPY, versions: ["1.0.0"] });
      const { domain } = await api.deps.catalog.domain("000000000000", "d1");
      const lines = await readJournal(api.database.read, domain.id, KEY);
      expect(lines.at(-1)).toMatchObject({
        event: "copied",
        repository: "to",
        version: "1.0.0",
        detail: { from: "from" },
      });
    });
  });

  test("400 both or neither of versions and versionRevisions; the same repository twice", async () => {
    for (const input of [
      {},
      { versions: ["1.0.0"], versionRevisions: { "1.0.0": "r" } },
      { versions: ["1.0.0"], destinationRepository: "from" },
    ]) {
      await expect(client.copyPackageVersions({ ...COPY, ...input })).rejects.toMatchObject({
        name: "ValidationException",
      });
    }
  });

  test("403 without ReadFromRepository on the source or CopyPackageVersions on the destination (5.6.2)", async () => {
    const statement = (Action: string) => [
      { Statement: [{ Effect: "Allow" as const, Action, Resource: "*" }] },
    ];
    const reader = await api.clientFor("reader", statement("codeartifact:ReadFromRepository"));
    const copier = await api.clientFor("copier", statement("codeartifact:CopyPackageVersions"));
    for (const [who, lacks] of [
      [reader, "CopyPackageVersions"],
      [copier, "ReadFromRepository"],
    ] as const) {
      await expect(who.copyPackageVersions({ ...COPY, versions: ["1.0.0"] })).rejects.toMatchObject({
        name: "AccessDeniedException",
        message: expect.stringContaining(lacks),
      });
    }
  });

  test("404 a package that the source does not have; an absent repository", async () => {
    for (const input of [
      { package: "absent" },
      { sourceRepository: "absent" },
      { destinationRepository: "absent" },
    ]) {
      await expect(
        client.copyPackageVersions({ ...COPY, versions: ["1.0.0"], ...input }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    }
  });
});
