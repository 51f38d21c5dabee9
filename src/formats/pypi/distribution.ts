// Looks into an uploaded wheel or sdist: its own metadata, and that it is the archive its name says it is.
import type { ArchiveEntry, ArchiveLimits } from "../../archives/archive.ts";
import { ARCHIVE_LIMITS, ArchiveError } from "../../archives/archive.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import { readZip, type ZipSource } from "../../archives/zip.ts";
import { invalid } from "../../core/faults.ts";
import type { CoreMetadata } from "./core-metadata.ts";
import { field, MetadataError, parseMetadata } from "./core-metadata.ts";
import type { FileName } from "./filenames.ts";
import { isVersion, normalizeName, versionKey } from "./names.ts";

const METADATA_BYTES_MAX = 16 * 1024 * 1024;
const LIMITS: ArchiveLimits = ARCHIVE_LIMITS;

/** Takes the bytes of a tar.gz as they arrive; of a zip there is nothing to see before its end. */
export interface Inspector {
  write(chunk: Uint8Array): Promise<void>;
  /** The metadata file, byte for byte. Rejects with a 400 that says what is wrong with the archive. */
  finish(source: ZipSource): Promise<Buffer>;
  destroy(): void;
}

export function inspect(file: string, named: FileName): Inspector {
  if (named.kind === "wheel") return zipInspector((source) => wheelMetadata(source, named));
  if (/\.zip$/i.test(file)) return zipInspector(zipSdistMetadata);
  return tarInspector();
}

function zipInspector(read: (source: ZipSource) => Promise<Buffer>): Inspector {
  return { write: () => Promise.resolve(), finish: read, destroy: () => undefined };
}

/** METADATA of the one `.dist-info` folder at the top (PEP 427). */
async function wheelMetadata(source: ZipSource, named: FileName): Promise<Buffer> {
  const { entries, files } = await readZip(source, LIMITS, "The wheel", ({ path }) =>
    /^[^/]+\.dist-info\/(?:METADATA|WHEEL)$/.test(path),
  );
  const folders = new Set(entries.flatMap(({ path }) => /^([^/]+\.dist-info)\//i.exec(path)?.[1] ?? []));
  if (folders.size !== 1)
    throw invalid(`The wheel has ${folders.size} .dist-info folders at its top; it needs exactly one.`);
  const [folder = ""] = folders;
  refuseOtherFolder(folder, named);
  refuseCaseTwins(entries, folder);
  const metadata = files.get(`${folder}/METADATA`);
  if (metadata === undefined) throw invalid(`The wheel has no ${folder}/METADATA.`);
  if (!files.has(`${folder}/WHEEL`)) throw invalid(`The wheel has no ${folder}/WHEEL.`);
  return metadata;
}

/** Installers look for the folder by the file's name and version. */
function refuseOtherFolder(folder: string, named: FileName): void {
  const [, name = "", version = ""] = /^(.+)-([^-]+)\.dist-info$/.exec(folder) ?? [];
  const fits =
    normalizeName(name) === normalizeName(named.project) &&
    versionKey(version.replaceAll("_", "-")) === versionKey(named.version);
  if (!fits)
    throw invalid(`The wheel's folder ${folder.slice(0, 200)} is of another name or version than the file.`);
}

/** On file systems that do not tell cases apart the second overwrites the first (threats D). */
function refuseCaseTwins(entries: readonly ArchiveEntry[], folder: string): void {
  const seen = new Set<string>();
  for (const { path } of entries) {
    if (!path.startsWith(`${folder}/`)) continue;
    if (seen.has(path.toLowerCase())) throw invalid(`The wheel holds ${path} twice, in different cases.`);
    seen.add(path.toLowerCase());
  }
}

async function zipSdistMetadata(source: ZipSource): Promise<Buffer> {
  const { entries, files } = await readZip(source, LIMITS, "The sdist", ({ path }) =>
    /^[^/]+\/PKG-INFO$/.test(path),
  );
  refuseSeveralFolders(new Set(entries.map(({ path }) => path.split("/")[0] as string)));
  const [metadata] = files.values();
  if (metadata === undefined) throw noMetadata();
  return metadata;
}

function tarInspector(): Inspector {
  const tops = new Set<string>();
  const pieces: Uint8Array[] = [];
  let found = false;
  const reader = createTgzReader(
    {
      entry({ path, kind, size }) {
        tops.add(path.split("/")[0] as string);
        if (kind !== "file" || !/^[^/]+\/PKG-INFO$/.test(path)) return false;
        if (found) throw new ArchiveError("it holds two PKG-INFO files at its top");
        if (size > METADATA_BYTES_MAX) throw new ArchiveError("its PKG-INFO is too large");
        found = true;
        return true;
      },
      data: (bytes) => void pieces.push(Uint8Array.from(bytes)),
    },
    LIMITS,
    "The sdist",
  );
  return {
    write: (chunk) => reader.write(chunk),
    async finish() {
      await reader.finish();
      refuseSeveralFolders(tops);
      if (!found) throw noMetadata();
      return Buffer.concat(pieces);
    },
    destroy: () => reader.destroy(),
  };
}

function refuseSeveralFolders(tops: ReadonlySet<string>): void {
  if (tops.size > 1) throw invalid("The sdist has more than one folder at its top.");
}

function noMetadata() {
  return invalid("The sdist has no PKG-INFO in the folder at its top.");
}

/**
 * The metadata as parsed, once it agrees with the file's name: a file that is called one thing and installs as another
 * is refused (threats D, manifest confusion).
 */
export function readUploadedMetadata(bytes: Buffer, named: FileName, project: string): CoreMetadata {
  const where = named.kind === "wheel" ? "METADATA" : "PKG-INFO";
  const metadata = parseUploaded(bytes, where);
  const name = field(metadata, "name");
  const version = field(metadata, "version");
  if (field(metadata, "metadata_version") === undefined)
    throw invalid(`${where} in the file has no Metadata-Version.`);
  if (name === undefined || normalizeName(name) !== project)
    throw invalid(`${where} in the file is of '${name ?? ""}', its file name of '${named.project}'.`);
  if (version === undefined || !isVersion(version))
    throw invalid(`${where} in the file has the version '${version ?? ""}', which is not one by PEP 440.`);
  if (versionKey(version) !== versionKey(named.version))
    throw invalid(`${where} in the file is of version ${version}, its file name of ${named.version}.`);
  return metadata;
}

function parseUploaded(bytes: Buffer, where: string): CoreMetadata {
  try {
    return parseMetadata(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof MetadataError)
      throw invalid(`${where} in the file cannot be read: ${error.message}.`);
    if (error instanceof TypeError) throw invalid(`${where} in the file is not UTF-8.`);
    throw error;
  }
}
