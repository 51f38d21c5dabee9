// Questions that are not about one package: search, and relaying a client's question to a public registry.
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { searchOrder } from "../core/upstreams.ts";
import { searchPackages } from "../store/packages.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { listedVersions, look } from "./find.ts";
import type { Registry, RepositoryRecord, SearchHit } from "./registry.ts";

/** How many names a search looks at; what does not fit is told by narrowing the words, as on the public registries. */
const CANDIDATES_MAX = 1_000;

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
  const order = searchOrder(snapshot.repositories, repository.id).map(({ id }) => id);
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const keys = await searchPackages(deps.database.read, order, format, words, CANDIDATES_MAX);
  const hits: SearchHit[] = [];
  let total = 0;
  for (const key of keys) {
    const hit = await newestVisible(deps, repository, key);
    if (hit === undefined) continue;
    if (total >= from && hits.length < size) hits.push(hit);
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

/** See Registry.relay: names that may not be asked for outside stay inside, whatever the question. */
export async function relay(
  deps: RegistryDeps,
  external: External,
  repository: RepositoryRecord,
  format: PackageFormat,
  keys: readonly PackageKey[],
  make: Parameters<Registry["relay"]>[3],
): ReturnType<Registry["relay"]> {
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const feeds = deps.formats.get(format)?.connections ?? [];
  const connection = searchOrder(snapshot.repositories, repository.id)
    .flatMap(({ connections }) => connections)
    .find((name) => feeds.includes(name));
  if (connection === undefined) return undefined;
  const allowed: PackageKey[] = [];
  for (const key of keys) {
    const { reach } = await look(deps, repository, key);
    if (reach.connections.some((c) => c.connection === connection)) allowed.push(key);
  }
  return deps.upstream.relay(await external.connection(connection), make(allowed), RELAY_BYTES_MAX);
}

const RELAY_BYTES_MAX = 32 * 1024 * 1024;
