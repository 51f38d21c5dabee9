// Cargo's publish body as it arrives: a length, JSON, a length, the crate (little-endian, 32 bits each); nothing before, between or behind.
import { Fault, invalid } from "../../core/faults.ts";
import { nestsTooDeeply } from "../nesting.ts";
import { isObject, type Json } from "./json.ts";

export interface PublishBodyReader {
  /** Takes the next chunk of the body, cut anywhere; returns the crate's bytes that were in it. Throws a 400 or 413. */
  push(chunk: Buffer): readonly Buffer[];
  /** What came before the crate, as soon as it is complete. */
  metadata(): { readonly sent: Json; readonly crateBytes: number } | undefined;
  /** The body is complete. Throws when it stops early. */
  end(): void;
}

export interface PublishBodyLimits {
  readonly metadataBytesMax: number;
  readonly crateBytesMax: number;
}

/** The readme is part of it. */
export const METADATA_BYTES_MAX = 8 * 1024 * 1024;
const LENGTH_BYTES = 4;

export function createPublishBodyReader(limits: PublishBodyLimits): PublishBodyReader {
  let state: "metadata length" | "metadata" | "crate length" | "crate" = "metadata length";
  let held: Buffer[] = [];
  let missing = LENGTH_BYTES;
  let metadataBytes = 0;
  let sent: Json | undefined;
  let crateBytes: number | undefined;

  /** Called whenever what was waited for is there whole. */
  function advance(bytes: Buffer): void {
    if (state === "metadata length") {
      metadataBytes = missing = bytes.readUInt32LE();
      if (metadataBytes > limits.metadataBytesMax)
        throw new Fault(
          "PayloadTooLarge",
          `The crate's metadata is larger than ${limits.metadataBytesMax} bytes.`,
        );
      if (metadataBytes === 0) throw invalid("The publish body holds no metadata.", "CANNOT_PARSE");
      state = "metadata";
    } else if (state === "metadata") {
      sent = parseMetadata(bytes);
      missing = LENGTH_BYTES;
      state = "crate length";
    } else {
      crateBytes = missing = bytes.readUInt32LE();
      if (crateBytes > limits.crateBytesMax)
        throw new Fault(
          "PayloadTooLarge",
          `The crate is larger than ${limits.crateBytesMax} bytes, the most that is taken here.`,
        );
      if (crateBytes === 0) throw invalid("The publish body holds no crate.");
      state = "crate";
    }
  }

  return {
    push(chunk) {
      const out: Buffer[] = [];
      let at = 0;
      while (at < chunk.length) {
        if (missing === 0) throw invalid("The publish body goes on behind the crate.", "CANNOT_PARSE");
        const piece = chunk.subarray(at, at + missing);
        at += piece.length;
        missing -= piece.length;
        if (state === "crate") {
          out.push(piece);
          continue;
        }
        held.push(Buffer.from(piece));
        if (missing > 0) continue;
        const whole = Buffer.concat(held);
        held = [];
        advance(whole);
      }
      return out;
    },
    metadata: () => (sent === undefined || crateBytes === undefined ? undefined : { sent, crateBytes }),
    end() {
      if (state !== "crate" || missing > 0)
        throw invalid(`The publish body is cut short in its ${state}.`, "CANNOT_PARSE");
    },
  };
}

function parseMetadata(bytes: Buffer): Json {
  if (nestsTooDeeply(bytes)) throw invalid("The metadata is nested too deeply.", "CANNOT_PARSE");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid(
      "The publish body does not begin with a length and JSON of that length, as cargo sends it.",
      "CANNOT_PARSE",
    );
  }
  if (!isObject(value)) throw invalid("The metadata must be a JSON object.", "CANNOT_PARSE");
  return value;
}
