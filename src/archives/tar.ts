// A strict reader of tar archives: pushed bytes in, entries out, and anything that two readers could read two ways refused.

import { type ArchiveEntry, ArchiveError } from "./archive.ts";

export interface TarSink {
  /** Called at each member's header. Return true to be given its bytes. May throw to refuse the archive. */
  entry(entry: ArchiveEntry): boolean;
  data(bytes: Uint8Array): void;
}

export interface TarReader {
  push(chunk: Uint8Array): void;
  /** Throws when the archive stops in the middle of a member. */
  end(): void;
}

const BLOCK = 512;
/** Path records of more than this are nobody's honest path. */
const EXTENSION_BYTES_MAX = 1024 * 1024;

/**
 * Why not a library: their precedence between GNU long names, pax paths and global pax headers differs, and an archive
 * that two readers read two ways is how a checked manifest and an installed manifest come apart (threats D).
 */
export function createTarReader(sink: TarSink): TarReader {
  let state: "header" | "body" | "extension" = "header";
  let ended = false;
  let remaining = 0;
  let padding = 0;
  let wanted = false;
  let extensionType = "";
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let extended: Extended | undefined;

  const take = (bytes: Uint8Array): void => {
    held.push(bytes);
    heldBytes += bytes.length;
  };
  const drain = (): Buffer => {
    const all = held.length === 1 ? Buffer.from(held[0] as Uint8Array) : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    return all;
  };

  function header(block: Buffer): void {
    if (isZero(block)) {
      ended = true;
      return;
    }
    if (ended) throw new ArchiveError("there is data after the end of the archive");
    const { path, type, size } = parseHeader(block);
    remaining = size;
    padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (type === "x" || type === "L" || type === "g" || type === "K") return extension(type, size);
    const kind =
      type === "0" || type === "\0" || type === "7" ? "file" : type === "5" ? "directory" : "other";
    const name = extended?.path ?? path;
    if ((extended?.size ?? size) !== size)
      throw new ArchiveError("a member's size is told twice, differently");
    extended = undefined;
    state = "body";
    wanted = sink.entry({
      path: name,
      kind: kind === "file" && name.endsWith("/") ? "directory" : kind,
      size,
    });
  }

  function extension(type: string, size: number): void {
    if (type === "K") throw new ArchiveError("it holds a link");
    if (size > EXTENSION_BYTES_MAX) throw new ArchiveError("an extended header is too large");
    if (extended !== undefined) throw new ArchiveError("a member has its path told twice");
    extensionType = type;
    state = "extension";
  }

  function endMember(): void {
    if (state === "extension") extended = readExtension(extensionType, drain());
    state = "header";
  }

  function push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (state === "header") {
        const part = chunk.subarray(at, at + BLOCK - heldBytes);
        at += part.length;
        take(part);
        if (heldBytes === BLOCK) header(drain());
        if (state !== "header" && remaining + padding === 0) endMember();
        continue;
      }
      const part = chunk.subarray(at, at + (remaining > 0 ? remaining : padding));
      at += part.length;
      if (remaining > 0) {
        remaining -= part.length;
        if (state === "extension") take(Buffer.from(part));
        else if (wanted) sink.data(part);
      } else padding -= part.length;
      if (remaining + padding === 0) endMember();
    }
  }

  return {
    push,
    end() {
      if (state !== "header" || heldBytes > 0 || extended !== undefined)
        throw new ArchiveError("it is cut short");
    },
  };
}

function isZero(block: Buffer): boolean {
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
  return true;
}

function parseHeader(block: Buffer): { path: string; type: string; size: number } {
  const magic = block.toString("latin1", 257, 263);
  if (magic !== "ustar\0" && magic !== "ustar ")
    throw new ArchiveError("it is not a tar archive of the ustar or GNU kind");
  if (checksum(block) !== octal(block, 148, 8)) throw new ArchiveError("a header's checksum is wrong");
  const prefix = magic === "ustar\0" ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] as number),
    size: octal(block, 124, 12),
  };
}

function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] as number;
  return sum;
}

/** Also the base-256 form of sizes over 8 GB is refused: no package is that large. */
function octal(block: Buffer, start: number, length: number): number {
  const digits = block
    .toString("latin1", start, start + length)
    .replace(/^ +/, "")
    .replace(/[\0 ].*$/s, "");
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveError("a header holds a bad number");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return utf8(block.subarray(start, end < 0 || end > start + length ? start + length : end));
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ArchiveError("a path is not UTF-8");
  }
}

/** What an extended header says of the member after it. */
interface Extended {
  readonly path?: string;
  readonly size?: number;
}

/** Undefined for a global header, which speaks of no member in particular and so may not name a path or a size. */
function readExtension(type: string, body: Buffer): Extended | undefined {
  if (type === "L") return { path: utf8(body).replace(/\0.*$/s, "") };
  const found: { path?: string; size?: number } = {};
  for (const [name, value] of paxRecords(body)) {
    if (name === "linkpath") throw new ArchiveError("it holds a link");
    if (name.startsWith("GNU.sparse")) throw new ArchiveError("it holds a sparse file");
    if (name !== "path" && name !== "size") continue;
    if (type === "g" || Object.hasOwn(found, name))
      throw new ArchiveError(`a member has its ${name} told twice`);
    if (name === "path") found.path = value;
    else found.size = Number(value);
  }
  return type === "g" ? undefined : found;
}

function* paxRecords(body: Buffer): Generator<[string, string]> {
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString("latin1", at, space < 0 ? at : space));
    const equals = body.indexOf(0x3d, space);
    if (
      !Number.isInteger(length) ||
      length < 5 ||
      at + length > body.length ||
      space < 0 ||
      equals < 0 ||
      equals >= at + length
    ) {
      throw new ArchiveError("an extended header cannot be read");
    }
    yield [utf8(body.subarray(space + 1, equals)), utf8(body.subarray(equals + 1, at + length - 1))];
    at += length;
  }
}
