// A crate's documents as its clients get them, and what must be kept of a public index that has changed its mind.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import { absence } from "../answers.ts";
import type { DocumentKind, Documents } from "../documents.ts";
import { createDocuments } from "../documents.ts";
import type { DoorRequest } from "../format.ts";
import { indexFilesOf, viewNow } from "../index-files.ts";
import type { CrateFacts, Form, HeldRow, Rendered } from "./crate-text.ts";
import { renderCrate } from "./crate-text.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { assetName } from "./names.ts";
import { isYanked, yankNote } from "./yank-note.ts";

/** Grows when the same facts would make other bytes, so that clients' and proxies' copies end. */
const RENDERING = 1;
/** Stored texts of more than this are put together on the worker, characters. */
const INLINE_CHARACTERS_MAX = 256 * 1024;

const KINDS: Readonly<Record<Form, DocumentKind>> = {
  index: { name: "index", contentType: "text/plain; charset=utf-8" },
  crate: { name: "crate", contentType: "application/json" },
  versions: { name: "versions", contentType: "application/json" },
};

export interface CrateDocuments {
  /** Answers GET and HEAD; synchronously when nothing changed since the last time. */
  serve(request: DoorRequest, key: PackageKey, form: Form): Promise<void> | void;
  readonly currentView: Documents["currentView"];
}

export interface CrateDocumentsDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  /** Memory for finished documents, bytes. */
  readonly cacheBytes: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export function createCrateDocuments(deps: CrateDocumentsDeps): CrateDocuments {
  const { registry, worker, cacheBytes, now } = deps;
  /** Crates with yanks outside that are not kept here yet, by repository and name. */
  const noticed = new Map<string, { readonly view: PackageView; readonly changes: Rendered["changes"] }>();
  const documents = createDocuments({
    registry,
    cacheBytes,
    rendering: RENDERING,
    async build(view, kind) {
      const made = await render(view, kind.name as Form);
      if (made === undefined) throw absence(view, view.key.name);
      const { changes } = made;
      if (changes.length > 0) noticed.set(placeOf(view.repository.id, view.key), { view, changes });
      return Buffer.from(made.text);
    },
  });

  async function render(view: PackageView, form: Form): Promise<Rendered | undefined> {
    const facts = await factsOf(registry, view, form);
    const size = facts.rows.reduce((sum, { line }) => sum + line.length, 0);
    if (view.external.length === 0 && size <= INLINE_CHARACTERS_MAX) return renderCrate(facts, []);
    const files = indexFilesOf(view);
    return worker.ask("document", { facts, files });
  }

  /** The next time the public registry is out of reach, its last word must be known here. */
  async function keepNoticed(request: DoorRequest, key: PackageKey): Promise<void> {
    const place = placeOf(request.repository.id, key);
    const last = noticed.get(place);
    if (last === undefined) return;
    noticed.delete(place);
    try {
      const newest = await viewNow(registry, last.view, now());
      const changes = newest === last.view ? last.changes : ((await render(newest, "index"))?.changes ?? []);
      const rewritten = changes.map(({ version, yanked }) => ({
        version,
        asset: assetName(key.name, version),
        document: yankNote(yanked),
      }));
      if (rewritten.length > 0)
        await registry.rewriteAssets(request.repository, key, rewritten, "refresh", request);
    } catch (error) {
      // What was sent is right; what is kept is set right the next time.
      if (!(error instanceof Fault) && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  return {
    serve(request, key, form) {
      const pending = documents.serve(request, key, KINDS[form]);
      return pending?.then(() => keepNoticed(request, key));
    },
    currentView: documents.currentView,
  };
}

function placeOf(repositoryId: number, key: PackageKey): string {
  return `${repositoryId} ${key.name}`;
}

async function factsOf(registry: Registry, view: PackageView, form: Form): Promise<CrateFacts> {
  const { key, local, external } = view;
  const listed = local.length === 0 ? [] : await registry.listedVersions(view);
  const assets = await registry.listedAssets(view, listed);
  const withheld = local.length === 0 || external.length === 0 ? [] : await registry.withheldVersions(view);
  const connections = external.map(({ connection }) => connection);
  const rows = listed.map(
    (row): HeldRow => ({
      version: row.version,
      line: row.brief,
      about: form === "index" ? "" : row.document,
      yanked: isYanked(assets.get(row.version)),
      publishedAt: row.origin.type === "INTERNAL" ? row.publishedAt : row.upstreamPublishedAt,
      follows: connections.filter((connection) => registry.mayGrow(view, row, connection)),
    }),
  );
  return { name: key.name, form, rows, withheld };
}
