// A streaming scanner of npm's publish body: decodes the attachment's base64 as it arrives and keeps the rest for JSON.parse.
import { Fault, invalid } from "../../core/faults.ts";
import { DEPTH_MAX } from "../nesting.ts";

export interface PublishBodyLimits {
  /** Everything but the attachment's data, bytes. */
  readonly restBytesMax: number;
  /** The whole body, decompressed, bytes (spec 8.1.4). */
  readonly bodyBytesMax: number;
}

export const REST_BYTES_MAX = 16 * 1024 * 1024;
const KEY_BYTES_MAX = 4096;

export interface Attachment {
  /** The key below `_attachments`. */
  readonly name: string;
  /** Decoded bytes. */
  readonly bytes: number;
}

export interface PublishBody {
  /** The body without the attachment's data, which is `""` here: still to be parsed. */
  readonly rest: Buffer;
  /** Undefined when the body carries no data, as in `npm deprecate`. */
  readonly attachment: Attachment | undefined;
}

export interface PublishBodyScanner {
  /** Takes the next chunk of the body, cut anywhere; returns the attachment's bytes that were in it. Throws a 400 or 413. */
  push(chunk: Buffer): readonly Buffer[];
  /** The body is complete. Throws when it ends inside the data. */
  end(): PublishBody;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EMPTY_STRING = Buffer.from('""');

/** Where a JSON container stands; `key` is the member being read, in objects. */
interface Frame {
  readonly object: boolean;
  expectsKey: boolean;
  key: string | undefined;
}

/**
 * Follows strings, brackets, colons and commas only: whatever else is wrong with the JSON is found by JSON.parse of the
 * rest, where a replaced string still stands as a string. Bounded: the rest, one key, three base64 characters.
 */
export function createPublishBodyScanner(limits: PublishBodyLimits): PublishBodyScanner {
  const rest: Buffer[] = [];
  const stack: Frame[] = [];
  let restBytes = 0;
  let bodyBytes = 0;
  let mode: "between" | "string" | "data" = "between";
  let escaped = false;
  let keyPieces: Buffer[] | undefined;
  let keyBytes = 0;
  let attachmentObjects = 0;
  let decoder: Base64Decoder | undefined;
  let attachment: { name: string; bytes: number } | undefined;

  function keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    restBytes += bytes.length;
    if (restBytes > limits.restBytesMax) {
      throw new Fault(
        "PayloadTooLarge",
        `The package's metadata is larger than ${limits.restBytesMax} bytes.`,
      );
    }
    rest.push(Buffer.from(bytes));
  }

  function keepKey(bytes: Buffer): void {
    if (keyPieces === undefined) return;
    keyBytes += bytes.length;
    // A longer key is none that is looked for; it stays in the rest like any other text.
    if (keyBytes <= KEY_BYTES_MAX) keyPieces.push(Buffer.from(bytes));
  }

  function endKey(frame: Frame): void {
    const text = `"${Buffer.concat(keyPieces ?? []).toString("utf8")}"`;
    keyPieces = undefined;
    frame.key = keyBytes > KEY_BYTES_MAX ? undefined : parseKey(text);
    if (stack.length === 1 && frame.key === "_attachments") {
      attachmentObjects++;
      if (attachmentObjects > 1)
        throw invalid("The publish body holds '_attachments' twice.", "CANNOT_PARSE");
    }
  }

  /** Whether the string that opens now is the value of `_attachments.<file>.data`. */
  function opensData(): boolean {
    const [top, files, file] = stack;
    return (
      stack.length === 3 &&
      file?.key === "data" &&
      files?.object === true &&
      top?.object === true &&
      top.key === "_attachments" &&
      file.object
    );
  }

  function openString(): void {
    const frame = stack.at(-1);
    if (frame?.object === true && frame.expectsKey) {
      // Deeper keys decide nothing here.
      keyPieces = stack.length <= 3 ? [] : undefined;
      keyBytes = 0;
      mode = "string";
      return;
    }
    mode = opensData() ? "data" : "string";
    if (mode === "string") return;
    if (attachment !== undefined)
      throw invalid("A publish carries exactly one attachment; this body holds two.");
    attachment = { name: stack[1]?.key ?? "", bytes: 0 };
    decoder = createBase64Decoder();
  }

