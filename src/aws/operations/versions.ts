// Operations on package versions and assets: what the named repository itself holds, never its upstreams (spec 4.6).
import type { PackageKey } from "../../core/coordinates.ts";
import { packagePath } from "../../core/coordinates.ts";
import { conflict, Fault, notFound } from "../../core/faults.ts";
import { packageNotFound } from "../../registry/publish.ts";
import type { Origin, RepositoryRecord } from "../../registry/registry.ts";
import type { PackageRecord } from "../../store/packages.ts";
import { findPackage, findTags } from "../../store/packages.ts";
import type { AssetRecord, VersionRecord, VersionSummary } from "../../store/versions.ts";
import { findAssets, findVersion, listAssets, listVersions, newestPublished } from "../../store/versions.ts";
import type { Call } from "../dispatch.ts";
import type {
  AssetSummary,
  Operations,
  PackageVersionOrigin,
  PackageVersionSummary,
} from "../model/types.gen.ts";
import type { AwsDeps, PackageInput } from "./context.ts";
import { openPackage, storedVersion } from "./context.ts";
import { loadPage } from "./page.ts";

/** Spec 5.8.2. */
const VERSIONS_PAGE_SIZE = 50;
const ASSETS_PAGE_SIZE = 100;

/** Every status unless one is asked for (spec 5.1.2). */
export async function listPackageVersions(
  input: Operations["ListPackageVersions"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListPackageVersions"]["output"]> {
  const { repository, held } = await openHeld(deps, call, input, "ListPackageVersions");
  const { read } = deps.database;
  const { status, originType } = input;
  const order = input.sortBy === "PUBLISHED_TIME" ? "published" : "stored";
  // Nothing is held in these two: Deleted is a word of answers only, and every version here has a known origin.
  const nothing = status === "Deleted" || originType === "UNKNOWN";
  const { rows, nextToken } = await loadPage<VersionSummary, readonly [number, number]>(deps, call, {
    operation: "ListPackageVersions",
    input,
    sizeDefault: VERSIONS_PAGE_SIZE,
    load: async (after, limit) =>
      nothing
        ? []
        : listVersions(
            read,
            held.id,
            { status, originType },
            order,
            after && { publishedAt: after[0], id: after[1] },
            limit,
          ),
    positionOf: ({ publishedAt, id }) => [publishedAt, id],
  });
  if (rows.length === 0) await confirmHeld(deps, repository, held);
  return {
    ...coordinates(held.key),
    defaultDisplayVersion: await defaultDisplayVersion(deps, held),
    versions: rows.map(summarize),
    nextToken,
  };
}

/** npm: what `latest` names, else the newest published version; nothing while none is published (spec 5.8.2). */
async function defaultDisplayVersion(deps: AwsDeps, held: PackageRecord): Promise<string | undefined> {
  const { read } = deps.database;
  const newest = await newestPublished(read, held.id);
  if (held.key.format !== "npm" || newest === undefined) return newest;
  return (await findTags(read, [held.id])).get(held.id)?.get("latest") ?? newest;
}

export async function describePackageVersion(
  input: Operations["DescribePackageVersion"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DescribePackageVersion"]["output"]> {
  const { held, version } = await openVersion(deps, call, input, "DescribePackageVersion");
  const { displayName, summary, homePage, sourceCodeRepository, licenses } = version.metadata;
  const { package: packageName, ...rest } = coordinates(held.key);
  return {
    packageVersion: {
      ...rest,
      packageName,
      displayName: displayName ?? packageName,
      version: version.version,
      summary,
      homePage,
      sourceCodeRepository,
      licenses: licenses ?? [],
      publishedTime: new Date(version.publishedAt),
      revision: version.revision,
      status: version.status,
      origin: originOf(version.origin),
    },
  };
}

export async function listPackageVersionAssets(
  input: Operations["ListPackageVersionAssets"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListPackageVersionAssets"]["output"]> {
  const { repository, held, version } = await openVersion(deps, call, input, "ListPackageVersionAssets");
  const { rows, nextToken } = await loadPage<AssetRecord, readonly [string]>(deps, call, {
    operation: "ListPackageVersionAssets",
    input,
    sizeDefault: ASSETS_PAGE_SIZE,
    load: (after, limit) => listAssets(deps.database.read, version.id, after?.[0] ?? "", limit),
    positionOf: ({ name }) => [name],
  });
  if (rows.length === 0) await confirmVersion(deps, { repository, held }, version);
  return {
    ...coordinates(held.key),
    version: version.version,
    versionRevision: version.revision,
    assets: rows.map(describeAsset),
    nextToken,
  };
}

/** Not for Archived and Disposed versions; a revision that is no longer the version's own is a conflict (spec 5.1, 5.8.6). */
export async function getPackageVersionAsset(
  input: Operations["GetPackageVersionAsset"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetPackageVersionAsset"]["output"]> {
  const { held, version } = await openVersion(deps, call, input, "GetPackageVersionAsset");
  if (version.status === "Archived" || version.status === "Disposed") {
    throw new Fault(
      "ResourceNotFoundException",
      `Version ${version.version} of ${packagePath(held.key)} is ${version.status}; its assets are not served.`,
      {
        resourceType: "package-version",
        resourceId: version.version,
        rule: `version status ${version.status}`,
      },
    );
  }
  if (input.packageVersionRevision !== undefined && input.packageVersionRevision !== version.revision) {
    throw conflict(
      `Version ${version.version} of ${packagePath(held.key)} has revision ${version.revision}, not ${input.packageVersionRevision}.`,
      "package-version",
      version.version,
    );
  }
  const asset = (await findAssets(deps.database.read, version.id)).find(({ name }) => name === input.asset);
  if (asset === undefined) {
    throw notFound(
      `Asset not found. Version ${version.version} of ${packagePath(held.key)} has no asset '${input.asset}'.`,
      "asset",
      input.asset,
    );
  }
  return {
    asset: { stream: await deps.blobs.open(asset.digests.sha256), sizeBytes: asset.size },
    assetName: asset.name,
    packageVersion: version.version,
    packageVersionRevision: version.revision,
  };
}

interface Held {
  readonly repository: RepositoryRecord;
  readonly held: PackageRecord;
}

async function openHeld(deps: AwsDeps, call: Call, input: PackageInput, action: string): Promise<Held> {
  const { repository, key } = await openPackage(deps, call, input, action);
  const held = await findPackage(deps.database.read, repository.id, key);
  if (held === undefined) throw packageNotFound(repository, key);
  return { repository, held };
}

/** The package may have been deleted since it was found; "it is here without versions" would then never have been true. */
async function confirmHeld(
  deps: AwsDeps,
  repository: RepositoryRecord,
  { id, key }: PackageRecord,
): Promise<void> {
  const now = await findPackage(deps.database.read, repository.id, key);
  if (now?.id !== id) throw packageNotFound(repository, key);
}

function versionNotFound({ name }: RepositoryRecord, { key }: PackageRecord, version: string): Fault {
  return notFound(
    `Package version not found. Version '${version}' of ${packagePath(key)} is not in repository '${name}'; upstream repositories are not asked by this operation.`,
    "package-version",
    version,
  );
}

/** As confirmHeld, for a version without assets. */
async function confirmVersion(
  deps: AwsDeps,
  { repository, held }: Held,
  { id, version }: VersionRecord,
): Promise<void> {
  const now = await findVersion(deps.database.read, held.id, version);
  if (now?.id !== id) throw versionNotFound(repository, held, version);
}

/** A version that the named repository holds, for a caller who may do `action` to its package. */
export async function openVersion(
  deps: AwsDeps,
  call: Call,
  input: PackageInput & { readonly packageVersion: string },
  action: string,
): Promise<Held & { readonly version: VersionRecord }> {
  const { repository, held } = await openHeld(deps, call, input, action);
  const version = await findVersion(
    deps.database.read,
    held.id,
    storedVersion(held.key.format, input.packageVersion),
  );
  if (version !== undefined) return { repository, held, version };
  throw versionNotFound(repository, held, input.packageVersion);
}

/** A package as answers name it. */
export function coordinates({ format, namespace, name }: PackageKey): {
  format: PackageKey["format"];
  namespace?: string;
  package: string;
} {
  return { format, ...(namespace === "" ? {} : { namespace }), package: name };
}

function summarize({ version, revision, status, origin }: VersionSummary): PackageVersionSummary {
  return { version, revision, status, origin: originOf(origin) };
}

/** INTERNAL came in by a repository, EXTERNAL by a connection (spec 1.6.2). */
function originOf({ type, entryPoint }: Origin): PackageVersionOrigin {
  return {
    originType: type,
    domainEntryPoint:
      type === "INTERNAL" ? { repositoryName: entryPoint } : { externalConnectionName: entryPoint },
  };
}

export function describeAsset({
  name,
  size,
  digests,
}: Pick<AssetRecord, "name" | "size" | "digests">): AssetSummary {
  const { md5, sha1, sha256, sha512 } = digests;
  return { name, size, hashes: { MD5: md5, "SHA-1": sha1, "SHA-256": sha256, "SHA-512": sha512 } };
}
