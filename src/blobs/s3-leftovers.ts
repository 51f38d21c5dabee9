// Uploads in parts that nobody will end: a node that was killed leaves them, and a bucket keeps and charges them unseen.
import type { ListMultipartUploadsCommandOutput } from "@aws-sdk/client-s3";
import type { S3 } from "./s3-client.ts";

/** No upload takes so long. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;
const LOOK_EVERY_MS = 6 * 60 * 60_000;

/** Aborts the uploads below the prefix that began before `beforeMs`; tells how many. */
export async function abortUploads(s3: S3, prefix: string, beforeMs: number): Promise<number> {
  let aborted = 0;
  for await (const { Key, UploadId, Initiated } of listUploads(s3, prefix)) {
    if (Initiated === undefined || Initiated.getTime() >= beforeMs) continue;
    await s3.send(() => new s3.sdk.AbortMultipartUploadCommand({ Bucket: s3.bucket, Key, UploadId }));
    aborted++;
  }
  return aborted;
}

async function* listUploads(s3: S3, prefix: string) {
  let after: Pick<ListMultipartUploadsCommandOutput, "NextKeyMarker" | "NextUploadIdMarker"> = {};
  for (;;) {
    const question = {
      Bucket: s3.bucket,
      Prefix: prefix,
      KeyMarker: after.NextKeyMarker,
      UploadIdMarker: after.NextUploadIdMarker,
    };
    const page = await s3.send(() => new s3.sdk.ListMultipartUploadsCommand(question));
    yield* page.Uploads ?? [];
    if (page.IsTruncated !== true) return;
    after = page;
  }
}

/** Looks for them now and every few hours. A store that does not let itself be asked has a rule of its own for them. */
export function startAbortingUploads(s3: S3, prefix: string): { stop(): void } {
  const look = (): void => {
    abortUploads(s3, prefix, Date.now() - ABANDONED_AFTER_MS).catch(() => {});
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}
