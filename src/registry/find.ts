// Finding a package: here, then in upstream repositories, then at public registries, each only where origin control lets it be seen.
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { Reach, RepositoryGraph } from "../core/upstreams.ts";
import { reach, searchOrder } from "../core/upstreams.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import type { PackageRecord } from "../store/packages.ts";
import { findPackages, findTags } from "../store/packages.ts";
import type { VersionRecord } from "../store/versions.ts";
import { findAssetsOf, findVersions, newestPublished, versionStatuses } from "../store/versions.ts";
import { chainOf } from "./admit.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { Generations } from "./generations.ts";
import type {
  AssetRow,
  ExternalView,
  LocalPackage,
  PackageView,
  RepositoryRecord,
  VersionRow,
  VersionStatus,
} from "./registry.ts";

/** What may be seen from a repository, before any public registry is asked. */
export interface Lookup {
  readonly snapshot: DomainSnapshot;
  readonly reach: Reach;
  /** The package's records in reachable repositories, in search order. */
  readonly packages: readonly PackageRecord[];
  /** The package's record in the asked repository itself. */
  readonly own: PackageRecord | undefined;
  readonly moment: number;
}

/** Rows and rules only; asks nobody outside. Within a transaction, name its queries. */
export async function look(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
  db: Queries = deps.database.read,
): Promise<Lookup> {
  const { moment } = deps.generations;
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const graph = searchedGraph(deps, snapshot, repository, key.format);
  const order = searchOrder(graph, repository.id).map(({ id }) => id);
  const records = order.length === 0 ? [] : await findPackages(db, order, key);
  const byRepository = new Map(records.map((record) => [record.repositoryId, record]));
  const settings = new Map(records.map((record) => [record.repositoryId, record.settings]));
  const reached = reach({
    graph,
    rootId: repository.id,
    key,
    chain: chainOf(snapshot, key),
    settings,
  });
  const packages = reached.repositories
    .map(({ id }) => byRepository.get(id))
    .filter((record) => record !== undefined);
  return { snapshot, reach: reached, packages, own: byRepository.get(repository.id), moment };
}

/** The repositories a search may go through: of a format that stays where it is, only the asked one (spec 4.6.3). */
export function searchedGraph(
  deps: RegistryDeps,
  snapshot: DomainSnapshot,
  { id }: RepositoryRecord,
  format: PackageFormat,
): RepositoryGraph {
  const asked = snapshot.repositories.get(id);
  if (asked === undefined || deps.formats.get(format)?.searches !== "here") return snapshot.repositories;
  return new Map([[id, { ...asked, upstreams: [], connections: [] }]]);
}

/** Everything the repository may show of a package (see PackageView). */
export async function view(
  deps: RegistryDeps,
  external: External,
  repository: RepositoryRecord,
  key: PackageKey,
  options: { readonly revalidate?: boolean; readonly heldOnly?: boolean } = {},
): Promise<PackageView> {
  const lookup = await look(deps, repository, key);
  const local = await localPackages(deps, lookup);
  const asked =
    options.heldOnly === true
      ? NOBODY_ASKED
      : await askOutside(deps, external, lookup, key, options.revalidate ?? false);
  const packageName = Generations.packageName(repository.domain.id, key);
  const asOf = lookup.snapshot.byName.get(repository.name) ?? repository;
  return {
    repository: asOf,
    key,
    stamp: stampOf(asOf, key, local, asked),
    local,
    external: asked.views,
    hidden: lookup.reach.hidden,
    trouble: asked.trouble,
    current: () =>
      deps.generations.of(repository.domain.id, packageName) <= lookup.moment &&
      deps.now() < asked.freshUntil,
  };
}

async function localPackages(
  deps: RegistryDeps,
  { packages, reach: reached }: Lookup,
): Promise<LocalPackage[]> {
  const tags = await findTags(
    deps.database.read,
    packages.map(({ id }) => id),
  );
  const names = new Map(reached.repositories.map(({ id, name }) => [id, name]));
  return packages.map((record) => ({
    packageId: record.id,
    repositoryId: record.repositoryId,
    repositoryName: names.get(record.repositoryId) as string,
    revision: record.revision,
    tags: tags.get(record.id) ?? new Map<string, string>(),
  }));
}

interface Asked {
  readonly views: readonly ExternalView[];
  readonly trouble: Fault | undefined;
  readonly freshUntil: number;
}

const NOBODY_ASKED: Asked = { views: [], trouble: undefined, freshUntil: Number.POSITIVE_INFINITY };

/** How long a view without a public registry's answer is believed, ms: recovered registries are used again soon. */
const TROUBLE_TTL_MS = 1_000;

async function askOutside(
  deps: RegistryDeps,
  external: External,
  lookup: Lookup,
  key: PackageKey,
  revalidate: boolean,
): Promise<Asked> {
  const patience = lookup.packages.length > 0 ? { patienceMs: deps.limits.upstreamPatienceMs } : {};
  const views: ExternalView[] = [];
  let trouble: Fault | undefined;
  let freshUntil = Number.POSITIVE_INFINITY;
  for (const { holder, connection } of lookup.reach.connections) {
    if (!speaksFormat(deps, connection, key)) continue;
    try {
      const index = await external.index(connection, key, { revalidate, ...patience });
      freshUntil = Math.min(freshUntil, index.freshUntil);
      if (index.state === "present") views.push({ connection, holderId: holder.id, index });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      trouble ??= error;
      freshUntil = Math.min(freshUntil, deps.now() + TROUBLE_TTL_MS);
    }
  }
  return { views, trouble, freshUntil };
}

