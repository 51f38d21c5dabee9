// Resource policies and tags as the official client sees them, on both databases; titles start with the status they show.
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import type { PolicyDocument } from "../../core/caller.ts";

const OTHER = "111111111111";
const D1 = { domain: "d1", domainOwner: ACCOUNT } as const;
const R1 = { ...D1, repository: "r1" } as const;
const ARN = `arn:aws:codeartifact:us-east-1:${ACCOUNT}`;
const EVERYTHING: PolicyDocument = { Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const policy = (...statements: readonly object[]) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements.map((more) => ({
      Effect: "Allow",
      Principal: { AWS: OTHER },
      Resource: "*",
      ...more,
    })),
  });
const denied = { name: "AccessDeniedException", $metadata: { httpStatusCode: 403 } };

onEveryDatabase("policies and tags in the API", (open) => {
  let api: TestApi;
  let client: Codeartifact;
  let stranger: Codeartifact;
  beforeEach(async () => {
    api = await openApi(await open());
    client = api.client;
    await client.createDomain({ domain: "d1" });
    await client.createRepository({ domain: "d1", repository: "r1" });
    stranger = await api.clientFor("stranger", [EVERYTHING], OTHER);
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const putDomain = (policyDocument: string, more: object = {}) =>
    client.putDomainPermissionsPolicy({ ...D1, policyDocument, ...more });
  const putRepository = (policyDocument: string, more: object = {}) =>
    client.putRepositoryPermissionsPolicy({ ...R1, policyDocument, ...more });

  describe("one policy", () => {
    test("200 PutDomainPermissionsPolicy, GetDomainPermissionsPolicy and DeleteDomainPermissionsPolicy answer the document as it was given, under a new revision each time (6.2.2)", async () => {
      const document = policy({ Action: "codeartifact:DescribeDomain" });
      const first = (await putDomain(document)).policy;
      expect(first).toEqual({ resourceArn: `${ARN}:domain/d1`, revision: expect.any(String), document });
      expect((await client.getDomainPermissionsPolicy(D1)).policy).toEqual(first);
      const second = (await putDomain(document)).policy;
      expect(second?.revision).not.toBe(first?.revision);
      expect((await client.deleteDomainPermissionsPolicy(D1)).policy).toEqual(second);
      await expect(client.getDomainPermissionsPolicy(D1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "domain",
        resourceId: "d1",
      });
    });

    test("200 a repository's policy is its own; 404 where there is none", async () => {
      const document = policy({ Action: "codeartifact:ReadFromRepository" });
      const put = (await putRepository(document)).policy;
      expect(put).toMatchObject({ resourceArn: `${ARN}:repository/d1/r1`, document });
      expect((await client.getRepositoryPermissionsPolicy(R1)).policy).toEqual(put);
      await expect(client.getDomainPermissionsPolicy(D1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
      expect((await client.deleteRepositoryPermissionsPolicy(R1)).policy).toEqual(put);
      await expect(client.deleteRepositoryPermissionsPolicy(R1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        resourceType: "repository",
      });
    });

    test("409 PutDomainPermissionsPolicy or DeleteDomainPermissionsPolicy at another revision than the one named, and nothing is changed (6.2.2)", async () => {
      const document = policy({ Action: "codeartifact:DescribeDomain" });
      const conflict = { name: "ConflictException", resourceType: "domain", resourceId: "d1" };
      await expect(putDomain(document, { policyRevision: "old" })).rejects.toMatchObject(conflict);
      const { policy: now } = await putDomain(document);
      await expect(putDomain(policy({ Action: "*" }), { policyRevision: "old" })).rejects.toMatchObject(
        conflict,
      );
      await expect(
        client.deleteDomainPermissionsPolicy({ ...D1, policyRevision: "old" }),
      ).rejects.toMatchObject(conflict);
      expect((await client.getDomainPermissionsPolicy(D1)).policy).toEqual(now);
      await putDomain(document, { policyRevision: now?.revision });
    });

    test("400 PutDomainPermissionsPolicy of a document that is no policy, with what is wrong; nothing is stored", async () => {
      await expect(putDomain(policy({ Effect: "allow", Action: "*" }))).rejects.toMatchObject({
        name: "ValidationException",
        message: expect.stringMatching(/Effect of statement 1 must be "Allow" or "Deny"/),
      });
      await expect(client.getDomainPermissionsPolicy(D1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
    });

    test("400 PutRepositoryPermissionsPolicy of a policy that locks out its author, unless its Id confirms it", async () => {
      const statement = { Effect: "Deny", Principal: "*", Action: "codeartifact:*PermissionsPolicy" };
      await expect(putRepository(policy(statement))).rejects.toMatchObject({
        name: "ValidationException",
        message: expect.stringMatching(
          /lock out its own author.*GetRepositoryPermissionsPolicy.*"Id": "confirm-lockout"/,
        ),
      });
      const confirmed = JSON.stringify({
        ...(JSON.parse(policy(statement)) as object),
        Id: "confirm-lockout",
      });
      await putRepository(confirmed);
      await expect(client.getRepositoryPermissionsPolicy(R1)).rejects.toMatchObject({
        ...denied,
        message: expect.stringMatching(/explicit deny in a resource-based policy/),
      });
      // 6.2.4: the repository's policy is not asked when it is replaced, so there is a way back.
      await putRepository(policy({ Action: "codeartifact:ReadFromRepository" }));
      await client.getRepositoryPermissionsPolicy(R1);
    });

    test("200 a policy goes with its repository and its domain", async () => {
      await putRepository(policy({ Action: "*" }));
      await client.deleteRepository({ domain: "d1", repository: "r1" });
      await client.createRepository({ domain: "d1", repository: "r1" });
      await expect(client.getRepositoryPermissionsPolicy(R1)).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
    });
  });

  describe("who may", () => {
    test("403 another account without a resource policy; 200 with one, until it is deleted (6.2.5)", async () => {
      await expect(stranger.describeRepository(R1)).rejects.toMatchObject({
        ...denied,
        message: `User: arn:aws:iam::${OTHER}:user/stranger is not authorized to perform: codeartifact:DescribeRepository on resource: ${ARN}:repository/d1/r1 because no resource-based policy allows the codeartifact:DescribeRepository action`,
      });
      await putDomain(policy({ Action: "codeartifact:Describe*" }));
      await stranger.describeRepository(R1);
      await stranger.describeDomain(D1);
      await client.deleteDomainPermissionsPolicy(D1);
      await expect(stranger.describeRepository(R1)).rejects.toMatchObject(denied);
      await putRepository(policy({ Action: "codeartifact:DescribeRepository" }));
      await stranger.describeRepository(R1);
      await expect(stranger.describeDomain(D1)).rejects.toMatchObject(denied);
    });

    test("403 another account whose identity policy says nothing, whatever the resource policy allows (6.2.5, 6.2.6)", async () => {
      const poor = await api.clientFor("poor", [], OTHER);
      await putDomain(policy({ Action: "*" }));
      await expect(poor.describeDomain(D1)).rejects.toMatchObject({
        message: expect.stringMatching(/no identity-based policy/),
      });
    });

    test("200 a user of the domain's account that a resource policy names, without any identity policy (6.2.3)", async () => {
      const poor = await api.clientFor("poor", []);
      await expect(poor.describeDomain(D1)).rejects.toMatchObject(denied);
      await putDomain(policy({ Action: "*", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/poor` } }));
      await poor.describeDomain(D1);
    });

    test("403 an explicit deny of the domain's policy, in every repository of it (6.2.3)", async () => {
      const reader = await api.clientFor("reader", [EVERYTHING]);
      const Principal = { AWS: `arn:aws:iam::${ACCOUNT}:user/reader` };
      await putDomain(policy({ Effect: "Deny", Action: "codeartifact:ListPackages", Principal }));
      await expect(reader.listPackages(R1)).rejects.toMatchObject(denied);
      await reader.describeRepository(R1);
    });

    test("403 the two Put operations are not handed out by the policy they change (6.2.4)", async () => {
      await putDomain(policy({ Action: "codeartifact:PutDomainPermissionsPolicy" }));
      const document = policy({ Action: "*" });
      const asked = stranger.putDomainPermissionsPolicy({ ...D1, policyDocument: document });
      await expect(asked).rejects.toMatchObject(denied);
      await putRepository(policy({ Action: "codeartifact:PutRepositoryPermissionsPolicy" }));
      const other = stranger.putRepositoryPermissionsPolicy({ ...R1, policyDocument: document });
      await expect(other).rejects.toMatchObject(denied);
    });

    test("200 another account makes a repository here and administers it (6.2.3, 6.2.5); tags need TagResource", async () => {
      await putDomain(policy({ Action: "codeartifact:CreateRepository" }));
      const tags = [{ key: "team", value: "blue" }];
      await expect(stranger.createRepository({ ...D1, repository: "theirs", tags })).rejects.toMatchObject({
        message: expect.stringMatching(/codeartifact:TagResource/),
      });
      const made = await stranger.createRepository({ ...D1, repository: "theirs" });
      expect(made.repository?.administratorAccount).toBe(OTHER);
      await client.deleteDomainPermissionsPolicy(D1);
      await stranger.describeRepository({ ...D1, repository: "theirs" });
      await expect(stranger.describeRepository(R1)).rejects.toMatchObject(denied);
    });

    test("404 a domain of another account that is not there; 403 a repository one may not know of", async () => {
      await expect(stranger.describeDomain({ ...D1, domain: "nothing" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
      await expect(stranger.describeRepository({ ...R1, repository: "nothing" })).rejects.toMatchObject(
        denied,
      );
    });
  });

  describe("tags", () => {
    const tagsOf = async (resourceArn: string) => (await client.listTagsForResource({ resourceArn })).tags;

    test.each(["domain/d1", "repository/d1/r1", "package-group/d1/npm/acme/%2a"])(
      "200 %s is tagged, tagged again, and untagged; case counts (10.6)",
      async (resource) => {
        const resourceArn = `${ARN}:${resource}`;
        await client.createPackageGroup({ domain: "d1", packageGroup: "/npm/acme/*" });
        expect(await tagsOf(resourceArn)).toEqual([]);
        await client.tagResource({
          resourceArn,
          tags: [
            { key: "team", value: "blue" },
            { key: "Team", value: "" },
          ],
        });
        await client.tagResource({ resourceArn, tags: [{ key: "team", value: "red" }] });
        expect(await tagsOf(resourceArn)).toEqual([
          { key: "Team", value: "" },
          { key: "team", value: "red" },
        ]);
        await client.untagResource({ resourceArn, tagKeys: ["Team", "absent"] });
        expect(await tagsOf(resourceArn)).toEqual([{ key: "team", value: "red" }]);
      },
    );

    test("200 tags given at creation are there (10.6)", async () => {
      await client.createRepository({ domain: "d1", repository: "r2", tags: [{ key: "a", value: "b" }] });
      expect(await tagsOf(`${ARN}:repository/d1/r2`)).toEqual([{ key: "a", value: "b" }]);
    });

    test.each([
      [`${ARN}:repository/d1/nothing`, "ResourceNotFoundException"],
      [`${ARN}:domain/nothing`, "ResourceNotFoundException"],
      [`${ARN}:package-group/d1/npm/%2a`, "ResourceNotFoundException"],
      [`${ARN}:package-group/d1/npm/%2A`, "ValidationException"],
      [`${ARN}:package-group/d1/npm/*`, "ValidationException"],
      [`${ARN}:package/d1/r1/npm//a`, "ValidationException"],
      ["arn:aws:s3:::bucket", "ValidationException"],
    ])("%s: %s (1.2.4)", async (resourceArn, name) => {
      await expect(tagsOf(resourceArn)).rejects.toMatchObject({ name });
      const tags = [{ key: "a", value: "b" }];
      await expect(client.tagResource({ resourceArn, tags })).rejects.toMatchObject({ name });
    });

    test("400 TagResource with one key twice; 402 more than 200 on one resource", async () => {
      const resourceArn = `${ARN}:domain/d1`;
      const twice = [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ];
      await expect(client.tagResource({ resourceArn, tags: twice })).rejects.toMatchObject({
        name: "ValidationException",
      });
      const many = (from: number) =>
        Array.from({ length: 150 }, (_, i) => ({ key: `k${from + i}`, value: "" }));
      await client.tagResource({ resourceArn, tags: many(0) });
      await expect(client.tagResource({ resourceArn, tags: many(150) })).rejects.toMatchObject({
        name: "ServiceQuotaExceededException",
        $metadata: { httpStatusCode: 402 },
      });
      expect(await tagsOf(resourceArn)).toHaveLength(150);
    });

    test("403 by aws:ResourceTag, and at once when the tag changes (6.2.7)", async () => {
      const Condition = { StringEquals: { "aws:ResourceTag/team": "blue" } };
      const statement = {
        Effect: "Allow",
        Action: "codeartifact:DescribeRepository",
        Resource: "*",
        Condition,
      } as const;
      const blue = await api.clientFor("blue", [{ Statement: [statement] }]);
      const resourceArn = `${ARN}:repository/d1/r1`;
      await expect(blue.describeRepository(R1)).rejects.toMatchObject(denied);
      await client.tagResource({ resourceArn, tags: [{ key: "team", value: "blue" }] });
      await blue.describeRepository(R1);
      await client.tagResource({ resourceArn, tags: [{ key: "team", value: "red" }] });
      await expect(blue.describeRepository(R1)).rejects.toMatchObject(denied);
    });

    test("403 by aws:RequestTag and aws:TagKeys (6.2.7)", async () => {
      const Condition = {
        StringEquals: { "aws:RequestTag/team": ["blue", "red"] },
        "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] },
      };
      const statement = { Effect: "Allow", Action: "codeartifact:*Tag*", Resource: "*", Condition } as const;
      const tagger = await api.clientFor("tagger", [{ Statement: [statement] }]);
      const resourceArn = `${ARN}:domain/d1`;
      await tagger.tagResource({ resourceArn, tags: [{ key: "team", value: "red" }] });
      const wrong = tagger.tagResource({ resourceArn, tags: [{ key: "team", value: "green" }] });
      await expect(wrong).rejects.toMatchObject(denied);
      const more = [
        { key: "team", value: "red" },
        { key: "cost", value: "1" },
      ];
      await expect(tagger.tagResource({ resourceArn, tags: more })).rejects.toMatchObject(denied);
    });
  });
});
