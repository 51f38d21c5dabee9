// Holds blobs and rows against each other, a part of all digests at a time, and reads every byte.
import type { BlobStore, Digests } from "../blobs/blob-store.ts";
import { createHasher } from "../blobs/hashing.ts";
import { listContents, type RecordedContent, referencedContents } from "../store/contents.ts";
import type { Database } from "../store/database.ts";
import type { Pace } from "./pace.ts";

/**
 * - corrupt: the bytes do not hash to the blob's name, or the disk cannot read them
 * - missing: assets point at bytes that are not there
 * - misrecorded: the bytes are right, but an asset recorded another size or digest of them
 * - unused: no asset points at it; not a fault, the sweep takes it
 */
export type Problem = "corrupt" | "missing" | "misrecorded" | "unused";

export interface Inspected {
  readonly sha256: string;
  /** Bytes that were read; 0 when missing. */
  readonly bytes: number;
  readonly problem?: Problem;
  /** What was found instead. */
  readonly detail?: string;
  /** Whether an asset points at it. */
  readonly recorded: boolean;
}

export interface Inspection {
  readonly database: Database;
  readonly blobs: BlobStore;
  /** The first hex digits of the digests that are looked at. */
  readonly prefix: string;
  /** Only digests after this one; "": all. */
  readonly after?: string;
  readonly atOnce: number;
  /** Given how many bytes there are to read. */
  readonly pace: (bytes: number) => Pace;
  /** Blobs last written after this moment may be about to be recorded: never "unused". */
  readonly unusedBefore: number;
  readonly onResult: (result: Inspected) => Promise<void> | void;
}

/** All prefixes of a whole round. Each part is small enough to be held in memory: a 256th of all digests. */
export const PREFIXES: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, "0"),
);

/** Resolves when all of the part has been told to `onResult`, in order of digest when `atOnce` is 1. */
export async function inspect(inspection: Inspection): Promise<void> {
  const listed = await listPart(inspection);
  const pace = inspection.pace(listed.reduce((sum, { size }) => sum + size, 0));
  const pairs = pairUp(inspection, listed);
  const work = async (): Promise<void> => {
    for (let next = await pairs.next(); next.done !== true; next = await pairs.next()) {
      const result = await inspectPair(inspection, next.value, pace);
      if (result !== undefined) await inspection.onResult(result);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: inspection.atOnce }, work));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}

interface Listed {
  readonly sha256: string;
  readonly size: number;
  readonly modifiedMs: number;
}

async function listPart({ blobs, prefix, after = "" }: Inspection): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  for await (const blob of blobs.list(prefix)) if (blob.sha256 > after) listed.push(blob);
  return listed.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
}

interface Pair {
  readonly sha256: string;
  readonly blob?: Listed;
  readonly content?: RecordedContent;
}

const PAGE = 500;

/** Merges what lies in the store with what rows say. Rows are read after the listing: what they lack may not be new. */
async function* pairUp(
  { database, prefix, after = "" }: Inspection,
  listed: readonly Listed[],
): AsyncGenerator<Pair, void> {
  let next = 0;
  let last = after === "" ? prefix : after;
  const before = endOf(prefix);
  for (;;) {
    const page = await listContents(database.read, { after: last, before, limit: PAGE });
    for (const content of page) {
      const { sha256 } = content;
      for (let blob = listed[next]; blob !== undefined && blob.sha256 < sha256; blob = listed[++next])
        yield { sha256: blob.sha256, blob };
      const blob = listed[next];
      if (blob?.sha256 === sha256) {
        next++;
        yield { sha256, blob, content };
      } else yield { sha256, content };
      last = sha256;
    }
    if (page.length < PAGE) break;
  }
  for (const blob of listed.slice(next)) yield { sha256: blob.sha256, blob };
}

/** Where the digests that begin so end. */
function endOf(prefix: string): string {
  if (/^f*$/.test(prefix)) return "g";
  return (Number.parseInt(prefix, 16) + 1).toString(16).padStart(prefix.length, "0");
}

/** Undefined: it went, or its rows did, while it was looked at. */
async function inspectPair(
  { database, blobs, unusedBefore }: Inspection,
  { sha256, blob, content }: Pair,
  pace: Pace,
): Promise<Inspected | undefined> {
  const recorded = content !== undefined;
  const there = await readBlob(blobs, sha256, pace);
  if (there === undefined) {
    const missing = recorded && (await referencedContents(database.read, [sha256])).has(sha256);
    return missing ? { sha256, bytes: 0, problem: "missing", recorded } : undefined;
  }
  const found = { sha256, bytes: there.size, recorded };
  if (there.digests?.sha256 !== sha256) return { ...found, problem: "corrupt", detail: there.detail };
  if (recorded) {
    const detail = differences(content, there.size, there.digests);
    return detail === "" ? found : { ...found, problem: "misrecorded", detail };
  }
  return blob !== undefined && blob.modifiedMs > unusedBefore ? found : { ...found, problem: "unused" };
}

interface ReadBlob {
  readonly size: number;
  /** Undefined when the disk could not read it. */
  readonly digests?: Digests;
  readonly detail: string;
}

/** Bytes that seem wrong are read once more: what memory or a network garbled is no reason to touch a blob. */
async function readBlob(blobs: BlobStore, sha256: string, pace: Pace): Promise<ReadBlob | undefined> {
  const first = await readOnce(blobs, sha256, pace);
  if (first === undefined || first.digests?.sha256 === sha256) return first;
  return readOnce(blobs, sha256, pace);
}

async function readOnce(blobs: BlobStore, sha256: string, pace: Pace): Promise<ReadBlob | undefined> {
  const hasher = createHasher();
  let size = 0;
  try {
    for await (const chunk of await blobs.open(sha256)) {
      const bytes = chunk as Uint8Array;
      hasher.update(bytes);
      size += bytes.length;
      await pace(bytes.length);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO")
      return { size, detail: "the disk cannot read it (EIO)" };
    if ((await blobs.stat(sha256)) === undefined) return undefined;
    throw error;
  }
  const digests = hasher.digests();
  return { size, digests, detail: `${size} bytes that hash to sha256 ${digests.sha256}` };
}

function differences(content: RecordedContent, size: number, digests: Digests): string {
  const facts = [
    ["size", content.sizes, size],
    ["md5", content.md5, digests.md5],
    ["sha1", content.sha1, digests.sha1],
    ["sha512", content.sha512, digests.sha512],
  ] as const;
  return facts
    .filter(([, recorded, real]) => recorded.some((value) => value !== real))
    .map(([name, recorded, real]) => `${name} is ${real}, recorded ${recorded.join(" and ")}`)
    .join("; ");
}
