// The core metadata inside a held file: what PEP 658 serves beside it, and where its description is; read when asked for, so that nothing is kept twice.
import type { Readable } from "node:stream";
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import { readZipMember } from "../../archives/zip.ts";
import type { ByteRange } from "../../blobs/blob-store.ts";
import type { VersionRow } from "../../registry/registry.ts";
import type { AssetBytes, HeldAssets } from "../format.ts";
import { type CoreMetadata, MetadataError, parseMetadata } from "./core-metadata.ts";

/**
 * METADATA or PKG-INFO of a file, byte for byte; undefined where there is none. Rejects with a 400 for a file that cannot
 * be unpacked.
 */
export async function readInnerMetadata(name: string, bytes: AssetBytes): Promise<Buffer | undefined> {
  if (name.endsWith(".whl"))
    return readZipMember(inWindows(bytes), "The wheel", /^[^/]+\.dist-info\/METADATA$/);
  if (name.endsWith(".zip")) return readZipMember(inWindows(bytes), "The sdist", /^[^/]+\/PKG-INFO$/);
  if (/\.(?:tar\.gz|tgz)$/.test(name)) return fromTgz(bytes);
  return undefined;
}

const WINDOW_BYTES = 256 * 1024;

/** A zip's directory is read in many small pieces: the window that the last one lay in is kept. */
function inWindows({ size, readAt }: AssetBytes): AssetBytes {
  let start = 0;
  let held: Uint8Array = new Uint8Array(0);
  return {
    size,
    async readAt(position, length) {
      if (position < start || position + length > start + held.length) {
        const end = Math.min(size, Math.max(position + length, position + WINDOW_BYTES));
        held = await readAt(position, end - position);
        start = position;
      }
      return held.subarray(position - start, position - start + length);
    },
  };
}

/** Bytes of a held file, through a function that streams a part of it. */
export function heldBytes(size: number, open: (range: ByteRange) => Promise<Readable>): AssetBytes {
  return {
    size,
    async readAt(position, length) {
      const pieces: Buffer[] = [];
      for await (const piece of await open({ start: position, end: position + length - 1 }))
        pieces.push(piece as Buffer);
      return Buffer.concat(pieces);
    },
  };
}

async function fromTgz({ size, readAt }: AssetBytes): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  /** Bytes of PKG-INFO that are still to come, once it began. */
  let awaited: number | undefined;
  const isWhole = (): boolean => awaited === 0;
  const reader = createTgzReader(
    {
      entry({ path, kind, size: bytes }) {
        if (awaited !== undefined || kind !== "file" || !/^[^/]+\/PKG-INFO$/.test(path)) return false;
        awaited = bytes;
        return true;
      },
      data(bytes) {
        pieces.push(Uint8Array.from(bytes));
        awaited = (awaited as number) - bytes.length;
      },
    },
    ARCHIVE_LIMITS,
    "The sdist",
  );
  try {
    for (let at = 0; at < size && !isWhole(); at += WINDOW_BYTES)
      await reader.write(await readAt(at, Math.min(WINDOW_BYTES, size - at)));
    if (!isWhole()) await reader.finish();
  } catch (error) {
    if (!isWhole()) throw error; // what comes behind the metadata, such as a public sdist's links, is nobody's concern here
  } finally {
    reader.destroy();
  }
  return isWhole() ? Buffer.concat(pieces) : undefined;
}

/** See Format.readme: the description, from a wheel if there is one, since a wheel need not be unpacked whole. */
export async function readme(
  _version: VersionRow,
  { assets, open }: HeldAssets,
): Promise<string | undefined> {
  const files = assets.filter(({ name }) => /\.(?:whl|tar\.gz|tgz|zip)$/.test(name));
  const file = files.find(({ name }) => name.endsWith(".whl")) ?? files[0];
  if (file === undefined) return undefined;
  const bytes = heldBytes(file.size, (range) => open(file, range));
  return descriptionIn(await readInnerMetadata(file.name, bytes));
}

/** Undefined without a description that can be read. */
function descriptionIn(bytes: Buffer | undefined): string | undefined {
  const description = readTolerantly(bytes)?.description;
  return description?.trim() === "" || description?.trim() === "UNKNOWN" ? undefined : description;
}

/** For files that came as their publishers made them: what cannot be read tells nothing. */
export function readTolerantly(bytes: Buffer | undefined): CoreMetadata | undefined {
  try {
    return bytes === undefined ? undefined : parseMetadata(bytes.toString("utf8"));
  } catch (error) {
    if (error instanceof MetadataError) return undefined;
    throw error;
  }
}
