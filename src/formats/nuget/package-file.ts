// Looking into a .nupkg: its manifest, and single files of it.
import type { Readable } from "node:stream";
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { readZip, readZipMember } from "../../archives/zip.ts";
import type { ByteRange } from "../../blobs/blob-store.ts";
import { invalid } from "../../core/faults.ts";
import type { VersionRow } from "../../registry/registry.ts";
import type { AssetBytes, HeldAssets } from "../format.ts";
import type { Facts } from "./facts.ts";
import { readNuspec } from "./nuspec.ts";

const NUSPEC = /^[^/]+\.nuspec$/i;

/** A package as its publisher sent it, checked whole. Throws a 400 for anything odd (see readZip), or without exactly one .nuspec at its root. */
export async function readPackage(bytes: AssetBytes, what: string): Promise<Facts> {
  const { entries, files } = await readZip(inWindows(bytes), ARCHIVE_LIMITS, what, ({ path }) =>
    NUSPEC.test(path),
  );
  refuseTwins(entries, what);
  const [nuspec, ...others] = files.values();
  if (nuspec === undefined || others.length > 0)
    throw invalid(
      `${what} is refused: it must hold exactly one .nuspec at its root, and holds ${files.size}.`,
    );
  return readNuspec(nuspec);
}

/** Two paths that are one file on the systems that most packages are unpacked on. */
function refuseTwins(entries: readonly { readonly path: string }[], what: string): void {
  const seen = new Set<string>();
  for (const { path } of entries) {
    const folded = path.toLowerCase();
    if (seen.has(folded))
      throw invalid(`${what} is refused: ${JSON.stringify(path.slice(0, 200))} is there twice but for case.`);
    seen.add(folded);
  }
}

/** The manifest of a package that was checked before; undefined without one. */
export function nuspecIn(bytes: AssetBytes): Promise<Buffer | undefined> {
  return readZipMember(inWindows(bytes), "The package", NUSPEC);
}

/** A file of it, by its path as manifests write it: either slash, any case. */
export function fileIn(bytes: AssetBytes, path: string): Promise<Buffer | undefined> {
  const plain = path.replaceAll("\\", "/").replace(/^(?:\.?\/)+/, "");
  const escaped = plain.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return readZipMember(inWindows(bytes), "The package", new RegExp(`^${escaped}$`, "i"));
}

/** What the manifest names as its readme, else a README.md at the root. */
export async function readmeIn(
  bytes: AssetBytes,
  { readme }: Pick<Facts, "readme">,
): Promise<Buffer | undefined> {
  return fileIn(bytes, readme === "" ? "readme.md" : readme);
}

/** See Format.readme. */
export async function readme(
  { document }: VersionRow,
  { assets, open }: HeldAssets,
): Promise<string | undefined> {
  const asset = assets.find(({ name }) => name.endsWith(".nupkg"));
  if (asset === undefined) return undefined;
  const bytes = heldBytes(asset.size, (range) => open(asset, range));
  return (await readmeIn(bytes, JSON.parse(document) as Facts))?.toString("utf8");
}

/** Bytes of a held file, through a function that streams a part of it. */
export function heldBytes(size: number, open: (range: ByteRange) => Promise<Readable>): AssetBytes {
  return {
    size,
    async readAt(position, length) {
      const pieces: Buffer[] = [];
      if (length === 0) return Buffer.alloc(0);
      for await (const piece of await open({ start: position, end: position + length - 1 }))
        pieces.push(piece as Buffer);
      return Buffer.concat(pieces);
    },
  };
}

const WINDOW_BYTES = 256 * 1024;

/** A zip's directory is read in many small pieces: the window that the last one lay in is kept. */
function inWindows({ size, readAt }: AssetBytes): AssetBytes {
  let start = 0;
  let held: Uint8Array = new Uint8Array(0);
  return {
    size,
    async readAt(position, length) {
      if (position + length > size) return readAt(position, length); // which rejects
      if (position < start || position + length > start + held.length) {
        const end = Math.min(size, Math.max(position + length, position + WINDOW_BYTES));
        held = await readAt(position, end - position);
        start = position;
      }
      return held.subarray(position - start, position - start + length);
    },
  };
}
