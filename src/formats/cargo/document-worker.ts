// The main thread's end of cargo's document worker.
import * as workers from "../document-worker.ts";
import type { Jobs } from "./crate-jobs.ts";

export type DocumentWorker = workers.DocumentWorker<Jobs>;

/** The same folder holds the thread's module, as .ts here and as .js where the project is compiled. */
const THREAD = new URL(import.meta.url.replace(/document-worker(\.[jt]s)$/, "crate-worker$1"));

/** One for the process: the door and the external format ask the same thread, which keeps what it has parsed. */
export const documentWorker: DocumentWorker = workers.createDocumentWorker<Jobs>(THREAD, "cargo documents");
