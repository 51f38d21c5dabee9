// The search through a repository's upstreams: order, limits, and which sources a package may be taken from (spec 2.4, 4.1, 4.2).
import type { PackageKey } from "./coordinates.ts";
import type { GroupChain, OriginSettings, Reason } from "./origin.ts";
import { decideEntry, decidePassage } from "./origin.ts";

export const DIRECT_UPSTREAMS_MAX = 10;
export const REPOSITORIES_PER_LOOKUP_MAX = 25;

export interface GraphRepository {
  readonly id: number;
  readonly name: string;
  /** Direct upstreams in priority order. */
  readonly upstreams: readonly number[];
  readonly connections: readonly string[];
}

export type RepositoryGraph = ReadonlyMap<number, GraphRepository>;

/** Depth-first, pre-order, each repository once, at most 25 (spec 4.2.1, 4.1.1). */
export function searchOrder(graph: RepositoryGraph, rootId: number): readonly GraphRepository[] {
  return walk(graph, rootId, () => true);
}

/** Whether giving `repositoryId` these upstreams would make it its own upstream, directly or not (spec 4.1.3). */
export function wouldCycle(
  graph: RepositoryGraph,
  repositoryId: number,
  upstreams: readonly number[],
): boolean {
  const pending = [...upstreams];
  const seen = new Set<number>();
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (id === repositoryId) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    pending.push(...(graph.get(id)?.upstreams ?? []));
  }
  return false;
}

function walk(
  graph: RepositoryGraph,
  rootId: number,
  mayLeave: (repository: GraphRepository) => boolean,
): GraphRepository[] {
  const order: GraphRepository[] = [];
  const seen = new Set<number>();
  const visit = (id: number): void => {
    const repository = graph.get(id);
    if (repository === undefined || seen.has(id) || order.length >= REPOSITORIES_PER_LOOKUP_MAX) return;
    seen.add(id);
    order.push(repository);
    if (mayLeave(repository)) for (const next of repository.upstreams) visit(next);
  };
  visit(rootId);
  return order;
}

export interface ReachFacts {
  readonly graph: RepositoryGraph;
  readonly rootId: number;
  readonly key: PackageKey;
  readonly chain: GroupChain;
  /** The package's settings per repository that has a record of it. */
  readonly settings: ReadonlyMap<number, OriginSettings>;
}

export interface Reach {
  /** Repositories whose held versions may be seen, in search order; the asked one first, always. */
  readonly repositories: readonly GraphRepository[];
  /** Public registries that may be asked, with the repository that holds the connection. */
  readonly connections: readonly { readonly holder: GraphRepository; readonly connection: string }[];
  /** Why what lies beyond is not seen. */
  readonly hidden: readonly Reason[];
}

/**
 * What may enter the asked repository, from where. A version held there is always seen (2.3.4). Anything from another
 * repository enters by INTERNAL_UPSTREAM at the asked one (2.4.2); anything public enters its holder by
 * EXTERNAL_UPSTREAM and, when the holder is another, the asked one by INTERNAL_UPSTREAM too. A package-level
 * upstream=BLOCK on the way cuts everything beyond that repository (2.4.3, 2.4.5).
 */
export function reach({ graph, rootId, key, chain, settings }: ReachFacts): Reach {
  const hidden: Reason[] = [];
  const root = graph.get(rootId);
  if (root === undefined) return { repositories: [], connections: [], hidden };

  const inward = decideEntry({
    way: "INTERNAL_UPSTREAM",
    key,
    repository: root.name,
    settings: settings.get(rootId),
    chain,
  });
  const mayLeave = (at: GraphRepository): boolean => {
    if (at.upstreams.length === 0) return false;
    const passage = at.id === rootId ? inward : decidePassage(key, at.name, settings.get(at.id));
    if (!passage.allowed) hidden.push(...passage.reasons);
    return passage.allowed;
  };
  const repositories = walk(graph, rootId, mayLeave);

  const connections = [];
  for (const holder of repositories) {
    for (const connection of holder.connections) {
      const entry = decideEntry({
        way: "EXTERNAL_UPSTREAM",
        key,
        repository: holder.name,
        settings: settings.get(holder.id),
        chain,
      });
      if (entry.allowed) connections.push({ holder, connection });
      else hidden.push(...entry.reasons);
    }
  }
  return { repositories, connections, hidden };
}
