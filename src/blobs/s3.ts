// Blobs as objects of an S3 bucket, named after their SHA-256; bytes wait for their commit in a local staging folder.
import type { BlobStore, StagedBlob } from "./blob-store.ts";
import { absent, checkSize, isSha256 } from "./range.ts";
import { isAbsence, openS3, parseS3Url, type S3, troubleOf } from "./s3-client.ts";
import { startAbortingUploads } from "./s3-leftovers.ts";
import { presign } from "./s3-presign.ts";
import { openObject } from "./s3-read.ts";
import { type ObjectPlace, upload } from "./s3-upload.ts";
import { Spool } from "./spool.ts";
import { openStaging } from "./staging.ts";
import { createWriter } from "./writer.ts";

export interface S3Options {
  /** See `parseS3Url`. */
  readonly url: string;
  /** Where bytes wait for their commit. */
  readonly stagingDirectory: string;
  /** Blobs up to this size wait in memory. Default 2 MiB. */
  readonly memoryBytesMax?: number;
  /** See DiskOptions. */
  readonly leftBeforeMs?: number;
  /** A store from which nothing has come for so long does not answer. Default 20 s. */
  readonly silenceMs?: number;
  /** Whether to remove what uploads that were cut off have left in the bucket. */
  readonly removesLeftovers?: boolean;
}

const SILENCE_MS = 20_000;

/**
 * Opens the store. Endpoint, region and credentials come from the standard AWS variables and files, unless the URL says
 * otherwise. Asks nothing of it yet: see `probe`. Every method rejects with a 503 Fault when the store fails or does
 * not answer.
 */
export async function createS3Store(options: S3Options): Promise<BlobStore> {
  const where = parseS3Url(options.url);
  const s3 = await openS3(where, options.silenceMs ?? SILENCE_MS);
  const { bucket, sdk } = s3;
  const prefix = `${where.prefix}sha256/`;
  await openStaging(options.stagingDirectory, options.leftBeforeMs);
  const leftovers = options.removesLeftovers === true ? startAbortingUploads(s3, prefix) : undefined;

  const place = (sha256: string): ObjectPlace => {
    if (!isSha256(sha256)) throw absent(sha256);
    return { Bucket: bucket, Key: `${prefix}${sha256.slice(0, 2)}/${sha256}` };
  };
  const told = async <T>(work: Promise<T>, sha256?: string): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw sha256 !== undefined && isAbsence(error) ? absent(sha256) : troubleOf(error, where);
    }
  };

  const store: BlobStore = {
    async create(expected) {
      const spool = new Spool({
        folder: options.stagingDirectory,
        memoryBytesMax: options.memoryBytesMax ?? 2 * 1024 * 1024,
        sizeExpected: expected?.size,
      });
      const keep = (bytes: Spool, staged: StagedBlob) =>
        told(upload(s3, place(staged.digests.sha256), bytes, staged));
      return createWriter(spool, { keep, open: (sha256) => store.open(sha256) });
    },
    async stat(sha256) {
      if (!isSha256(sha256)) return undefined;
      try {
        const { ContentLength } = await s3.send(() => new sdk.HeadObjectCommand(place(sha256)));
        return { size: ContentLength ?? 0 };
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw troubleOf(error, where);
      }
    },
    async open(sha256, range) {
      return (await told(openObject(s3, place(sha256), range), sha256)).stream;
    },
    async read(sha256, bytesMax) {
      const { stream, bytes } = await told(openObject(s3, place(sha256), undefined), sha256);
      try {
        checkSize(sha256, bytes, bytesMax);
        return Buffer.concat(await stream.toArray());
      } finally {
        stream.destroy();
      }
    },
    async presign(sha256, { lifeSeconds, contentType, disposition }) {
      const { client } = s3;
      const at = await addressOf(s3, place(sha256));
      const [credentials, region] = [await told(client.config.credentials()), await client.config.region()];
      const query = {
        "response-content-type": contentType,
        "response-content-disposition": disposition,
      };
      return presign({ ...at, query, credentials, region, now: new Date(), lifeSeconds });
    },
    async delete(sha256) {
      if (isSha256(sha256)) await told(s3.send(() => new sdk.DeleteObjectCommand(place(sha256))));
    },
    async setAside(sha256) {
      if ((await store.stat(sha256)) === undefined) return undefined;
      const Key = `${where.prefix}damaged/${sha256}-${Date.now()}`;
      const CopySource = encodeURI(`${bucket}/${place(sha256).Key}`);
      await told(s3.send(() => new sdk.CopyObjectCommand({ Bucket: bucket, Key, CopySource })));
      await store.delete(sha256);
      return `s3://${bucket}/${Key}`;
    },
    async *list(start = "") {
      const Prefix = start.length < 2 ? prefix + start : `${prefix}${start.slice(0, 2)}/${start}`;
      for (let ContinuationToken: string | undefined; ; ) {
        const question = { Bucket: bucket, Prefix, ContinuationToken };
        const page = await told(s3.send(() => new sdk.ListObjectsV2Command(question)));
        for (const { Key = "", Size = 0, LastModified } of page.Contents ?? []) {
          const sha256 = Key.slice(prefix.length + 3);
          if (isSha256(sha256)) yield { sha256, size: Size, modifiedMs: LastModified?.getTime() ?? 0 };
        }
        ContinuationToken = page.NextContinuationToken;
        if (ContinuationToken === undefined) return;
      }
    },
    async probe() {
      const question = { Bucket: bucket, Prefix: prefix, MaxKeys: 1 };
      await told(s3.send(() => new sdk.ListObjectsV2Command(question)));
    },
    async close() {
      leftovers?.stop();
      s3.client.destroy();
    },
  };
  return store;
}

/** Where the SDK would send a GET of the object: it knows how buckets become hosts. */
async function addressOf(s3: S3, place: ObjectPlace) {
  const command = new s3.sdk.GetObjectCommand(place);
  let found: { readonly protocol: string; readonly host: string; readonly path: string } | undefined;
  command.middlewareStack.add(
    () => async (args) => {
      const { protocol, hostname, port, path } = args.request as Record<string, string | undefined>;
      const host = `${hostname}${port === undefined ? "" : `:${port}`}`;
      found = { protocol: protocol ?? "https:", host, path: path ?? "/" };
      return { response: undefined, output: { $metadata: {} } };
    },
    { step: "build", priority: "low", name: "addressOnly" },
  );
  await s3.client.send(command);
  if (found === undefined) throw new Error("The S3 client told no address.");
  return found;
}
