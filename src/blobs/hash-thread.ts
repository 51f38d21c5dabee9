// The hashing thread: reads files that are being written by the main thread and digests them as they grow.
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { createHasher, type HashAnswer, type HashRequest } from "./hashing.ts";

interface OpenFile {
  readonly fd: number;
  readonly hasher: ReturnType<typeof createHasher>;
  position: number;
}

const files = new Map<number, OpenFile>();
const failed = new Map<number, string>();
const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

parentPort?.on("message", (request: HashRequest) => {
  try {
    handle(request);
  } catch (error) {
    close(request.id);
    failed.set(request.id, String(error));
  }
  if (request.kind === "finish") answerFailure(request.id);
  if (request.kind === "stop") failed.delete(request.id);
});

function handle(request: HashRequest): void {
  if (request.kind === "open") {
    const hasher = createHasher(request.wanted);
    files.set(request.id, { fd: openSync(request.path, "r"), hasher, position: 0 });
    return;
  }
  const file = files.get(request.id);
  if (file === undefined) return;
  if (request.kind !== "stop") readUpTo(file, request.size);
  if (request.kind === "grown") return;
  close(request.id);
  if (request.kind === "finish") answer({ id: request.id, digests: file.hasher.digests() });
}

function readUpTo(file: OpenFile, size: number): void {
  while (file.position < size) {
    const count = readSync(file.fd, buffer, 0, Math.min(buffer.length, size - file.position), file.position);
    if (count === 0) throw new Error("the file is shorter than what was written to it");
    file.hasher.update(buffer.subarray(0, count));
    file.position += count;
  }
}

function answerFailure(id: number): void {
  const error = failed.get(id);
  if (error === undefined) return;
  failed.delete(id);
  answer({ id, error });
}

function answer(message: HashAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(message);
}

function close(id: number): void {
  const file = files.get(id);
  files.delete(id);
  if (file !== undefined) closeSync(file.fd);
}
