// Registries' documents on disk: each in a file of its own that never changes, beside a note of where it came from and when.
import { createHash, type Hash } from "node:crypto";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BadAnswer } from "./trouble.ts";

/** What is known of one document; `document` is a file name, absent when the registry has no such document. */
export interface IndexNote {
  readonly checkedAt: number;
  readonly document?: ReceivedDocument;
  readonly etag?: string;
  readonly lastModified?: string;
  /** For whoever looks into the folder; without credentials. */
  readonly source: string;
}

export interface ReceivedDocument {
  readonly name: string;
  readonly gzip: boolean;
  readonly digest: string;
  readonly size: number;
}

export interface IndexStore {
  /** The note under `key`, if its document was there and whole when this process first saw it. */
  find(key: string): Promise<IndexNote | undefined>;
  /** The note under `key`, if its document is there and whole now. */
  recheck(key: string): Promise<IndexNote | undefined>;
  /** Streams a body into a file. Rejects with BadAnswer past `bytesMax`; a failure leaves nothing. */
  receive(key: string, body: Readable, gzip: boolean, bytesMax: number): Promise<ReceivedDocument>;
  /** Replaces the note in one step. The document it no longer names stays readable for ten minutes. */
  keep(key: string, note: IndexNote): Promise<void>;
  fileOf(key: string, document: ReceivedDocument): string;
  close(): Promise<void>;
}

const REPLACED_GRACE_MS = 600_000;
const SWEEP_AFTER_MS = 15_000;
/** What the other processes wrote is counted so often. */
const SHARED_SWEEP_EVERY_MS = 60_000;
/** Notes in memory; each is some hundred bytes. */
const NOTES_MAX = 20_000;
/** Most documents are smaller and are written in one go. */
const WRITE_BYTES = 1024 * 1024;

/** The name of a document's files: nothing that a client or a registry chose is part of a path. */
export function indexKey(connection: string, url: string, path: string, accept: string): string {
  return createHash("sha256")
    .update(JSON.stringify([connection, url, path, accept]))
    .digest("hex")
    .slice(0, 40);
}

/** How a folder is shared between the processes that use it at a time. */
export interface FolderUse {
  /** Other processes write here too: what is remembered is held against the folder each time. */
  readonly shared: boolean;
  /** This process keeps the folder within its bytes; of several, one does. */
  readonly trims: boolean;
}

const ALONE: FolderUse = { shared: false, trims: true };

/** `bytesMax` bounds all documents together; the ones checked longest ago go first. */
export async function createIndexStore(
  folder: string,
  bytesMax: number,
  { shared, trims }: FolderUse = ALONE,
): Promise<IndexStore> {
  const staging = join(folder, "staging");
  await mkdir(staging, { recursive: true });
  await removeLeftovers(staging, shared ? STAGED_MS_MAX : 0);
  const notes = new Map<string, IndexNote>();
  const made = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  const space = createSpace(folder, trims ? bytesMax : Number.POSITIVE_INFINITY, (key) => notes.delete(key));
  const birth = Date.now().toString(36); // ids of processes come again
  let staged = 0;

  const folderOf = (key: string) => join(folder, key.slice(0, 2));
  const fileOf = (key: string, { name }: ReceivedDocument) => join(folderOf(key), name);
  const nextStaging = () => join(staging, `${process.pid}-${birth}-${++staged}`);

  const later = (work: () => Promise<unknown>, delayMs: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work().catch(() => {}); // what could not be removed now is found by the next sweep
    }, delayMs).unref();
    timers.add(timer);
  };
  const sweep = async (): Promise<void> => {
    if (shared) later(sweep, SHARED_SWEEP_EVERY_MS);
    await removeLeftovers(staging, STAGED_MS_MAX);
    await space.sweep(shared);
  };
  if (trims) later(sweep, SWEEP_AFTER_MS);

  const makeFolder = async (key: string) => {
    if (made.has(key.slice(0, 2))) return;
    await mkdir(folderOf(key), { recursive: true });
    made.add(key.slice(0, 2));
  };

  const remember = (key: string, note: IndexNote) => {
    notes.delete(key);
    notes.set(key, note);
    const [oldest] = notes.keys();
    if (notes.size > NOTES_MAX && oldest !== undefined) notes.delete(oldest);
  };

  const noteFile = (key: string) => join(folderOf(key), `${key}.json`);

  const check = async (key: string, note: IndexNote | undefined) => {
    const document = note?.document;
    notes.delete(key);
    if (note === undefined) return undefined;
    if (document !== undefined && (await sizeOf(fileOf(key, document))) !== document.size) return undefined;
    remember(key, note);
    return note;
  };

  return {
    fileOf,
    async find(key) {
      const known = notes.get(key);
      if (known !== undefined && !shared) return known;
      const whole = known && (await check(key, known));
      return whole ?? (await check(key, await readNote(noteFile(key))));
    },
    async recheck(key) {
      const known = shared ? undefined : notes.get(key);
      return await check(key, known ?? (await readNote(noteFile(key))));
    },
    async receive(key, body, gzip, documentBytesMax) {
      await makeFolder(key);
      const path = nextStaging();
      try {
        const { digest, size } = await writeBody(path, body, documentBytesMax);
        const document = { name: `${key}-${digest.slice(0, 16)}`, gzip, digest, size };
        await rename(path, fileOf(key, document));
        return document;
      } catch (error) {
        body.destroy();
        await rm(path, { force: true });
        throw error;
      }
    },
    async keep(key, note) {
      await makeFolder(key);
      const replaced = notes.get(key)?.document;
      const path = nextStaging();
      await writeFile(path, JSON.stringify(note));
      await rename(path, noteFile(key));
      remember(key, note);
      await space.use(key, note.document?.size ?? 0);
      if (replaced === undefined || replaced.name === note.document?.name) return;
      const file = fileOf(key, replaced);
      later(async () => {
        const { document } = (await readNote(noteFile(key))) ?? {};
        if (document?.name !== replaced.name) await unlink(file);
      }, REPLACED_GRACE_MS);
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Nothing is under way for so long. */
const STAGED_MS_MAX = 10 * 60_000;

/** What ended processes left half written; what the others are writing stays. */
async function removeLeftovers(staging: string, ageMs: number): Promise<void> {
  const before = Date.now() - ageMs;
  for (const name of await readdir(staging)) {
    const info = await stat(join(staging, name)).catch(() => undefined);
    if (info !== undefined && info.mtimeMs <= before) await rm(join(staging, name), { force: true });
  }
}

async function readNote(path: string): Promise<IndexNote | undefined> {
  try {
    const note: unknown = JSON.parse(await readFile(path, "utf8"));
    return isNote(note) ? note : undefined;
  } catch {
    return undefined; // never written, or cut short by a power failure: ask the registry again
  }
}

function isNote(value: unknown): value is IndexNote {
  return (
    typeof value === "object" && value !== null && "checkedAt" in value && typeof value.checkedAt === "number"
  );
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function writeBody(
  path: string,
  body: Readable,
  bytesMax: number,
): Promise<{ digest: string; size: number }> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    const size = await copyBody(body, file, hash, bytesMax);
    return { digest: hash.digest("hex"), size };
  } finally {
    await file.close();
  }
}

async function copyBody(body: Readable, file: FileHandle, hash: Hash, bytesMax: number): Promise<number> {
  let size = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = async () => {
    if (pendingBytes > 0)
      await file.writeFile(pending.length === 1 ? (pending[0] ?? "") : Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
  };
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax)
      throw new BadAnswer(`its document is larger than ${bytesMax} bytes, the most that is taken in`);
    hash.update(chunk);
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes >= WRITE_BYTES) await flush();
  }
  await flush();
  return size;
}

