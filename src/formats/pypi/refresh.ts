// Keeps what is noted about held public files in step with their index (yanked flags above all): off the request path, and only when something changed.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import type { DoorRequest } from "../format.ts";
import { indexFilesOf, viewNow } from "../index-files.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { type Facts, factsOf, plainFacts } from "./facts.ts";

export interface Refreshes {
  /** A page was built of this view. */
  note(view: PackageView, facts: Facts): void;
  /** Begins what was noted about the project; returns at once. */
  start(request: DoorRequest, key: PackageKey): void;
  /** Resolves when none is under way. */
  settled(): Promise<void>;
}

const NOTED_MAX = 1_000;

/** `now`: epoch milliseconds. */
export function createRefreshes(registry: Registry, worker: DocumentWorker, now: () => number): Refreshes {
  /** Views whose repository holds versions that follow a public index. */
  const noted = new Map<string, PackageView>();
  const running = new Map<string, Promise<void>>();

  /** Only what this repository itself holds is its own to rewrite; others do so when they are asked. */
  async function changesIn(view: PackageView) {
    const own = view.local.filter(({ repositoryId }) => repositoryId === view.repository.id);
    const facts = await factsOf(registry, { ...view, local: own });
    return worker.ask("changes", { facts: plainFacts(facts), files: indexFilesOf(view) });
  }

  async function refresh(view: PackageView, request: DoorRequest, key: PackageKey): Promise<void> {
    const noticed = await changesIn(view);
    if (noticed.length === 0) return;
    const newest = await viewNow(registry, view, now());
    const changes = newest === view ? noticed : await changesIn(newest);
    if (changes.length > 0)
      await registry.rewriteAssets(request.repository, key, changes, "refresh", request);
  }

  return {
    note(view, facts) {
      const follows = facts.held.some((held) => held.follows !== undefined);
      const holds = view.local.some(({ repositoryId }) => repositoryId === view.repository.id);
      if (!follows || !holds || noted.size >= NOTED_MAX) return;
      noted.set(mark(view.repository.id, view.key), view);
    },
    start(request, key) {
      const name = mark(request.repository.id, key);
      const view = noted.get(name);
      if (view === undefined || running.has(name)) return;
      noted.delete(name);
      const done = refresh(view, request, key)
        // The page showed the index's own flags already; what was not written down now is at the next change.
        .catch((error: unknown) => {
          if (!(error instanceof Fault) && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        })
        .finally(() => running.delete(name));
      running.set(name, done);
    },
    async settled() {
      await Promise.allSettled(running.values());
    },
  };
}

function mark(repositoryId: number, { name }: PackageKey): string {
  return `${repositoryId} ${name}`;
}
