// PUT of a file or of a checksum beside it: streamed into a blob, held against its path, recorded as part of its version.
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import { bodyChunks, readBody } from "../body.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { type Algorithm, checkUpload, type FilePlace, isPom } from "./layout.ts";
import { checkCoordinates, POM_BYTES_MAX, type Pom, parsePom } from "./pom.ts";
import { joined, textsOf } from "./version-document.ts";

export interface UploadDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
}

/** Makes its version, Unfinished, or joins it (spec 8.3.2, 8.3.6). Whatever goes wrong, nothing of the upload is kept. */
export async function putFile(
  { registry, limits }: UploadDeps,
  request: DoorRequest,
  place: FilePlace,
): Promise<void> {
  checkUpload(place);
  await registry.admitPublish(request.repository, place.key, request);
  const writer = await registry.stageBlob(expectedSize(request));
  try {
    const bytesMax = isPom(place) ? Math.min(POM_BYTES_MAX, limits.assetBytesMax) : limits.assetBytesMax;
    const { staged, bytes } = await receive(request, writer, bytesMax, isPom(place));
    const pom = bytes === undefined ? undefined : readPom(bytes, place);
    const outcome = await record(registry, request, place, { name: place.file, writer, staged }, pom);
    sendText(request, outcome === "unchanged" ? 200 : 201, "text/plain", "");
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function expectedSize({ req }: DoorRequest): { readonly size?: number } {
  const size = Number(req.headers["content-length"]);
  return Number.isSafeInteger(size) && size >= 0 && req.headers["content-length"] !== undefined
    ? { size }
    : {};
}

async function receive(
  { req }: DoorRequest,
  writer: BlobWriter,
  bytesMax: number,
  keep: boolean,
): Promise<{ readonly staged: StagedBlob; readonly bytes: Buffer | undefined }> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyChunks(req, bytesMax)) {
    if (keep) chunks.push(Buffer.from(chunk));
    await writer.write(chunk);
  }
  return { staged: await writer.finish(), bytes: keep ? Buffer.concat(chunks) : undefined };
}

function readPom(bytes: Buffer, { key, folder }: FilePlace): Pom {
  const pom = parsePom(bytes);
  checkCoordinates(pom, key, folder);
  return pom;
}

function record(
  registry: Registry,
  request: DoorRequest,
  { key, version, file }: FilePlace,
  asset: { readonly name: string; readonly writer: BlobWriter; readonly staged: StagedBlob },
  pom: Pom | undefined,
): Promise<"published" | "extended" | "unchanged"> {
  return registry.publish(
    request.repository,
    {
      key,
      version,
      assets: [asset],
      assembly: "open",
      status: "Unfinished",
      ...textsOf(file, pom),
      join: (held) => joined(held, key, file, pom),
      tags: [],
    },
    request,
  );
}

const HEX_LENGTH: Readonly<Record<Algorithm, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };
const CHECKSUM_BYTES_MAX = 4_096;

/** Held against the file, which may come later (spec 8.3.4, 8.3.7). Never an asset itself (8.3.3). */
export async function putChecksum(
  { registry }: UploadDeps,
  request: DoorRequest,
  place: FilePlace,
  algorithm: Algorithm,
): Promise<void> {
  checkUpload(place);
  await registry.admitPublish(request.repository, place.key, request);
  const value = await readChecksum(request, algorithm);
  await registry.claimChecksum(
    request.repository,
    place.key,
    { version: place.version, asset: place.file, algorithm, value },
    request,
  );
  sendText(request, 201, "text/plain", "");
}

/** Some tools write the file's name behind the digest. Compared in lower case, as sent (spec 8.3.4). */
export async function readChecksum(request: DoorRequest, algorithm: Algorithm): Promise<string> {
  const text = (await readBody(request.req, CHECKSUM_BYTES_MAX)).toString("latin1").trim();
  const value = /^[0-9a-zA-Z]+/.exec(text)?.[0] ?? "";
  if (value.length === HEX_LENGTH[algorithm] && /^[0-9a-fA-F]+$/.test(value)) return value;
  throw invalid(
    `A .${algorithm} file holds ${HEX_LENGTH[algorithm]} hexadecimal digits; this one starts with '${text.slice(0, 80)}'.`,
  );
}

/** Why a method has no meaning at an address of this layout. */
export function refuseMethod({ method }: DoorRequest): never {
  throw new Fault(
    "MethodNotAllowed",
    `${method} is not possible here; use GET, HEAD or PUT. Versions are deleted with DeletePackageVersions.`,
    {
      allow: ["GET", "HEAD", "PUT"],
    },
  );
}