/** Keeps the folder within its bytes. What earlier processes left is counted by the first sweep. */
function createSpace(folder: string, bytesMax: number, forget: (key: string) => void) {
  let sizes = new Map<string, number>();
  let total = 0;

  const removeFiles = async (key: string) => {
    const inner = join(folder, key.slice(0, 2));
    for (const name of await readdir(inner))
      if (name.startsWith(key)) await rm(join(inner, name), { force: true });
  };

  const makeRoom = async () => {
    for (const [key, size] of sizes) {
      if (total <= bytesMax) return;
      sizes.delete(key);
      total -= size;
      forget(key);
      await removeFiles(key);
    }
  };

  return {
    async use(key: string, size: number) {
      total += size - (sizes.get(key) ?? 0);
      sizes.delete(key);
      sizes.set(key, size);
      if (total > bytesMax) await makeRoom();
    },
    /** Counts what is there; where others write too, that alone is true. */
    async sweep(shared: boolean) {
      const found = await listDocuments(folder, Date.now() - REPLACED_GRACE_MS);
      const current = shared ? new Map<string, number>() : sizes;
      sizes = new Map([...found.filter(([key]) => !current.has(key)), ...current]);
      total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
      await makeRoom();
    },
  };
}

/** Keys and the bytes of their youngest document, checked longest ago first; removes documents replaced before `replacedBefore`. */
async function listDocuments(folder: string, replacedBefore: number): Promise<[string, number][]> {
  const found = new Map<string, { checkedMs: number; documentMs: number; size: number; path: string }>();
  for (const prefix of await readdir(folder)) {
    if (prefix.length !== 2) continue;
    for (const name of await readdir(join(folder, prefix))) {
      const path = join(folder, prefix, name);
      const info = await stat(path).catch(() => undefined);
      if (info === undefined) continue;
      const key = name.slice(0, 40);
      const entry = found.get(key) ?? { checkedMs: 0, documentMs: 0, size: 0, path: "" };
      if (name.endsWith(".json")) found.set(key, { ...entry, checkedMs: info.mtimeMs });
      else {
        const [older, newer] =
          info.mtimeMs > entry.documentMs
            ? [entry, { documentMs: info.mtimeMs, size: info.size, path }]
            : [{ documentMs: info.mtimeMs, path }, entry];
        if (older.path !== "" && newer.documentMs < replacedBefore) await rm(older.path, { force: true });
        found.set(key, { ...newer, checkedMs: entry.checkedMs });
      }
    }
  }
  return [...found].sort(([, a], [, b]) => a.checkedMs - b.checkedMs).map(([key, { size }]) => [key, size]);
}
