// `portcullis restore`: a backup into an empty place, of either kind.
import { join, resolve } from "node:path";
import { Command } from "commander";
import { openArchive } from "../moving/archive.ts";
import { createProgress, printBytes } from "../moving/progress.ts";
import { restoreBackup } from "../moving/restore.ts";
import type { BlobPlaceOptions } from "./database.ts";
import { print, readConfig, withBlobs } from "./database.ts";

interface RestoreCommandOptions extends BlobPlaceOptions {
  readonly from: string;
  readonly at?: string;
}

export function restoreCommand(): Command {
  return withBlobs(new Command("restore"))
    .description("fill an empty place with a backup; run again, it goes on where it was stopped")
    .requiredOption("--from <DIR>", "the folder of backups")
    .option("--at <TIME>", "a backup's name or how it begins, such as 2026-11-23 (default: the newest)")
    .action(restore);
}

async function restore(options: RestoreCommandOptions): Promise<void> {
  const config = readConfig(options);
  const { data, blobs = join(data, "blobs") } = config;
  const database = config.databaseOptions.session ?? config.database ?? join(data, "portcullis.sqlite");
  const from = resolve(options.from);
  const archive = await openArchive(from, options.at);
  const { rows, contents } = await restoreBackup({
    from,
    archive,
    to: { data, database, blobs },
    progress: createProgress(process.stderr),
  });
  print(
    `restored ${archive.folder}: ${rows} rows, ${contents.blobs} blobs (${printBytes(contents.bytes)}); every digest was checked\n`,
  );
  for (const { sha256, problem } of archive.manifest.damaged)
    print(`not in the backup: ${sha256}: ${problem}; 'portcullis verify' tells which assets lack it\n`);
}
