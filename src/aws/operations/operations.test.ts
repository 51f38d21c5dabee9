// The operations as the official client sees them, on both databases; titles start with the status they show.
import { createHash } from "node:crypto";
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { checkToken } from "../../identity/tokens.ts";

const npm = (name: string, namespace = ""): PackageKey => ({ format: "npm", namespace, name });
const R1 = { domain: "d1", repository: "r1" } as const;
const PKG = { ...R1, format: "npm", package: "left-pad" } as const;
const ALL = [{ Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }] as const;

onEveryDatabase("the API", (open) => {
  let api: TestApi;
  let client: Codeartifact;
  beforeEach(async () => {
    api = await openApi(await open());
    client = api.client;
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const domain = (name = "d1") => client.createDomain({ domain: name });
  const repository = (name = "r1", upstreams: readonly string[] = []) =>
    client.createRepository({
      domain: "d1",
      repository: name,
      upstreams: upstreams.map((repositoryName) => ({ repositoryName })),
    });

  describe("domains", () => {
    test("200 CreateDomain: counts are 0 and the key is an ARN (1.3.2, 1.3.3, 1.3.5)", async () => {
      const made = await client.createDomain({
        domain: "d1",
        encryptionKey: "alias/mine",
        tags: [{ key: "k", value: "v" }],
      });
      expect(made.domain).toEqual({
        name: "d1",
        owner: ACCOUNT,
        arn: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:domain/d1`,
        status: "Active",
        encryptionKey: `arn:aws:kms:us-east-1:${ACCOUNT}:alias/mine`,
        repositoryCount: 0,
        assetSizeBytes: 0,
        createdTime: expect.any(Date),
      });
    });

    test("400 ENCRYPTION_KEY_ERROR CreateDomain: an ARN that is not of a key (1.3.5)", async () => {
      const encryptionKey = "arn:aws:s3:::bucket";
      await expect(client.createDomain({ domain: "d1", encryptionKey })).rejects.toMatchObject({
        name: "ValidationException",
        reason: "ENCRYPTION_KEY_ERROR",
        message: expect.stringContaining(encryptionKey),
      });
    });

    test("409 CreateDomain twice (7.7); 400 with a tag key twice", async () => {
      await domain();
      await expect(domain()).rejects.toMatchObject({
        name: "ConflictException",
        resourceType: "domain",
        resourceId: "d1",
        $metadata: { httpStatusCode: 409 },
      });
      await expect(
        client.createDomain({
          domain: "d2",
          tags: [
            { key: "k", value: "1" },
            { key: "k", value: "2" },
          ],
        }),
      ).rejects.toMatchObject({ name: "ValidationException" });
    });

    test("200 DescribeDomain: counts repositories and each content once (1.3.6)", async () => {
      await domain();
      await repository("r1");
      await repository("r2");
      await api.publish("r1", npm("a"), "1.0.0", "12345");
      await api.publish("r2", npm("b"), "1.0.0", "12345");
      await api.publish("r2", npm("c"), "1.0.0", "123");
      expect((await client.describeDomain({ domain: "d1", domainOwner: ACCOUNT })).domain).toMatchObject({
        repositoryCount: 2,
        assetSizeBytes: 8,
      });
    });

    test("404 DescribeDomain of another account, in the service's words (0.7, 7.3)", async () => {
      await domain();
      await expect(
        client.describeDomain({ domain: "d1", domainOwner: "111111111111" }),
      ).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        message: "Domain not found. Domain 'd1' owned by account '111111111111' does not exist",
        resourceType: "domain",
      });
    });

    test("409 DeleteDomain while a repository is left; 200 after; 200 again (1.3.3, 1.3.4)", async () => {
      await domain();
      await repository();
      await expect(client.deleteDomain({ domain: "d1" })).rejects.toMatchObject({
        name: "ConflictException",
        message: "Domain must contain 0 repositories before deletion",
      });
      await client.deleteRepository(R1);
      expect((await client.deleteDomain({ domain: "d1" })).domain).toMatchObject({
        name: "d1",
        status: "Active",
      });
      expect((await client.deleteDomain({ domain: "d1" })).domain).toBeUndefined();
      expect((await client.listDomains({})).domains).toEqual([]);
    });

    test("200 ListDomains: the caller's own account, page by page (0.5a, 7.6)", async () => {
      for (const name of ["cc", "aa", "bb"]) await domain(name);
      const stranger = await api.clientFor("stranger", ALL, "111111111111");
      expect((await stranger.listDomains({})).domains).toEqual([]);
      const first = await client.listDomains({ maxResults: 2 });
      expect(first.domains?.map(({ name }) => name)).toEqual(["aa", "bb"]);
      const second = await client.listDomains({ maxResults: 2, nextToken: first.nextToken });
      expect(second.domains?.map(({ name }) => name)).toEqual(["cc"]);
      expect(second.nextToken).toBeUndefined();
      expect(second.domains?.[0]).not.toHaveProperty("repositoryCount");
      await expect(stranger.listDomains({ nextToken: first.nextToken })).rejects.toMatchObject({
        name: "ValidationException",
      });
    });
  });

  describe("repositories", () => {
    beforeEach(async () => {
      await domain();
    });

    test("200 CreateRepository: the caller administers it, upstreams keep their order (1.4.2)", async () => {
      for (const name of ["a", "b"]) await repository(`up-${name}`);
      const made = await client.createRepository({
        ...R1,
        description: "d",
        upstreams: [{ repositoryName: "up-b" }, { repositoryName: "up-a" }],
      });
      expect(made.repository).toEqual({
        name: "r1",
        administratorAccount: ACCOUNT,
        domainName: "d1",
        domainOwner: ACCOUNT,
        arn: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:repository/d1/r1`,
        description: "d",
        upstreams: [{ repositoryName: "up-b" }, { repositoryName: "up-a" }],
        externalConnections: [],
        createdTime: expect.any(Date),
      });
      expect((await client.describeRepository(R1)).repository).toEqual(made.repository);
    });

    test("409 CreateRepository twice; 404 in an absent domain or with an absent upstream", async () => {
      await repository();
      await expect(repository()).rejects.toMatchObject({
        name: "ConflictException",
        resourceType: "repository",
      });
      await expect(client.createRepository({ domain: "d9", repository: "r1" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "domain",
      });
      await expect(repository("r2", ["none"])).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "repository",
      });
    });

    test("402 UpdateRepository with more than ten upstreams (4.1.1); 400 a cycle or itself (4.1.3)", async () => {
      for (const name of ["r1", "r2"]) await repository(name);
      const eleven = Array.from({ length: 11 }, (_, i) => ({ repositoryName: `up${i}` }));
      await expect(client.updateRepository({ ...R1, upstreams: eleven })).rejects.toMatchObject({
        name: "ServiceQuotaExceededException",
        $metadata: { httpStatusCode: 402 },
      });
      await client.updateRepository({ ...R1, upstreams: [{ repositoryName: "r2" }] });
      await expect(
        client.updateRepository({ domain: "d1", repository: "r2", upstreams: [{ repositoryName: "r1" }] }),
      ).rejects.toMatchObject({ name: "ValidationException" });
      await expect(
        client.updateRepository({ ...R1, upstreams: [{ repositoryName: "r1" }] }),
      ).rejects.toMatchObject({ name: "ValidationException" });
    });

    test("200 UpdateRepository: replaces upstreams, [] clears, left out stays (1.4.6)", async () => {
      for (const name of ["r1", "u1", "u2"]) await repository(name);
      const update = async (change: { description?: string; upstreams?: { repositoryName: string }[] }) =>
        (await client.updateRepository({ ...R1, ...change })).repository;
      const both = [{ repositoryName: "u2" }, { repositoryName: "u1" }];
      expect(await update({ upstreams: both })).toMatchObject({ upstreams: both });
      expect(await update({ description: "new" })).toMatchObject({ description: "new", upstreams: both });
      expect(await update({ upstreams: [] })).toMatchObject({ description: "new", upstreams: [] });
    });

    test("200 DeleteRepository answers with what it was; 404 afterwards; its name is free and empty (1.4.5)", async () => {
      await repository();
      await api.publish("r1", npm("left-pad"), "1.0.0", "x");
      expect((await client.deleteRepository(R1)).repository).toMatchObject({
        name: "r1",
        administratorAccount: ACCOUNT,
      });
      await expect(client.describeRepository(R1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "repository",
      });
      await expect(client.deleteRepository(R1)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      await repository();
      expect((await client.listPackages(R1)).packages).toEqual([]);
    });

    test("200 ListRepositories and ListRepositoriesInDomain: filters and pages (5.8.3)", async () => {
      await domain("d2");
      for (const name of ["web-b", "web-a", "api"]) await repository(name);
      await client.createRepository({ domain: "d2", repository: "web-z" });
      const names = (rows: { name?: string | undefined }[] | undefined) => rows?.map(({ name }) => name);
      expect(names((await client.listRepositories({})).repositories)).toEqual([
        "api",
        "web-a",
        "web-b",
        "web-z",
      ]);
      expect(names((await client.listRepositories({ repositoryPrefix: "web" })).repositories)).toEqual([
        "web-a",
        "web-b",
        "web-z",
      ]);
      expect(
        names(
          (await client.listRepositoriesInDomain({ domain: "d1", repositoryPrefix: "web" })).repositories,
        ),
      ).toEqual(["web-a", "web-b"]);
      expect(
        names(
          (await client.listRepositoriesInDomain({ domain: "d1", administratorAccount: "111111111111" }))
            .repositories,
        ),
      ).toEqual([]);
      const seen: (string | undefined)[] = [];
      let nextToken: string | undefined;
      do {
        const page = await client.listRepositories({ maxResults: 1, nextToken });
        seen.push(...(names(page.repositories) ?? []));
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
      expect(seen).toEqual(["api", "web-a", "web-b", "web-z"]);
    });

    test("200 AssociateExternalConnection, shown as AVAILABLE (1.4.3); 409 a second one (4.1.4); 400 an unknown one; 200 and 404 DisassociateExternalConnection", async () => {
      await repository();
      const { repository: connected } = await client.associateExternalConnection({
        ...R1,
        externalConnection: "public:npmjs",
      });
      expect(connected?.externalConnections).toEqual([
        { externalConnectionName: "public:npmjs", packageFormat: "npm", status: "AVAILABLE" },
      ]);
      await expect(
        client.associateExternalConnection({ ...R1, externalConnection: "public:pypi" }),
      ).rejects.toMatchObject({ name: "ConflictException" });
      await expect(
        client.associateExternalConnection({ ...R1, externalConnection: "public:nothing" }),
      ).rejects.toMatchObject({ name: "ValidationException" });
      expect(
        (await client.disassociateExternalConnection({ ...R1, externalConnection: "public:npmjs" }))
          .repository?.externalConnections,
      ).toEqual([]);
      await expect(
        client.disassociateExternalConnection({ ...R1, externalConnection: "public:npmjs" }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });

    test("200 GetRepositoryEndpoint: this very host, in path form, ending in / (5.8.7, 8.0.3)", async () => {
      await repository();
      for (const format of ["npm", "pypi", "generic"] as const) {
        expect((await client.getRepositoryEndpoint({ ...R1, format })).repositoryEndpoint).toBe(
          `${api.endpoint}/${format}/d/d1-${ACCOUNT}/r1/`,
        );
      }
      expect(
        (await client.getRepositoryEndpoint({ ...R1, format: "npm", endpointType: "dualstack" }))
          .repositoryEndpoint,
      ).toMatch(/\/npm\/d\/d1-\d+\/r1\/$/);
      await expect(
        client.getRepositoryEndpoint({ domain: "d1", repository: "r9", format: "npm" }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });
  });

  describe("tokens", () => {
    beforeEach(async () => {
      await domain();
    });

    test("200 GetAuthorizationToken: a token of the domain, for 12 hours unless said (6.1.1, 6.1.3)", async () => {
      for (const [durationSeconds, expected] of [
        [undefined, 43_200],
        [900, 900],
        [43_200, 43_200],
        [0, 43_200],
      ] as const) {
        const { authorizationToken, expiration } = await client.getAuthorizationToken({
          domain: "d1",
          durationSeconds,
        });
        expect(Math.abs((expiration?.getTime() ?? 0) - Date.now() - expected * 1000)).toBeLessThan(30_000);
        const checked = await checkToken(api.database, authorizationToken ?? "", Date.now());
        expect(checked).toMatchObject({
          principal: { name: "administrator" },
          expiresAt: expiration?.getTime(),
        });
      }
    });

    test("200 GetAuthorizationToken: no program takes the token for one of its options", async () => {
      const tokens = await Promise.all(
        Array.from({ length: 400 }, () => client.getAuthorizationToken({ domain: "d1" })),
      );
      for (const { authorizationToken } of tokens) expect(authorizationToken).toMatch(/^\w/);
    });

    test("400 GetAuthorizationToken for 1 to 899 or over 43200 seconds (6.1.1); 404 an absent domain", async () => {
      for (const durationSeconds of [1, 899, 43_201]) {
        await expect(client.getAuthorizationToken({ domain: "d1", durationSeconds })).rejects.toMatchObject({
          name: "ValidationException",
        });
      }
      await expect(client.getAuthorizationToken({ domain: "d9" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
    });

    test("403 GetAuthorizationToken without sts:GetServiceBearerToken (6.1.2)", async () => {
      const half = await api.clientFor("half", [
        { Statement: [{ Effect: "Allow", Action: "codeartifact:*", Resource: "*" }] },
      ]);
      await expect(half.getAuthorizationToken({ domain: "d1" })).rejects.toMatchObject({
        name: "AccessDeniedException",
        message: expect.stringContaining("sts:GetServiceBearerToken"),
      });
    });
  });

  describe("packages", () => {
    beforeEach(async () => {
      await domain();
      await repository();
    });

    test("200 PutPackageOriginConfiguration on an absent package creates it without versions (2.1.3, 2.1.4)", async () => {
      const answer = await client.putPackageOriginConfiguration({
        ...PKG,
        namespace: "acme",
        restrictions: { publish: "BLOCK", upstream: "BLOCK" },
      });
      expect(answer.originConfiguration).toEqual({ restrictions: { publish: "BLOCK", upstream: "BLOCK" } });
      expect((await client.describePackage({ ...PKG, namespace: "acme" })).package).toEqual({
        format: "npm",
        namespace: "acme",
        name: "left-pad",
        originConfiguration: { restrictions: { publish: "BLOCK", upstream: "BLOCK" } },
      });
      const listed = await client.listPackageVersions({ ...PKG, namespace: "acme" });
      expect(listed.versions).toEqual([]);
      expect(listed).not.toHaveProperty("defaultDisplayVersion");
      await expect(client.describePackage(PKG)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "package",
      });
    });

    test("200 first publish opens publish and closes upstream, and DescribePackage shows it (2.2.1)", async () => {
      await api.publish("r1", npm("left-pad"), "1.0.0", "x");
      expect((await client.describePackage(PKG)).package).toEqual({
        format: "npm",
        name: "left-pad",
        originConfiguration: { restrictions: { publish: "ALLOW", upstream: "BLOCK" } },
      });
    });

    test("400 a namespace that the format forbids, or lacks (1.5.3); an npm scope with its @ (1.5.2); an inert PyPI spelling (1.5.6)", async () => {
      const restrictions = { publish: "BLOCK", upstream: "BLOCK" } as const;
      const bad = [
        { format: "pypi", namespace: "n", package: "p" },
        { format: "maven", package: "p" },
        { format: "generic", package: "p" },
        { format: "swift", package: "p" },
        { format: "cargo", namespace: "n", package: "p" },
        { format: "npm", namespace: "@acme", package: "p" },
        { format: "pypi", package: "Foo_Bar" },
      ] as const;
      for (const key of bad) {
        await expect(
          client.putPackageOriginConfiguration({ ...R1, ...key, restrictions }),
          JSON.stringify(key),
        ).rejects.toMatchObject({ name: "ValidationException", reason: "FIELD_VALIDATION_FAILED" });
      }
      await client.putPackageOriginConfiguration({
        ...R1,
        format: "nuget",
        package: "Newtonsoft.Json",
        restrictions,
      });
      expect(
        (await client.describePackage({ ...R1, format: "nuget", package: "NEWTONSOFT.json" })).package?.name,
      ).toBe("newtonsoft.json");
    });

    test("200 ListPackages: filters (5.8.1), the key `package` (1.5.5), pages that go on after a deletion", async () => {
      for (const key of [
        npm("b", "acme"),
        npm("a", "acme-x"),
        npm("zz"),
        npm("__proto__"),
        npm("constructor"),
      ])
        await api.publish("r1", key, "1.0.0", "x");
      await client.putPackageOriginConfiguration({
        ...R1,
        format: "pypi",
        package: "requests",
        restrictions: { publish: "BLOCK", upstream: "ALLOW" },
      });
      const list = async (filter: object) =>
        (await client.listPackages({ ...R1, ...filter })).packages?.map(
          (row) => `${row.format}/${row.namespace ?? ""}/${row.package}`,
        );
      expect(await list({})).toEqual([
        "npm//__proto__",
        "npm//constructor",
        "npm//zz",
        "npm/acme/b",
        "npm/acme-x/a",
        "pypi//requests",
      ]);
      expect(await list({ format: "npm", namespace: "acme" })).toEqual(["npm/acme/b", "npm/acme-x/a"]);
      expect(await list({ packagePrefix: "__" })).toEqual(["npm//__proto__"]);
      expect(await list({ publish: "BLOCK" })).toEqual(["pypi//requests"]);
      expect(await list({ upstream: "BLOCK", format: "pypi" })).toEqual([]);
      await expect(client.listPackages({ ...R1, namespace: "acme" })).rejects.toMatchObject({
        name: "ValidationException",
      });
      const first = await client.listPackages({ ...R1, maxResults: 2 });
      await client.deletePackage({ ...R1, format: "npm", package: "constructor" });
      const second = await client.listPackages({ ...R1, maxResults: 3, nextToken: first.nextToken });
      expect(second.packages?.map((row) => row.package)).toEqual(["zz", "b", "a"]);
      await expect(
        client.listPackages({ ...R1, format: "npm", nextToken: first.nextToken }),
      ).rejects.toMatchObject({ name: "ValidationException" });
      await expect(client.listPackages({ ...R1, nextToken: `x${first.nextToken}` })).rejects.toMatchObject({
        name: "ValidationException",
      });
    });

    test("200 DeletePackage tells the settings that went (5.5.2); 404 again", async () => {
      await api.publish("r1", npm("left-pad"), "1.0.0", "x");
      expect((await client.deletePackage(PKG)).deletedPackage).toEqual({
        format: "npm",
        package: "left-pad",
        originConfiguration: { restrictions: { publish: "ALLOW", upstream: "BLOCK" } },
      });
      await expect(client.deletePackage(PKG)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });
  });

  describe("versions and assets", () => {
    beforeEach(async () => {
      await domain();
      await repository();
    });

    test("200 ListPackageVersions: order, filters, pages, the version to show (5.8.2)", async () => {
      for (const version of ["1.0.0", "2.0.0", "3.0.0-rc.1"])
        await api.publish("r1", npm("left-pad"), version, version, version === "2.0.0" ? ["latest"] : []);
      const all = await client.listPackageVersions(PKG);
      expect(all).toMatchObject({ format: "npm", package: "left-pad", defaultDisplayVersion: "2.0.0" });
      expect(all.versions?.[0]).toEqual({
        version: "1.0.0",
        status: "Published",
        revision: expect.stringMatching(/^[\w+/]{43}=$/),
        origin: { originType: "INTERNAL", domainEntryPoint: { repositoryName: "r1" } },
      });
      const numbers = async (filter: object) =>
        (await client.listPackageVersions({ ...PKG, ...filter })).versions?.map(({ version }) => version);
      expect(await numbers({})).toEqual(["1.0.0", "2.0.0", "3.0.0-rc.1"]);
      expect(await numbers({ sortBy: "PUBLISHED_TIME" })).toEqual(["3.0.0-rc.1", "2.0.0", "1.0.0"]);
      expect(await numbers({ status: "Published", originType: "INTERNAL" })).toHaveLength(3);
      for (const filter of [
        { status: "Archived" },
        { status: "Deleted" },
        { originType: "EXTERNAL" },
        { originType: "UNKNOWN" },
      ])
        expect(await numbers(filter)).toEqual([]);
      for (const sortBy of ["PUBLISHED_TIME", undefined] as const) {
        const first = await client.listPackageVersions({ ...PKG, sortBy, maxResults: 2 });
        const second = await client.listPackageVersions({
          ...PKG,
          sortBy,
          maxResults: 2,
          nextToken: first.nextToken,
        });
        expect([...(first.versions ?? []), ...(second.versions ?? [])].map(({ version }) => version)).toEqual(
          await numbers({ sortBy }),
        );
        expect(second.nextToken).toBeUndefined();
      }
    });

    test("200 DescribePackageVersion (1.6.1, 1.6.2)", async () => {
      await api.publish("r1", npm("ui", "acme"), "1.0.0", "x");
      const { packageVersion } = await client.describePackageVersion({
        ...R1,
        format: "npm",
        namespace: "acme",
        package: "ui",
        packageVersion: "1.0.0",
      });
      expect(packageVersion).toEqual({
        format: "npm",
        namespace: "acme",
        packageName: "ui",
        displayName: "@acme/ui",
        version: "1.0.0",
        summary: "what it is",
        licenses: [],
        status: "Published",
        publishedTime: expect.any(Date),
        revision: expect.any(String),
        origin: { originType: "INTERNAL", domainEntryPoint: { repositoryName: "r1" } },
      });
    });

    test("200 ListPackageVersionAssets and GetPackageVersionAsset: four hashes, the bytes, the headers (1.6.6, 0.5g)", async () => {
      await api.publish("r1", npm("left-pad"), "1.0.0", "hello");
      const version = { ...PKG, packageVersion: "1.0.0" };
      const listed = await client.listPackageVersionAssets(version);
      const hash = (name: string) => createHash(name).update("hello").digest("hex");
      expect(listed).toMatchObject({
        format: "npm",
        package: "left-pad",
        version: "1.0.0",
        assets: [
          {
            name: "left-pad-1.0.0.tgz",
            size: 5,
            hashes: {
              MD5: hash("md5"),
              "SHA-1": hash("sha1"),
              "SHA-256": hash("sha256"),
              "SHA-512": hash("sha512"),
            },
          },
        ],
      });
      const got = await client.getPackageVersionAsset({ ...version, asset: "left-pad-1.0.0.tgz" });
      expect(got).toMatchObject({
        assetName: "left-pad-1.0.0.tgz",
        packageVersion: "1.0.0",
        packageVersionRevision: listed.versionRevision,
      });
      expect(await (got.asset as { transformToString(): Promise<string> }).transformToString()).toBe("hello");
      await expect(client.getPackageVersionAsset({ ...version, asset: "other.tgz" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "asset",
      });
      await expect(
        client.getPackageVersionAsset({
          ...version,
          asset: "left-pad-1.0.0.tgz",
          packageVersionRevision: "stale",
        }),
      ).rejects.toMatchObject({ name: "ConflictException" });
    });

    test("404 assets of Archived and Disposed versions, 200 of Unlisted ones (5.1)", async () => {
      await api.publish("r1", npm("left-pad"), "1.0.0", "hello");
      const status = (value: string) =>
        api.database.write((tx) => tx.updateTable("package_version").set({ status: value }).execute());
      const get = () =>
        client.getPackageVersionAsset({ ...PKG, packageVersion: "1.0.0", asset: "left-pad-1.0.0.tgz" });
      for (const gone of ["Archived", "Disposed"]) {
        await status(gone);
        await expect(get()).rejects.toMatchObject({
          name: "ResourceNotFoundException",
          message: expect.stringContaining(gone),
        });
        expect((await client.listPackageVersions(PKG)).versions).toHaveLength(1);
      }
      expect(await client.listPackageVersions(PKG)).not.toHaveProperty("defaultDisplayVersion");
      await status("Unlisted");
      expect((await get()).assetName).toBe("left-pad-1.0.0.tgz");
    });

    test("404 whatever only an upstream holds: the control plane looks at the named repository alone (4.6.1)", async () => {
      await api.publish("r1", npm("left-pad"), "1.0.0", "x");
      await repository("down", ["r1"]);
      const there = { ...PKG, repository: "down" };
      expect((await client.listPackages({ domain: "d1", repository: "down" })).packages).toEqual([]);
      for (const ask of [
        () => client.describePackage(there),
        () => client.listPackageVersions(there),
        () => client.describePackageVersion({ ...there, packageVersion: "1.0.0" }),
      ]) {
        await expect(ask()).rejects.toMatchObject({
          name: "ResourceNotFoundException",
          message: expect.stringMatching(/^Package not found in repository\. RepoId: down/),
        });
      }
      await expect(client.describePackageVersion({ ...PKG, packageVersion: "9.9.9" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "package-version",
        resourceId: "9.9.9",
      });
    });
  });

  describe("permissions", () => {
    test("403 names the action and the resource, whether the thing exists or not (6.3)", async () => {
      await domain();
      await repository();
      const reader = await api.clientFor("reader", [
        {
          Statement: [
            {
              Effect: "Allow",
              Action: ["codeartifact:Describe*", "codeartifact:List*"],
              Resource: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:*/d1*`,
            },
          ],
        },
      ]);
      await reader.describeDomain({ domain: "d1" });
      await reader.describeRepository(R1);
      const arn = `arn:aws:codeartifact:us-east-1:${ACCOUNT}`;
      const refusals: [() => Promise<unknown>, string][] = [
        [
          () => reader.createDomain({ domain: "d1" }),
          `codeartifact:CreateDomain on resource: ${arn}:domain/d1`,
        ],
        [
          () => reader.describeDomain({ domain: "d9" }),
          `codeartifact:DescribeDomain on resource: ${arn}:domain/d9`,
        ],
        [
          () => reader.deleteDomain({ domain: "d1" }),
          `codeartifact:DeleteDomain on resource: ${arn}:domain/d1`,
        ],
        [
          () => reader.createRepository({ domain: "d1", repository: "r2" }),
          `codeartifact:CreateRepository on resource: ${arn}:repository/d1/r2`,
        ],
        [
          () => reader.updateRepository(R1),
          `codeartifact:UpdateRepository on resource: ${arn}:repository/d1/r1`,
        ],
        [
          () => reader.deleteRepository({ domain: "d1", repository: "r9" }),
          `codeartifact:DeleteRepository on resource: ${arn}:repository/d1/r9`,
        ],
        [
          () => reader.associateExternalConnection({ ...R1, externalConnection: "public:npmjs" }),
          `codeartifact:AssociateExternalConnection on resource: ${arn}:repository/d1/r1`,
        ],
        [
          () => reader.getAuthorizationToken({ domain: "d1" }),
          `codeartifact:GetAuthorizationToken on resource: ${arn}:domain/d1`,
        ],
        [
          () => reader.getRepositoryEndpoint({ ...R1, format: "npm" }),
          `codeartifact:GetRepositoryEndpoint on resource: ${arn}:repository/d1/r1`,
        ],
        [() => reader.listRepositories({}), "codeartifact:ListRepositories on resource: *"],
        [() => reader.listDomains({}), "codeartifact:ListDomains on resource: *"],
        [
          () => reader.deletePackage({ ...PKG, namespace: "acme" }),
          `codeartifact:DeletePackage on resource: ${arn}:package/d1/r1/npm/acme/left-pad`,
        ],
        [
          () =>
            reader.putPackageOriginConfiguration({
              ...PKG,
              restrictions: { publish: "ALLOW", upstream: "ALLOW" },
            }),
          `codeartifact:PutPackageOriginConfiguration on resource: ${arn}:package/d1/r1/npm//left-pad`,
        ],
        [
          () => reader.getPackageVersionAsset({ ...PKG, packageVersion: "1", asset: "a" }),
          `codeartifact:GetPackageVersionAsset on resource: ${arn}:package/d1/r1/npm//left-pad`,
        ],
      ];
      for (const [ask, what] of refusals) {
        await expect(ask()).rejects.toMatchObject({
          name: "AccessDeniedException",
          message: `User: arn:aws:iam::${ACCOUNT}:user/reader is not authorized to perform: ${what} because no identity-based policy allows the ${what.split(" ")[0]} action`,
        });
      }
      expect((await client.listPackages(R1)).packages).toEqual([]);
    });
  });
});
