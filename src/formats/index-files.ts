// Public registries' documents as formats read them: which a view has, their bytes, and what was parsed of them lately.
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { LRUCache } from "lru-cache";
import { Fault } from "../core/faults.ts";
import type { PackageView, Registry } from "../registry/registry.ts";
import type { IndexFile } from "./format.ts";

const gunzipAsync = promisify(gunzip);

/** Only what a thread needs: an index may carry more than can be sent to it. */
export function plainIndex({ connection, file, gzip, digest, url }: IndexFile): IndexFile {
  return { connection, file, gzip, digest, url };
}

/** The view's public documents, in search order. */
export function indexFilesOf(view: PackageView): IndexFile[] {
  return view.external.map(({ connection, index }) => plainIndex({ ...index, connection }));
}

/** A document younger than this is what its registry says now, ms. */
const JUST_ASKED_MS = 2_000;

/**
 * The view by public documents as they are now, for what is written down by them: nodes that keep older and newer ones
 * would undo each other's notes. While a registry does not answer, the view as it was.
 */
export async function viewNow(registry: Registry, view: PackageView, now: number): Promise<PackageView> {
  if (view.external.every(({ index }) => now - index.checkedAt < JUST_ASKED_MS)) return view;
  const newest = await registry.view(view.repository, view.key, { revalidate: true });
  return newest.trouble === undefined ? newest : view;
}

/** The document as it was before it was compressed for the way. Rejects when it is larger than `bytesMax`, or no gzip. */
export async function readIndexFile(
  { file, gzip }: Pick<IndexFile, "file" | "gzip">,
  bytesMax: number,
): Promise<Buffer> {
  const bytes = await readFile(file);
  if (gzip) return gunzipAsync(bytes, { maxOutputLength: bytesMax });
  if (bytes.length > bytesMax) throw new RangeError(`it is larger than ${bytesMax} bytes`);
  return bytes;
}

/** Reads one format's documents, and keeps what it parsed for the next question about them. */
export interface IndexReader<P> {
  /** `about` is the package as its clients write it. Rejects with an UpstreamFault when the document cannot be read. */
  read(index: IndexFile, about: string): Promise<P>;
  /** With `mayMiss`, documents that cannot be read are left out: they hide nothing that is held here. */
  readAll(files: readonly IndexFile[], about: string, mayMiss: boolean): Promise<P[]>;
}

/** Parsed documents kept, bytes of text; in memory they are some times larger. */
const PARSED_BYTES_MAX = 16 * 1024 * 1024;

/** `what` names the document in messages: "a package document". A document of more than `bytesMax` is refused. */
export function createIndexReader<P extends object>(
  what: string,
  bytesMax: number,
  parse: (text: string, index: IndexFile, about: string) => P,
): IndexReader<P> {
  const parsed = new LRUCache<string, P>({ maxSize: PARSED_BYTES_MAX });

  async function read(index: IndexFile, about: string): Promise<P> {
    const mark = `${index.digest} ${index.url} ${about}`;
    const known = parsed.get(mark);
    if (known !== undefined) return known;
    let size: number;
    let document: P;
    try {
      const text = (await readIndexFile(index, bytesMax)).toString("utf8");
      size = text.length;
      document = parse(text, index, about);
    } catch (error) {
      // A document that was replaced meanwhile is looked for again by whoever asks.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw error;
      throw new Fault(
        "UpstreamFault",
        `What '${index.connection}' sent about ${about} cannot be read as ${what}: ${String(error).slice(0, 200)}`,
      );
    }
    if (size > 0 && size <= PARSED_BYTES_MAX) parsed.set(mark, document, { size });
    return document;
  }

  return {
    read,
    async readAll(files, about, mayMiss) {
      const documents: P[] = [];
      for (const file of files) {
        try {
          documents.push(await read(file, about));
        } catch (error) {
          if (!(error instanceof Fault) || !mayMiss) throw error;
        }
      }
      return documents;
    },
  };
}
