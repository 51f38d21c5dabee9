// What is asked of the document worker, and how each question is answered; runs in packument-worker.ts.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { ExternalVersion, IndexFile } from "../format.ts";
import { type MetadataUpdate, parseBody, readMetadataUpdate } from "./documents.ts";
import { nameOf } from "./names.ts";
import { type PackumentFacts, renderPackument, renderTags, renderVersion } from "./packument-text.ts";
import {
  describePublic,
  type PublicDocument,
  type PublicVersion,
  readPublicDocument,
} from "./public-document.ts";

/** Each job's question and answer. Everything here is plain data that can be sent between threads. */
export interface Jobs {
  /** The finished document; undefined when no version is visible. */
  packument: {
    question: { facts: PackumentFacts; files: readonly IndexFile[] };
    answer: Uint8Array | undefined;
  };
  /** One version's manifest by number or tag. */
  manifest: {
    question: { facts: PackumentFacts; files: readonly IndexFile[]; wanted: string };
    answer: string | undefined;
  };
  tags: {
    question: { facts: PackumentFacts; files: readonly IndexFile[] };
    answer: Readonly<Record<string, string>> | undefined;
  };
  /** All version numbers, with their publication time where the version can be taken in. */
  versions: {
    question: { key: PackageKey; file: IndexFile };
    answer: ReadonlyMap<string, { publishedAt?: number }>;
  };
  version: {
    question: { key: PackageKey; file: IndexFile; version: string };
    answer: ExternalVersion | undefined;
  };
  /** A large body of `npm deprecate`. */
  update: { question: { name: string; body: Uint8Array }; answer: MetadataUpdate };
}

export type JobName = keyof Jobs;
export type Job = { [N in JobName]: { readonly kind: N; readonly question: Jobs[N]["question"] } }[JobName];

/** A public document larger than this is refused, bytes of JSON. The largest seen are near 10 MB. */
const DOCUMENT_BYTES_MAX = 256 * 1024 * 1024;
/** Parsed documents kept for the next question about them, bytes of JSON; in memory they are some times larger. */
const PARSED_BYTES_MAX = 16 * 1024 * 1024;

const parsed = new LRUCache<string, PublicDocument>({ maxSize: PARSED_BYTES_MAX });

/** As `respond`; what overflows the stack is a document made for that. */
export async function answer(job: Job): Promise<Jobs[JobName]["answer"]> {
  try {
    return await respond(job);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Fault("UpstreamFault", `What the public registry sent is refused: ${error.message}`);
  }
}

async function respond({ kind, question }: Job): Promise<Jobs[JobName]["answer"]> {
  switch (kind) {
    case "packument": {
      const text = renderPackument(question.facts, await readAll(question.facts, question.files));
      return text === undefined ? undefined : new TextEncoder().encode(text);
    }
    case "manifest":
      return renderVersion(question.facts, await readAll(question.facts, question.files), question.wanted);
    case "tags":
      return renderTags(question.facts, await readAll(question.facts, question.files));
    case "versions": {
      const { listed, versions } = await read(question.file, question.key);
      return new Map([...listed].map((version) => [version, timeOf(versions.get(version))]));
    }
    case "version": {
      const document = await read(question.file, question.key);
      const found = document.versions.get(question.version);
      if (found !== undefined) return describePublic(found, question.key);
      return document.listed.has(question.version) ? withoutAssets(question.version) : undefined;
    }
    default:
      return readMetadataUpdate(parseBody(question.body), question.name);
  }
}

function timeOf(version: PublicVersion | undefined): { readonly publishedAt?: number } {
  return version?.publishedAt === undefined ? {} : { publishedAt: version.publishedAt };
}

/** A version that is listed but has no file that could be checked: the registry says so instead of "unknown". */
function withoutAssets(version: string): ExternalVersion {
  return { version, assets: [], metadata: {}, document: "", brief: "" };
}

/** An unreadable public document hides nothing that is held here. */
async function readAll(facts: PackumentFacts, files: readonly IndexFile[]): Promise<PublicDocument[]> {
  const documents: PublicDocument[] = [];
  for (const file of files) {
    try {
      documents.push(await read(file, facts.key));
    } catch (error) {
      if (!(error instanceof Fault) || facts.stored.length === 0) throw error;
    }
  }
  return documents;
}

async function read(index: IndexFile, key: PackageKey): Promise<PublicDocument> {
  const mark = `${index.digest} ${nameOf(key)}`;
  const known = parsed.get(mark);
  if (known !== undefined) return known;
  const bytes = await readFile(index.file);
  let size: number;
  let document: PublicDocument;
  try {
    const json = index.gzip ? gunzipSync(bytes, { maxOutputLength: DOCUMENT_BYTES_MAX }) : bytes;
    size = json.length;
    document = readPublicDocument(JSON.parse(json.toString("utf8")), key);
  } catch (error) {
    throw new Fault(
      "UpstreamFault",
      `What '${index.connection}' sent about ${nameOf(key)} cannot be read as a package document: ${String(error).slice(0, 200)}`,
    );
  }
  if (size <= PARSED_BYTES_MAX) parsed.set(mark, document, { size });
  return document;
}
