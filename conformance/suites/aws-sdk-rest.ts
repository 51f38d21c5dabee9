// The JavaScript SDK's other operations: package groups, policies, tags, changes of versions, generic packages.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { CodeartifactClient } from "@aws-sdk/client-codeartifact";
import * as sdk from "@aws-sdk/client-codeartifact";
import { newName } from "../api.ts";
import { type Checks, Skip } from "../checks.ts";
import { publishBody } from "../packages.ts";
import { send } from "../wire.ts";

const format = "npm" as const;

export async function sdkGroups(checks: Checks, client: CodeartifactClient): Promise<void> {
  const domain = newName("sdk-groups");
  const group = { domain, packageGroup: "/npm/acme/*" };
  await checks.check("SDK: package groups, their lists and what belongs to them", async () => {
    await client.send(new sdk.CreateDomainCommand({ domain }));
    await client.send(new sdk.CreateRepositoryCommand({ domain, repository: "team" }));
    const made = await client.send(new sdk.CreatePackageGroupCommand({ ...group, description: "ünïcode ✓" }));
    assert.ok(made.packageGroup?.createdTime instanceof Date);
    assert.equal(made.packageGroup.parent?.pattern, "/*");
    const updated = await client.send(new sdk.UpdatePackageGroupCommand({ ...group, contactInfo: "us" }));
    assert.equal(updated.packageGroup?.description, "ünïcode ✓");
    const type = "PUBLISH" as const;
    const configured = await client.send(
      new sdk.UpdatePackageGroupOriginConfigurationCommand({
        ...group,
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ repositoryName: "team", originRestrictionType: type }],
      }),
    );
    assert.deepEqual(configured.allowedRepositoryUpdates?.PUBLISH?.ADDED, ["team"]);
    const allowed = { ...group, originRestrictionType: type };
    const list = await client.send(new sdk.ListAllowedRepositoriesForGroupCommand(allowed));
    assert.deepEqual(list.allowedRepositories, ["team"]);
    const described = await client.send(new sdk.DescribePackageGroupCommand(group));
    assert.equal(described.packageGroup?.originConfiguration?.restrictions?.PUBLISH?.repositoriesCount, 1);
    const patterns: (string | undefined)[] = [];
    for await (const page of sdk.paginateListPackageGroups({ client, pageSize: 1 }, { domain }))
      patterns.push(...(page.packageGroups ?? []).map(({ pattern }) => pattern));
    assert.deepEqual(patterns, ["/*", "/npm/acme/*"]);
    const below = await client.send(new sdk.ListSubPackageGroupsCommand({ domain, packageGroup: "/*" }));
    assert.equal(below.packageGroups?.[0]?.pattern, "/npm/acme/*");
    await belonging(client, group);
    await client.send(new sdk.DeletePackageGroupCommand(group));
    await assert.rejects(
      client.send(new sdk.DescribePackageGroupCommand(group)),
      sdk.ResourceNotFoundException,
    );
  });
}

async function belonging(
  client: CodeartifactClient,
  group: { readonly domain: string; readonly packageGroup: string },
): Promise<void> {
  const { domain } = group;
  const ui = { format, namespace: "acme", package: "ui" };
  const restrictions = { publish: "ALLOW", upstream: "BLOCK" } as const;
  const settings = { domain, repository: "team", ...ui, restrictions };
  await client.send(new sdk.PutPackageOriginConfigurationCommand(settings));
  const { packages } = await client.send(new sdk.ListAssociatedPackagesCommand(group));
  assert.deepEqual(packages, [{ ...ui, associationType: "STRONG" }]);
  const of = await client.send(new sdk.GetAssociatedPackageGroupCommand({ domain, ...ui }));
  assert.equal(of.packageGroup?.pattern, group.packageGroup);
}

export async function sdkPolicies(checks: Checks, client: CodeartifactClient): Promise<void> {
  const domain = newName("sdk-policies");
  const team = { domain, repository: "team" };
  const policyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: "111111111111" }, Action: "codeartifact:*", Resource: "*" },
    ],
  });
  await checks.check("SDK: both policies, under their revisions", async () => {
    await client.send(new sdk.CreateDomainCommand({ domain }));
    await client.send(new sdk.CreateRepositoryCommand(team));
    const put = await client.send(new sdk.PutDomainPermissionsPolicyCommand({ domain, policyDocument }));
    const got = await client.send(new sdk.GetDomainPermissionsPolicyCommand({ domain }));
    assert.deepEqual(got.policy, put.policy);
    const stale = { domain, policyRevision: "stale" };
    await assert.rejects(
      client.send(new sdk.DeleteDomainPermissionsPolicyCommand(stale)),
      sdk.ConflictException,
    );
    await client.send(new sdk.DeleteDomainPermissionsPolicyCommand({ domain }));
    const there = await client.send(
      new sdk.PutRepositoryPermissionsPolicyCommand({ ...team, policyDocument }),
    );
    const read = await client.send(new sdk.GetRepositoryPermissionsPolicyCommand(team));
    assert.deepEqual(read.policy, there.policy);
    await client.send(new sdk.DeleteRepositoryPermissionsPolicyCommand(team));
    await assert.rejects(
      client.send(new sdk.GetRepositoryPermissionsPolicyCommand(team)),
      sdk.ResourceNotFoundException,
    );
  });
  await checks.check("SDK: tags", async () => {
    const described = await client.send(new sdk.DescribeDomainCommand({ domain }));
    const resourceArn = described.domain?.arn;
    await client.send(new sdk.TagResourceCommand({ resourceArn, tags: [{ key: "k", value: "ä" }] }));
    const { tags } = await client.send(new sdk.ListTagsForResourceCommand({ resourceArn }));
    assert.deepEqual(tags, [{ key: "k", value: "ä" }]);
    await client.send(new sdk.UntagResourceCommand({ resourceArn, tagKeys: ["k"] }));
    assert.deepEqual((await client.send(new sdk.ListTagsForResourceCommand({ resourceArn }))).tags, []);
  });
}

