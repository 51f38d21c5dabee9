// What is asked of the document worker, and how each question is answered; runs in packument-worker.ts.
import type { PackageKey } from "../../core/coordinates.ts";
import type { ExternalVersion, IndexFile } from "../format.ts";
import { createIndexReader } from "../index-files.ts";
import { type MetadataUpdate, parseBody, readMetadataUpdate } from "./documents.ts";
import { nameOf, parseName } from "./names.ts";
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

const documents = createIndexReader("a package document", DOCUMENT_BYTES_MAX, (json, _index, name) =>
  readPublicDocument(JSON.parse(json), parseName(name) as PackageKey),
);

export async function answer({ kind, question }: Job): Promise<Jobs[JobName]["answer"]> {
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
      const { listed, versions } = await documents.read(question.file, nameOf(question.key));
      return new Map([...listed].map((version) => [version, timeOf(versions.get(version))]));
    }
    case "version": {
      const document = await documents.read(question.file, nameOf(question.key));
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
function readAll(facts: PackumentFacts, files: readonly IndexFile[]): Promise<PublicDocument[]> {
  return documents.readAll(files, nameOf(facts.key), facts.stored.length > 0);
}
