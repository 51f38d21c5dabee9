// The legacy upload: a file streamed into a blob and through its own archive at the same time, then held against the form and published.
import type { Readable } from "node:stream";
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { conflict, invalid } from "../../core/faults.ts";
import type { PublishedAsset, Registry, VersionTexts } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { readAttestations, sha256, stageProvenance } from "./attestations.ts";
import { createBlake2b256 } from "./blake2b.ts";
import { describe, field, keep } from "./core-metadata.ts";
import { inspect, readUploadedMetadata } from "./distribution.ts";
import { type FileName, guessProject, parseFileName } from "./filenames.ts";
import { isVersion, normalizeName, parseName, versionKey } from "./names.ts";
import type { FileNote } from "./project.ts";
import type { Spellings } from "./spellings.ts";
import { type Fields, receiveForm, tooLarge } from "./upload-form.ts";

export interface UploadDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
  readonly now: () => number;
  readonly spellings: Spellings;
}

/** A file that has arrived whole and was looked into, but is not recorded yet. */
interface Arrived {
  readonly key: PackageKey;
  readonly filename: string;
  readonly named: FileName;
  readonly writer: BlobWriter;
  readonly staged: StagedBlob;
  /** METADATA or PKG-INFO, byte for byte. */
  readonly metadata: Buffer;
  readonly metadataSha256: string;
  /** Undefined when the form had not claimed one before the file. */
  readonly blake2b: string | undefined;
}

/** Answers the POST. Whatever goes wrong, nothing of the upload is kept. */
export async function upload(deps: UploadDeps, request: DoorRequest): Promise<void> {
  let arrived: Arrived | undefined;
  try {
    const { fields } = await receiveForm(request.req, deps.limits.assetBytesMax, async (file) => {
      arrived = await receiveFile(deps, request, file);
    });
    if (arrived === undefined) throw new Error("a form without a file");
    const outcome = await record(deps, request, fields, arrived);
    sendText(request, 200, "text/plain; charset=utf-8", `${arrived.filename} ${outcome}\n`);
  } catch (error) {
    await arrived?.writer.discard();
    throw error;
  }
}

/** Origin control is asked at the file's first byte, by the name that its file name tells, before anything is kept. */
async function receiveFile(
  { registry, limits }: UploadDeps,
  request: DoorRequest,
  { name: filename, fields, bytes }: { name: string; fields: Fields; bytes: Readable },
): Promise<Arrived> {
  const { key, named } = nameUpload(filename, fields.get("name")?.[0]);
  const blake2b = fields.has(BLAKE2B) ? createBlake2b256() : undefined;
  await registry.admitPublish(request.repository, key, request);
  const inspector = inspect(filename, named);
  const writer = await registry.stageBlob();
  let size = 0;
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limits.assetBytesMax) throw tooLarge(limits.assetBytesMax);
      blake2b?.update(chunk);
      await Promise.all([writer.write(chunk), inspector.write(chunk)]);
    }
    const staged = await writer.finish();
    const metadata = await inspector.finish({
      size: staged.size,
      readAt: (position, length) => writer.readAt(position, length),
    });
    return {
      key,
      filename,
      named,
      writer,
      staged,
      metadata,
      metadataSha256: sha256(metadata),
      blake2b: blake2b?.hex(),
    };
  } catch (error) {
    inspector.destroy();
    await writer.discard();
    throw error;
  }
}

function nameUpload(filename: string, claimed: string | undefined): { key: PackageKey; named: FileName } {
  const project = claimed ?? guessProject(filename) ?? "";
  const key = parseName(project);
  if (key === undefined)
    throw invalid(`'${project.slice(0, 200)}' cannot be the name of a Python project (PEP 508).`);
  const named = parseFileName(filename, key.name);
  const shown = `'${filename.slice(0, 200)}'`;
  if (named === undefined || !isVersion(named.version))
    throw invalid(
      `${shown} is not a file name of project ${key.name}: a wheel is NAME-VERSION-PYTHON-ABI-PLATFORM.whl, an sdist NAME-VERSION.tar.gz, with a version by PEP 440.`,
    );
  if (named.kind === "egg" || (named.kind === "sdist" && !/\.(?:tar\.gz|zip)$/.test(filename)))
    throw invalid(
      `${shown} is of a kind that is not taken here; upload a wheel, or an sdist as .tar.gz or .zip.`,
    );
  return { key, named };
}

