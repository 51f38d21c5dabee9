// `portcullis verify`: reads every stored blob, holds it against the rows, and repairs what a public registry still has.
import { mkdir } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { openParts, openRows } from "../app.ts";
import { createLog } from "../http/log.ts";
import { createProgress, printBytes } from "../moving/progress.ts";
import type { RegistryDeps } from "../registry/deps.ts";
import type { Finding, Totals } from "../upkeep/verify.ts";
import { verify } from "../upkeep/verify.ts";
import { type BlobPlaceOptions, print, readConfig, withBlobs } from "./database.ts";

interface VerifyCommandOptions extends BlobPlaceOptions {
  readonly repair?: boolean;
  readonly json?: boolean;
  readonly rate?: number;
  readonly atOnce: number;
}

export function verifyCommand(): Command {
  return withBlobs(new Command("verify"))
    .description(
      "read every stored file and compare it with what was recorded; a server may run. Exit code 1: something is damaged",
    )
    .option(
      "--repair",
      "take corrupt files out of reach, and fetch again from public registries what has the recorded digest there",
    )
    .option("--rate <MB>", "read no more than so many megabytes a second", positive)
    .option("--at-once <N>", "files read at a time", positive, 4)
    .option("--json", "one JSON object per finding, then one with the totals")
    .action(run);
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0 && number < 1e9)) throw new InvalidArgumentError("it must be a number above 0");
  return number;
}

async function run(options: VerifyCommandOptions): Promise<void> {
  await withParts(options, async (deps) => {
    const progress = createProgress(process.stderr);
    progress.begin("verify");
    const totals = await verify(deps, {
      repair: options.repair === true,
      atOnce: Math.ceil(options.atOnce),
      bytesPerSecond: options.rate && options.rate * 1e6,
      onFinding: (finding) => print(options.json === true ? `${JSON.stringify(finding)}\n` : textOf(finding)),
      onProgress: (done, { blobs, bytes }) =>
        progress.tell(`${Math.floor(done * 100)}%, ${blobs} files, ${printBytes(bytes)}`),
    });
    progress.end();
    print(options.json === true ? `${JSON.stringify({ totals })}\n` : summaryOf(totals));
    if (totals.corrupt + totals.missing + totals.misrecorded > totals.repaired) process.exitCode = 1;
  });
}

async function withParts(
  options: BlobPlaceOptions,
  work: (deps: RegistryDeps) => Promise<void>,
): Promise<void> {
  const config = readConfig(options);
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const log = createLog("error");
  const database = await openRows(config, log);
  const { deps, connections } = await openParts(config, database, log, { leads: false, shared: true });
  try {
    await work(deps);
  } finally {
    await connections.close();
    await deps.upstream.close();
    await deps.blobs.close();
    await database.close();
  }
}

function textOf({ problem, sha256, bytes, detail, affected, setAside, repair }: Finding): string {
  const lines = [`${problem} ${sha256} (${printBytes(bytes)})${detail === undefined ? "" : `: ${detail}`}`];
  for (const use of affected)
    lines.push(
      `  ${use.domain}/${use.repository}: ${use.package} ${use.version} ${use.asset} (${use.origin})`,
    );
  if (setAside !== undefined) lines.push(`  the corrupt bytes are kept at ${setAside}`);
  if (repair?.repaired === true) lines.push(`  repaired from ${repair.from}`);
  if (repair?.repaired === false) lines.push(...repair.because.map((why) => `  not repaired: ${why}`));
  return `${lines.join("\n")}\n`;
}

function summaryOf(totals: Totals): string {
  const { blobs, bytes, corrupt, missing, misrecorded, unused, unusedBytes, repaired } = totals;
  const damage = `${corrupt} corrupt, ${missing} missing, ${misrecorded} recorded wrongly`;
  return `${blobs} files (${printBytes(bytes)}) read: ${damage}, ${repaired} repaired; ${unused} unused (${printBytes(unusedBytes)}), which the server's sweep deletes\n`;
}
