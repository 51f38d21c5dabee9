// Packages' documents as finished bytes: built when something changed, answered without waiting while nothing has.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import { explain, ruleText } from "../../core/origin.ts";
import type { PackageView, Registry, RepositoryRecord } from "../../registry/registry.ts";
import type { DoorRequest, IndexFile } from "../format.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { asksFresh, matchesEtag, wantsForm, wantsGzip } from "./headers.ts";
import { nameOf } from "./names.ts";
import { type Form, type PackumentFacts, renderPackument } from "./packument-text.ts";

/** Grows when the same facts would make other bytes, so that clients' and proxies' copies end. */
const RENDERING = 1;
/** Stored texts of more than this are put together on the worker, characters. */
const INLINE_CHARACTERS_MAX = 512 * 1024;
/** What a cached document costs besides its bytes, roughly. */
const ENTRY_BYTES = 1_000;
const VIEWS_MAX = 20_000;

interface Variant {
  readonly form: Form;
  readonly gzip: boolean;
}

const VARIANTS: readonly Variant[] = [
  { form: "full", gzip: false },
  { form: "full", gzip: true },
  { form: "brief", gzip: false },
  { form: "brief", gzip: true },
];

/** One representation. Without `body` only its ETag is known, which is all that a 304 needs. */
interface Entry {
  view: PackageView;
  readonly etag: string;
  readonly body: Buffer | undefined;
  /** Flat, for writeHead. */
  readonly headers: string[];
}

export interface Packuments {
  /** Answers GET and HEAD of a package's document; synchronously when nothing changed since the last time. */
  serve(request: DoorRequest, key: PackageKey): Promise<void> | void;
  /** Everything but public documents that a document of this form depends on. */
  facts(view: PackageView, form: Form, base: string): Promise<PackumentFacts>;
  /** A view known to be current, if a document was asked for lately; never waits. */
  currentView(repository: RepositoryRecord, key: PackageKey): PackageView | undefined;
}

export interface PackumentsDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  /** Memory for finished documents, bytes. */
  readonly cacheBytes: number;
}

const gzipAsync = promisify(gzip);
/** Measured on public documents of 0.3 to 10 MB: 6 takes twice as long as 1 (26 ms for the largest) and is a sixth to a half smaller; it is done once per change. */
const GZIP_LEVEL = 6;

export function createPackuments({ registry, worker, cacheBytes }: PackumentsDeps): Packuments {
  const cache = new LRUCache<string, Entry>({
    maxSize: Math.max(cacheBytes, 1),
    sizeCalculation: ({ body }) => (body?.length ?? 0) + ENTRY_BYTES,
  });
  const views = new LRUCache<string, PackageView>({ max: VIEWS_MAX });
  /** Documents being built, by what they will be: however many ask, one is built. */
  const building = new Map<string, Promise<Entry>>();

  function serve(request: DoorRequest, key: PackageKey): Promise<void> | void {
    const { req, repository, baseUrl } = request;
    registry.authorize(request.caller, "ReadFromRepository", repository, key);
    const variant =
      (wantsForm(req.headers.accept) === "full" ? 0 : 2) +
      (wantsGzip(req.headers["accept-encoding"]) ? 1 : 0);
    const place = `${repository.id} ${variant} ${baseUrl} ${key.namespace}/${key.name}`;
    const entry = cache.get(place);
    if (entry !== undefined && entry.view.current() && !asksFresh(req.headers)) {
      if (entry.body !== undefined || matchesEtag(req.headers["if-none-match"], entry.etag))
        return send(request, entry);
    }
    return serveSlowly(request, key, place, variant, entry);
  }

  async function serveSlowly(
    request: DoorRequest,
    key: PackageKey,
    place: string,
    variant: number,
    known: Entry | undefined,
  ): Promise<void> {
    const view = await viewOf(request.repository, key, asksFresh(request.req.headers));
    try {
      await serveView(request, key, place, variant, known, view);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // The public document was replaced by a newer one while it was to be read.
      await serveView(request, key, place, variant, known, await viewOf(request.repository, key, false));
    }
  }

  async function viewOf(
    repository: RepositoryRecord,
    key: PackageKey,
    revalidate: boolean,
  ): Promise<PackageView> {
    const view = await registry.view(repository, key, { revalidate });
    views.set(viewName(repository, key), view);
    return view;
  }

  async function serveView(
    request: DoorRequest,
    key: PackageKey,
    place: string,
    variant: number,
    known: Entry | undefined,
    view: PackageView,
  ): Promise<void> {
    const { req, baseUrl } = request;
    const etag = etagOf(view, baseUrl, variant);
    if (known?.etag === etag) known.view = view;
    const same = known?.etag === etag ? known : undefined;
    if (matchesEtag(req.headers["if-none-match"], etag)) {
      const bare = same ?? { view, etag, body: undefined, headers: [] };
      if (same === undefined) cache.set(place, bare);
      return send(request, bare);
    }
    const entry = same?.body === undefined ? await buildOnce(view, key, baseUrl, variant, place, etag) : same;
    send(request, entry);
  }

  function buildOnce(
    view: PackageView,
    key: PackageKey,
    base: string,
    variant: number,
    place: string,
    etag: string,
  ): Promise<Entry> {
    const mark = `${place} ${etag}`;
    const pending = building.get(mark);
    if (pending !== undefined) return pending;
    const made = build(view, key, base, VARIANTS[variant] as Variant, etag)
      .then((entry) => {
        cache.set(place, entry);
        return entry;
      })
      .finally(() => building.delete(mark));
    building.set(mark, made);
    return made;
  }

  async function build(
    view: PackageView,
    key: PackageKey,
    base: string,
    variant: Variant,
    etag: string,
  ): Promise<Entry> {
    const plain = await render(view, variant.form, base);
    if (plain === undefined) throw absence(view, key);
    const body = variant.gzip ? await gzipAsync(plain, { level: GZIP_LEVEL }) : plain;
    return { view, etag, body, headers: headersOf(variant, etag, body.length) };
  }

  async function render(view: PackageView, form: Form, base: string): Promise<Buffer | undefined> {
    const known = await facts(view, form, base);
    const size = known.stored.reduce((sum, { text }) => sum + text.length, 0);
    if (view.external.length === 0 && size <= INLINE_CHARACTERS_MAX) {
      const text = renderPackument(known, []);
      return text === undefined ? undefined : Buffer.from(text);
    }
    const bytes = await worker.ask("packument", { facts: known, files: filesOf(view) });
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
    serve,
    facts,
    currentView(repository, key) {
      const view = views.get(viewName(repository, key));
      return view?.current() === true ? view : undefined;
    },
  };
}

