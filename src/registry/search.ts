// Questions that are not about one package: search, and the names of all there are.
import { setImmediate } from "node:timers/promises";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { searchOrder } from "../core/upstreams.ts";
import { findSpellings, listPackageKeys, searchPackages } from "../store/packages.ts";
import type { RegistryDeps } from "./deps.ts";
import { listedVersions, listsAny, look, searchedGraph } from "./find.ts";
import type { RepositoryRecord, SearchHit } from "./registry.ts";

/** How many names a search looks at; what does not fit is told by narrowing the words, as on the public registries. */
const CANDIDATES_MAX = 1_000;
/** Names looked at between two turns of the others. */
const TURN = 32;

/** Names that hold every word, here or in what this repository may take from upstream repositories. */
export async function search(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  format: PackageFormat,
  text: string,
  from: number,
  size: number,
): Promise<{ readonly total: number; readonly hits: readonly SearchHit[] }> {
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const order = searchOrder(searchedGraph(deps, snapshot, repository, format), repository.id).map(
    ({ id }) => id,
  );
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const keys = await searchPackages(deps.database.lagging, order, format, words, CANDIDATES_MAX);
  const hits: SearchHit[] = [];
  let total = 0;
  for (const [i, key] of keys.entries()) {
    if (i % TURN === TURN - 1) await setImmediate(); // SQLite answers at once: others have their turn here
    // Of what is not on the page it is enough to know that it is there.
    const shown = total >= from && hits.length < size;
    const hit = shown ? await newestVisible(deps, repository, key) : await isListed(deps, repository, key);
    if (hit === undefined || hit === false) continue;
    if (hit !== true) hits.push(hit);
    total++;
  }
  return { total, hits };
}

async function newestVisible(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<SearchHit | undefined> {
  const { packages } = await look(deps, repository, key);
  const local = packages.map(({ id }) => ({ packageId: id }));
  const versions = await listedVersions(deps, { local });
  const newest = versions.reduce<(typeof versions)[number] | undefined>(
    (best, v) => (best === undefined || v.publishedAt >= best.publishedAt ? v : best),
    undefined,
  );
  if (newest === undefined) return undefined;
  return {
    key,
    displayName: newest.metadata.displayName ?? key.name,
    version: newest.version,
    document: newest.document,
    publishedAt: newest.upstreamPublishedAt ?? newest.publishedAt,
  };
}

/** See Registry.packageNames: a name counts where something that may be seen from here holds a version to list. */
export async function packageNames(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  format: PackageFormat,
  after: PackageKey | undefined,
  limit: number,
): Promise<readonly PackageKey[]> {
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const order = searchOrder(searchedGraph(deps, snapshot, repository, format), repository.id).map(
    ({ id }) => id,
  );
  const names: PackageKey[] = [];
  let last = after;
  while (names.length < limit) {
    const keys = await listPackageKeys(deps.database.lagging, order, format, last, limit);
    for (const key of keys)
      if (names.length < limit && (await isListed(deps, repository, key))) names.push(key);
    last = keys.at(-1);
    if (keys.length < limit) break;
  }
  return names;
}

/** See Registry.spellings. */
export async function spellings(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<readonly PackageKey[]> {
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const order = searchOrder(searchedGraph(deps, snapshot, repository, key.format), repository.id).map(
    ({ id }) => id,
  );
  const found = await findSpellings(deps.database.read, order, key);
  const sorted = order.flatMap((id) => found.filter(({ repositoryId }) => repositoryId === id));
  return [...new Map(sorted.map((one) => [one.key.name, one.key])).values()];
}

async function isListed(deps: RegistryDeps, repository: RepositoryRecord, key: PackageKey): Promise<boolean> {
  const { packages } = await look(deps, repository, key);
  return listsAny(deps, { local: packages.map(({ id }) => ({ packageId: id })) });
}
