// What a Swift source archive says of itself: its manifests and its readme, read from the zip and checked; nothing is unpacked to disk.
import { ARCHIVE_LIMITS, type ArchiveEntry } from "../../archives/archive.ts";
import { readZip, type ZipSource } from "../../archives/zip.ts";
import { Fault } from "../../core/faults.ts";

/** One manifest file of the package's folder. */
export interface Manifest {
  /** `Package.swift` or `Package@swift-5.9.swift`. */
  readonly file: string;
  /** Of a version-specific manifest: `5.9`. */
  readonly swiftVersion: string | undefined;
  /** From its first line, such as `5.0`. */
  readonly toolsVersion: string;
  readonly bytes: Buffer;
}

export interface SourceArchive {
  /** The unqualified one first. */
  readonly manifests: readonly Manifest[];
  readonly readme: string | undefined;
}

const WHAT = "The source archive";
const VERSIONED = /^Package@swift-(\d+(?:\.\d+){0,2})\.swift$/;
const MANIFEST_BYTES_MAX = 1024 * 1024;
const README_BYTES_MAX = 1024 * 1024;

/** Rejects with a 422 that says what is wrong (registry specification 4.6.1). */
export async function readSourceArchive(source: ZipSource): Promise<SourceArchive> {
  try {
    return await read(source);
  } catch (error) {
    if (error instanceof Fault && error.code === "ValidationException") throw unprocessable(error.message);
    throw error;
  }
}

/** The specification's status for what can be read and cannot be taken. */
export function unprocessable(message: string): Fault {
  return new Fault("ValidationException", message, { reason: "FIELD_VALIDATION_FAILED", status: 422 });
}

async function read(source: ZipSource): Promise<SourceArchive> {
  const { entries, files } = await readZip(source, ARCHIVE_LIMITS, WHAT, isOfInterest);
  const folder = onlyFolder(entries);
  const manifests = manifestsOf(files, folder);
  const readme = [...files].find(([path]) => path.startsWith(folder) && isReadme(path.slice(folder.length)));
  return { manifests, readme: readme?.[1].toString("utf8") };
}

/** `swift package archive-source` puts everything into one folder, and clients drop that folder's name. */
function onlyFolder(entries: readonly ArchiveEntry[]): string {
  const folders = new Set(entries.map(({ path }) => path.slice(0, path.indexOf("/") + 1)));
  const [folder = ""] = folders;
  if (folders.size !== 1 || folder === "")
    throw unprocessable(`${WHAT} is refused: its files are not all in one folder at its top.`);
  return folder;
}

function isOfInterest({ path, size }: ArchiveEntry): boolean {
  const file = /^[^/]+\/([^/]+)$/.exec(path)?.[1];
  if (file === undefined) return false;
  if (isReadme(file)) return size <= README_BYTES_MAX;
  return /^package(@.*)?\.swift$/i.test(file);
}

function isReadme(file: string): boolean {
  return /^readme(\.md|\.txt)?$/i.test(file);
}

function manifestsOf(files: ReadonlyMap<string, Buffer>, folder: string): readonly Manifest[] {
  const manifests = [...files]
    .map(([path, bytes]) => ({ file: path.slice(folder.length), bytes }))
    .filter(({ file }) => !isReadme(file))
    .map(({ file, bytes }) => describe(file, bytes));
  const plain = manifests.filter(({ swiftVersion }) => swiftVersion === undefined);
  if (plain.length !== 1)
    throw unprocessable(`${WHAT} is refused: it doesn't contain a valid manifest (Package.swift).`);
  return [...plain, ...manifests.filter(({ swiftVersion }) => swiftVersion !== undefined)];
}

/** A manifest whose name differs in case is one on some file systems and none on others. */
function describe(file: string, bytes: Buffer): Manifest {
  const swiftVersion = VERSIONED.exec(file)?.[1];
  if (file !== "Package.swift" && swiftVersion === undefined)
    throw unprocessable(
      `${WHAT} is refused: ${JSON.stringify(file)} is neither Package.swift nor Package@swift-X.Y.swift.`,
    );
  if (bytes.length > MANIFEST_BYTES_MAX) throw unprocessable(`${WHAT} is refused: its ${file} is too large.`);
  const toolsVersion = /^\s*\/\/\s*swift-tools-version\s*:\s*(\d+(?:\.\d+){0,2})/i.exec(
    bytes.toString("utf8"),
  )?.[1];
  if (toolsVersion === undefined)
    throw unprocessable(
      `${WHAT} is refused: its ${file} does not begin with a '// swift-tools-version:' comment.`,
    );
  return { file, swiftVersion, toolsVersion, bytes };
}
