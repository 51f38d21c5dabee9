// Packages' documents as finished bytes, for every format: built when something changed, answered without waiting while nothing has.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../core/coordinates.ts";
import type { PackageView, Registry, RepositoryRecord } from "../registry/registry.ts";
import type { DoorRequest } from "./format.ts";
import { asksFresh, matchesEtag, parseRange, wantsGzip } from "./headers.ts";

/** One of a format's documents about a package, such as npm's full and abbreviated ones. */
export interface DocumentKind {
  /** Different for each kind; part of its ETag. */
  readonly name: string;
  readonly contentType: string;
  /** Ranges of the plain form are given, for clients that fetch what was appended (Bundler). */
  readonly ranges?: boolean;
}

/** One representation. Without `body` only its ETag is known, which is all that a 304 needs. */
interface Entry {
  view: PackageView;
  /** What the document was made of: equal stamps mean equal documents. */
  readonly stamp: string;
  readonly etag: string;
  readonly body: Buffer | undefined;
  readonly ranges: boolean;
  /** Flat, for writeHead. */
  readonly headers: string[];
}

/** One document in one encoding at one address. */
interface Place {
  readonly id: string;
  readonly kind: DocumentKind;
  readonly gzip: boolean;
  readonly base: string;
}

export interface Documents {
  /** Answers GET and HEAD of a package's document; synchronously when nothing changed since the last time. */
  serve(request: DoorRequest, key: PackageKey, kind: DocumentKind): Promise<void> | void;
  /** The plain bytes that `serve` would send now, for checksums of them and the like. Needs ReadFromRepository. */
  read(request: DoorRequest, key: PackageKey, kind: DocumentKind): Promise<Buffer>;
  /** A view known to be current, if a document was asked for lately; never waits. */
  currentView(repository: RepositoryRecord, key: PackageKey): PackageView | undefined;
}

export interface DocumentsOptions {
  readonly registry: Registry;
  /** Memory for finished documents, bytes. */
  readonly cacheBytes: number;
  /** Grows when the same facts would make other bytes, so that clients' and proxies' copies end. */
  readonly rendering: number;
  /**
   * The document's bytes, made of nothing but the view, what the registry tells of it, and the address. Throws the Fault
   * that says why there is none. May find a public document replaced meanwhile (ENOENT): then it is called again.
   */
  readonly build: (view: PackageView, kind: DocumentKind, base: string) => Promise<Buffer | BuiltDocument>;
}

export interface BuiltDocument {
  readonly body: Buffer;
  /** Further headers, flat. */
  readonly headers: readonly string[];
  /** In the place of the one made from the view, for clients that hold it against the body (Bundler). */
  readonly etag?: string;
}

/** What a cached document costs besides its bytes, roughly. */
const ENTRY_BYTES = 1_000;
const VIEWS_MAX = 20_000;

const gzipAsync = promisify(gzip);
/** Measured on public documents of 0.3 to 10 MB: 6 takes twice as long as 1 (26 ms for the largest) and is a sixth to a half smaller; it is done once per change. */
const GZIP_LEVEL = 6;