function viewName(repository: RepositoryRecord, key: PackageKey): string {
  return `${repository.id} ${key.namespace}/${key.name}`;
}

/** The view's public documents as the worker takes them. */
export function filesOf(view: PackageView): IndexFile[] {
  return view.external.map(({ connection, index: { file, gzip, digest } }) => ({
    connection,
    file,
    gzip,
    digest,
  }));
}

/** Strong: one per representation, found without any body (performance.md, section 8). */
function etagOf(view: PackageView, base: string, variant: number): string {
  return `"${hash(`${variant}|${base}`, view)}"`;
}

/** CouchDB's form, which npm sends back when it changes a document. */
export function revOf(view: PackageView): string {
  return `1-${hash("", view)}`;
}

/** The repository's birth is part of it: stamps count from the start in every new database, and clients' caches outlive servers. */
function hash(what: string, { stamp, repository }: PackageView): string {
  return createHash("sha256")
    .update(`${RENDERING}|${what}|${repository.createdAt}|${stamp}`)
    .digest("hex")
    .slice(0, 32);
}

const COMMON = [
  "vary",
  "accept, accept-encoding",
  "cache-control",
  "private, no-cache",
  "x-content-type-options",
  "nosniff",
];

function headersOf({ form, gzip: zipped }: Variant, etag: string, size: number): string[] {
  const type = form === "full" ? "application/json" : "application/vnd.npm.install-v1+json";
  const coding = zipped ? ["content-encoding", "gzip"] : [];
  return ["content-type", type, "content-length", String(size), "etag", etag, ...coding, ...COMMON];
}

function send({ req, res, method }: DoorRequest, entry: Entry): void {
  if (matchesEtag(req.headers["if-none-match"], entry.etag)) {
    res.writeHead(304, ["etag", entry.etag, ...COMMON]);
    res.end();
    return;
  }
  res.writeHead(200, entry.headers);
  if (method === "HEAD") res.end();
  else res.end(entry.body);
}

/** Why nothing of the package may be seen: trouble outside first, then the rules that hide it, then plain absence. */
export function absence(view: PackageView, key: PackageKey): Fault {
  if (view.trouble !== undefined) return view.trouble;
  const what = `${nameOf(key)} is not in repository '${view.repository.name}', nor anywhere upstream that it may be taken from.`;
  if (view.hidden.length === 0)
    return new Fault("ResourceNotFoundException", what, { resourceType: "package", resourceId: nameOf(key) });
  return new Fault("ResourceNotFoundException", [what, ...view.hidden.map(explain)].join(" "), {
    resourceType: "package",
    resourceId: nameOf(key),
    rule: view.hidden.map(ruleText).join(", "),
  });
}
