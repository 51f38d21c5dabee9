// A walk through every operation of the API and the index routes of every format, so that the database is asked all that it is asked.
import { createHash } from "node:crypto";
import type { Flags } from "../src/config.ts";
import { findAuditBatches } from "../src/store/audit.ts";
import { findUses, listContents, referencedContents } from "../src/store/contents.ts";
import { openDatabase } from "../src/store/database.ts";
import {
  findAccessKey,
  findSession,
  findToken,
  recordTokenUse,
  revokeToken,
} from "../src/store/identities.ts";
import { readJournal, searchJournal } from "../src/store/journal.ts";
import { claimDue, findDueWebhooks } from "../src/store/outbox.ts";
import { deletePrincipal } from "../src/store/principals.ts";
import { ACCOUNT, DOMAIN, encodeName, startServer, type TestServer } from "./server.ts";

/** Starts a server, walks through it, and stops it. Rejects when the server fails on something. */
export async function playScene(settings: Flags): Promise<void> {
  const server = await startServer(settings);
  try {
    await server.repository("base");
    await server.repository("repo", ["base"]);
    await server.repository("public");
    await publishPackages(server);
    await askApi(server);
    await changeByApi(server);
    await askDoors(server);
    await askBehind(server);
    await removeThings(server);
  } finally {
    await server.close();
  }
}

const place = { domain: DOMAIN, repository: "repo" };
const left = { ...place, format: "npm", package: "left" } as const;
const file = {
  ...place,
  format: "generic",
  namespace: "tools",
  package: "kit",
  packageVersion: "1",
} as const;
const ROOT = "/*";
const GROUP = "/npm//le~";

async function publishPackages(server: TestServer): Promise<void> {
  for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
    await server.publish("repo", { name: "left", version });
    await server.publish("base", { name: "@scope/right", version, dependencies: { left: "1" } });
  }
  const content = Buffer.from("bytes");
  for (const assetName of ["one", "two"])
    await server.client.publishPackageVersion({
      ...file,
      assetName,
      assetContent: content,
      assetSHA256: createHash("sha256").update(content).digest("hex"),
      unfinished: true,
    });
  await server.client.updatePackageVersionsStatus({ ...file, versions: ["1"], targetStatus: "Published" });
}

