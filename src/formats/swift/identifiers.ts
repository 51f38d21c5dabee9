// Which packages name a repository address as their own (registry specification 4.5).
import { LRUCache } from "lru-cache";
import type { Registry, RepositoryRecord } from "../../registry/registry.ts";
import { byPrecedence, latestOf } from "./names.ts";
import { normalizeUrl, parseRelease, repositoryUrls } from "./release.ts";

const PAGE = 500;
const KNOWN_MAX = 20_000;

export interface Identifiers {
  /** Identifiers whose newest release here names this address, however it is spelled. */
  find(repository: RepositoryRecord, url: string): Promise<readonly string[]>;
}

/** What a package names is read once per state of it; SwiftPM asks for each dependency that it knows by address only. */
export function createIdentifiers(registry: Registry): Identifiers {
  const known = new LRUCache<string, { readonly id: string; readonly urls: readonly string[] }>({
    max: KNOWN_MAX,
  });

  return {
    async find(repository, url) {
      const wanted = normalizeUrl(url);
      const found: string[] = [];
      for await (const { id, urls } of everyPackage(repository)) if (urls.includes(wanted)) found.push(id);
      return found;
    },
  };

  async function* everyPackage(repository: RepositoryRecord) {
    let after: Parameters<Registry["packageNames"]>[2];
    for (;;) {
      const keys = await registry.packageNames(repository, "swift", after, PAGE);
      for (const key of keys) {
        const view = await registry.view(repository, key);
        let facts = known.get(view.stamp);
        if (facts === undefined) {
          const rows = (await registry.listedVersions(view)).toSorted((a, b) =>
            byPrecedence(a.version, b.version),
          );
          const latest = latestOf(rows.map(({ version }) => version));
          const row = rows.find(({ version }) => version === latest);
          const release = row && parseRelease(row.document);
          facts = {
            id: release?.id ?? "",
            urls: release === undefined ? [] : repositoryUrls(release.metadata).map(normalizeUrl),
          };
          known.set(view.stamp, facts);
        }
        yield facts;
      }
      after = keys.at(-1);
      if (keys.length < PAGE) return;
    }
  }
}
