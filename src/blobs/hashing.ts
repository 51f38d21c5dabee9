// The four digests of a blob: at once for bytes in memory, on another thread for a file that is still growing.
import { createHash, type Hash } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { Digests } from "./blob-store.ts";

/** Which digests are wanted; those that are not come out as "". */
export type Wanted = "all" | "sha256";

/** Computes the digests in one pass over chunks given in order. About 3 ms per MiB for all four, a fifth of it for one. */
export function createHasher(wanted: Wanted = "all"): {
  update(chunk: Uint8Array): void;
  digests(): Digests;
} {
  const names = wanted === "all" ? ["md5", "sha1", "sha256", "sha512"] : [wanted];
  const hashes = new Map<string, Hash>(names.map((name) => [name, createHash(name)]));
  const digestOf = (name: string): string => hashes.get(name)?.digest("hex") ?? "";
  return {
    update(chunk) {
      for (const hash of hashes.values()) hash.update(chunk);
    },
    digests() {
      return {
        md5: digestOf("md5"),
        sha1: digestOf("sha1"),
        sha256: digestOf("sha256"),
        sha512: digestOf("sha512"),
      };
    },
  };
}

export function hashBytes(bytes: Uint8Array, wanted?: Wanted): Digests {
  const hasher = createHasher(wanted);
  hasher.update(bytes);
  return hasher.digests();
}

/** What the main thread tells the hashing thread about one file. */
export type HashRequest =
  | { readonly id: number; readonly kind: "open"; readonly path: string; readonly wanted: Wanted }
  | { readonly id: number; readonly kind: "grown" | "finish"; readonly size: number }
  | { readonly id: number; readonly kind: "stop" };

export interface HashAnswer {
  readonly id: number;
  readonly digests?: Digests;
  readonly error?: string;
}

/** Hashes a growing file on the hashing thread, so that the event loop serves others meanwhile. */
export interface FileHasher {
  /** The file's first `size` bytes are written. Cheap; call it after every write. */
  grown(size: number): void;
  /** No more bytes. Rejects when the file could not be read. */
  finish(size: number): Promise<Digests>;
  /** Gives up. Needed unless `finish` was called. */
  stop(): void;
}

/** The hashing thread is told of growth in steps of this size: fewer messages, and fair turns between files. */
const STEP_BYTES = 1024 * 1024;

let hashThread:
  | { readonly worker: Worker; readonly waiting: Map<number, (answer: HashAnswer) => void> }
  | undefined;
let lastId = 0;
let active = 0;

export function hashFile(path: string, wanted: Wanted = "all"): FileHasher {
  const id = ++lastId;
  const { worker, waiting } = ensureHashThread();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  const send = (request: HashRequest) => worker.postMessage(request);
  let told = 0;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    if (--active === 0) worker.unref();
  };
  if (active++ === 0) worker.ref();
  send({ id, kind: "open", path, wanted });
  return {
    grown(size) {
      if (size - told < STEP_BYTES) return;
      told = size;
      send({ id, kind: "grown", size });
    },
    finish(size) {
      const answer = new Promise<HashAnswer>((resolve) => waiting.set(id, resolve));
      send({ id, kind: "finish", size });
      return answer.then(digestsOf).finally(end);
    },
    stop() {
      if (!ended && !waiting.has(id)) send({ id, kind: "stop" });
      end();
    },
  };
}

function digestsOf(answer: HashAnswer): Digests {
  if (answer.digests === undefined) throw new Error(`Hashing failed: ${answer.error ?? "unknown cause"}`);
  return answer.digests;
}

/** One thread for all files, started with the first large blob. When it dies, those waiting fail and the next blob starts another. */
function ensureHashThread() {
  if (hashThread !== undefined) return hashThread;
  const worker = new Worker(new URL("./hash-thread.ts", import.meta.url));
  const waiting = new Map<number, (answer: HashAnswer) => void>();
  const started = { worker, waiting };
  worker.unref();
  worker.on("message", (answer: HashAnswer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const died = (error: string) => {
    if (hashThread === started) hashThread = undefined;
    for (const [id, resolve] of waiting) resolve({ id, error });
    waiting.clear();
  };
  worker.on("error", (error) => died(String(error)));
  worker.on("exit", () => died("the hashing thread ended"));
  hashThread = started;
  return started;
}
