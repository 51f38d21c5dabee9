// Copies blobs from one store into another, several at a time, and believes no copy whose digest it has not seen.
import { createHash } from "node:crypto";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { Content } from "./row-source.ts";

export interface CopyOptions {
  readonly from: BlobStore;
  readonly to: BlobStore;
  /** Also hash the copies that are in place already. Default: their size is enough. */
  readonly check: boolean;
  /** Stop when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  readonly onBlob: (blob: Content, copied: boolean) => void;
}

export interface Copied {
  readonly blobs: number;
  readonly bytes: number;
  /** How many of them were copied now, and were not in place before. */
  readonly copied: number;
  /** Digests whose bytes the source does not have as they were recorded, and what is wrong. */
  readonly damaged: readonly Damaged[];
}

export interface Damaged {
  readonly sha256: string;
  readonly problem: string;
}

const AT_ONCE = 8;

/** After it resolves, `to` holds every one of the contents that is not told as damaged. */
export async function copyContents(contents: AsyncIterable<Content>, options: CopyOptions): Promise<Copied> {
  const damaged: Damaged[] = [];
  let blobs = 0;
  let bytes = 0;
  let copied = 0;
  const source = contents[Symbol.asyncIterator]();
  const failed = new AbortController();
  const work = async (): Promise<void> => {
    while (!failed.signal.aborted) {
      options.signal?.throwIfAborted();
      const step = await source.next();
      if (step.done === true) return;
      const outcome = await copyContent(step.value, options);
      if (typeof outcome === "string") damaged.push({ sha256: step.value.sha256, problem: outcome });
      blobs++;
      bytes += step.value.size;
      if (outcome === true) copied++;
      options.onBlob(step.value, outcome === true);
    }
  };
  const workers = Array.from({ length: AT_ONCE }, () =>
    work().catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const ended = await Promise.allSettled(workers); // nothing is under way any more when this rejects
  await source.return?.();
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  return { blobs, bytes, copied, damaged: damaged.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1)) };
}

/** True: copied now; false: it was there; text: what is wrong with the source's bytes. */
async function copyContent(content: Content, { from, to, check }: CopyOptions): Promise<boolean | string> {
  const { sha256, size } = content;
  const there = await to.stat(sha256);
  if (there?.size === size && (!check || (await hashBlob(to, sha256)) === sha256)) return false;
  if (from === to) return there === undefined ? "missing" : "its bytes are not what was recorded";
  const found = await from.stat(sha256);
  if (found === undefined) return "missing";
  if (found.size !== size) return `${found.size} bytes instead of ${size}`;
  if (there !== undefined) await to.delete(sha256); // a store does not write again what it believes to have
  const writer = await to.create({ size });
  try {
    for await (const chunk of await from.open(sha256)) await writer.write(chunk as Uint8Array);
    const staged = await writer.finish();
    if (staged.digests.sha256 !== sha256) {
      await writer.discard();
      return `its bytes hash to ${staged.digests.sha256}`;
    }
    await writer.commit();
    writer.release();
    return true;
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

async function hashBlob(store: BlobStore, sha256: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of await store.open(sha256)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** How many blobs a store holds, and one that is not among the contents. */
export async function findStrangers(
  store: BlobStore,
  contents: AsyncIterable<Content>,
): Promise<{ readonly held: number; readonly stranger: string | undefined }> {
  const unknown = new Set<string>();
  for await (const { sha256 } of store.list()) unknown.add(sha256);
  const held = unknown.size;
  if (held > 0) for await (const { sha256 } of contents) unknown.delete(sha256);
  return { held, stranger: unknown.values().next().value };
}
