// GET and HEAD of a tarball: from memory, from the blob store in part or whole, or while it is still arriving.
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LRUCache } from "lru-cache";
import type { ByteRange } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import type { FoundAsset, Registry } from "../../registry/registry.ts";
import type { DoorRequest } from "../format.ts";
import { matchesEtag } from "./headers.ts";
import { ASSET_NAME, versionOfTarball } from "./names.ts";
import type { Packuments } from "./packuments.ts";

/** An answer to repeat while nothing it depends on has changed. */
interface Known {
  readonly asset: FoundAsset;
  readonly current: () => boolean;
  readonly headers: string[];
  /** Set for small tarballs, whose bytes the registry keeps. */
  bytes: Buffer | undefined;
}

export interface Tarballs {
  /** Answers synchronously when the same tarball was asked for lately and is small. */
  serve(request: DoorRequest, key: PackageKey, file: string): Promise<void> | void;
}

const KNOWN_MAX = 20_000;
/** Bytes that are remembered here too, so that the hot path need not wait for the registry. */
const KNOWN_BYTES_MAX = 16 * 1024 * 1024;
const KNOWN_ENTRY_BYTES = 1_000;

export function createTarballs(registry: Registry, packuments: Packuments): Tarballs {
  const cache = new LRUCache<string, Known>({
    max: KNOWN_MAX,
    maxSize: KNOWN_BYTES_MAX,
    sizeCalculation: ({ bytes }) => (bytes?.length ?? 0) + KNOWN_ENTRY_BYTES,
  });

  function serve(request: DoorRequest, key: PackageKey, file: string): Promise<void> | void {
    const { req, repository } = request;
    registry.authorize(request.caller, "ReadFromRepository", repository, key);
    const place = `${repository.id} ${key.namespace}/${key.name}/${file}`;
    const known = cache.get(place);
    if (known !== undefined && known.current()) {
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
    return find(request, key, file, place);
  }

  async function find(request: DoorRequest, key: PackageKey, file: string, place: string): Promise<void> {
    const version = versionOfTarball(key, file);
    const { repository } = request;
    // Taken before the look, so that a change in between voids what is remembered.
    const view = packuments.currentView(repository, key);
    const source = await registry.asset(repository, key, version, ASSET_NAME, request);
    if (source.kind === "arriving") return sendArriving(request, source);
    const current = source.current ?? (view === undefined ? undefined : () => view.current());
    const headers = headersOf(source.asset);
    const bytes = await registry.smallAsset(source.asset);
    const known: Known = { asset: source.asset, headers, bytes, current: current ?? (() => false) };
    if (current !== undefined) cache.set(place, known);
    return sendHeld(request, known);
  }

  async function sendHeld(
    { req, res, method }: DoorRequest,
    { asset, headers, bytes }: Known,
  ): Promise<void> {
    const etag = etagOf(asset);
    if (matchesEtag(req.headers["if-none-match"], etag)) {
      res.writeHead(304, ["etag", etag, ...COMMON]);
      res.end();
      return;
    }
    const range =
      method === "GET" && mayRange(req.headers["if-range"], asset)
        ? parseRange(req.headers.range, asset.size)
        : undefined;
    if (range === "unsatisfiable") {
      res.writeHead(416, ["content-range", `bytes */${asset.size}`, "content-length", "0", ...COMMON]);
      res.end();
      return;
    }
    if (range === undefined) res.writeHead(200, headers);
    else
      res.writeHead(206, [
        ...headersOf(asset, range.end - range.start + 1),
        "content-range",
        `bytes ${range.start}-${range.end}/${asset.size}`,
      ]);
    if (method === "HEAD") res.end();
    else if (bytes !== undefined)
      res.end(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1));
    else await pipeline(await registry.openAsset(asset, range), res);
  }

  return { serve };
}

/** On its way in: no length to be sure of but the one announced, no ETag yet, and no ranges. */
async function sendArriving(
  { res, method }: DoorRequest,
  source: { readonly size: number | undefined; readonly follow: () => Readable },
): Promise<void> {
  const length = source.size === undefined ? [] : ["content-length", String(source.size)];
  res.writeHead(200, ["content-type", "application/octet-stream", ...length, ...COMMON]);
  if (method === "HEAD") res.end();
  // A failure on the way, such as a wrong digest, ends in a cut connection and never in a whole body.
  else await pipeline(source.follow(), res);
}

/** Bytes from strangers are never shown as a page of ours (threats C). */
const COMMON = [
  "cache-control",
  "private, max-age=31536000, immutable",
  "x-content-type-options",
  "nosniff",
  "content-disposition",
  "attachment",
];

function headersOf(asset: FoundAsset, length = asset.size): string[] {
  const modified = new Date(asset.publishedAt).toUTCString();
  return [
    "content-type",
    "application/octet-stream",
    "content-length",
    String(length),
    "etag",
    etagOf(asset),
    "last-modified",
    modified,
    "accept-ranges",
    "bytes",
    ...COMMON,
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

/** One range of bytes. Several, other units and what cannot be read are ignored, as HTTP allows: then the whole is sent. */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (match === null || (first === "" && last === "")) return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
