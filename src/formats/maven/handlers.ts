// Maven's routes: which path and method is which verb.
import { createHash } from "node:crypto";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LRUCache } from "lru-cache";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import type { FoundAsset } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { matchesEtag } from "../headers.ts";
import {
  ALGORITHMS,
  type Algorithm,
  contentTypeOf,
  type FilePlace,
  type ListPlace,
  type Place,
  parsePlace,
  type SnapshotPlace,
} from "./layout.ts";
import { createMetadata } from "./metadata.ts";
import { putMetadata, putMetadataChecksum } from "./metadata-upload.ts";
import { renderFault } from "./responses.ts";
import { putChecksum, putFile, refuseMethod } from "./upload.ts";

const TEXT = "text/plain; charset=utf-8";
const CHECKSUMS_MAX = 20_000;

/** Opens Maven's door. */
export function open({ registry, limits }: FormatDeps): FormatDoor {
  const files = createFiles(registry);
  const metadata = createMetadata(registry, limits.documentCacheBytes);
  const digests = new LRUCache<string, { readonly asset: FoundAsset; readonly current: () => boolean }>({
    max: CHECKSUMS_MAX,
  });

  function read(request: DoorRequest, place: Place): Promise<void> | void {
    const { checksum } = place;
    if (place.kind !== "file")
      return checksum === undefined
        ? serveMetadata(request, place)
        : serveMetadataChecksum(request, place, checksum);
    if (checksum !== undefined) return serveChecksum(request, place, checksum);
    return place.version === place.folder
      ? serveFile(request, place, place.version)
      : ofBuild(place, (version) => serveFile(request, place, version));
  }

  function serveFile(
    request: DoorRequest,
    { key, folder, file }: FilePlace,
    version: string,
  ): Promise<void> | void {
    return files.serve(request, key, `${folder}/${version}/${file}`, () => ({
      key,
      version,
      asset: file,
      contentType: contentTypeOf(file),
      // Maven 3.9 and newer take these for the checksum files, and save a request for each file.
      headers: (asset) =>
        asset === undefined ? [] : ALGORITHMS.flatMap((name) => [`x-checksum-${name}`, asset[name]]),
    }));
  }

  async function serveMetadata(request: DoorRequest, place: ListPlace | SnapshotPlace): Promise<void> {
    const bytes = await metadata.read(request, place);
    const sha1 = createHash("sha1").update(bytes).digest("hex");
    const etag = `"${sha1}"`;
    const headers = ["etag", etag, "x-checksum-sha1", sha1];
    if (!matchesEtag(request.req.headers["if-none-match"], etag))
      return sendText(request, 200, "application/xml", bytes.toString(), headers);
    request.res.writeHead(304, headers);
    request.res.end();
  }

  async function serveMetadataChecksum(
    request: DoorRequest,
    place: ListPlace | SnapshotPlace,
    algorithm: Algorithm,
  ): Promise<void> {
    sendText(request, 200, TEXT, await metadata.checksum(request, place, algorithm));
  }

  /** Of a file that is not here yet: it is taken in first, since only its bytes tell. */
  async function serveChecksum(request: DoorRequest, place: FilePlace, algorithm: Algorithm): Promise<void> {
    const { repository, caller } = request;
    registry.authorize(caller, "ReadFromRepository", repository, place.key);
    const mark = `${repository.id} ${place.key.namespace}/${place.key.name}/${place.folder}/${place.file}`;
    const known = digests.get(mark);
    if (known?.current() === true) return sendText(request, 200, TEXT, known.asset[algorithm]);
    const { asset, current } = await ofBuild(place, (version) => held(request, place, version));
    if (current !== undefined) digests.set(mark, { asset, current });
    sendText(request, 200, TEXT, asset[algorithm]);
  }

  async function held(request: DoorRequest, { key, file }: FilePlace, version: string) {
    let source = await registry.asset(request.repository, key, version, file, request);
    if (source.kind === "arriving") {
      await pipeline(source.follow(), nowhere());
      source = await registry.asset(request.repository, key, version, file, request);
    }
    if (source.kind === "arriving") throw new Error("a file that has arrived is still arriving");
    return source;
  }

  function write(request: DoorRequest, place: Place): Promise<void> {
    const { checksum } = place;
    const deps = { registry, limits };
    if (place.kind !== "file")
      return checksum === undefined
        ? putMetadata(registry, request, place)
        : putMetadataChecksum(registry, request, place, checksum);
    return checksum === undefined
      ? putFile(deps, request, place)
      : putChecksum(deps, request, place, checksum);
  }

  return {
    handle(request) {
      const { method, segments, repository } = request;
      const reads = method === "GET" || method === "HEAD";
      if (!reads && method !== "PUT") refuseMethod(request);
      if (reads && segments.length <= 1 && (segments[0] ?? "") === "") {
        registry.authorize(request.caller, "ReadFromRepository", repository, null);
        return sendText(request, 200, TEXT, `Maven repository '${repository.name}'\n`);
      }
      const place = parsePlace(segments);
      if (place !== undefined) return reads ? read(request, place) : write(request, place);
      const path = segments.join("/").slice(0, 300);
      if (reads)
        throw notFound(
          `There is nothing at '${path}': files are at {group, with / for .}/{artifact}/{version}/{file}.`,
        );
      throw invalid(
        `'${path}' is no path of Maven's layout, which is {group, with / for .}/{artifact}/{version}/{file}, without dots in the group's folders.`,
      );
    },
    renderFault,
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/**
 * A build's file is the moving version's too, which may be here without the build: copied, or the build was deleted.
 * The second answer counts only when there is one.
 */
async function ofBuild<T>(
  { version, folder }: FilePlace,
  find: (version: string) => Promise<T> | T,
): Promise<T> {
  try {
    return await find(version);
  } catch (error) {
    if (version === folder || !(error instanceof Fault) || error.status !== 404) throw error;
    try {
      return await find(folder);
    } catch {
      throw error;
    }
  }
}