/** A connection feeds one format (spec 4.4). */
function speaksFormat(deps: RegistryDeps, connection: string, key: PackageKey): boolean {
  const format = deps.formats.get(key.format);
  return format?.external !== undefined && format.connections.includes(connection);
}

function stampOf(
  repository: RepositoryRecord,
  key: PackageKey,
  local: readonly LocalPackage[],
  asked: Asked,
): string {
  return [
    repository.id,
    packagePath(key),
    repository.tagsPrefer,
    ...local.map(({ packageId, revision }) => `${packageId}.${revision}`),
    ...asked.views.map(({ connection, index }) => `${connection}@${index.digest}`),
    asked.trouble === undefined ? "" : "without",
  ].join("|");
}

/** Packages in search order, such as a view's local sources. */
export interface Sources {
  readonly local: readonly { readonly packageId: number }[];
}

/** Versions of a view's local sources that may be listed: the first source that has a number speaks for it (spec 4.2.1). */
export async function listedVersions(
  deps: RegistryDeps,
  of: Sources,
  withUnlisted = false,
): Promise<readonly VersionRecord[]> {
  const rows = await findVersions(
    deps.database.read,
    of.local.map(({ packageId }) => packageId),
  );
  return [...firstOfEach(of.local, rows).values()].filter(
    (row) => row.status === "Published" || (withUnlisted && isReadable(row)),
  );
}

/** Whether `listedVersions` would give any; without reading them. */
export async function listsAny(deps: RegistryDeps, of: Sources): Promise<boolean> {
  const [only, ...others] = of.local;
  if (only === undefined) return false;
  if (others.length === 0) return (await newestPublished(deps.database.read, only.packageId)) !== undefined;
  const rows = await versionStatuses(
    deps.database.read,
    of.local.map(({ packageId }) => packageId),
  );
  return [...firstOfEach(of.local, rows).values()].some(({ status }) => status === "Published");
}

/** Numbers that a local source holds without listing them: no later source may show them either (spec 4.3.9). */
export async function withheldVersions(deps: RegistryDeps, of: Sources): Promise<readonly string[]> {
  const rows = await versionStatuses(
    deps.database.read,
    of.local.map(({ packageId }) => packageId),
  );
  return [...firstOfEach(of.local, rows)]
    .filter(([, { status }]) => status !== "Published")
    .map(([version]) => version);
}

/** See Registry.listedAssets. */
export async function listedAssets(
  deps: RegistryDeps,
  { local, key }: Sources & { readonly key: PackageKey },
  versions: readonly VersionRow[],
): Promise<ReadonlyMap<string, readonly AssetRow[]>> {
  const late = deps.formats.get(key.format)?.lateAssets === true;
  const others = late
    ? await sharedVersions(deps, local, versions)
    : new Map<string, readonly VersionRow[]>();
  const ids = [...versions, ...[...others.values()].flat()].map(({ id }) => id);
  const assets = await findAssetsOf(deps.database.read, ids);
  const found = new Map<string, readonly AssetRow[]>();
  for (const version of versions) {
    const files = new Map((assets.get(version.id) ?? []).map((asset) => [asset.name, asset]));
    for (const other of others.get(version.version) ?? [])
      for (const asset of assets.get(other.id) ?? [])
        if (!files.has(asset.name)) files.set(asset.name, asset);
    found.set(version.version, [...files.values()]);
  }
  return found;
}

/** Further local copies of versions that came from the same public registry: files may have come to one and not the other. */
async function sharedVersions(
  deps: RegistryDeps,
  local: Sources["local"],
  versions: readonly VersionRow[],
): Promise<ReadonlyMap<string, readonly VersionRow[]>> {
  const external = new Map(
    versions.filter(({ origin }) => origin.type === "EXTERNAL").map((row) => [row.version, row]),
  );
  if (external.size === 0 || local.length < 2) return new Map();
  const rows = await findVersions(
    deps.database.read,
    local.map(({ packageId }) => packageId),
  );
  return Map.groupBy(
    rows.filter((row) => {
      const first = external.get(row.version);
      return first !== undefined && first.id !== row.id && sameSource(first, row) && isReadable(row);
    }),
    ({ version }) => version,
  );
}

/** Two copies of one public version, whose files are the same party's (spec 4.3.7). */
export function sameSource(a: VersionRow, b: VersionRow): boolean {
  return (
    a.origin.type === "EXTERNAL" &&
    b.origin.type === "EXTERNAL" &&
    a.origin.entryPoint === b.origin.entryPoint
  );
}

/** Its files may be fetched (spec 5.1). */
export function isReadable({ status }: { readonly status: VersionStatus }): boolean {
  return status === "Published" || status === "Unlisted";
}

/** See Registry.mayGrow. */
export function mayGrow(view: PackageView, version: VersionRow, connection: string): boolean {
  const { origin } = version;
  return (
    origin.type === "EXTERNAL" &&
    origin.entryPoint === connection &&
    isReadable(version) &&
    view.external.some((external) => external.connection === connection)
  );
}

function firstOfEach<R extends { readonly packageId: number; readonly version: string }>(
  sources: readonly { readonly packageId: number }[],
  rows: readonly R[],
): Map<string, R> {
  const byPackage = Map.groupBy(rows, ({ packageId }) => packageId);
  const first = new Map<string, R>();
  for (const { packageId } of sources) {
    for (const row of byPackage.get(packageId) ?? [])
      if (!first.has(row.version)) first.set(row.version, row);
  }
  return first;
}
