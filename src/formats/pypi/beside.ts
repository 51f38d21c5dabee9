// What is served beside a file: its core metadata (PEP 658) and its provenance (PEP 740). Reading either retains nothing.
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, notFound } from "../../core/faults.ts";
import type { AssetRow, PackageView, Registry } from "../../registry/registry.ts";
import { absence } from "../answers.ts";
import type { DoorRequest } from "../format.ts";
import { matchesEtag } from "../headers.ts";
import { indexFilesOf, readIndexFile } from "../index-files.ts";
import { sha256 } from "./attestations.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { METADATA_BYTES_MAX, metadataRequest } from "./external.ts";
import { type Facts, factsOf, plainFacts } from "./facts.ts";
import { heldBytes, readInnerMetadata } from "./held-metadata.ts";
import type { ListedFile } from "./project.ts";

/** Metadata read out of held wheels, bytes. */
const CACHE_BYTES = 16 * 1024 * 1024;

export interface Beside {
  /** Answers `{file}.metadata`. */
  serveMetadata(request: DoorRequest, key: PackageKey, version: string, file: string): Promise<void>;
  /** The metadata of a listed file; undefined without one that could be checked. */
  metadataOf(view: PackageView, facts: Facts, file: ListedFile): Promise<Buffer | undefined>;
}

export function createBeside(registry: Registry, worker: DocumentWorker): Beside {
  const cache = new LRUCache<string, Buffer>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (bytes) => bytes.length + 100,
  });

  async function fromHeld(facts: Facts, { version, filename }: ListedFile): Promise<Buffer | undefined> {
    const asset = facts.assets.get(version)?.find(({ name }) => name === filename);
    if (asset === undefined) return undefined;
    const known = cache.get(asset.digests.sha256);
    if (known !== undefined) return known;
    const found = await readAsset(registry, asset);
    if (found !== undefined) cache.set(asset.digests.sha256, found);
    return found;
  }

  async function fromOutside({ repository, key }: PackageView, url: string): Promise<Buffer | undefined> {
    const found = await registry.outsideDocument(repository, key, metadataRequest(url));
    return found === undefined ? undefined : readIndexFile(found.index, METADATA_BYTES_MAX);
  }

  async function metadataOf(view: PackageView, facts: Facts, file: ListedFile): Promise<Buffer | undefined> {
    const { metadata, from } = file;
    if (metadata === undefined) return undefined;
    const bytes = from === "held" ? await fromHeld(facts, file) : await fromOutside(view, from.url);
    if (bytes === undefined || sha256(bytes) === metadata) return bytes;
    const where = from === "held" ? "the file itself" : `'${from.connection}'`;
    throw new Fault(
      "UpstreamFault",
      `The metadata of ${file.filename} from ${where} is not what the index promised; it is not passed on.`,
    );
  }

  return {
    metadataOf,
    async serveMetadata(request, key, version, filename) {
      const { req, res, method, repository } = request;
      registry.authorize(request.caller, "ReadFromRepository", repository, key);
      const view = await registry.view(repository, key);
      const facts = await factsOf(registry, view);
      const question = { facts: plainFacts(facts), files: indexFilesOf(view), version, filename };
      const found = await worker.ask("file", question);
      const file = found?.file;
      if (file === undefined) throw unlisted(view, found !== undefined, filename);
      const bytes = await metadataOf(view, facts, file);
      if (bytes === undefined)
        throw notFound(`${filename} has no metadata beside it.`, "asset", `${filename}.metadata`);
      const etag = `"${file.metadata}"`;
      if (matchesEtag(req.headers["if-none-match"], etag)) {
        res.writeHead(304, ["etag", etag]);
        res.end();
        return;
      }
      res.writeHead(200, [...HEADERS, "content-length", String(bytes.length), "etag", etag]);
      res.end(method === "HEAD" ? undefined : bytes);
    },
  };
}

const HEADERS = [
  "content-type",
  "application/octet-stream",
  "cache-control",
  "private, max-age=31536000, immutable",
  "x-content-type-options",
  "nosniff",
  "content-disposition",
  "attachment",
];

function unlisted(view: PackageView, known: boolean, filename: string): Fault {
  if (!known || view.hidden.length > 0 || view.trouble !== undefined) return absence(view, filename);
  return notFound(`${filename} is not among the files of ${view.key.name} here.`, "asset", filename);
}

async function readAsset(registry: Registry, asset: AssetRow): Promise<Buffer | undefined> {
  const found = { name: asset.name, size: asset.size, ...asset.digests, publishedAt: 0 };
  try {
    const bytes = heldBytes(asset.size, (range) => registry.openAsset(found, range));
    return await readInnerMetadata(asset.name, bytes);
  } catch (error) {
    // Public files came as their publishers made them, and need not be archives that can be read.
    if (error instanceof Fault && error.code === "ValidationException") return undefined;
    throw error;
  }
}
