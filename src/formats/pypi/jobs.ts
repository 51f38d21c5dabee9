// What is asked of the document thread, and how each question is answered.
import type { IndexFile } from "../format.ts";
import { createIndexReader } from "../index-files.ts";
import { versionKey } from "./names.ts";
import type { ListedFile, NoteChange, ProjectFacts, PublicSource } from "./project.ts";
import { assembleProject, changedNotes } from "./project.ts";
import type { PublicFile } from "./public-index.ts";
import { readPublicIndex } from "./public-index.ts";
import { renderHtml, renderJson } from "./simple-text.ts";

export interface Question {
  readonly facts: ProjectFacts;
  readonly files: readonly IndexFile[];
}

/** Each job's question and answer: plain data that can be sent between threads. */
export interface Jobs {
  /** The finished page; undefined when nothing is known of the project. */
  page: { question: Question & { form: "json" | "html"; base: string }; answer: Uint8Array | undefined };
  /** One file of the page, under any spelling of its version; undefined when nothing is known of the project. */
  file: {
    question: Question & { version: string; filename: string };
    answer: { file: ListedFile | undefined } | undefined;
  };
  /** Everything that the page lists, for answers about versions. */
  files: {
    question: Question;
    answer: { versions: readonly string[]; files: readonly ListedFile[] } | undefined;
  };
  /** What must be rewritten of what is kept about held files. */
  changes: { question: Question; answer: readonly NoteChange[] };
  /** All version numbers, with their first file's publication time. */
  versions: {
    question: { project: string; file: IndexFile };
    answer: ReadonlyMap<string, { publishedAt?: number }>;
  };
  /** How the index spells a version; undefined when it does not list it. */
  spelling: { question: { project: string; file: IndexFile; version: string }; answer: string | undefined };
  /** Files of one version under any spelling of its number; undefined when it is not listed. */
  version: {
    question: { project: string; file: IndexFile; version: string };
    answer: readonly PublicFile[] | undefined;
  };
}

type JobName = keyof Jobs;
export type Job = { [N in JobName]: { readonly kind: N; readonly question: Jobs[N]["question"] } }[JobName];

/** A public page larger than this is refused, bytes of text. The largest seen are near 30 MB. */
const PAGE_BYTES_MAX = 256 * 1024 * 1024;

const sources = createIndexReader(
  "a page of the simple index",
  PAGE_BYTES_MAX,
  (page, { connection, url }, project): PublicSource => ({
    connection,
    project: readPublicIndex(page, project, url),
  }),
);

export async function answer({ kind, question }: Job): Promise<Jobs[JobName]["answer"]> {
  switch (kind) {
    case "page": {
      const project = assembleProject(question.facts, await readAll(question));
      if (project === undefined) return undefined;
      const render = question.form === "json" ? renderJson : renderHtml;
      return new TextEncoder().encode(render(project, question.base));
    }
    case "file": {
      const project = assembleProject(question.facts, await readAll(question));
      return project && { file: findFile(project.files, question.version, question.filename) };
    }
    case "files":
      return assembleProject(question.facts, await readAll(question));
    case "changes":
      return changedNotes(question.facts, await readAll(question));
    case "versions": {
      const { listed, files } = (await sources.read(question.file, question.project)).project;
      return new Map([...listed].map((version) => [version, timeOf(files, version)]));
    }
    case "spelling": {
      const { listed } = (await sources.read(question.file, question.project)).project;
      const wanted = versionKey(question.version);
      return [...listed].find((version) => versionKey(version) === wanted);
    }
    default: {
      const { listed, files } = (await sources.read(question.file, question.project)).project;
      const wanted = versionKey(question.version);
      const found = files.filter(({ version }) => versionKey(version) === wanted);
      if (found.length > 0) return found;
      return [...listed].some((version) => versionKey(version) === wanted) ? [] : undefined;
    }
  }
}

function findFile(files: readonly ListedFile[], version: string, filename: string): ListedFile | undefined {
  const wanted = versionKey(version);
  return files.find((file) => file.filename === filename && versionKey(file.version) === wanted);
}

/** A version was published with its first file. */
function timeOf(files: readonly PublicFile[], version: string): { readonly publishedAt?: number } {
  return publicationOf(files.filter((file) => file.version === version));
}

export function publicationOf(files: readonly PublicFile[]): { readonly publishedAt?: number } {
  const times = files.flatMap(({ uploadTime }) => (uploadTime === undefined ? [] : [Date.parse(uploadTime)]));
  return times.length === 0 ? {} : { publishedAt: times.reduce((a, b) => Math.min(a, b)) };
}

/** An unreadable public page hides nothing that is held here. */
function readAll({ facts, files }: Question): Promise<PublicSource[]> {
  return sources.readAll(files, facts.project, facts.held.length > 0);
}