async function record(
  { registry, now, spellings }: UploadDeps,
  request: DoorRequest,
  fields: Fields,
  arrived: Arrived,
): Promise<string> {
  const { key, filename, named, writer, staged } = arrived;
  checkForm(fields, arrived);
  await checkDigests(fields, arrived);
  const metadata = readUploadedMetadata(arrived.metadata, named, key.name);
  const provenance = readAttestations(fields.get("attestations")?.[0], arrived, request.caller.name);
  const view = await registry.view(request.repository, key);
  const published = field(metadata, "version") as string;
  const version = (await spellings.of(view, published)) ?? published;
  await refuseCaseTwin(registry, request, key, version, filename);
  const note: FileNote = {
    uploadTime: new Date(now()).toISOString(),
    ...requiresPython(field(metadata, "requires_python")),
    ...(named.kind === "wheel" ? { metadata: arrived.metadataSha256 } : {}),
    ...(provenance === undefined ? {} : { attested: true as const }),
  };
  const assets: PublishedAsset[] = [{ name: filename, writer, staged, document: JSON.stringify(note) }];
  const beside = await stageProvenance(registry, request, key, version, arrived, provenance);
  if (beside !== undefined) assets.push(beside);
  const texts: VersionTexts = {
    metadata: describe(metadata, field(metadata, "name") as string),
    document: keep(metadata),
    brief: named.kind,
  };
  try {
    return await registry.publish(
      request.repository,
      {
        key,
        version,
        assets,
        tags: [],
        assembly: "open",
        ...texts,
        // A wheel's metadata is final; an sdist's may leave to the build what it needs.
        join: ({ metadata: known, document, brief }) =>
          brief === "sdist" && named.kind === "wheel" ? texts : { metadata: known, document, brief },
      },
      request,
    );
  } catch (error) {
    await beside?.writer.discard();
    throw error;
  }
}

/** On file systems that do not tell cases apart the second would overwrite the first. */
async function refuseCaseTwin(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
  version: string,
  filename: string,
): Promise<void> {
  const held = await registry.heldVersion(repository, key, version);
  const twin = held?.assets.find(
    ({ name }) => name !== filename && name.toLowerCase() === filename.toLowerCase(),
  );
  if (twin === undefined) return;
  throw conflict(
    `Version ${version} of ${key.name} has the file ${twin.name} already, which differs from ${filename} in case only.`,
    "asset",
    filename,
  );
}

function requiresPython(text: string | undefined): Pick<FileNote, "requiresPython"> {
  return text === undefined ? {} : { requiresPython: text };
}

/** The form is what a reviewer of the client's log reads, the file is what gets installed: they must be of one thing. */
function checkForm(fields: Fields, { key, named, filename }: Arrived): void {
  const one = (name: string): string | undefined => {
    const values = fields.get(name) ?? [];
    if (values.length > 1) throw invalid(`The upload form has the field '${name}' more than once.`);
    return values[0];
  };
  const action = one(":action");
  if (action !== "file_upload")
    throw invalid(`':action' must be 'file_upload', not '${action?.slice(0, 50) ?? ""}'.`);
  const protocol = one("protocol_version") ?? "1";
  if (protocol !== "1") throw invalid(`protocol_version must be 1, not '${protocol.slice(0, 50)}'.`);
  const name = one("name");
  if (name === undefined || normalizeName(name) !== key.name)
    throw invalid(`The form's name '${name?.slice(0, 200) ?? ""}' is not that of the file ${filename}.`);
  const version = one("version") ?? "";
  if (!isVersion(version))
    throw invalid(`The form's version '${version.slice(0, 200)}' is not a version by PEP 440.`);
  if (versionKey(version) !== versionKey(named.version))
    throw invalid(`The form's version ${version} is not that of the file ${filename}.`);
  const type = one("filetype");
  const expected = named.kind === "wheel" ? "bdist_wheel" : "sdist";
  if (type !== undefined && type !== expected)
    throw invalid(
      `The form's filetype '${type.slice(0, 50)}' does not fit ${filename}; it would be ${expected}.`,
    );
}

const BLAKE2B = "blake2_256_digest";

/** Every digest that was sent is checked; the sender's hex may be in upper case. */
async function checkDigests(fields: Fields, { staged, blake2b, filename, writer }: Arrived): Promise<void> {
  const computed: Readonly<Record<string, () => string | Promise<string>>> = {
    md5_digest: () => staged.digests.md5,
    sha256_digest: () => staged.digests.sha256,
    [BLAKE2B]: () => blake2b ?? hashAgain(writer, staged.size),
  };
  for (const [name, compute] of Object.entries(computed)) {
    const sent = (fields.get(name) ?? []).filter((text) => text !== "");
    const actual = sent.length === 0 ? "" : await compute();
    for (const text of sent)
      if (text.toLowerCase() !== actual)
        throw invalid(
          `The form's ${name} '${text.slice(0, 100)}' is not that of the bytes of ${filename}, which is ${actual}.`,
        );
  }
}

const HASH_BYTES = 256 * 1024;

/** For a form that claims it behind the file. */
async function hashAgain(writer: BlobWriter, size: number): Promise<string> {
  const blake2b = createBlake2b256();
  for (let at = 0; at < size; at += HASH_BYTES)
    blake2b.update(await writer.readAt(at, Math.min(HASH_BYTES, size - at)));
  return blake2b.hex();
}
