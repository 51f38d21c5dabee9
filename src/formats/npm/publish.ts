// PUT of a package: a publish, streamed into a blob and through the tarball's own manifest at the same time, or a change of metadata.
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendJson } from "../answers.ts";
import { bodyChunks, requireJson } from "../body.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { differences } from "./agreement.ts";
import { checkDeclaredDist, describe, parseBody, readPublish } from "./documents.ts";
import { ASSET_NAME, nameOf } from "./names.ts";
import { createPublishBodyScanner, type PublishBody, REST_BYTES_MAX } from "./publish-body.ts";
import { createTarballReader, type Packed, type TarballReader } from "./tarball.ts";
import { makeVersionTexts } from "./version-text.ts";

/** An upload that is complete and unpacked, but not recorded yet. */
interface Upload {
  readonly writer: BlobWriter;
  readonly staged: StagedBlob;
  readonly packed: Packed;
}

interface Received {
  readonly body: PublishBody;
  readonly upload: Upload | undefined;
}

export interface PublishDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
  /** Takes a body that carries no tarball. */
  readonly update: (request: DoorRequest, key: PackageKey, rest: Buffer) => Promise<void>;
}

/** Answers `PUT /{name}`. Whatever goes wrong, nothing of the upload is kept. */
export async function putPackage(deps: PublishDeps, request: DoorRequest, key: PackageKey): Promise<void> {
  requireJson(request.req);
  const { body, upload } = await receive(deps, request, key);
  if (upload === undefined) return deps.update(request, key, body.rest);
  try {
    await record(deps, request, key, body, upload);
  } catch (error) {
    await upload.writer.discard();
    throw error;
  }
}

/**
 * Only the body tells a publish from a deprecation, which needs another right and is not refused by origin control. So
 * admission is asked at the tarball's first byte, before anything is kept; npm sends only the manifest before that.
 */
async function receive(
  { registry, limits }: PublishDeps,
  request: DoorRequest,
  key: PackageKey,
): Promise<Received> {
  const { req } = request;
  const scanner = createPublishBodyScanner({
    restBytesMax: REST_BYTES_MAX,
    bodyBytesMax: limits.requestBytesMax,
  });
  let size = 0;
  let writer: BlobWriter | undefined;
  let tarball: TarballReader | undefined;
  try {
    for await (const chunk of bodyChunks(req, limits.requestBytesMax)) {
      for (const bytes of scanner.push(chunk)) {
        if (writer === undefined) {
          await registry.admitPublish(request.repository, key, request);
          writer = await registry.stageBlob(expectedSize(req.headers["content-length"]));
        }
        tarball ??= createTarballReader();
        size += bytes.length;
        if (size > limits.assetBytesMax) throw tooLarge(limits.assetBytesMax);
        await Promise.all([writer.write(bytes), tarball.write(bytes)]);
      }
    }
    const body = scanner.end();
    if (body.attachment === undefined) return { body, upload: undefined };
    if (writer === undefined || tarball === undefined) throw invalid("The attachment is empty.");
    const [staged, packed] = await Promise.all([writer.finish(), tarball.finish()]);
    return { body, upload: { writer, staged, packed } };
  } catch (error) {
    tarball?.destroy();
    await writer?.discard();
    throw error;
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault(
    "PayloadTooLarge",
    `The tarball is larger than ${bytesMax} bytes, the most that is taken here.`,
  );
}

/** Base64 is four thirds of the bytes; the manifest beside it makes this a guess from above. */
function expectedSize(contentLength: string | undefined): { readonly size?: number } {
  return contentLength === undefined ? {} : { size: Math.floor(Number(contentLength) * 0.75) };
}

async function record(
  { registry }: PublishDeps,
  request: DoorRequest,
  key: PackageKey,
  body: PublishBody,
  upload: Upload,
): Promise<void> {
  const { staged, packed, writer } = upload;
  const { attachment } = body;
  if (attachment === undefined) throw new Error("an upload without an attachment");
  const publish = readPublish(parseBody(body.rest), key, attachment);
  checkDeclaredDist(publish.manifest, staged.digests);
  refuseDisagreement(differences(publish.manifest, packed));
  const name = nameOf(key);
  const texts = makeVersionTexts(
    { ...publish.manifest, _npmUser: { name: request.caller.name, email: "" } },
    distOf(upload),
    {
      readme: publish.readme,
      builds: packed.builds,
    },
  );
  const outcome = await registry.publish(
    request.repository,
    {
      key,
      version: publish.version,
      assets: [{ name: ASSET_NAME, writer, staged }],
      metadata: describe(publish.manifest, name),
      ...texts,
      tags: publish.tags,
    },
    request,
  );
  sendJson(request, outcome === "published" ? 201 : 200, {
    ok: true,
    id: name,
    version: publish.version,
    success: true,
  });
}

const DIFFERENCES_SHOWN = 5;

/** Manifest confusion: what a reviewer reads and what gets installed must be one thing. */
function refuseDisagreement(found: readonly string[]): void {
  if (found.length === 0) return;
  const more = found.length > DIFFERENCES_SHOWN ? ` And ${found.length - DIFFERENCES_SHOWN} more.` : "";
  const shown = found.slice(0, DIFFERENCES_SHOWN).join("; ");
  throw new Fault(
    "ValidationException",
    `The manifest sent does not agree with package.json in the tarball: ${shown}.${more}`,
    {
      reason: "FIELD_VALIDATION_FAILED",
    },
  );
}

/** Computed from the bytes that arrived, whatever the publisher declared. */
function distOf({ staged, packed }: Upload) {
  return {
    integrity: `sha512-${Buffer.from(staged.digests.sha512, "hex").toString("base64")}`,
    shasum: staged.digests.sha1,
    fileCount: packed.fileCount,
    unpackedSize: packed.unpackedBytes,
  };
}
