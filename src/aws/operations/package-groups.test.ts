// Package groups as the official client sees them, on both databases; titles start with the status they show.
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { findRepository } from "../../registry/administer.ts";

const npm = (name: string, namespace = ""): PackageKey => ({ format: "npm", namespace, name });
const ARN = `arn:aws:codeartifact:us-east-1:${ACCOUNT}:package-group/d1`;
const D1 = { domain: "d1" } as const;

onEveryDatabase("package groups in the API", (open) => {
  let api: TestApi;
  let client: Codeartifact;
  beforeEach(async () => {
    api = await openApi(await open());
    client = api.client;
    await client.createDomain(D1);
    await client.createRepository({ ...D1, repository: "r1" });
    await client.createRepository({ ...D1, repository: "r2" });
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const create = (packageGroup: string, more: object = {}) =>
    client.createPackageGroup({ ...D1, packageGroup, ...more });
  const describeGroup = async (packageGroup: string) =>
    (await client.describePackageGroup({ ...D1, packageGroup })).packageGroup;
  type Change = Omit<
    Parameters<Codeartifact["updatePackageGroupOriginConfiguration"]>[0],
    "domain" | "packageGroup"
  >;
  const configure = (packageGroup: string, change: Change) =>
    client.updatePackageGroupOriginConfiguration({ ...D1, packageGroup, ...change });
  const associated = async (packageGroup: string, more: object = {}) =>
    (await client.listAssociatedPackages({ ...D1, packageGroup, ...more })).packages?.map(
      (p) => `${p.format}/${p.namespace ?? ""}/${p.package} ${p.associationType}`,
    );
  const patterns = (answer: { packageGroups?: readonly { pattern?: string | undefined }[] | undefined }) =>
    answer.packageGroups?.map(({ pattern }) => pattern);
  const settings = async (repository: string, name: string) =>
    (await client.describePackage({ ...D1, repository, format: "npm", package: name })).package
      ?.originConfiguration?.restrictions;

  describe("one group", () => {
    test("200 the root group is there from the start, allows all three ways, and has no parent (1.3.7, 2.7.3, 1.2.4)", async () => {
      const allow = { mode: "ALLOW", effectiveMode: "ALLOW", repositoriesCount: 0 };
      expect(await describeGroup("/*")).toEqual({
        arn: `${ARN}/%2a`,
        pattern: "/*",
        domainName: "d1",
        domainOwner: ACCOUNT,
        createdTime: expect.any(Date),
        originConfiguration: {
          restrictions: { PUBLISH: allow, EXTERNAL_UPSTREAM: allow, INTERNAL_UPSTREAM: allow },
        },
      });
    });

    test("200 CreatePackageGroup: inherits everything, knows its parent (2.7.2, 2.7.4, 3.5.4)", async () => {
      await create("/npm/*");
      const { packageGroup } = await create("/npm/acme/ui~", {
        contactInfo: "me",
        description: "ours",
        tags: [{ key: "k", value: "v" }],
      });
      const inherited = {
        mode: "INHERIT",
        effectiveMode: "ALLOW",
        inheritedFrom: { arn: `${ARN}/%2a`, pattern: "/*" },
        repositoriesCount: 0,
      };
      expect(packageGroup).toEqual({
        arn: `${ARN}/npm/acme/ui~`,
        pattern: "/npm/acme/ui~",
        domainName: "d1",
        domainOwner: ACCOUNT,
        createdTime: expect.any(Date),
        contactInfo: "me",
        description: "ours",
        originConfiguration: {
          restrictions: { PUBLISH: inherited, EXTERNAL_UPSTREAM: inherited, INTERNAL_UPSTREAM: inherited },
        },
        parent: { arn: `${ARN}/npm/%2a`, pattern: "/npm/*" },
      });
      expect(await describeGroup("/npm/acme/ui~")).toEqual(packageGroup);
    });

    test("409 CreatePackageGroup twice (3.5.2); 200 in another case (3.4.5); 400 what is no pattern; 404 no such domain", async () => {
      await create("/npm//a$");
      await expect(create("/npm//a$")).rejects.toMatchObject({
        name: "ConflictException",
        resourceId: "/npm//a$",
      });
      await create("/npm//A$");
      for (const bad of ["/npm//a*", "npm/*", "/python//x$", "/pypi/x$", "/pypi//X$"]) {
        await expect(create(bad), bad).rejects.toMatchObject({
          name: "ValidationException",
          reason: "FIELD_VALIDATION_FAILED",
        });
      }
      await expect(client.createPackageGroup({ domain: "d9", packageGroup: "/npm/*" })).rejects.toMatchObject(
        {
          name: "ResourceNotFoundException",
          resourceType: "domain",
        },
      );
    });

    test("200 UpdatePackageGroup: what is omitted stays (3.5.1), the empty text is a text; 404 no such group", async () => {
      await create("/npm/*", { contactInfo: "me", description: "ours" });
      await client.updatePackageGroup({ ...D1, packageGroup: "/npm/*", description: "yours" });
      expect(await describeGroup("/npm/*")).toMatchObject({ contactInfo: "me", description: "yours" });
      const { packageGroup } = await client.updatePackageGroup({
        ...D1,
        packageGroup: "/npm/*",
        contactInfo: "",
      });
      expect(packageGroup).toMatchObject({ contactInfo: "", description: "yours" });
      await expect(client.updatePackageGroup({ ...D1, packageGroup: "/pypi/*" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceId: "/pypi/*",
      });
    });

    test("200 DeletePackageGroup: children move up and inherit anew (3.3.3); 400 the root (3.5.2); 404 again", async () => {
      await create("/npm/*");
      await create("/npm//foo~");
      await configure("/npm/*", { restrictions: { PUBLISH: "BLOCK" } });
      expect((await describeGroup("/npm//foo~"))?.originConfiguration?.restrictions?.PUBLISH).toMatchObject({
        effectiveMode: "BLOCK",
        inheritedFrom: { pattern: "/npm/*" },
      });
      const { packageGroup } = await client.deletePackageGroup({ ...D1, packageGroup: "/npm/*" });
      expect(packageGroup).toMatchObject({
        pattern: "/npm/*",
        parent: { pattern: "/*" },
        originConfiguration: { restrictions: { PUBLISH: { mode: "BLOCK" } } },
      });
      expect(await describeGroup("/npm//foo~")).toMatchObject({
        parent: { pattern: "/*" },
        originConfiguration: { restrictions: { PUBLISH: { effectiveMode: "ALLOW" } } },
      });
      await expect(client.deletePackageGroup({ ...D1, packageGroup: "/npm/*" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
      await expect(client.deletePackageGroup({ ...D1, packageGroup: "/*" })).rejects.toMatchObject({
        name: "ValidationException",
      });
    });

    test("200 tags vanish with the group, and with its domain (3.5.3)", async () => {
      const tagged = { tags: [{ key: "k", value: "v" }] };
      const tags = async () =>
        (await api.database.read.selectFrom("resource_tag").selectAll().execute()).map(
          (row) => row.resource_arn,
        );
      await create("/npm//a$", tagged);
      await create("/pypi/*", tagged);
      expect((await tags()).sort()).toEqual([`${ARN}/npm//a%24`, `${ARN}/pypi/%2a`]);
      await client.deletePackageGroup({ ...D1, packageGroup: "/npm//a$" });
      expect(await tags()).toEqual([`${ARN}/pypi/%2a`]);
      await client.deleteRepository({ ...D1, repository: "r1" });
      await client.deleteRepository({ ...D1, repository: "r2" });
      await client.deleteDomain(D1);
      expect(await tags()).toEqual([]);
    });
  });

  describe("origin configuration", () => {
    test("200 modes and lists in one call; counts, updates and lists agree (2.7.2, 2.7.7, 2.7.9)", async () => {
      await create("/npm/*");
      const answer = await configure("/npm/*", {
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES", EXTERNAL_UPSTREAM: "BLOCK" },
        addAllowedRepositories: [
          { originRestrictionType: "PUBLISH", repositoryName: "r2" },
          { originRestrictionType: "PUBLISH", repositoryName: "r1" },
        ],
      });
      expect(answer.allowedRepositoryUpdates).toEqual({ PUBLISH: { ADDED: ["r2", "r1"] } });
      expect(answer.packageGroup?.originConfiguration?.restrictions).toMatchObject({
        PUBLISH: {
          mode: "ALLOW_SPECIFIC_REPOSITORIES",
          effectiveMode: "ALLOW_SPECIFIC_REPOSITORIES",
          repositoriesCount: 2,
        },
        EXTERNAL_UPSTREAM: { mode: "BLOCK", effectiveMode: "BLOCK" },
        INTERNAL_UPSTREAM: { mode: "INHERIT", effectiveMode: "ALLOW", inheritedFrom: { pattern: "/*" } },
      });
      const list = (more: object = {}) =>
        client.listAllowedRepositoriesForGroup({
          ...D1,
          packageGroup: "/npm/*",
          originRestrictionType: "PUBLISH",
          ...more,
        });
      expect(await list()).toMatchObject({ allowedRepositories: ["r1", "r2"] });
      const first = await list({ maxResults: 1 });
      expect(first.allowedRepositories).toEqual(["r1"]);
      expect(await list({ maxResults: 1, nextToken: first.nextToken })).toMatchObject({
        allowedRepositories: ["r2"],
      });
      await expect(
        list({ nextToken: first.nextToken, originRestrictionType: "EXTERNAL_UPSTREAM" }),
      ).rejects.toMatchObject({ name: "ValidationException" });
    });

    test("200 the same call again changes nothing; added and removed at once is removed (2.7.7, 7.7)", async () => {
      const change: Change = {
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ originRestrictionType: "PUBLISH", repositoryName: "r1" }],
      };
      await configure("/*", change);
      const again = await configure("/*", change);
      expect(again.allowedRepositoryUpdates).toEqual({});
      const both = await configure("/*", {
        ...change,
        removeAllowedRepositories: change.addAllowedRepositories,
      });
      expect(both.allowedRepositoryUpdates).toEqual({ PUBLISH: { REMOVED: ["r1"] } });
      expect(both.packageGroup?.originConfiguration?.restrictions?.PUBLISH?.repositoriesCount).toBe(0);
    });

    test("200 a list lies dormant while its mode is another, and wakes with it (2.7.8)", async () => {
      await configure("/*", {
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ originRestrictionType: "PUBLISH", repositoryName: "r1" }],
      });
      await configure("/*", { restrictions: { PUBLISH: "BLOCK" } });
      await expect(api.publish("r1", npm("a"), "1.0.0", "x")).rejects.toMatchObject({
        code: "AccessDeniedException",
      });
      await configure("/*", { restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" } });
      await api.publish("r1", npm("a"), "1.0.0", "x");
    });

    test("400 INHERIT on the root (2.7.3), a list for another mode (2.7.8), half an item; 404 no such repository or group; nothing changed", async () => {
      const r1 = { originRestrictionType: "PUBLISH", repositoryName: "r1" } as const;
      await expect(configure("/*", { restrictions: { PUBLISH: "INHERIT" } })).rejects.toMatchObject({
        name: "ValidationException",
      });
      await expect(
        configure("/*", { restrictions: { EXTERNAL_UPSTREAM: "BLOCK" }, addAllowedRepositories: [r1] }),
      ).rejects.toMatchObject({
        name: "ValidationException",
        message: expect.stringContaining("ALLOW_SPECIFIC_REPOSITORIES"),
      });
      await expect(
        configure("/*", { removeAllowedRepositories: [{ repositoryName: "r1" }] }),
      ).rejects.toMatchObject({ name: "ValidationException" });
      await expect(
        configure("/*", {
          restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
          addAllowedRepositories: [{ ...r1, repositoryName: "r9" }],
        }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException", resourceType: "repository" });
      await expect(configure("/npm/*", {})).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      expect((await describeGroup("/*"))?.originConfiguration?.restrictions).toMatchObject({
        PUBLISH: { mode: "ALLOW", repositoriesCount: 0 },
        EXTERNAL_UPSTREAM: { mode: "ALLOW" },
      });
    });
  });

  describe("what groups decide, at once", () => {
    test("3.4.6 the guarded name publishes, its variant is refused until it has a group of its own", async () => {
      await create("/npm/*");
      await configure("/npm/*", { restrictions: { PUBLISH: "BLOCK" } });
      await create("/npm//acme-client$");
      await configure("/npm//acme-client$", {
        restrictions: { PUBLISH: "ALLOW", EXTERNAL_UPSTREAM: "BLOCK" },
      });
      await api.publish("r1", npm("acme-client"), "1.0.0", "x");
      expect(await settings("r1", "acme-client")).toEqual({ publish: "ALLOW", upstream: "ALLOW" }); // 2.2.2
      await expect(api.publish("r1", npm("other"), "1.0.0", "x")).rejects.toMatchObject({
        message: expect.stringContaining("/npm/* has PUBLISH=BLOCK"),
      });
      await expect(api.publish("r1", npm("Acme-client"), "1.0.0", "x")).rejects.toMatchObject({
        code: "AccessDeniedException",
        message: expect.stringContaining("/npm//acme-client$"),
      });
      await create("/npm//Acme-client$");
      await configure("/npm//Acme-client$", { restrictions: { PUBLISH: "ALLOW" } });
      await api.publish("r1", npm("Acme-client"), "1.0.0", "x");
      await client.deletePackageGroup({ ...D1, packageGroup: "/npm//Acme-client$" });
      await expect(api.publish("r1", npm("Acme-client"), "2.0.0", "y")).rejects.toMatchObject({
        code: "AccessDeniedException",
      });
    });

    test("2.7.6 an inherited list is the ancestor's; a repository made anew is not on it", async () => {
      await create("/npm/*");
      await create("/npm//a~");
      await configure("/npm/*", {
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ originRestrictionType: "PUBLISH", repositoryName: "r1" }],
      });
      await api.publish("r1", npm("a"), "1.0.0", "x");
      await expect(api.publish("r2", npm("a"), "1.0.0", "x")).rejects.toMatchObject({
        code: "AccessDeniedException",
      });
      await client.deleteRepository({ ...D1, repository: "r1" });
      await client.createRepository({ ...D1, repository: "r1" });
      await expect(api.publish("r1", npm("a"), "1.0.0", "x")).rejects.toMatchObject({
        code: "AccessDeniedException",
      });
    });

    test("2.4.2, 2.3.4 INTERNAL_UPSTREAM is asked at the receiving repository; what is held is still seen", async () => {
      await client.updateRepository({ ...D1, repository: "r2", upstreams: [{ repositoryName: "r1" }] });
      await api.publish("r1", npm("a"), "1.0.0", "x");
      const seen = async (repository: string) => {
        const view = await api.registry.view(
          await findRepository(api.deps, { owner: ACCOUNT, name: "d1" }, repository),
          npm("a"),
        );
        return view.local.map(({ repositoryName }) => repositoryName);
      };
      expect(await seen("r2")).toEqual(["r1"]);
      await configure("/*", { restrictions: { INTERNAL_UPSTREAM: "BLOCK" } });
      expect(await seen("r2")).toEqual([]);
      expect(await seen("r1")).toEqual(["r1"]);
      await configure("/*", {
        restrictions: { INTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ originRestrictionType: "INTERNAL_UPSTREAM", repositoryName: "r2" }],
      });
      expect(await seen("r2")).toEqual(["r1"]);
    });

    test("every change is in the journal with its author", async () => {
      await create("/npm/*");
      await configure("/npm/*", { restrictions: { PUBLISH: "BLOCK" } });
      await client.deletePackageGroup({ ...D1, packageGroup: "/npm/*" });
      const rows = await api.database.read.selectFrom("journal").selectAll().orderBy("seq").execute();
      expect(rows.map(({ event }) => event)).toEqual(["group-created", "group-changed", "group-deleted"]);
      for (const row of rows) {
        expect(row.actor).toBe(`arn:aws:iam::${ACCOUNT}:user/administrator`);
        expect(JSON.parse(row.detail)).toMatchObject({ pattern: "/npm/*" });
      }
    });
  });

  describe("lists", () => {
    test("200 ListPackageGroups: by pattern, with the root, by prefix, in pages (3.5.5)", async () => {
      for (const pattern of ["/npm/*", "/npm//b$", "/maven/com.acme~"]) await create(pattern);
      const list = async (more: object = {}) => patterns(await client.listPackageGroups({ ...D1, ...more }));
      expect(await list()).toEqual(["/*", "/maven/com.acme~", "/npm/*", "/npm//b$"]);
      expect(await list({ prefix: "/npm" })).toEqual(["/npm/*", "/npm//b$"]);
      expect(await list({ prefix: "/pypi" })).toEqual([]);
      const first = await client.listPackageGroups({ ...D1, maxResults: 3 });
      expect(await list({ maxResults: 3, nextToken: first.nextToken })).toEqual(["/npm//b$"]);
      await expect(list({ prefix: "/npm", nextToken: first.nextToken })).rejects.toMatchObject({
        name: "ValidationException",
      });
      expect((await client.listPackageGroups({ ...D1, prefix: "/npm/*" })).packageGroups?.[0]).toEqual(
        await describeGroup("/npm/*"),
      );
    });

    test("200 ListSubPackageGroups: direct children (3.3.4); 404 of no group", async () => {
      for (const pattern of ["/npm/*", "/npm//*", "/npm//a~", "/npm//b$"]) await create(pattern);
      const children = async (packageGroup: string) =>
        patterns(await client.listSubPackageGroups({ ...D1, packageGroup }));
      expect(await children("/*")).toEqual(["/npm/*"]);
      expect(await children("/npm//*")).toEqual(["/npm//a~", "/npm//b$"]);
      expect(await children("/npm//b$")).toEqual([]);
      await client.deletePackageGroup({ ...D1, packageGroup: "/npm//*" });
      expect(await children("/npm/*")).toEqual(["/npm//a~", "/npm//b$"]);
      await expect(children("/pypi/*")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });

    test("200 ListAssociatedPackages: the whole domain's, each once, strong and weak, in pages; preview (3.5.6)", async () => {
      for (const name of ["a", "a-x", "b", "zz"]) await api.publish("r1", npm(name), "1.0.0", "x");
      await api.publish("r2", npm("a"), "1.0.0", "x");
      await api.publish("r2", npm("A-y"), "1.0.0", "x");
      await api.publish("r2", npm("a", "scope"), "1.0.0", "x");
      expect(await associated("/*")).toHaveLength(6);
      const ofA = ["npm//A-y WEAK", "npm//a STRONG", "npm//a-x STRONG"];
      expect(await associated("/npm//a~", { preview: true })).toEqual(ofA);
      await expect(associated("/npm//a~")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      await create("/npm//a~");
      expect(await associated("/npm//a~")).toEqual(ofA);
      expect(await associated("/npm//a~", { preview: true })).toEqual(ofA);
      expect(await associated("/*")).toEqual(["npm//b STRONG", "npm//zz STRONG", "npm/scope/a STRONG"]);
      const first = await client.listAssociatedPackages({ ...D1, packageGroup: "/npm//a~", maxResults: 2 });
      expect(first.packages).toHaveLength(2);
      expect(await associated("/npm//a~", { maxResults: 2, nextToken: first.nextToken })).toEqual(
        ofA.slice(2),
      );
      await expect(associated("/npm/a", { preview: true })).rejects.toMatchObject({
        name: "ValidationException",
      });
    });

    test("200 GetAssociatedPackageGroup: of a package that nobody has (3.5.7), names as they are stored", async () => {
      await create("/npm/acme/*");
      await create("/nuget//newtonsoft.json$");
      const of = async (format: "npm" | "nuget", name: string, namespace?: string) => {
        const found = await client.getAssociatedPackageGroup({
          ...D1,
          format,
          package: name,
          ...(namespace === undefined ? {} : { namespace }),
        });
        return [found.packageGroup?.pattern, found.associationType];
      };
      expect(await of("npm", "ui", "acme")).toEqual(["/npm/acme/*", "STRONG"]);
      expect(await of("npm", "ui", "\u0430cme")).toEqual(["/npm/acme/*", "WEAK"]);
      expect(await of("npm", "ui")).toEqual(["/*", "STRONG"]);
      expect(await of("nuget", "Newtonsoft.Json")).toEqual(["/nuget//newtonsoft.json$", "STRONG"]);
      await expect(
        client.getAssociatedPackageGroup({ domain: "d9", format: "npm", package: "x" }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      await expect(
        client.getAssociatedPackageGroup({ ...D1, format: "maven", package: "x" }),
      ).rejects.toMatchObject({ name: "ValidationException" });
    });
  });

  test("403 each operation asks for its own action on the group's ARN (6.3), whether or not anything is there", async () => {
    const limited = await api.clientFor("limited", [
      { Statement: [{ Effect: "Allow", Action: "codeartifact:*PackageGroup*", Resource: `${ARN}/npm/*` }] },
    ]);
    await limited.createPackageGroup({ ...D1, packageGroup: "/npm/*" });
    await limited.updatePackageGroupOriginConfiguration({
      ...D1,
      packageGroup: "/npm/*",
      restrictions: { PUBLISH: "BLOCK" },
    });
    expect(
      (await limited.getAssociatedPackageGroup({ ...D1, format: "npm", package: "x" })).packageGroup?.pattern,
    ).toBe("/npm/*");
    const other = { ...D1, packageGroup: "/pypi/*" };
    const calls: Record<string, () => Promise<unknown>> = {
      CreatePackageGroup: () => limited.createPackageGroup(other),
      UpdatePackageGroup: () => limited.updatePackageGroup(other),
      DeletePackageGroup: () => limited.deletePackageGroup(other),
      DescribePackageGroup: () => limited.describePackageGroup(other),
      ListSubPackageGroups: () => limited.listSubPackageGroups(other),
      ListAssociatedPackages: () => limited.listAssociatedPackages({ ...other, preview: true }),
      ListAllowedRepositoriesForGroup: () =>
        limited.listAllowedRepositoriesForGroup({ ...other, originRestrictionType: "PUBLISH" }),
      UpdatePackageGroupOriginConfiguration: () => limited.updatePackageGroupOriginConfiguration(other),
      ListPackageGroups: () => limited.listPackageGroups(D1),
      GetAssociatedPackageGroup: () =>
        limited.getAssociatedPackageGroup({ ...D1, format: "pypi", package: "x" }),
    };
    for (const [action, call] of Object.entries(calls)) {
      await expect(call(), action).rejects.toMatchObject({
        name: "AccessDeniedException",
        message: expect.stringContaining(`codeartifact:${action} on resource`),
      });
    }
    await expect(
      limited.getAssociatedPackageGroup({ domain: "d9", format: "pypi", package: "x" }),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});