export function createDocuments({ registry, cacheBytes, rendering, build }: DocumentsOptions): Documents {
  const cache = new LRUCache<string, Entry>({
    maxSize: Math.max(cacheBytes, 1),
    sizeCalculation: ({ body }) => (body?.length ?? 0) + ENTRY_BYTES,
  });
  const views = new LRUCache<string, PackageView>({ max: VIEWS_MAX });
  /** Documents being built, by what they will be: however many ask, one is built. */
  const building = new Map<string, Promise<Entry>>();

  function serve(request: DoorRequest, key: PackageKey, kind: DocumentKind): Promise<void> | void {
    const { req } = request;
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const place = placeOf(request, key, kind, wantsGzip(req.headers["accept-encoding"]));
    const entry = cache.get(place.id);
    if (entry !== undefined && entry.view.current() && !asksFresh(req.headers)) {
      if (entry.body !== undefined || matchesEtag(req.headers["if-none-match"], entry.etag))
        return send(request, entry);
    }
    return serveSlowly(request, key, place, req.headers["if-none-match"]);
  }

  async function serveSlowly(
    request: DoorRequest,
    key: PackageKey,
    place: Place,
    etag: string | undefined,
  ): Promise<void> {
    send(request, await current(request, key, place, etag));
  }

  async function current(
    request: DoorRequest,
    key: PackageKey,
    place: Place,
    clientEtag: string | undefined,
  ): Promise<Entry> {
    const view = await viewOf(request.repository, key, asksFresh(request.req.headers));
    try {
      return await entryOf(place, view, clientEtag);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // The public document was replaced by a newer one while it was to be read.
      return entryOf(place, await viewOf(request.repository, key, false), clientEtag);
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

  async function entryOf(place: Place, view: PackageView, clientEtag: string | undefined): Promise<Entry> {
    const known = cache.get(place.id);
    const stamp = etagOf(rendering, view, place);
    if (known?.stamp === stamp) known.view = view;
    const same = known?.stamp === stamp ? known : undefined;
    if (matchesEtag(clientEtag, stamp)) {
      const bare = same ?? { view, stamp, etag: stamp, body: undefined, ranges: false, headers: [] };
      if (same === undefined) cache.set(place.id, bare);
      return bare;
    }
    return same?.body === undefined ? buildOnce(view, place, stamp) : same;
  }

  function buildOnce(view: PackageView, place: Place, stamp: string): Promise<Entry> {
    const mark = `${place.id} ${stamp}`;
    const pending = building.get(mark);
    if (pending !== undefined) return pending;
    const made = buildEntry(view, place, stamp)
      .then((entry) => {
        cache.set(place.id, entry);
        return entry;
      })
      .finally(() => building.delete(mark));
    building.set(mark, made);
    return made;
  }

  async function buildEntry(view: PackageView, place: Place, stamp: string): Promise<Entry> {
    const built = await build(view, place.kind, place.base);
    const {
      body: plain,
      headers,
      etag = stamp,
    } = Buffer.isBuffer(built) ? { body: built, headers: [] } : built;
    const body = place.gzip ? await gzipAsync(plain, { level: GZIP_LEVEL }) : plain;
    const ranges = place.kind.ranges === true && !place.gzip;
    return { view, stamp, etag, body, ranges, headers: [...headersOf(place, etag, body.length), ...headers] };
  }

  return {
    serve,
    async read(request, key, kind) {
      registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
      const place = placeOf(request, key, kind, false);
      const known = cache.get(place.id);
      if (known?.body !== undefined && known.view.current()) return known.body;
      return (await current(request, key, place, undefined)).body as Buffer;
    },
    currentView(repository, key) {
      const view = views.get(viewName(repository, key));
      return view?.current() === true ? view : undefined;
    },
  };
}

function placeOf(
  { repository, baseUrl }: DoorRequest,
  key: PackageKey,
  kind: DocumentKind,
  zipped: boolean,
): Place {
  const id = `${repository.id} ${kind.name} ${zipped} ${baseUrl} ${key.namespace}/${key.name}`;
  return { id, kind, gzip: zipped, base: baseUrl };
}

function viewName(repository: RepositoryRecord, key: PackageKey): string {
  return `${repository.id} ${key.namespace}/${key.name}`;
}

/** Strong: one per representation, found without any body (performance.md, section 8). */
function etagOf(rendering: number, view: PackageView, { kind, gzip: zipped, base }: Place): string {
  return `"${stampHash(view, `${rendering}|${kind.name}|${zipped}|${base}`)}"`;
}

/** The repository's birth is part of it: stamps count from the start in every new database, and clients' caches outlive servers. */
export function stampHash({ stamp, repository }: PackageView, what: string): string {
  return createHash("sha256").update(`${what}|${repository.createdAt}|${stamp}`).digest("hex").slice(0, 32);
}

const COMMON = [
  "vary",
  "accept, accept-encoding",
  "cache-control",
  "private, no-cache",
  "x-content-type-options",
  "nosniff",
];

function headersOf({ kind, gzip: zipped }: Place, etag: string, size: number): string[] {
  const coding = zipped ? ["content-encoding", "gzip"] : [];
  return [
    "content-type",
    kind.contentType,
    "content-length",
    String(size),
    "etag",
    etag,
    ...coding,
    ...COMMON,
  ];
}

function send({ req, res, method }: DoorRequest, entry: Entry): void {
  if (matchesEtag(req.headers["if-none-match"], entry.etag)) {
    res.writeHead(304, ["etag", entry.etag, ...COMMON]);
    res.end();
    return;
  }
  const { body } = entry;
  const range =
    entry.ranges && body !== undefined && method === "GET"
      ? parseRange(req.headers.range, body.length)
      : undefined;
  if (range === undefined || body === undefined) {
    res.writeHead(200, entry.headers);
    res.end(method === "HEAD" ? undefined : body);
    return;
  }
  if (range === "unsatisfiable") {
    res.writeHead(416, ["content-range", `bytes */${body.length}`, "content-length", "0", ...COMMON]);
    res.end();
    return;
  }
  const part = body.subarray(range.start, range.end + 1);
  const headers = entry.headers.with(entry.headers.indexOf("content-length") + 1, String(part.length));
  res.writeHead(206, [...headers, "content-range", `bytes ${range.start}-${range.end}/${body.length}`]);
  res.end(part);
}
