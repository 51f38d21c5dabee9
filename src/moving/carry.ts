// Carries an installation's rows and bytes into an empty place; what a kill leaves is gone on with by running it again.
import type { BlobStore } from "../blobs/blob-store.ts";
import { migrate } from "../store/migrations.ts";
import type { Copied, Damaged } from "./contents.ts";
import { copyContents, findStrangers } from "./contents.ts";
import { type Progress, printBytes } from "./progress.ts";
import type { Content, RowSource } from "./row-source.ts";
import { openSnapshot } from "./snapshot.ts";
import type { Difference } from "./sync.ts";
import { compareRows, syncRows } from "./sync.ts";
import { connect, inspectTarget, Occupied, prepareTarget, removeMark, setSequences } from "./target.ts";

export interface CarryOptions {
  readonly source: RowSource;
  /** A `postgres://` URL or a SQLite file; undefined: the rows stay where they are. */
  readonly database: string | undefined;
  /** Two stores, or one for both: then its blobs stay and are only looked at. */
  readonly blobs: { readonly from: BlobStore; readonly to: BlobStore; readonly name: string };
  /** Hash blobs that are in place already. */
  readonly check: boolean;
  /** Aborted when the source's blobs are no longer kept from being deleted. */
  readonly signal?: AbortSignal | undefined;
  /** Blobs that the source is known to lack. */
  readonly damaged?: readonly Damaged[];
  readonly progress: Progress;
}

export interface Carried {
  readonly rows: number;
  readonly contents: Copied;
}

/**
 * Copies everything. When it resolves, every blob is in place and every row too, but nothing was compared yet and the
 * target is still marked as half filled: `finish` ends it. Rejects with Occupied, before anything is changed, when the
 * target holds what is not the source's.
 */
export async function carry(options: CarryOptions): Promise<Carried> {
  const { source, database, progress } = options;
  const begun = database !== undefined && (await inspectTarget(database, source)) === "begun";
  const found = begun ? "known" : await inspectBlobs(options);
  const rows = database === undefined ? 0 : await carryRows(source, database, begun, progress);
  const contents = await carryBlobs({ ...options, check: options.check || found === "some" });
  return { rows, contents };
}

/** Blobs that somebody put there before are the source's, and are hashed, or the place is refused. */
async function inspectBlobs({ source, blobs }: CarryOptions): Promise<"none" | "some" | "known"> {
  if (blobs.from === blobs.to) return "known";
  const { held, stranger } = await findStrangers(blobs.to, source.contents());
  if (stranger !== undefined)
    throw new Occupied(
      `${blobs.name} is not empty: it holds ${stranger}, which ${source.name} does not speak of; give an empty place`,
    );
  return held === 0 ? "none" : "some";
}

async function carryRows(
  source: RowSource,
  location: string,
  begun: boolean,
  progress: Progress,
): Promise<number> {
  const target = await connect(location);
  let total = 0;
  try {
    await prepareTarget(target, source);
    const before = begun ? await openSnapshot(location) : undefined;
    progress.begin("rows");
    try {
      await syncRows(source, before, target, (table) => progress.tell(`${++total} in place, of ${table}`));
    } finally {
      await before?.close();
    }
    return total;
  } finally {
    await target.close();
  }
}

async function carryBlobs({
  source,
  database,
  blobs,
  check,
  signal,
  progress,
}: CarryOptions): Promise<Copied> {
  const rows = database === undefined ? undefined : await openSnapshot(database);
  let [count, copied, bytes] = [0, 0, 0];
  const onBlob = ({ size }: Content, isNew: boolean): void => {
    count++;
    if (isNew) [copied, bytes] = [copied + 1, bytes + size];
    progress.tell(`${count} in place, ${copied} copied (${printBytes(bytes)})`);
  };
  progress.begin("blobs");
  try {
    const contents = (rows ?? source).contents();
    return await copyContents(contents, { from: blobs.from, to: blobs.to, check, signal, onBlob });
  } finally {
    await rows?.close();
  }
}

/** Compares all rows with `source` as it is now; when they are the same, the target is complete and may be served. */
export async function finish(
  source: RowSource,
  location: string,
  progress: Progress,
): Promise<readonly Difference[]> {
  const copy = await openSnapshot(location);
  let different: readonly Difference[];
  try {
    progress.begin("comparing the rows of both sides");
    different = await compareRows(source, copy, (table, rows) => progress.tell(`${table}, ${rows}`));
  } finally {
    await copy.close();
  }
  if (different.length > 0) return different;
  const target = await connect(location);
  try {
    await setSequences(target, source);
    await removeMark(target);
    await migrate(target.unhurried, target.engine); // a kill before this leaves it to the server's start
  } finally {
    await target.close();
  }
  progress.end();
  return [];
}
