// `portcullis backup`: everything of this installation into a folder, beside a running server.
import { join, resolve } from "node:path";
import { Command } from "commander";
import { makeBackup } from "../moving/backup.ts";
import { openBlobPlace } from "../moving/places.ts";
import { createProgress, printBytes } from "../moving/progress.ts";
import type { BlobPlaceOptions } from "./database.ts";
import { print, readConfig, withBlobs } from "./database.ts";

interface BackupCommandOptions extends BlobPlaceOptions {
  readonly to: string;
  readonly check?: boolean;
  readonly allowDamage?: boolean;
  readonly waitSeconds: string;
}

export function backupCommand(): Command {
  return withBlobs(new Command("backup"))
    .description(
      "copy all rows, as they are at one moment, and all their blobs into a folder; a server may run",
    )
    .requiredOption(
      "--to <DIR>",
      "the folder of backups; it will hold secrets, and only what is new is copied",
    )
    .option("--check", "hash the blobs that earlier backups have put there, too")
    .option("--allow-damage", "finish although blobs are missing or damaged; the manifest lists them")
    .option("--wait-seconds <N>", "how long to wait for a sweep or another backup to end", "90")
    .action(backup);
}

async function backup(options: BackupCommandOptions): Promise<void> {
  const { data, database, databaseOptions, blobs } = readConfig(options);
  const store = await openBlobPlace(blobs ?? join(data, "blobs"), data);
  try {
    const { folder, rows, contents } = await makeBackup({
      // A pooler of transactions would keep neither a snapshot's connection nor a lease's.
      database: databaseOptions.session ?? database ?? join(data, "portcullis.sqlite"),
      blobs: store,
      data,
      to: resolve(options.to),
      check: options.check === true,
      allowDamage: options.allowDamage === true,
      waitMs: Number(options.waitSeconds) * 1_000,
      now: Date.now,
      progress: createProgress(process.stderr),
    });
    print(
      `${folder}: ${rows} rows, ${contents.blobs} blobs (${printBytes(contents.bytes)}), ${contents.copied} of them copied now\n`,
    );
    for (const { sha256, problem } of contents.damaged) print(`not in the backup: ${sha256}: ${problem}\n`);
  } finally {
    await store.close();
  }
}
