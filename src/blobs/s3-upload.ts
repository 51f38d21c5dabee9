// Blobs on their way to an S3-compatible store: once only where the store can tell, in parts when large, each part with its digest.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { unavailable } from "../core/faults.ts";
import type { StagedBlob } from "./blob-store.ts";
import type { Attempt } from "./persist.ts";
import { isAbsence, type S3, statusOf } from "./s3-client.ts";
import type { Spool } from "./spool.ts";

/** Larger blobs go up in parts of this size, so that a part that failed is sent again alone. S3 takes 10,000 parts. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_MAX = 10_000;
const PARTS_AT_ONCE = 4;
/** Small enough that hashing one does not hold up others, large enough to be worth a read. */
const PIECE_BYTES = 256 * 1024;

export interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

/** Puts the blob there unless it is. The object appears whole or not at all, whichever way it goes up. */
export async function upload(s3: S3, place: ObjectPlace, spool: Spool, staged: StagedBlob): Promise<void> {
  if (staged.size <= PART_BYTES) return putWhole(s3, place, spool, staged);
  // Sending much for nothing costs more than asking.
  if (!(await isThere(s3, place, staged))) await putInParts(s3, place, spool, staged);
}

/** Another object of that name that is not the blob, such as one cut short by a copying tool, does not count. */
async function isThere(s3: S3, place: ObjectPlace, { size, digests }: StagedBlob): Promise<boolean> {
  try {
    const found = await s3.send(() => new s3.sdk.HeadObjectCommand(place));
    const tag = found.ETag?.replaceAll('"', "") ?? "";
    const tagIsMd5 =
      /^[0-9a-f]{32}$/.test(tag) &&
      found.SSECustomerAlgorithm === undefined &&
      !(found.ServerSideEncryption ?? "").startsWith("aws:kms");
    return found.ContentLength === size && (!tagIsMd5 || tag === digests.md5);
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function putWhole(s3: S3, place: ObjectPlace, spool: Spool, staged: StagedBlob): Promise<void> {
  const put = (condition: { IfNoneMatch?: "*" }) =>
    s3.send((attempt) => {
      const command = new s3.sdk.PutObjectCommand({
        ...place,
        ...condition,
        Body: bodyOf(spool, 0, staged.size, attempt),
        ContentLength: staged.size,
        ContentMD5: base64(staged.digests.md5),
        ChecksumSHA256: base64(staged.digests.sha256),
      });
      signWith(command, staged.digests.sha256);
      return command;
    });
  if (s3.unconditional) return void (await put({}));
  try {
    await put({ IfNoneMatch: "*" });
  } catch (error) {
    if (isUnknownCondition(error)) s3.unconditional = true;
    else if (statusOf(error) !== 412) throw error;
    else if (await isThere(s3, place, staged)) return;
    await put({});
  }
}

/** Some stores answer so where they do not know a condition; the others leave it out of account. */
function isUnknownCondition(error: unknown): boolean {
  return statusOf(error) === 501 || (error instanceof Error && error.name === "NotImplemented");
}

async function putInParts(s3: S3, place: ObjectPlace, spool: Spool, staged: StagedBlob): Promise<void> {
  const { UploadId } = await s3.send(() => new s3.sdk.CreateMultipartUploadCommand(place));
  if (UploadId === undefined) throw unavailable("The blob store began no upload.");
  try {
    const parts = await sendParts(s3, { ...place, UploadId }, spool, staged.size);
    await complete(s3, { ...place, UploadId }, parts, staged);
  } catch (error) {
    // What a store that is gone keeps of it is removed after a day: see s3-leftovers.ts.
    await s3.client
      .send(new s3.sdk.AbortMultipartUploadCommand({ ...place, UploadId }), {
        abortSignal: AbortSignal.timeout(s3.silenceMs / 2),
      })
      .catch(() => {});
    throw error;
  }
}

interface Upload extends ObjectPlace {
  readonly UploadId: string;
}

interface SentPart extends CompletedPart {
  readonly md5: string;
}

/** Resolves or rejects only when no part is under way any more. */
async function sendParts(s3: S3, upload: Upload, spool: Spool, size: number): Promise<SentPart[]> {
  const bytes = Math.max(PART_BYTES, Math.ceil(size / PARTS_MAX));
  const parts: SentPart[] = [];
  const starts = Array.from({ length: Math.ceil(size / bytes) }, (_, i) => i * bytes);
  const work = async (): Promise<void> => {
    for (let start = starts.shift(); start !== undefined; start = starts.shift()) {
      const number = start / bytes + 1;
      parts[number - 1] = await sendPart(s3, upload, spool, number, start, Math.min(start + bytes, size));
    }
  };
  const workers = Array.from({ length: PARTS_AT_ONCE }, () =>
    work().catch((error: unknown) => {
      starts.length = 0; // the others begin no more parts
      throw error;
    }),
  );
  for (const end of await Promise.allSettled(workers)) if (end.status === "rejected") throw end.reason;
  return parts;
}

async function sendPart(
  s3: S3,
  upload: Upload,
  spool: Spool,
  number: number,
  start: number,
  end: number,
): Promise<SentPart> {
  const hash = createHash("md5");
  for await (const piece of pieces(spool, start, end)) hash.update(piece);
  const md5 = hash.digest("hex");
  const { ETag } = await s3.send((attempt) => {
    const command = new s3.sdk.UploadPartCommand({
      ...upload,
      PartNumber: number,
      Body: bodyOf(spool, start, end, attempt),
      ContentLength: end - start,
      ContentMD5: base64(md5),
    });
    signWith(command, "UNSIGNED-PAYLOAD");
    return command;
  });
  return { PartNumber: number, ETag, md5 };
}

async function complete(
  s3: S3,
  upload: Upload,
  parts: readonly SentPart[],
  staged: StagedBlob,
): Promise<void> {
  const place = { Bucket: upload.Bucket, Key: upload.Key };
  const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
  try {
    await s3.send(() => new s3.sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  } catch (error) {
    // An attempt whose answer was lost may have ended the upload.
    if (!isAbsence(error)) throw error;
  }
  const found = await s3.send(() => new s3.sdk.HeadObjectCommand(place));
  const tag = composedTag(parts);
  if (found.ContentLength === staged.size && (tag === undefined || tag === found.ETag)) return;
  await s3.send(() => new s3.sdk.DeleteObjectCommand(place));
  throw unavailable(
    `The blob store holds ${found.ContentLength} bytes as ${found.ETag} of an upload of ${staged.size} as ${tag}. Nothing was recorded by this request; it may be sent again.`,
  );
}

/** What the store must call the whole, where it calls the parts by their MD5; with some encryptions it does not. */
function composedTag(parts: readonly SentPart[]): string | undefined {
  if (parts.some(({ ETag, md5 }) => ETag !== `"${md5}"`)) return undefined;
  const hash = createHash("md5");
  for (const { md5 } of parts) hash.update(md5, "hex");
  return `"${hash.digest("hex")}-${parts.length}"`;
}

async function* pieces(
  spool: Spool,
  start: number,
  end: number,
  moved?: () => void,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const piece = await spool.readAt(at, Math.min(PIECE_BYTES, end - at));
    at += piece.length;
    moved?.();
    yield piece;
  }
}

/** Made anew for each attempt. */
function bodyOf(spool: Spool, start: number, end: number, { signal, moved }: Attempt): Uint8Array | Readable {
  if (end - start <= PIECE_BYTES && spool.path === undefined) return spool.bytes.subarray(start, end);
  const body = Readable.from(pieces(spool, start, end, moved), { objectMode: false });
  body.on("error", () => {});
  signal.addEventListener("abort", () => body.destroy(), { once: true });
  return body;
}

/** The digest of the body that is signed: known already, where the SDK would compute it again or could not. */
function signWith(
  command:
    | { readonly middlewareStack: InstanceType<S3["sdk"]["PutObjectCommand"]>["middlewareStack"] }
    | object,
  sha256: string,
): void {
  const { middlewareStack } = command as InstanceType<S3["sdk"]["PutObjectCommand"]>;
  middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers["x-amz-content-sha256"] = sha256;
      return next(args);
    },
    { step: "build", name: "signedPayload" },
  );
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}
