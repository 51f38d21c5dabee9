// Where an installation's rows and bytes are, as the command line says it: a data folder, a database, a bucket.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { BlobStore } from "../blobs/blob-store.ts";
import { createDiskStore } from "../blobs/disk.ts";

export interface Place {
  /** A `postgres://` URL or the path of a SQLite file. */
  readonly database: string;
  /** An `s3://` URL or a folder. */
  readonly blobs: string;
  /** Where `credentials` and `upstreams.json` are; undefined: nowhere. */
  readonly data: string | undefined;
}

export function isPostgres(location: string): boolean {
  return /^postgres(ql)?:\/\//.test(location);
}

/**
 * Reads words such as `./data` or `postgres://… s3://…`. What they do not name is inside the folder when one is given,
 * else where `other` has it. Throws, saying what is missing, when it is nowhere.
 */
export function readPlace(words: readonly string[], cwd: string, other?: Place): Place {
  const one = (what: string, which: (word: string) => boolean): string | undefined => {
    const [first, second] = words.filter(which);
    if (second !== undefined) throw new Error(`'${first}' and '${second}' are both ${what}: give one`);
    return first;
  };
  const unknown = words.find((word) => /^[a-z0-9+]+:\/\//i.test(word) && !isPostgres(word) && !isS3(word));
  if (unknown !== undefined)
    throw new Error(`'${unknown}' is neither a folder nor a postgres:// or s3:// URL`);
  const folder = one("folders", (word) => !isPostgres(word) && !isS3(word));
  const data = folder === undefined ? undefined : resolve(cwd, folder);
  const database =
    one("databases", isPostgres) ?? (data && join(data, "portcullis.sqlite")) ?? other?.database;
  const blobs = one("blob stores", isS3) ?? (data && join(data, "blobs")) ?? other?.blobs;
  if (database === undefined)
    throw new Error("say where the database is: a data folder or a postgres:// URL");
  if (blobs === undefined) throw new Error("say where the blobs are: a data folder or an s3:// URL");
  return { database, blobs, data };
}

function isS3(location: string): boolean {
  return location.startsWith("s3://");
}

/** Opens a blob store; an S3 store's staging is in the data folder where there is one. */
export async function openBlobPlace(blobs: string, data: string | undefined): Promise<BlobStore> {
  if (!isS3(blobs)) {
    await mkdir(dirname(blobs), { recursive: true, mode: 0o700 }); // a data folder holds keys
    return createDiskStore({ directory: blobs });
  }
  const { createS3Store } = await import("../blobs/s3.ts");
  const folder = data === undefined ? await mkdtemp(join(tmpdir(), "portcullis-staging-")) : undefined;
  const store = await createS3Store({
    url: blobs,
    stagingDirectory: folder ?? join(data as string, "staging"),
  });
  return {
    ...store,
    async close() {
      await store.close();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
