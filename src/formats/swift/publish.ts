// PUT of a release: the form's archive streamed into a blob, its manifests read from it, and everything recorded at once (4.6).
import type { Readable } from "node:stream";
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { PublishedAsset, Registry } from "../../registry/registry.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { type FilePart, receiveForm } from "../multipart.ts";
import { identifierOf, isVersion } from "./names.ts";
import { VERSION_HEADERS } from "./problems.ts";
import {
  ARCHIVE_ASSET,
  describeRelease,
  type Release,
  readDependencies,
  readMetadata,
  type Signature,
} from "./release.ts";
import { type Manifest, readSourceArchive, type SourceArchive, unprocessable } from "./source-archive.ts";

const FIELD_BYTES_MAX = 1024 * 1024;
const PARTS_MAX = 20;
const README_CHARACTERS_MAX = 256 * 1024;

interface Upload {
  writer: BlobWriter | undefined;
  staged: StagedBlob | undefined;
  /** Small parts by name: metadata and signatures. */
  readonly small: Map<string, Buffer>;
}

/** Answers `PUT /{scope}/{name}/{version}`; synchronous, whatever the client prefers (4.6.3). Nothing of a refused upload is kept. */
export async function publishRelease(
  { registry, limits }: { readonly registry: Registry; readonly limits: FormatLimits },
  request: DoorRequest,
  key: PackageKey,
  version: string,
): Promise<void> {
  if (!isVersion(version))
    throw unprocessable(`'${version.slice(0, 100)}' is not a version number of SemVer 2.0.0.`);
  await registry.admitPublish(request.repository, key, request);
  const upload: Upload = { writer: undefined, staged: undefined, small: new Map() };
  const written: BlobWriter[] = [];
  try {
    await receive(registry, limits, request, upload);
    const archive = await readSourceArchive(sourceOf(upload));
    const release = releaseOf(request, key, upload, archive);
    const assets: PublishedAsset[] = [
      { name: ARCHIVE_ASSET, writer: upload.writer as BlobWriter, staged: upload.staged as StagedBlob },
    ];
    for (const manifest of archive.manifests) {
      const asset = await stageManifest(registry, manifest);
      written.push(asset.writer);
      assets.push(asset);
    }
    const document = JSON.stringify(release);
    const outcome = await registry.publish(
      request.repository,
      { key, version, assets, metadata: describeRelease(release), document, brief: "", tags: [] },
      request,
    );
    const [scope, name] = request.segments;
    const location = `${request.baseUrl}${scope}/${name}/${version}`;
    request.res.writeHead(outcome === "published" ? 201 : 200, [
      ...VERSION_HEADERS,
      "location",
      location,
      "content-length",
      "0",
    ]);
    request.res.end();
  } catch (error) {
    for (const writer of [upload.writer, ...written]) await writer?.discard();
    throw error;
  }
}

async function receive(
  registry: Registry,
  limits: FormatLimits,
  { req }: DoorRequest,
  upload: Upload,
): Promise<void> {
  const size = Number(req.headers["content-length"]);
  await receiveForm(
    req,
    {
      bodyBytesMax: limits.assetBytesMax,
      fieldBytesMax: FIELD_BYTES_MAX,
      fieldsBytesMax: 4 * FIELD_BYTES_MAX,
      fieldsMax: PARTS_MAX,
      filesMax: PARTS_MAX,
      isFile: () => true, // SwiftPM names no files
    },
    "A release is published as multipart/form-data with a 'source-archive' part.",
    async (part) => {
      if (part.field !== "source-archive") return takeSmall(part, upload);
      if (upload.writer !== undefined) throw unprocessable("There is more than one 'source-archive' part.");
      upload.writer = await registry.stageBlob(Number.isSafeInteger(size) ? { size } : {});
      for await (const chunk of decoded(part)) await upload.writer.write(chunk);
      upload.staged = await upload.writer.finish();
    },
  );
}

async function takeSmall(part: FilePart, upload: Upload): Promise<void> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of decoded(part)) {
    bytes += chunk.length;
    if (bytes > FIELD_BYTES_MAX) throw unprocessable(`The part '${part.field.slice(0, 100)}' is too large.`);
    pieces.push(chunk);
  }
  addSmall(upload, part.field, Buffer.concat(pieces));
}

function addSmall(upload: Upload, name: string, bytes: Buffer): void {
  if (upload.small.has(name)) throw unprocessable(`There is more than one '${name.slice(0, 100)}' part.`);
  upload.small.set(name, bytes);
}

/** The specification's examples send parts in base64; SwiftPM sends them as they are. */
async function* decoded({ bytes, encoding, field }: FilePart): AsyncGenerator<Buffer> {
  if (encoding !== "base64") {
    yield* bytes as Readable & AsyncIterable<Buffer>;
    return;
  }
  let rest = "";
  for await (const chunk of bytes as Readable & AsyncIterable<Buffer>) {
    const text = rest + chunk.toString("latin1").replace(/[\r\n]/g, "");
    if (/[^A-Za-z0-9+/=]/.test(text)) throw invalid(`The part '${field.slice(0, 100)}' is not base64.`);
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    yield Buffer.from(text.slice(0, whole), "base64");
  }
  if (rest !== "") yield Buffer.from(rest, "base64");
}

function sourceOf({ writer, staged }: Upload) {
  if (writer === undefined || staged === undefined)
    throw unprocessable("The form has no 'source-archive' part.");
  return {
    size: staged.size,
    readAt: (position: number, length: number) => writer.readAt(position, length),
  };
}

function releaseOf(
  { req, segments }: DoorRequest,
  key: PackageKey,
  { small }: Upload,
  { manifests, readme }: SourceArchive,
): Release {
  const metadata = small.get("metadata");
  const metadataSignature = small.get("metadata-signature");
  const signature = signatureOf(
    small.get("source-archive-signature"),
    header(req.headers["x-swift-package-signature-format"]),
  );
  const [plain] = manifests;
  return {
    id: identifierOf({ ...key, namespace: segments[0] ?? "", name: segments[1] ?? "" }),
    metadata: metadata === undefined ? {} : readMetadata(metadata.toString("utf8")),
    manifests: manifests.map(({ file, swiftVersion, toolsVersion }) => ({
      file,
      toolsVersion,
      ...(swiftVersion === undefined ? {} : { swiftVersion }),
    })),
    ...(signature === undefined ? {} : { signature }),
    ...(metadataSignature === undefined ? {} : { metadataSignature: metadataSignature.toString("base64") }),
    ...(readme === undefined ? {} : { readme: readme.slice(0, README_CHARACTERS_MAX) }),
    dependencies: readDependencies((plain as Manifest).bytes.toString("utf8")),
  };
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

/** A signed archive names its signature's format in a header; the two go together (4.6). */
function signatureOf(bytes: Buffer | undefined, format: string | undefined): Signature | undefined {
  if (bytes === undefined && format === undefined) return undefined;
  if (bytes === undefined || format === undefined || !/^[A-Za-z0-9.-]{1,50}$/.test(format))
    throw new Fault(
      "ValidationException",
      "A signed archive has a 'source-archive-signature' part and the header X-Swift-Package-Signature-Format, such as cms-1.0.0.",
      { status: 422 },
    );
  return { base64: bytes.toString("base64"), format };
}

async function stageManifest(registry: Registry, { file, bytes }: Manifest): Promise<PublishedAsset> {
  const writer = await registry.stageBlob({ size: bytes.length });
  await writer.write(bytes);
  return { name: file, writer, staged: await writer.finish() };
}
