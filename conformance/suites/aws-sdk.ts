// The JavaScript SDK: every operation once, its errors typed, its paginators and its stream.
import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-codeartifact";
import {
  AssociateExternalConnectionCommand,
  type CodeartifactClient,
  ConflictException,
  CreateDomainCommand,
  CreateRepositoryCommand,
  DeleteDomainCommand,
  DeletePackageCommand,
  DeleteRepositoryCommand,
  DescribeDomainCommand,
  DescribePackageCommand,
  DescribePackageVersionCommand,
  DescribeRepositoryCommand,
  DisassociateExternalConnectionCommand,
  GetAuthorizationTokenCommand,
  GetPackageVersionAssetCommand,
  GetRepositoryEndpointCommand,
  ListDomainsCommand,
  ListPackagesCommand,
  ListPackageVersionAssetsCommand,
  ListPackageVersionsCommand,
  ListRepositoriesCommand,
  PutPackageOriginConfigurationCommand,
  paginateListRepositoriesInDomain,
  ResourceNotFoundException,
  UpdateRepositoryCommand,
  ValidationException,
} from "@aws-sdk/client-codeartifact";
import { connect, newName } from "../api.ts";
import { Skip } from "../checks.ts";
import { publishBody } from "../packages.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import { sdkGroups, sdkPolicies, sdkVersions } from "./aws-sdk-rest.ts";

const npm = "npm" as const;

