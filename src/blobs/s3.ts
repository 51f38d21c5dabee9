// Blobs as objects of an S3 bucket, named after their SHA-256; bytes wait for their commit in a local staging folder.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import type { BlobStore, ByteRange, StagedBlob } from "./blob-store.ts";
import { absent, checkSize, isSha256 } from "./range.ts";
import { Spool } from "./spool.ts";
import { openStaging } from "./staging.ts";
import { createWriter } from "./writer.ts";

export interface S3Options {
  /** `s3://bucket` or `s3://bucket/prefix`. */
  readonly url: string;
  /** Where bytes wait for their commit. */
  readonly stagingDirectory: string;
  /** Blobs up to this size wait in memory. Default 2 MiB. */
  readonly memoryBytesMax?: number;
  /** See DiskOptions. */
  readonly leftBeforeMs?: number;
}

/** Larger blobs go up in parts of this size, so that a part that failed is sent again alone. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

/**
 * Opens the store. Endpoint, region and credentials come from the standard AWS variables and files; with an endpoint
 * of one's own (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3) the bucket is addressed in the path. Rejects when the optional
 * packages are not installed.
 */
export async function createS3Store(options: S3Options): Promise<BlobStore> {
  const { S3Client, ...commands } = await loadClient();
  const { env } = process;
  const client = new S3Client({
    forcePathStyle: (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL) !== undefined,
    region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? "us-east-1",
    // Many servers that speak S3 lack the newer checksums; what is put here carries its MD5, which all check.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const { hostname: bucket, pathname } = new URL(options.url);
  const prefix = `${decodeURIComponent(pathname).replace(/^\/+|\/+$/g, "")}/sha256/`.replace(/^\//, "");
  const memoryBytesMax = options.memoryBytesMax ?? 2 * 1024 * 1024;
  await openStaging(options.stagingDirectory, options.leftBeforeMs);

  const place = (sha256: string) => {
    if (!isSha256(sha256)) throw absent(sha256);
    return { Bucket: bucket, Key: `${prefix}${sha256.slice(0, 2)}/${sha256}` };
  };

  const get = async (sha256: string, range?: string) => {
    const input = { ...place(sha256), ...(range === undefined ? {} : { Range: range }) };
    const { Body, ContentLength } = await client
      .send(new commands.GetObjectCommand(input))
      .catch((error: unknown) => {
        throw isAbsence(error) ? absent(sha256) : error;
      });
    if (!(Body instanceof Readable)) throw new Error("The S3 client gave no stream.");
    return { body: Body, size: ContentLength ?? 0 };
  };

  const store: BlobStore = {
    async create(expected) {
      const spool = new Spool({
        folder: options.stagingDirectory,
        memoryBytesMax,
        sizeExpected: expected?.size,
      });
      const keep = (bytes: Spool, staged: StagedBlob) =>
        upload(client, commands, place(staged.digests.sha256), bytes, staged);
      return createWriter(spool, { keep, open: (sha256) => store.open(sha256) });
    },
    async stat(sha256) {
      if (!isSha256(sha256)) return undefined;
      try {
        const { ContentLength } = await client.send(new commands.HeadObjectCommand(place(sha256)));
        return { size: ContentLength ?? 0 };
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw error;
      }
    },
    async open(sha256, range) {
      return (
        await get(sha256, range && rangeHeader(range)).catch((error: unknown) => throwRange(error, range))
      ).body;
    },
    async read(sha256, bytesMax) {
      const { body, size } = await get(sha256);
      try {
        checkSize(sha256, size, bytesMax);
        return Buffer.concat(await body.toArray());
      } finally {
        body.destroy();
      }
    },
    async delete(sha256) {
      if (isSha256(sha256)) await client.send(new commands.DeleteObjectCommand(place(sha256)));
    },
    async setAside(sha256) {
      if ((await store.stat(sha256)) === undefined) return undefined;
      const { Key } = place(sha256);
      const aside = `${prefix.slice(0, -"sha256/".length)}damaged/${sha256}-${Date.now()}`;
      const CopySource = encodeURI(`${bucket}/${Key}`);
      await client.send(new commands.CopyObjectCommand({ Bucket: bucket, Key: aside, CopySource }));
      await store.delete(sha256);
      return `s3://${bucket}/${aside}`;
    },
    async *list(start = "") {
      const Prefix = start.length < 2 ? prefix + start : `${prefix}${start.slice(0, 2)}/${start}`;
      const pages = commands.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix });
      for await (const { Contents = [] } of pages) {
        for (const { Key = "", Size = 0, LastModified } of Contents) {
          const sha256 = Key.slice(prefix.length + 3);
          if (isSha256(sha256)) yield { sha256, size: Size, modifiedMs: LastModified?.getTime() ?? 0 };
        }
      }
    },
    async probe() {
      await client.send(new commands.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
    },
    async close() {
      client.destroy();
    },
  };
  return store;
}

type Commands = Omit<Awaited<ReturnType<typeof loadClient>>, "S3Client">;

async function loadClient() {
  try {
    const [client, { Upload }] = await Promise.all([
      import("@aws-sdk/client-s3"),
      import("@aws-sdk/lib-storage"),
    ]);
    return { ...client, Upload };
  } catch (error) {
    throw new Error("Blobs in S3 need the optional packages @aws-sdk/client-s3 and @aws-sdk/lib-storage.", {
      cause: error,
    });
  }
}

/** An object appears whole or not at all, whichever way it goes up. */
async function upload(
  client: S3Client,
  { PutObjectCommand, HeadObjectCommand, Upload }: Commands,
  place: { Bucket: string; Key: string },
  spool: Spool,
  { size, digests }: StagedBlob,
): Promise<void> {
  const { path } = spool;
  if (size <= PART_BYTES || path === undefined) {
    const Body = path === undefined ? spool.bytes : await readFile(path);
    const ContentMD5 = Buffer.from(digests.md5, "hex").toString("base64");
    await client.send(new PutObjectCommand({ ...place, Body, ContentMD5, ContentLength: size }));
    return;
  }
  const Body = createReadStream(path, { highWaterMark: 1024 * 1024 });
  await new Upload({
    client,
    params: { ...place, Body },
    partSize: PART_BYTES,
    queueSize: PARTS_AT_ONCE,
  }).done();
  const { ContentLength } = await client.send(new HeadObjectCommand(place));
  if (ContentLength !== size) throw new Error(`S3 holds ${ContentLength} of ${size} bytes of ${place.Key}.`);
}

function rangeHeader({ start, end }: ByteRange): string {
  if (!(start >= 0 && start <= end)) throw new RangeError(`Bytes ${start}-${end} are no range.`);
  return `bytes=${start}-${end}`;
}

function throwRange(error: unknown, range: ByteRange | undefined): never {
  if (statusOf(error) === 416)
    throw new RangeError(`Bytes ${range?.start}-${range?.end} are not within the blob.`);
  throw error;
}

function isAbsence(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && error.name !== "NoSuchBucket";
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}