export async function sdkVersions(checks: Checks, client: CodeartifactClient): Promise<void> {
  const domain = newName("sdk-versions");
  const team = { domain, repository: "team" };
  const tool = { ...team, format, package: "tool" };
  const version = { ...tool, packageVersion: "1.0.0" };
  await checks.check("SDK: status, disposal and deletion of versions", async () => {
    await client.send(new sdk.CreateDomainCommand({ domain }));
    for (const repository of ["team", "release"])
      await client.send(new sdk.CreateRepositoryCommand({ domain, repository }));
    for (const number of ["1.0.0", "1.1.0", "1.2.0"]) await publish(client, team, number);
    const targetStatus = "Archived" as const;
    const change = { ...tool, versions: ["1.2.0"], targetStatus };
    const changed = await client.send(new sdk.UpdatePackageVersionsStatusCommand(change));
    assert.equal(changed.successfulVersions?.["1.2.0"]?.status, "Archived");
    const disposed = await client.send(
      new sdk.DisposePackageVersionsCommand({ ...tool, versions: ["1.1.0", "9.9.9"] }),
    );
    assert.deepEqual(
      [disposed.failedVersions?.["9.9.9"]?.errorCode, disposed.failedVersions?.["1.1.0"]?.errorCode],
      ["NOT_FOUND", "SKIPPED"],
    );
    await client.send(new sdk.DisposePackageVersionsCommand({ ...tool, versions: ["1.1.0"] }));
    const deleted = await client.send(new sdk.DeletePackageVersionsCommand({ ...tool, versions: ["1.1.0"] }));
    assert.equal(deleted.successfulVersions?.["1.1.0"]?.status, "Deleted");
  });
  await checks.check("SDK: readme and dependencies", async () => {
    const readme = await unlessUnfinished(client.send(new sdk.GetPackageVersionReadmeCommand(version)));
    assert.match(readme.readme ?? "", /^# tool/);
    const { dependencies } = await client.send(new sdk.ListPackageVersionDependenciesCommand(version));
    const regular = { dependencyType: "regular", versionRequirement: "^1.3.0" };
    assert.deepEqual(dependencies, [{ package: "left-pad", ...regular }]);
  });
  await checks.check("SDK: a version is copied", async () => {
    const copy = {
      domain,
      sourceRepository: "team",
      destinationRepository: "release",
      format,
      package: "tool",
    };
    const answer = await unlessUnfinished(
      client.send(new sdk.CopyPackageVersionsCommand({ ...copy, versions: ["1.0.0"] })),
    );
    assert.equal(answer.successfulVersions?.["1.0.0"]?.status, "Published");
  });
  await checks.check("SDK: a generic package is published and read", () => generic(client, team));
}

async function generic(
  client: CodeartifactClient,
  team: { domain: string; repository: string },
): Promise<void> {
  const content = Buffer.from("generic bytes");
  const of = {
    ...team,
    format: "generic",
    namespace: "tools",
    package: "blob",
    packageVersion: "1.0.0",
  } as const;
  const published = await unlessUnfinished(
    client.send(
      new sdk.PublishPackageVersionCommand({
        ...of,
        assetName: "blob.bin",
        assetContent: content,
        assetSHA256: createHash("sha256").update(content).digest("hex"),
      }),
    ),
  );
  assert.deepEqual([published.status, published.asset?.size], ["Published", content.length]);
  const read = await client.send(new sdk.GetPackageVersionAssetCommand({ ...of, asset: "blob.bin" }));
  assert.equal(await read.asset?.transformToString(), "generic bytes");
}

/** npm's PUT, with a readme and one dependency. */
async function publish(
  client: CodeartifactClient,
  team: { readonly domain: string; readonly repository: string },
  version: string,
): Promise<void> {
  const { repositoryEndpoint: url = "" } = await client.send(
    new sdk.GetRepositoryEndpointCommand({ ...team, format }),
  );
  const { authorizationToken } = await client.send(
    new sdk.GetAuthorizationTokenCommand({ domain: team.domain }),
  );
  const spec = { name: "tool", version, dependencies: { "left-pad": "^1.3.0" } };
  const { body } = await publishBody(spec, url);
  const headers = { authorization: `Bearer ${authorizationToken}`, "content-type": "application/json" };
  const { status, text } = await send(`${url}tool`, { method: "PUT", headers, body });
  assert.ok(status === 200 || status === 201, text);
}

/** Turns an honest 501 into a skip. */
export async function unlessUnfinished<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.name === "NotImplementedException") throw new Skip(error.message);
    throw error;
  }
}
