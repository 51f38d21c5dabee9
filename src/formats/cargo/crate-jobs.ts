// What is asked of the document thread, and how each question is answered; runs in crate-worker.ts.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { LRUCache } from "lru-cache";
import { archiveFault } from "../../archives/archive.ts";
import { Fault } from "../../core/faults.ts";
import type { IndexFile } from "../format.ts";
import type { CrateFacts, PublicSource, Rendered } from "./crate-text.ts";
import { renderCrate } from "./crate-text.ts";
import type { PublicLine } from "./index-line.ts";
import type { CrateManifest } from "./manifest.ts";
import { readManifest } from "./manifest.ts";
import type { PublicCrate } from "./public-index.ts";
import { readPublicCrate, spellingOf } from "./public-index.ts";

/** Each job's question and answer: plain data that can be sent between threads. */
export interface Jobs {
  /** The finished document; undefined when no version is visible. */
  document: {
    question: { facts: CrateFacts; files: readonly IndexFile[] };
    answer: Rendered | undefined;
  };
  /** All version numbers, with their publication time where the line tells it. */
  versions: {
    question: { name: string; file: IndexFile };
    answer: ReadonlyMap<string, { publishedAt?: number }>;
  };
  /** One version's line; null: it is listed, but could not be checked; undefined: it is not listed. */
  version: {
    question: { name: string; file: IndexFile; version: string };
    answer: PublicLine | null | undefined;
  };
  /** A large Cargo.toml out of a crate; `what` begins the refusal. */
  manifest: { question: { bytes: Uint8Array; what: string }; answer: CrateManifest };
  /** How the public registry spells the name. */
  spelling: { question: { name: string; file: IndexFile }; answer: string | undefined };
}

type JobName = keyof Jobs;
export type Job = { [N in JobName]: { readonly kind: N; readonly question: Jobs[N]["question"] } }[JobName];

/** An index file larger than this is refused, bytes. The largest seen are near 5 MB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Parsed files kept for the next question about them, bytes of text. */
const PARSED_BYTES_MAX = 16 * 1024 * 1024;

const parsed = new LRUCache<string, PublicCrate>({ maxSize: PARSED_BYTES_MAX });

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
    case "document":
      return renderCrate(question.facts, await readAll(question.facts, question.files));
    case "versions": {
      const { listed, lines } = await read(question.file, question.name);
      return new Map([...listed].map((version) => [version, timeOf(lines.get(version))]));
    }
    case "version": {
      const { listed, lines } = await read(question.file, question.name);
      return lines.get(question.version) ?? (listed.has(question.version) ? null : undefined);
    }
    case "manifest":
      return readPublished(question.bytes, question.what);
    default:
      return spellingOf(await readText(question.file, question.name), question.name);
  }
}

/** Errors lose their class between threads, Faults do not. */
function readPublished(bytes: Uint8Array, what: string): CrateManifest {
  try {
    return readManifest(bytes);
  } catch (error) {
    throw archiveFault(error, what);
  }
}

function timeOf(line: PublicLine | undefined): { readonly publishedAt?: number } {
  return line?.publishedAt === undefined ? {} : { publishedAt: line.publishedAt };
}

/** An unreadable public document hides nothing that is held here. */
async function readAll(facts: CrateFacts, files: readonly IndexFile[]): Promise<PublicSource[]> {
  const sources: PublicSource[] = [];
  for (const file of files) {
    try {
      sources.push({ connection: file.connection, crate: await read(file, facts.name) });
    } catch (error) {
      if (!(error instanceof Fault) || facts.rows.length === 0) throw error;
    }
  }
  return sources;
}

async function read(index: IndexFile, name: string): Promise<PublicCrate> {
  const mark = `${index.digest} ${name}`;
  const known = parsed.get(mark);
  if (known !== undefined) return known;
  const text = await readText(index, name);
  const crate = readPublicCrate(text, name);
  if (text.length > 0 && text.length <= PARSED_BYTES_MAX) parsed.set(mark, crate, { size: text.length });
  return crate;
}

async function readText(index: IndexFile, name: string): Promise<string> {
  const bytes = await readFile(index.file);
  try {
    return (index.gzip ? gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX }) : bytes).toString("utf8");
  } catch (error) {
    throw new Fault(
      "UpstreamFault",
      `What '${index.connection}' sent about ${name} cannot be read as an index file: ${String(error).slice(0, 200)}`,
    );
  }
}
