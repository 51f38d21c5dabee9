// Which crate a name means: clients write names in lower case in the index, and people write them any way; the crate has one spelling.
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import type { PackageView, Registry, RepositoryRecord } from "../../registry/registry.ts";
import { plainIndex } from "../index-files.ts";
import type { CrateDocuments } from "./crate-documents.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { parseName } from "./names.ts";

export interface Spelling {
  /** The crate that the name means here; without one, the name as it is asked. Synchronous when it was asked lately. */
  find(repository: RepositoryRecord, key: PackageKey): Promise<PackageKey> | PackageKey;
}

const REMEMBERED_MAX = 20_000;

export interface SpellingDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  readonly documents: CrateDocuments;
}

export function createSpelling({ registry, worker, documents }: SpellingDeps): Spelling {
  const remembered = new LRUCache<string, PackageKey>({ max: REMEMBERED_MAX });

  async function look(repository: RepositoryRecord, key: PackageKey, place: string): Promise<PackageKey> {
    const found = (await heldSpelling(repository, key)) ?? (await spelledOutside(repository, key));
    if (found !== undefined) remembered.set(place, found);
    return found ?? key;
  }

  /** A record speaks even without versions: someone has said what may come in under this name. */
  async function heldSpelling(
    repository: RepositoryRecord,
    key: PackageKey,
  ): Promise<PackageKey | undefined> {
    const lower = key.name.toLowerCase();
    return (await registry.spellings(repository, key)).find(({ name }) => name.toLowerCase() === lower);
  }

  async function spelledOutside(
    repository: RepositoryRecord,
    key: PackageKey,
  ): Promise<PackageKey | undefined> {
    const view = await registry.view(repository, key);
    const found = await spelledIn(view);
    if (found !== undefined || view.external.length > 0) return found;
    // A group that was made for the crate's own spelling takes the index's lower case for a look-alike of it.
    const guarded = spellingOfGroup(view);
    return guarded && spelledIn(await registry.view(repository, guarded));
  }

  async function spelledIn(view: PackageView): Promise<PackageKey | undefined> {
    for (const { connection, index } of view.external) {
      const file = plainIndex({ ...index, connection });
      const name = await worker.ask("spelling", { name: view.key.name, file });
      if (name !== undefined && name.toLowerCase() === view.key.name.toLowerCase()) return parseName(name);
    }
    return undefined;
  }

  return {
    find(repository, key) {
      const place = `${repository.id} ${key.name.toLowerCase()}`;
      const known = remembered.get(place);
      if (known !== undefined && documents.currentView(repository, known) !== undefined) return known;
      return look(repository, key, place);
    },
  };
}

/** `/cargo//Inflector$` or `/cargo//Infl*` hides `inflector` as a weak match: then the name is tried as the pattern spells it. */
function spellingOfGroup({ key, hidden }: PackageView): PackageKey | undefined {
  for (const { rule } of hidden) {
    if (rule.kind !== "weak-association") continue;
    const start = /^\/cargo\/\/([A-Za-z0-9_-]+)[~*$]$/.exec(rule.pattern)?.[1];
    if (start === undefined || !key.name.toLowerCase().startsWith(start.toLowerCase())) continue;
    return parseName(start + key.name.slice(start.length));
  }
  return undefined;
}