  function structure(byte: number): void {
    const frame = stack.at(-1);
    if (byte === 0x7b || byte === 0x5b) {
      if (stack.length >= DEPTH_MAX) throw invalid("The JSON body is nested too deeply.", "CANNOT_PARSE");
      stack.push({ object: byte === 0x7b, expectsKey: byte === 0x7b, key: undefined });
    } else if (byte === 0x7d || byte === 0x5d) stack.pop();
    else if (byte === 0x2c && frame !== undefined) frame.expectsKey = frame.object;
    else if (byte === 0x3a && frame !== undefined) frame.expectsKey = false;
  }

  /** From `at`, outside strings, to just behind the quote that opens the next one; the chunk's length when none opens. */
  function skipStructure(chunk: Buffer, at: number): number {
    for (let i = at; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (byte === QUOTE) {
        openString();
        return i + 1;
      }
      if (byte >= 0x2c) structure(byte);
    }
    return chunk.length;
  }

  /** From `at`, inside a string, to just behind its closing quote; the chunk's length when it does not close. */
  function skipString(chunk: Buffer, at: number): number {
    for (let i = at; i < chunk.length; i++) {
      if (escaped) escaped = false;
      else if (chunk[i] === BACKSLASH) escaped = true;
      else if (chunk[i] === QUOTE) {
        keepKey(chunk.subarray(at, i));
        if (keyPieces !== undefined) endKey(stack.at(-1) as Frame);
        mode = "between";
        return i + 1;
      }
    }
    keepKey(chunk.subarray(at));
    return chunk.length;
  }

  function readData(chunk: Buffer, at: number, out: Buffer[]): number {
    const quote = chunk.indexOf(QUOTE, at);
    const end = quote < 0 ? chunk.length : quote;
    const found = attachment as { bytes: number };
    const base64 = decoder as Base64Decoder;
    for (const bytes of base64.push(chunk.subarray(at, end))) {
      found.bytes += bytes.length;
      out.push(bytes);
    }
    if (quote < 0) return end;
    base64.end();
    keep(EMPTY_STRING);
    mode = "between";
    return quote + 1;
  }

  function push(chunk: Buffer): readonly Buffer[] {
    bodyBytes += chunk.length;
    if (bodyBytes > limits.bodyBytesMax) {
      throw new Fault("PayloadTooLarge", `The publish request is larger than ${limits.bodyBytesMax} bytes.`);
    }
    const out: Buffer[] = [];
    let at = 0;
    let kept = 0;
    while (at < chunk.length) {
      if (mode === "between") {
        at = skipStructure(chunk, at);
        // The cast undoes a narrowing: skipStructure moves `mode`.
        if ((mode as string) === "data") keep(chunk.subarray(kept, at - 1));
      } else if (mode === "string") at = skipString(chunk, at);
      else {
        at = readData(chunk, at, out);
        kept = at;
      }
    }
    if (mode !== "data") keep(chunk.subarray(kept));
    return out;
  }

  return {
    push,
    end() {
      if (mode === "data")
        throw invalid("The publish body is cut short inside the attachment.", "CANNOT_PARSE");
      return { rest: Buffer.concat(rest), attachment };
    },
  };
}

function parseKey(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined; // JSON.parse of the rest will say so better
  }
}

interface Base64Decoder {
  push(text: Buffer): readonly Buffer[];
  /** Throws when the text was no whole number of groups of four. */
  end(): void;
}

/** Strict: the standard alphabet in groups of four, padding only at the end; `\/`, which some encoders write, is `/`. */
function createBase64Decoder(): Base64Decoder {
  let carry = "";
  let padded = false;

  function push(text: Buffer): Buffer[] {
    let characters = carry + text.toString("latin1");
    const tail = characters.endsWith("\\") ? "\\" : "";
    characters = characters.slice(0, characters.length - tail.length);
    if (characters.includes("\\")) characters = characters.replaceAll("\\/", "/");
    const whole = characters.length - (characters.length % 4);
    carry = characters.slice(whole) + tail;
    return whole === 0 ? [] : [decode(characters.slice(0, whole))];
  }

  function decode(groups: string): Buffer {
    const padding = groups.endsWith("==") ? 2 : groups.endsWith("=") ? 1 : 0;
    const bytes = Buffer.from(groups, "base64");
    // A lenient decoder skips what it does not know, so anything wrong shows as bytes that are missing.
    if (
      padded ||
      bytes.length !== (groups.length / 4) * 3 - padding ||
      groups.includes("-") ||
      groups.includes("_")
    ) {
      throw badBase64();
    }
    padded = padding > 0;
    return bytes;
  }

  return {
    push,
    end() {
      if (carry !== "") throw badBase64();
    },
  };
}

function badBase64(): Fault {
  return invalid("The attachment's data is not valid base64.", "CANNOT_PARSE");
}
