// A package's two npm documents, full and abbreviated: what they are made of, and where they are put together.
import type { PackageKey } from "../../core/coordinates.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import { absence } from "../answers.ts";
import type { DocumentKind } from "../documents.ts";
import { createDocuments, stampHash } from "../documents.ts";
import type { DoorRequest } from "../format.ts";
import { indexFilesOf } from "../index-files.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { BRIEF_TYPE, wantsForm } from "./forms.ts";
import { nameOf } from "./names.ts";
import { type Form, type PackumentFacts, renderPackument } from "./packument-text.ts";

/** Grows when the same facts would make other bytes, so that clients' and proxies' copies end. */
const RENDERING = 1;
/** Stored texts of more than this are put together on the worker, characters. */
const INLINE_CHARACTERS_MAX = 256 * 1024;

const KINDS: Readonly<Record<Form, DocumentKind>> = {
  full: { name: "full", contentType: "application/json" },
  brief: { name: "brief", contentType: BRIEF_TYPE },
};

export interface Packuments {
  /** Answers GET and HEAD of a package's document; synchronously when nothing changed since the last time. */
  serve(request: DoorRequest, key: PackageKey): Promise<void> | void;
  /** Everything but public documents that a document of this form depends on. */
  facts(view: PackageView, form: Form, base: string): Promise<PackumentFacts>;
}

export interface PackumentsDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  /** Memory for finished documents, bytes. */
  readonly cacheBytes: number;
}

export function createPackuments({ registry, worker, cacheBytes }: PackumentsDeps): Packuments {
  const documents = createDocuments({
    registry,
    cacheBytes,
    rendering: RENDERING,
    async build(view, kind, base) {
      const bytes = await render(view, kind === KINDS.full ? "full" : "brief", base);
      if (bytes === undefined) throw absence(view, nameOf(view.key));
      return bytes;
    },
  });

  async function render(view: PackageView, form: Form, base: string): Promise<Buffer | undefined> {
    const known = await facts(view, form, base);
    const size = known.stored.reduce((sum, { text }) => sum + text.length, 0);
    if (view.external.length === 0 && size <= INLINE_CHARACTERS_MAX) {
      const text = renderPackument(known, []);
      return text === undefined ? undefined : Buffer.from(text);
    }
    const bytes = await worker.ask("packument", { facts: known, files: indexFilesOf(view) });
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async function facts(view: PackageView, form: Form, base: string): Promise<PackumentFacts> {
    const listed = view.local.length === 0 ? [] : await registry.listedVersions(view);
    const withheld =
      view.local.length === 0 || view.external.length === 0 ? [] : await registry.withheldVersions(view);
    return {
      key: view.key,
      form,
      base,
      rev: revOf(view),
      stored: listed.map((row) => ({
        version: row.version,
        text: form === "full" ? row.document : row.brief,
        time: row.upstreamPublishedAt ?? row.publishedAt,
      })),
      withheld,
      tags: view.local.map(({ tags }) => [...tags]),
      tagsPrefer: view.repository.tagsPrefer,
    };
  }

  return {
    serve: (request, key) => documents.serve(request, key, KINDS[wantsForm(request.req.headers.accept)]),
    facts,
  };
}

/** CouchDB's form, which npm sends back when it changes a document. */
export function revOf(view: PackageView): string {
  return `1-${stampHash(view, String(RENDERING))}`;
}
