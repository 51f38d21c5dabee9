// What is asked of the document thread, and how each question is answered; runs in crate-worker.ts.
import { archiveFault } from "../../archives/archive.ts";
import type { IndexFile } from "../format.ts";
import { createIndexReader, readIndexFile } from "../index-files.ts";
import type { CrateFacts, PublicSource, Rendered } from "./crate-text.ts";
import { renderCrate } from "./crate-text.ts";
import type { PublicLine } from "./index-line.ts";
import type { CrateManifest } from "./manifest.ts";
import { readManifest } from "./manifest.ts";
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

const sources = createIndexReader(
  "an index file",
  FILE_BYTES_MAX,
  (text, { connection }, name): PublicSource => ({
    connection,
    crate: readPublicCrate(text, name),
  }),
);

export async function answer({ kind, question }: Job): Promise<Jobs[JobName]["answer"]> {
  switch (kind) {
    case "document":
      return renderCrate(question.facts, await readAll(question.facts, question.files));
    case "versions": {
      const { listed, lines } = (await sources.read(question.file, question.name)).crate;
      return new Map([...listed].map((version) => [version, timeOf(lines.get(version))]));
    }
    case "version": {
      const { listed, lines } = (await sources.read(question.file, question.name)).crate;
      return lines.get(question.version) ?? (listed.has(question.version) ? null : undefined);
    }
    case "manifest":
      return readPublished(question.bytes, question.what);
    default:
      return spellingOf((await readIndexFile(question.file, FILE_BYTES_MAX)).toString("utf8"), question.name);
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
function readAll(facts: CrateFacts, files: readonly IndexFile[]): Promise<PublicSource[]> {
  return sources.readAll(files, facts.name, facts.rows.length > 0);
}
