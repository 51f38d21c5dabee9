// What is read out of a package when it is asked for: its manifest, readme, icon and licence file.
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import { notFound } from "../../core/faults.ts";
import type { FoundAsset, Registry } from "../../registry/registry.ts";
import type { AssetBytes, DoorRequest } from "../format.ts";
import { matchesEtag } from "../headers.ts";
import { packageAsset } from "./names.ts";
import { readNuspec } from "./nuspec.ts";
import { fileIn, heldBytes, nuspecIn, readmeIn } from "./package-file.ts";

export type Part = "nuspec" | "readme" | "icon" | "license";

export interface Beside {
  /** Answers a part of a version's package; 404 where it has none. What the package itself may not, neither may its parts. */
  serve(request: DoorRequest, key: PackageKey, version: string, part: Part): Promise<void>;
}

const CACHE_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export function createBeside(registry: Registry): Beside {
  const cache = new LRUCache<string, Buffer>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (bytes) => bytes.length + 200,
  });

  /** The package, once it is here whole: a public one is taken in to be looked into, as NuGet's clients would next. */
  async function held(request: DoorRequest, key: PackageKey, version: string): Promise<FoundAsset> {
    const asset = packageAsset(key.name, version);
    for (;;) {
      const source = await registry.asset(request.repository, key, version, asset, request);
      if (source.kind === "held") return source.asset;
      for await (const _ of source.follow());
    }
  }

  async function read(asset: FoundAsset, part: Part): Promise<Buffer> {
    const place = `${asset.sha256} ${part}`;
    const known = cache.get(place);
    if (known !== undefined) return known;
    const small = await registry.smallAsset(asset);
    const bytes =
      small === undefined
        ? heldBytes(asset.size, (range) => registry.openAsset(asset, range))
        : bufferBytes(small);
    const found = (await partOf(bytes, part)) ?? NOTHING;
    cache.set(place, found);
    return found;
  }

  return {
    async serve(request, key, version, part) {
      const { req, res, method, repository } = request;
      registry.authorize(request.caller, "ReadFromRepository", repository, key);
      const asset = await held(request, key, version);
      const bytes = await read(asset, part);
      if (bytes.length === 0)
        throw notFound(`${key.name} ${version} has no ${part} in its package.`, "asset", part);
      const etag = `"${asset.sha256}-${part}"`;
      if (matchesEtag(req.headers["if-none-match"], etag)) {
        res.writeHead(304, ["etag", etag, ...COMMON]);
        res.end();
        return;
      }
      const headers = [
        "content-type",
        typeOf(part, bytes),
        "content-length",
        String(bytes.length),
        "etag",
        etag,
      ];
      res.writeHead(200, [...headers, ...COMMON]);
      res.end(method === "HEAD" ? undefined : bytes);
    },
  };
}

const COMMON = [
  "content-disposition",
  "attachment",
  "cache-control",
  "private, no-cache",
  "x-content-type-options",
  "nosniff",
];

function bufferBytes(buffer: Buffer): AssetBytes {
  return {
    size: buffer.length,
    async readAt(position, length) {
      if (position + length > buffer.length) throw new Error("A blob was read past its end.");
      return buffer.subarray(position, position + length);
    },
  };
}

async function partOf(bytes: AssetBytes, part: Part): Promise<Buffer | undefined> {
  const nuspec = await nuspecIn(bytes);
  if (part === "nuspec" || nuspec === undefined) return nuspec;
  const facts = readNuspec(nuspec);
  if (part === "readme") return readmeIn(bytes, facts);
  const path = part === "icon" ? facts.icon : facts.licenseFile;
  return path === "" ? undefined : fileIn(bytes, path);
}

/** What strangers sent is never a page of ours. */
function typeOf(part: Part, bytes: Buffer): string {
  if (part === "nuspec") return "application/xml";
  if (part === "icon")
    return bytes.subarray(0, 4).toString("hex") === "89504e47"
      ? "image/png"
      : bytes.subarray(0, 2).toString("hex") === "ffd8"
        ? "image/jpeg"
        : "application/octet-stream";
  return part === "readme" ? "text/markdown; charset=utf-8" : "text/plain; charset=utf-8";
}
