// What every driver refuses alike: blobs that are not there, ranges outside a blob, reads that would be too large.
import { Fault } from "../core/faults.ts";
import type { ByteRange } from "./blob-store.ts";

/** A digest is part of a path: anything else than 64 hex digits must never reach the file system. */
const SHA256 = /^[0-9a-f]{64}$/;

export function isSha256(text: string): boolean {
  return SHA256.test(text);
}

export function absent(sha256: string): Error {
  return new Error(`There is no blob ${JSON.stringify(sha256)}.`);
}

/** A store gave other bytes than the blob's name says. The last of them were withheld. */
export class CorruptBlob extends Fault {
  readonly sha256: string;

  constructor(sha256: string) {
    super("ServiceUnavailable", `The stored bytes of blob ${sha256} do not hash to its name.`, {
      retryAfterSeconds: 60,
    });
    this.sha256 = sha256;
  }
}

/**
 * The bytes to send, both inclusive; `end` is before `start` for an empty blob. An `end` past the last byte means
 * the last byte. Throws a RangeError when `start` is past the last byte or the range is turned round.
 */
export function checkRange(size: number, range: ByteRange | undefined): ByteRange {
  if (range === undefined) return { start: 0, end: size - 1 };
  const { start, end } = range;
  if (!(start >= 0 && start < size && start <= end))
    throw new RangeError(`Bytes ${start}-${end} are not within ${size}.`);
  return { start, end: Math.min(end, size - 1) };
}

export function checkSize(sha256: string, size: number, bytesMax: number): void {
  if (size > bytesMax)
    throw new RangeError(`Blob ${sha256} has ${size} bytes, more than the ${bytesMax} to be read at once.`);
}
