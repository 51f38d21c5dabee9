// How raw bytes travel through an operation.
import type { Readable } from "node:stream";

/** A body that is the asset itself, not read yet. Its SHA-256 is promised by the signature and not checked yet. */
export type InputBlob = Readable;

/** Bytes to send as the whole body. Give the size where it is known, so that clients see how much will come. */
export type OutputBlob = Uint8Array | { readonly stream: Readable; readonly sizeBytes?: number };
