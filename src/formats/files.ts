// GET and HEAD of a version's file, for every format: from memory, from the blob store in part or whole, or while it is still arriving.
import { pipeline } from "node:stream/promises";
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../core/coordinates.ts";
import type { AssetSource, FoundAsset, Registry } from "../registry/registry.ts";
import { noteVersion } from "../registry/request-note.ts";
import type { DoorRequest } from "./format.ts";
import { matchesEtag, parseRange } from "./headers.ts";

/** One file as a client asks for it. */
export interface FileQuestion {
  readonly key: PackageKey;
  readonly version: string;
  readonly asset: string;
  /** application/octet-stream when left out. */
  readonly contentType?: string;
  /** What browsers and some clients save it as. ASCII without quotes. */
  readonly fileName?: string;
  /** Further headers, flat; asked for once the file is found, with what is known of it unless it is still arriving. */
  readonly headers?: (asset: FoundAsset | undefined) => Promise<readonly string[]> | readonly string[];
}

/** An answer to repeat while nothing it depends on has changed. */
interface Known {
  readonly version: string;
  readonly asset: FoundAsset;
  readonly current: () => boolean;
  readonly headers: string[];
  readonly common: readonly string[];
  /** Set for small files, whose bytes the registry keeps. */
  bytes: Buffer | undefined;
}

export interface Files {
  /**
   * Answers at once when this repository was asked for the same path lately and the file is small. `place` names the
   * file within the repository, as the path does; `question` is asked only when the answer is not at hand. Throws what
   * Registry.asset throws.
   */
  serve(
    request: DoorRequest,
    key: PackageKey,
    place: string,
    question: () => FileQuestion,
  ): Promise<void> | void;
}

const KNOWN_MAX = 20_000;
/** Bytes that are remembered here too, so that the hot path need not wait for the registry. */
const KNOWN_BYTES_MAX = 16 * 1024 * 1024;
const KNOWN_ENTRY_BYTES = 1_000;

export function createFiles(registry: Registry): Files {
  const cache = new LRUCache<string, Known>({
    max: KNOWN_MAX,
    maxSize: KNOWN_BYTES_MAX,
    sizeCalculation: ({ bytes }) => (bytes?.length ?? 0) + KNOWN_ENTRY_BYTES,
  });

  function serve(
    request: DoorRequest,
    key: PackageKey,
    path: string,
    question: () => FileQuestion,
  ): Promise<void> | void {
    const { req, repository } = request;
    registry.authorize(request.caller, "ReadFromRepository", repository, key);
    const place = `${repository.id} ${key.namespace}/${key.name}/${path}`;
    const known = cache.get(place);
    if (known !== undefined && known.current()) {
      noteVersion(known.version);
      if (
        known.bytes !== undefined &&
        req.headers.range === undefined &&
        req.headers["if-none-match"] === undefined
      ) {
        request.res.writeHead(200, known.headers);
        request.res.end(request.method === "HEAD" ? undefined : known.bytes);
        return;
      }
      return sendHeld(request, known);
    }
    return find(request, question(), place);
  }

  async function find(request: DoorRequest, question: FileQuestion, place: string): Promise<void> {
    const { key, version, asset } = question;
    const source = await registry.asset(request.repository, key, version, asset, request);
    const held = source.kind === "held" ? source.asset : undefined;
    const common = [...commonOf(question), ...((await question.headers?.(held)) ?? [])];
    if (source.kind === "arriving") return sendArriving(request, source, common);
    const headers = headersOf(source.asset, common);
    const bytes = await registry.smallAsset(source.asset);
    const current = source.current ?? (() => false);
    const known: Known = { version, asset: source.asset, headers, common, bytes, current };
    if (source.current !== undefined) cache.set(place, known);
    return sendHeld(request, known);
  }

  async function sendHeld(
    { req, res, method }: DoorRequest,
    { asset, headers, bytes, common }: Known,
  ): Promise<void> {
    const etag = etagOf(asset);
    if (matchesEtag(req.headers["if-none-match"], etag)) {
      res.writeHead(304, ["etag", etag, ...CACHING]);
      res.end();
      return;
    }
    const range =
      method === "GET" && mayRange(req.headers["if-range"], asset)
        ? parseRange(req.headers.range, asset.size)
        : undefined;
    if (range === "unsatisfiable") {
      res.writeHead(416, ["content-range", `bytes */${asset.size}`, "content-length", "0", ...CACHING]);
      res.end();
      return;
    }
    const whole = method === "GET" && bytes === undefined && req.headers.range === undefined;
    const address = whole ? registry.assetAddress(asset, ...presentationOf(common)) : undefined;
    if (address !== undefined) {
      res.writeHead(302, ["location", await address, "content-length", "0", "cache-control", "no-store"]);
      res.end();
      return;
    }
    // Before the head: a store that does not answer is a 503 and not a broken body.
    const stream =
      method === "GET" && bytes === undefined ? await registry.openAsset(asset, range) : undefined;
    if (range === undefined) res.writeHead(200, headers);
    else
      res.writeHead(206, [
        ...headersOf(asset, common, range.end - range.start + 1),
        "content-range",
        `bytes ${range.start}-${range.end}/${asset.size}`,
      ]);
    if (stream !== undefined) await pipeline(stream, res);
    else if (method === "HEAD") res.end();
    else res.end(range === undefined ? bytes : bytes?.subarray(range.start, range.end + 1));
  }

  return { serve };
}

/** On its way in: no length to be sure of but the one announced, no ETag yet, and no ranges. */
async function sendArriving(
  { res, method }: DoorRequest,
  source: Extract<AssetSource, { kind: "arriving" }>,
  common: readonly string[],
): Promise<void> {
  const length = source.size === undefined ? [] : ["content-length", String(source.size)];
  res.writeHead(200, [...common, ...length]);
  if (method === "HEAD") res.end();
  // A failure on the way, such as a wrong digest, ends in a cut connection and never in a whole body.
  else await pipeline(source.follow(), res);
}

const CACHING = [
  "cache-control",
  "private, max-age=31536000, immutable",
  "x-content-type-options",
  "nosniff",
];

/** Bytes from strangers are never shown as a page of ours (threats C). */
function commonOf({ contentType = "application/octet-stream", fileName }: FileQuestion): string[] {
  const disposition = fileName === undefined ? "attachment" : `attachment; filename="${fileName}"`;
  return ["content-type", contentType, "content-disposition", disposition, ...CACHING];
}

/** Content type and disposition, as `commonOf` begins. */
function presentationOf(common: readonly string[]): [contentType: string, disposition: string] {
  return [common[1] as string, common[3] as string];
}

function headersOf(asset: FoundAsset, common: readonly string[], length = asset.size): string[] {
  const modified = new Date(asset.publishedAt).toUTCString();
  return [
    ...common,
    "content-length",
    String(length),
    "etag",
    etagOf(asset),
    "last-modified",
    modified,
    "accept-ranges",
    "bytes",
  ];
}

function etagOf({ sha256 }: FoundAsset): string {
  return `"${sha256}"`;
}

/** A range counts only for the very bytes the client has the beginning of; dates are compared exactly (RFC 9110, 13.1.5). */
function mayRange(condition: string | string[] | undefined, asset: FoundAsset): boolean {
  if (condition === undefined) return true;
  return condition === etagOf(asset) || condition === new Date(asset.publishedAt).toUTCString();
}
