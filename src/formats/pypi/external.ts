// How a public Python index is read: one simple page per project, parsed on the document thread.
import { Fault } from "../../core/faults.ts";
import type { AssetBytes, ExternalAsset, ExternalFormat, ExternalVersion, InsideAsset } from "../format.ts";
import { plainIndex } from "../index-files.ts";
import { sha256 } from "./attestations.ts";
import { describe, field, keep } from "./core-metadata.ts";
import { documentWorker } from "./document-worker.ts";
import { readInnerMetadata, readTolerantly } from "./held-metadata.ts";
import { publicationOf } from "./jobs.ts";
import { normalizeName } from "./names.ts";
import { HTML_TYPE, JSON_TYPE } from "./negotiation.ts";
import { noteOf, readNote } from "./project.ts";
import type { PublicFile } from "./public-index.ts";

/** JSON where it can be had; a plain static mirror has HTML only. */
const ACCEPT = `${JSON_TYPE}, ${HTML_TYPE};q=0.2, text/html;q=0.1`;

export const METADATA_BYTES_MAX = 16 * 1024 * 1024;

export const external: ExternalFormat = {
  indexRequest: ({ name }) => ({ path: `${encodeURIComponent(name)}/`, accept: ACCEPT }),
  versions: (file, key) => documentWorker.ask("versions", { project: key.name, file: plainIndex(file) }),
  async version(file, key, version) {
    const files = await documentWorker.ask("version", { project: key.name, file: plainIndex(file), version });
    return files === undefined ? undefined : describeVersion(files, key.name, version);
  },
  inside: (version, asset, bytes) => lookInside(version, asset, bytes),
};

/** Under the number that was asked for: a held version keeps its spelling. */
function describeVersion(files: readonly PublicFile[], project: string, version: string): ExternalVersion {
  return {
    version,
    ...publicationOf(files),
    assets: files.map(
      (file): ExternalAsset => ({
        name: file.filename,
        url: file.url,
        digests: file.digests,
        document: JSON.stringify(noteOf(file)),
      }),
    ),
    metadata: { displayName: project },
    document: "",
    brief: "",
  };
}

/** The index tells little of a version; the metadata in its first file tells the rest. */
async function lookInside(
  { metadata: { displayName = "" } }: ExternalVersion,
  { name, document = "" }: ExternalAsset,
  bytes: AssetBytes,
): Promise<InsideAsset> {
  const inner = await readInnerMetadata(name, bytes).catch(unreadable);
  const metadata = readTolerantly(inner);
  const told = metadata && field(metadata, "name");
  if (inner === undefined || metadata === undefined || normalizeName(told ?? "") !== displayName) return {};
  return {
    texts: {
      metadata: describe(metadata, told ?? displayName),
      document: keep(metadata),
      brief: name.endsWith(".whl") ? "wheel" : "sdist",
    },
    // What a mirror leaves out can be served from here: the metadata of a wheel is in the wheel.
    ...(name.endsWith(".whl") ? { document: noteWith(document, sha256(inner)) } : {}),
  };
}

function noteWith(document: string, metadata: string): string {
  return JSON.stringify({ ...readNote(document), metadata });
}

function unreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "ValidationException") return undefined;
  throw error;
}

/** PEP 658: at the file's address with `.metadata` added to its path. */
export function metadataRequest(fileUrl: string): { path: string; url: string; accept: string } {
  const url = new URL(fileUrl);
  url.pathname += ".metadata";
  return { path: "", url: url.href, accept: "*/*" };
}