export async function javascriptSdk({ checks }: Stage, target: Target): Promise<void> {
  const client = connect(target);
  const { succeeded, unfinished } = watch(client);
  const domain = newName("sdk");
  const team = { domain, repository: "team" };
  const store = { domain, repository: "store" };
  await checks.check("SDK: domains and repositories", async () => {
    const created = await client.send(new CreateDomainCommand({ domain }));
    assert.ok(created.domain?.createdTime instanceof Date);
    assert.equal((await client.send(new DescribeDomainCommand({ domain }))).domain?.status, "Active");
    assert.ok((await client.send(new ListDomainsCommand({}))).domains?.some(({ name }) => name === domain));
    await client.send(new CreateRepositoryCommand(store));
    const upstreams = [{ repositoryName: "store" }];
    await client.send(new CreateRepositoryCommand({ ...team, upstreams, description: "with ünïcode ✓" }));
    const described = await client.send(new DescribeRepositoryCommand(team));
    assert.equal(described.repository?.description, "with ünïcode ✓");
    assert.deepEqual(described.repository?.upstreams, upstreams);
    const updated = await client.send(new UpdateRepositoryCommand({ ...team, upstreams: [] }));
    assert.deepEqual(updated.repository?.upstreams, []);
    const prefixed = await client.send(new ListRepositoriesCommand({ repositoryPrefix: "team" }));
    assert.ok(prefixed.repositories?.some(({ domainName }) => domainName === domain));
    const names: (string | undefined)[] = [];
    for await (const page of paginateListRepositoriesInDomain({ client, pageSize: 1 }, { domain })) {
      names.push(...(page.repositories ?? []).map(({ name }) => name));
    }
    assert.deepEqual(new Set(names), new Set(["store", "team"]));
    assert.equal(names.length, 2);
  });
  await checks.check("SDK: external connections, endpoint, token", async () => {
    const connection = { ...store, externalConnection: "public:npmjs" };
    const associated = await client.send(new AssociateExternalConnectionCommand(connection));
    assert.equal(associated.repository?.externalConnections?.[0]?.externalConnectionName, "public:npmjs");
    const parted = await client.send(new DisassociateExternalConnectionCommand(connection));
    assert.deepEqual(parted.repository?.externalConnections, []);
    const endpoint = await client.send(new GetRepositoryEndpointCommand({ ...team, format: npm }));
    const url = String(endpoint.repositoryEndpoint);
    assert.ok(url.startsWith(target.endpoint), url);
    const token = await client.send(new GetAuthorizationTokenCommand({ domain, durationSeconds: 900 }));
    assert.ok(token.expiration instanceof Date && token.authorizationToken);
    const { body } = await publishBody({ name: "@acme/sdk", version: "1.0.0" }, url);
    const headers = {
      authorization: `Bearer ${token.authorizationToken}`,
      "content-type": "application/json",
    };
    const { status, text } = await send(`${url}@acme%2fsdk`, {
      method: "PUT",
      headers,
      body,
    });
    assert.ok(status === 200 || status === 201, text);
  });
  await checks.check("SDK: packages, versions, assets", async () => {
    const held = { ...team, format: npm, namespace: "acme", package: "sdk" };
    const version = { ...held, packageVersion: "1.0.0" };
    const restrictions = { publish: "BLOCK", upstream: "BLOCK" } as const;
    await client.send(new PutPackageOriginConfigurationCommand({ ...held, restrictions }));
    const described = await client.send(new DescribePackageCommand(held));
    assert.deepEqual(described.package?.originConfiguration?.restrictions, restrictions);
    assert.equal((await client.send(new ListPackagesCommand(team))).packages?.length, 1);
    const versions = await client.send(new ListPackageVersionsCommand(held));
    assert.deepEqual(
      versions.versions?.map((entry) => entry.version),
      ["1.0.0"],
    );
    const one = await client.send(new DescribePackageVersionCommand(version));
    assert.equal(one.packageVersion?.displayName, "@acme/sdk");
    const { assets } = await client.send(new ListPackageVersionAssetsCommand(version));
    const asset = await client.send(
      new GetPackageVersionAssetCommand({ ...version, asset: assets?.[0]?.name }),
    );
    assert.equal((await asset.asset?.transformToByteArray())?.length, assets?.[0]?.size);
    assert.equal(asset.packageVersion, "1.0.0");
  });
  await checks.check("SDK: errors are of their own classes", async () => {
    const absent = { domain: newName("absent") };
    await assert.rejects(client.send(new DescribeDomainCommand(absent)), ResourceNotFoundException);
    await assert.rejects(client.send(new CreateDomainCommand({ domain })), ConflictException);
    await assert.rejects(client.send(new CreateDomainCommand({ domain: "Upper" })), ValidationException);
    const held = { ...team, format: npm, package: "nothing" };
    await assert.rejects(client.send(new DescribePackageCommand(held)), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.resourceType, "package");
      return true;
    });
  });
  await checks.check("SDK: everything is taken down again", async () => {
    const held = { ...team, format: npm, namespace: "acme", package: "sdk" };
    assert.equal((await client.send(new DeletePackageCommand(held))).deletedPackage?.package, "sdk");
    await client.send(new DeleteRepositoryCommand(team));
    await assert.rejects(client.send(new DeleteDomainCommand({ domain })), ConflictException);
    await client.send(new DeleteRepositoryCommand(store));
    await client.send(new DeleteDomainCommand({ domain }));
  });
  await sdkGroups(checks, client);
  await sdkPolicies(checks, client);
  await sdkVersions(checks, client);
  await checks.check("SDK: all operations that it knows have given what was asked", async () => {
    const known = Object.keys(sdk).filter((name) => /^[A-Z]\w+Command$/.test(name));
    assert.equal(known.length, 48);
    const left = known.filter((name) => !succeeded.has(name));
    if (left.length > 0 && left.every((name) => unfinished.has(name)))
      throw new Skip(`answered 501: ${left.join(", ")}`);
    assert.deepEqual(left, []);
  });
}

/** Notes which commands were answered with what was asked, and which with 501. */
function watch(client: CodeartifactClient) {
  const noted = { succeeded: new Set<string>(), unfinished: new Set<string>() };
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (call) => {
        try {
          const answer = await next(call);
          noted.succeeded.add(commandName);
          return answer;
        } catch (error) {
          if (error instanceof Error && error.name === "NotImplementedException")
            noted.unfinished.add(commandName);
          throw error;
        }
      },
    { step: "initialize" },
  );
  return noted;
}
