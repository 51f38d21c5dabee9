// Operations that tell what is inside a version: its dependencies and its readme, of the named repository only (spec 4.6, 5.8.4, 5.8.5).
import { packagePath } from "../../core/coordinates.ts";
import { Fault, notFound } from "../../core/faults.ts";
import type { HeldAssets } from "../../formats/format.ts";
import type { Dependency } from "../../registry/registry.ts";
import { findAssets } from "../../store/versions.ts";
import type { Call } from "../dispatch.ts";
import type { Operations, PackageDependency } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { loadPage } from "./page.ts";
import { coordinates, openVersion } from "./versions.ts";

/** The operation takes no maxResults (spec 5.8.4). */
const DEPENDENCIES_PAGE_SIZE = 500;

export async function listPackageVersionDependencies(
  input: Operations["ListPackageVersionDependencies"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListPackageVersionDependencies"]["output"]> {
  const { held, version } = await openVersion(deps, call, input, "ListPackageVersionDependencies");
  const all = (await deps.formats.get(held.key.format)?.dependencies?.(version)) ?? [];
  const { rows, nextToken } = await loadPage<readonly [number, Dependency], readonly [number]>(deps, call, {
    operation: "ListPackageVersionDependencies",
    input,
    sizeDefault: DEPENDENCIES_PAGE_SIZE,
    load: (after, limit) => {
      const start = (after?.[0] ?? -1) + 1;
      return Promise.resolve(all.slice(start, start + limit).map((item, i) => [start + i, item] as const));
    },
    positionOf: ([index]) => [index],
  });
  return {
    ...coordinates(held.key),
    version: version.version,
    versionRevision: version.revision,
    dependencies: rows.map(([, dependency]) => describe(dependency)),
    nextToken,
  };
}

function describe({ namespace, name, type, requirement }: Dependency): PackageDependency {
  return { namespace, package: name, dependencyType: type, versionRequirement: requirement };
}

export async function getPackageVersionReadme(
  input: Operations["GetPackageVersionReadme"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetPackageVersionReadme"]["output"]> {
  const { held, version } = await openVersion(deps, call, input, "GetPackageVersionReadme");
  const assets = await findAssets(deps.database.read, version.id);
  const open: HeldAssets["open"] = ({ digests }, range) => deps.blobs.open(digests.sha256, range);
  const readme = await deps.formats
    .get(held.key.format)
    ?.readme?.(version, { assets, open })
    .catch(unreadable);
  if (readme === undefined) {
    throw notFound(
      `Readme not found. Version ${version.version} of ${packagePath(held.key)} has none that can be read.`,
      "package-version",
      version.version,
    );
  }
  return {
    ...coordinates(held.key),
    version: version.version,
    versionRevision: version.revision,
    readme,
  };
}

/** A file that cannot be unpacked has no readme to show; it was taken in as its publisher made it. */
function unreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "ValidationException") return undefined;
  throw error;
}
