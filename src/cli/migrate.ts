// `portcullis migrate`: an installation moves to another database or blob store.
import { Command } from "commander";
import { migratePlace } from "../moving/migrate.ts";
import type { Place } from "../moving/places.ts";
import { readPlace } from "../moving/places.ts";
import { createProgress, printBytes } from "../moving/progress.ts";
import { print } from "./database.ts";

interface MigrateOptions {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly ahead?: boolean;
  readonly check?: boolean;
}

export function migrateCommand(): Command {
  return new Command("migrate")
    .description(
      "carry all rows and blobs to another database or blob store, from ./data to postgres://… s3://… or back; the server is stopped meanwhile",
    )
    .requiredOption("--from <PLACE...>", "data folder, or postgres:// and s3:// URLs, or some of each")
    .requiredOption("--to <PLACE...>", "what is not named stays where it is")
    .option(
      "--ahead",
      "carry what there is while the server runs; a run without it then has little left to carry",
    )
    .option("--check", "hash blobs that are in place already, too")
    .action(migrate);
}

async function migrate(options: MigrateOptions): Promise<void> {
  const from = readPlace(options.from, process.cwd());
  const to = readPlace(options.to, process.cwd(), from);
  const { ahead = false, check = false } = options;
  const progress = createProgress(process.stderr);
  const { rows, contents } = await migratePlace({ from, to, ahead, check, progress });
  progress.end();
  const copied = `${rows} rows, ${contents.blobs} blobs (${printBytes(contents.bytes)}), ${contents.copied} of them copied now`;
  if (ahead)
    print(`carried ahead: ${copied}; stop the server and run the same without --ahead to end the move\n`);
  else print(`moved: ${copied}; the rows of both sides were compared and are the same\n${next(to)}`);
}

/** How the moved installation is served. */
function next({ database, blobs, data }: Place): string {
  const flags = [
    ...(data === undefined ? [] : [`--data ${data}`]),
    ...(database.startsWith("postgres") ? ["--database …"] : []),
    ...(blobs.startsWith("s3://") ? [`--blobs ${blobs}`] : []),
  ];
  const files =
    data === undefined ? "give every node a data folder with the upstreams.json of the old one; " : "";
  return `${files}serve it with: portcullis serve ${flags.join(" ")}\nthe cache of public registries' documents was not carried: it fills again by itself\n`;
}
