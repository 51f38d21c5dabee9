// Makes the bucket `portcullis` where there is none, as soon as the store answers; ends with 1 after a minute of trying.
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

const client = new S3Client({ forcePathStyle: true });
for (let attempt = 1; ; attempt++) {
  try {
    await client.send(new CreateBucketCommand({ Bucket: "portcullis" }));
    break;
  } catch (error) {
    if (["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].includes(error.name)) break;
    console.error(`attempt ${attempt}: ${error.name}: ${error.message}`);
    if (attempt === 30) process.exit(1);
    await sleep(2_000);
  }
}
