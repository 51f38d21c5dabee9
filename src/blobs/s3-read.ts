// Blobs on their way out of an S3-compatible store: a body that breaks off or falls silent is gone on with where it ended.
import { Readable } from "node:stream";
import { unavailable } from "../core/faults.ts";
import type { ByteRange } from "./blob-store.ts";
import { listen } from "./persist.ts";
import { isPassing, type S3, statusOf, troubleOf } from "./s3-client.ts";
import type { ObjectPlace } from "./s3-upload.ts";

/** An object's bytes, from the first that was asked for. */
export interface Body {
  readonly stream: Readable;
  readonly bytes: number;
}

/** So often in a row a body may break off with nothing read of it. */
const EMPTY_TRIES = 3;

/** Rejects as the SDK does; with a RangeError when the range is not within the object. */
export async function openObject(s3: S3, place: ObjectPlace, range: ByteRange | undefined): Promise<Body> {
  const start = range?.start ?? 0;
  const first = await get(s3, place, start, range?.end);
  const chunks = readOn(first, s3, place, start, start + first.bytes);
  const stream = Readable.from(chunks, { objectMode: false });
  // One that is given up before it was read never comes to its own end, and would keep its connection.
  stream.once("close", () => first.stream.destroy());
  return { stream, bytes: first.bytes };
}

async function* readOn(
  first: Body,
  s3: S3,
  place: ObjectPlace,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void> {
  let body = first;
  let empty = 0;
  for (let at = start; ; ) {
    const from = at;
    try {
      for await (const chunk of listen(body.stream, s3.silenceMs / 2)) {
        at += chunk.length;
        yield chunk;
      }
      if (at === end) return;
      throw Object.assign(new Error("The blob store sent less than it announced."), { code: "ERR_STREAM" });
    } catch (error) {
      empty = at === from ? empty + 1 : 0;
      if (empty === EMPTY_TRIES || at >= end || !isBroken(error)) throw troubleOf(error, s3);
    }
    body = await get(s3, place, at, end - 1).catch((error: unknown) => {
      throw troubleOf(error, s3);
    });
  }
}

/** A connection that ended early has no code in some versions of Node: its message tells. */
function isBroken(error: unknown): boolean {
  return isPassing(error) || (error instanceof Error && /aborted|hang up/.test(error.message));
}

async function get(s3: S3, place: ObjectPlace, start: number, end?: number): Promise<Body> {
  const whole = start === 0 && end === undefined;
  const Range = whole ? undefined : rangeHeader(start, end);
  try {
    const answer = await s3.send(() => new s3.sdk.GetObjectCommand({ ...place, Range }));
    const { Body: stream, ContentLength = 0 } = answer;
    if (!(stream instanceof Readable)) throw new Error("The S3 client gave no stream.");
    if (!whole && answer.ContentRange === undefined) {
      stream.destroy();
      throw unavailable("The blob store does not give parts of an object.");
    }
    return { stream, bytes: ContentLength };
  } catch (error) {
    if (statusOf(error) === 416) throw new RangeError(`Bytes ${start}-${end} are not within the blob.`);
    throw error;
  }
}

function rangeHeader(start: number, end: number | undefined): string {
  if (!(start >= 0 && (end === undefined || start <= end)))
    throw new RangeError(`Bytes ${start}-${end} are no range.`);
  return `bytes=${start}-${end ?? ""}`;
}
