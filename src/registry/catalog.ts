// Domains and their configuration as the registry sees them: loaded whole, kept until they change.
import { notFound } from "../core/faults.ts";
import type { Database, Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import { domainRevision, loadSnapshot } from "../store/domains.ts";
import type { Generations } from "./generations.ts";
import type { RepositoryRecord } from "./registry.ts";

export interface Catalog {
  /** The domain as it is now. Throws ResourceNotFoundException in the service's own words (spec 7.3). */
  domain(owner: string, name: string): Promise<DomainSnapshot>;
  /** The same without waiting, when it is loaded and still true. */
  known(owner: string, name: string): DomainSnapshot | undefined;
  /** Inside a transaction: `snapshot` when it is still what the database says, else the domain as the transaction sees it. */
  confirm(tx: Queries, snapshot: DomainSnapshot): Promise<DomainSnapshot>;
}

export function createCatalog(database: Database, generations: Generations): Catalog {
  const loaded = new Map<string, { readonly snapshot: DomainSnapshot; readonly moment: number }>();

  const known = (owner: string, name: string): DomainSnapshot | undefined => {
    const entry = loaded.get(`${owner}/${name}`);
    return entry !== undefined && generations.ofDomain(entry.snapshot.domain.id) <= entry.moment
      ? entry.snapshot
      : undefined;
  };

  const load = async (db: Queries, owner: string, name: string): Promise<DomainSnapshot> => {
    const snapshot = await loadSnapshot(db, owner, name);
    if (snapshot === undefined) throw domainNotFound(owner, name);
    return snapshot;
  };

  return {
    known,
    async domain(owner, name) {
      const fresh = known(owner, name);
      if (fresh !== undefined) return fresh;
      const { moment } = generations;
      const snapshot = await load(database.read, owner, name);
      loaded.set(`${owner}/${name}`, { snapshot, moment });
      return snapshot;
    },
    async confirm(tx, snapshot) {
      const revision = await domainRevision(tx, snapshot.domain.id);
      return revision === snapshot.revision
        ? snapshot
        : load(tx, snapshot.domain.owner, snapshot.domain.name);
    },
  };
}

/** A repository may go, and another one come under its name, while a request for it is under way: it was not that one that was asked. */
export function refuseGone({ repositories }: DomainSnapshot, { id, name, domain }: RepositoryRecord): void {
  if (!repositories.has(id)) throw repositoryNotFound(domain, name);
}

export function repositoryNotFound(
  domain: { readonly owner: string; readonly name: string },
  name: string,
): Error {
  return notFound(
    `Repository not found. Repository '${name}' in domain '${domain.name}' owned by account '${domain.owner}' does not exist`,
    "repository",
    name,
  );
}

export function domainNotFound(owner: string, name: string): Error {
  return notFound(
    `Domain not found. Domain '${name}' owned by account '${owner}' does not exist`,
    "domain",
    name,
  );
}
