// UpdatePackageVersionsStatus, DisposePackageVersions and DeletePackageVersions through the official client, on both databases.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";

const KEY = { format: "npm", namespace: "", name: "p" } as const;
const PKG = { domain: "d1", repository: "r1", format: "npm" as const, package: "p" };

onEveryDatabase("version status operations", (open) => {
  let api: TestApi;
  beforeEach(async () => {
    api = await openApi(await open());
    await api.client.createDomain({ domain: "d1" });
    await api.client.createRepository({ domain: "d1", repository: "r1" });
    for (const version of ["1.0.0", "2.0.0"])
      await api.publish("r1", KEY, version, `bytes of ${version}`, ["latest"]);
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const statuses = async () =>
    Object.fromEntries(
      ((await api.client.listPackageVersions(PKG)).versions ?? []).map(({ version, status }) => [
        version,
        status,
      ]),
    );

  test("200 UpdatePackageVersionsStatus: status changes, revision stays (1.6.3, 5.3.2)", async () => {
    const { successfulVersions, failedVersions } = await api.client.updatePackageVersionsStatus({
      ...PKG,
      versions: ["1.0.0"],
      targetStatus: "Archived",
    });
    const [, held] = [
      failedVersions,
      (await api.client.listPackageVersions({ ...PKG, status: "Archived" })).versions?.[0],
    ];
    expect(successfulVersions).toEqual({ "1.0.0": { status: "Archived", revision: held?.revision } });
    expect(await statuses()).toEqual({ "1.0.0": "Archived", "2.0.0": "Published" });
    await api.client.updatePackageVersionsStatus({
      ...PKG,
      versions: ["1.0.0"],
      targetStatus: "Published",
      expectedStatus: "Archived",
    });
    expect(await statuses()).toEqual({ "1.0.0": "Published", "2.0.0": "Published" });
  });

  test("200 with failures: all or nothing, the rest skipped (5.3.3)", async () => {
    const { successfulVersions, failedVersions } = await api.client.updatePackageVersionsStatus({
      ...PKG,
      versions: ["1.0.0", "3.0.0"],
      targetStatus: "Unlisted",
    });
    expect(successfulVersions).toEqual({});
    expect(failedVersions).toMatchObject({
      "1.0.0": { errorCode: "SKIPPED" },
      "3.0.0": { errorCode: "NOT_FOUND" },
    });
    expect(await statuses()).toEqual({ "1.0.0": "Published", "2.0.0": "Published" });
  });

  test.each(["Unfinished", "Disposed", "Deleted"] as const)(
    "400 a target of %s (5.2.1)",
    async (targetStatus) => {
      await expect(
        api.client.updatePackageVersionsStatus({ ...PKG, versions: ["1.0.0"], targetStatus }),
      ).rejects.toMatchObject({ name: "ValidationException" });
    },
  );

  test("400 revisions for other versions than named (5.3.1); 404 for an unknown package", async () => {
    const call = { ...PKG, versions: ["1.0.0"], targetStatus: "Unlisted" as const };
    await expect(
      api.client.updatePackageVersionsStatus({ ...call, versionRevisions: { "2.0.0": "r" } }),
    ).rejects.toMatchObject({ name: "ValidationException" });
    await expect(
      api.client.updatePackageVersionsStatus({ ...call, package: "absent" }),
    ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  describe("disposing and deleting", () => {
    test("200 DisposePackageVersions: no assets left, the number stays taken, only deletion frees it (5.4, 5.1.1)", async () => {
      const { successfulVersions } = await api.client.disposePackageVersions({ ...PKG, versions: ["1.0.0"] });
      expect(successfulVersions).toMatchObject({ "1.0.0": { status: "Disposed" } });
      expect((await api.client.listPackageVersionAssets({ ...PKG, packageVersion: "1.0.0" })).assets).toEqual(
        [],
      );
      await expect(api.publish("r1", KEY, "1.0.0", "bytes of 1.0.0")).rejects.toThrow(/Disposed/);
      const back = await api.client.updatePackageVersionsStatus({
        ...PKG,
        versions: ["1.0.0"],
        targetStatus: "Published",
      });
      expect(back.failedVersions).toMatchObject({ "1.0.0": { errorCode: "NOT_ALLOWED" } });
      await api.client.deletePackageVersions({ ...PKG, versions: ["1.0.0"] });
      await api.publish("r1", KEY, "1.0.0", "other bytes");
      expect(await statuses()).toEqual({ "1.0.0": "Published", "2.0.0": "Published" });
    });

    test("200 DeletePackageVersions: gone with its tags, settings stay (5.5.1, 2.1.5)", async () => {
      const before = (await api.client.describePackage(PKG)).package?.originConfiguration;
      const { successfulVersions } = await api.client.deletePackageVersions({
        ...PKG,
        versions: ["1.0.0", "2.0.0"],
        expectedStatus: "Published",
      });
      expect(Object.values(successfulVersions ?? {}).map(({ status }) => status)).toEqual([
        "Deleted",
        "Deleted",
      ]);
      expect(await statuses()).toEqual({});
      expect((await api.client.describePackage(PKG)).package?.originConfiguration).toEqual(before);
    });
  });
});