async function askApi({ client }: TestServer): Promise<void> {
  const version = { ...left, packageVersion: "1.0.0" };
  const domain = { domain: DOMAIN };
  await Promise.all([
    client.listDomains(),
    client.describeDomain(domain),
    client.listRepositories(),
    client.listRepositories({ repositoryPrefix: "re" }),
    client.listRepositoriesInDomain(domain),
    client.listRepositoriesInDomain({ ...domain, administratorAccount: ACCOUNT, repositoryPrefix: "re" }),
    client.describeRepository(place),
    client.getRepositoryEndpoint({ ...place, format: "npm" }),
    client.describePackage(left),
    client.listPackageVersionAssets(version),
    client.listPackageVersionDependencies(version),
    client.getPackageVersionReadme(version).catch(() => undefined),
    client.getPackageVersionAsset({ ...file, asset: "one" }),
    client.describePackageVersion(version),
    client.describePackageVersion({ ...version, repository: "base", package: "right", namespace: "scope" }),
    client.listTagsForResource({ resourceArn: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:domain/${DOMAIN}` }),
    client.listPackageGroups(domain),
    client.listPackageGroups({ ...domain, prefix: "/npm" }),
    client.describePackageGroup({ ...domain, packageGroup: ROOT }),
    client.listSubPackageGroups({ ...domain, packageGroup: ROOT }),
    client.listAssociatedPackages({ ...domain, packageGroup: ROOT }),
    client.getAssociatedPackageGroup({ ...domain, format: "npm", package: "left" }),
  ]);
  for (const filter of [
    {},
    { format: "npm" as const },
    { format: "npm" as const, namespace: "sc" },
    { packagePrefix: "le" },
    { publish: "ALLOW" as const, upstream: "BLOCK" as const },
  ]) {
    const first = await client.listPackages({ ...place, ...filter, maxResults: 1 });
    if (first.nextToken !== undefined)
      await client.listPackages({ ...place, ...filter, maxResults: 1, nextToken: first.nextToken });
  }
  for (const filter of [
    {},
    { sortBy: "PUBLISHED_TIME" as const },
    { status: "Published" as const },
    { originType: "INTERNAL" as const },
  ]) {
    const first = await client.listPackageVersions({ ...left, ...filter, maxResults: 1 });
    if (first.nextToken !== undefined)
      await client.listPackageVersions({ ...left, ...filter, maxResults: 1, nextToken: first.nextToken });
  }
  const assets = await client.listPackageVersionAssets({ ...file, maxResults: 1 });
  if (assets.nextToken !== undefined)
    await client.listPackageVersionAssets({ ...file, maxResults: 1, nextToken: assets.nextToken });
}

async function changeByApi({ client }: TestServer): Promise<void> {
  const domain = { domain: DOMAIN };
  const group = { ...domain, packageGroup: GROUP };
  const resourceArn = `arn:aws:codeartifact:us-east-1:${ACCOUNT}:domain/${DOMAIN}`;
  const policyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "codeartifact:*", Resource: "*" }],
  });
  await client.createPackageGroup(group);
  await client.updatePackageGroup({ ...group, description: "d" });
  await client.updatePackageGroupOriginConfiguration({
    ...group,
    restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
    addAllowedRepositories: [{ repositoryName: "repo", originRestrictionType: "PUBLISH" }],
  });
  await client.listAllowedRepositoriesForGroup({ ...group, originRestrictionType: "PUBLISH" });
  await client.listAssociatedPackages(group);
  await client.putDomainPermissionsPolicy({ ...domain, policyDocument });
  await client.getDomainPermissionsPolicy(domain);
  await client.putRepositoryPermissionsPolicy({ ...place, policyDocument });
  await client.getRepositoryPermissionsPolicy(place);
  await client.tagResource({ resourceArn, tags: [{ key: "k", value: "v" }] });
  await client.untagResource({ resourceArn, tagKeys: ["k"] });
  await client.updateRepository({ ...place, description: "d", upstreams: [{ repositoryName: "base" }] });
  await client.putPackageOriginConfiguration({
    ...left,
    restrictions: { publish: "ALLOW", upstream: "BLOCK" },
  });
  await client.copyPackageVersions({
    ...left,
    sourceRepository: "repo",
    destinationRepository: "public",
    versions: ["1.0.0", "1.1.0"],
  });
  await client.updatePackageVersionsStatus({ ...left, versions: ["1.1.0"], targetStatus: "Unlisted" });
  await client.associateExternalConnection({
    domain: DOMAIN,
    repository: "public",
    externalConnection: "public:npmjs",
  });
  await client.disassociateExternalConnection({
    domain: DOMAIN,
    repository: "public",
    externalConnection: "public:npmjs",
  });
}

/** What clients of each format ask first; most find nothing, which asks as much. */
const ROUTES: Readonly<Record<string, readonly string[]>> = {
  npm: [
    "left",
    encodeName("@scope/right"),
    "absent",
    "-/v1/search?text=le",
    "-/package/left/dist-tags",
    "left/-/left-1.0.0.tgz",
  ],
  pypi: ["simple/", "simple/absent/"],
  maven: ["org/absent/maven-metadata.xml", "org/absent/1/absent-1.pom", "org/absent/1/absent-1.jar.sha1"],
  nuget: ["v3/index.json", "v3/query?q=absent", "v3/autocomplete?q=absent", "v3/flat2/absent/index.json"],
  cargo: ["config.json", "ab/se/absent", "api/v1/crates?q=absent"],
  ruby: ["names", "versions", "info/absent", "api/v1/search.json?query=absent"],
  swift: ["scope/absent", "identifiers?url=https://git.example/absent"],
  generic: ["", "tools", "tools/kit", "tools/kit/1", "tools/kit/1/one"],
};

async function askDoors(server: TestServer): Promise<void> {
  const authorization = `Bearer ${await server.token()}`;
  const url = (format: string, path: string) => `${server.url}/${format}/d/${DOMAIN}-${ACCOUNT}/repo/${path}`;
  const ask = async (format: string, path: string, init: RequestInit = {}): Promise<void> => {
    const answer = await fetch(url(format, path), { ...init, headers: { authorization } });
    if (answer.status >= 500) throw new Error(`${format} ${path}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  for (const [format, paths] of Object.entries(ROUTES)) for (const path of paths) await ask(format, path);
  const pom = "<project><groupId>org</groupId><artifactId>tool</artifactId><version>1</version></project>";
  const sha1 = createHash("sha1").update(pom).digest("hex");
  await ask("maven", "org/tool/1/tool-1.pom", { method: "PUT", body: pom });
  await ask("maven", "org/tool/1/tool-1.pom.sha1", { method: "PUT", body: sha1 });
  await ask("maven", "org/tool/maven-metadata.xml");
  await ask("generic", "tools/kit/2/one", { method: "PUT", body: "bytes" });
  await ask("npm", "-/package/left/dist-tags/next", { method: "PUT", body: '"1.0.0"' });
  await ask("npm", "-/package/left/dist-tags/next", { method: "DELETE" });
}

/** What background work and the command line ask, and what is found by an identity that is not known yet. */
async function askBehind(server: TestServer): Promise<void> {
  const database = await openDatabase(server.database);
  const { read } = database;
  const now = Date.now();
  const key = { format: "npm", namespace: "", name: "left" } as const;
  const digest = "a".repeat(64);
  try {
    await findAccessKey(read, "AKIA");
    await findSession(read, "ASIA");
    await findToken(read, "token");
    await database.write((tx) => recordTokenUse(tx, "token", now));
    await database.write((tx) => revokeToken(tx, "token", now));
    await referencedContents(read, [digest]);
    await listContents(read, { after: "0", before: "1", limit: 10 });
    await findUses(read, digest, 10);
    await searchJournal(read, { since: now, limit: 10 });
    await readJournal(read, 1, key);
    await findAuditBatches(read, { since: 0, before: { id: 9, lastAt: now }, limit: 10 });
    await findDueWebhooks(read, now);
    const claim = { webhookId: "w", lease: "l", now, until: now, streams: 10, entriesPerStream: 10 };
    await claimDue(database, claim);
    await database.write((tx) => deletePrincipal(tx, -1));
  } finally {
    await database.close();
  }
}

async function removeThings({ client }: TestServer): Promise<void> {
  await client.disposePackageVersions({ ...left, versions: ["1.0.0"] });
  await client.deletePackageVersions({ ...left, versions: ["1.1.0"] });
  await client.deletePackage({ ...left, repository: "repo" });
  await client.deletePackageGroup({ domain: DOMAIN, packageGroup: GROUP });
  await client.deleteRepositoryPermissionsPolicy(place);
  await client.deleteDomainPermissionsPolicy({ domain: DOMAIN });
  for (const repository of ["repo", "public", "base"])
    await client.deleteRepository({ domain: DOMAIN, repository });
  await client.deleteDomain({ domain: DOMAIN });
}
