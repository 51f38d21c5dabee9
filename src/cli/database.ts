// What the commands that manage identities share: which database, which account, and how lists are printed.
import { mkdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config.ts";
import { loadConfig } from "../config.ts";
import type { PolicyDocument } from "../core/caller.ts";
import { parsePolicy } from "../core/policy-document.ts";
import { ensureAdministrator } from "../identity/first-start.ts";
import type { GivenPolicies } from "../identity/manage.ts";
import type { Database } from "../store/database.ts";
import { openDatabase } from "../store/database.ts";

export interface PlaceOptions {
  readonly data?: string;
  readonly database?: string;
  readonly config?: string;
  readonly account?: string;
}

/** A place with its bytes. */
export interface BlobPlaceOptions extends Omit<PlaceOptions, "account"> {
  readonly blobs?: string;
}

/** The options that say where; as `serve` understands them. */
export function withPlace(command: Command): Command {
  return withRows(command).option("--account <ID>", "account, twelve digits (default: the server's)");
}

/** For commands on rows and bytes alike. */
export function withBlobs(command: Command): Command {
  return withRows(command).option("--blobs <URL>", "s3://bucket/prefix instead of the data folder");
}

function withRows(command: Command): Command {
  return command
    .option("--data <DIR>", "data folder (default ./data)")
    .option("--database <URL>", "postgres://… instead of the embedded SQLite")
    .option("--config <FILE>", "JSON file with the settings of serve");
}

export function readConfig({ data, database, blobs, config }: BlobPlaceOptions): Config {
  return loadConfig({ data, database, blobs, config }, process.env, process.cwd());
}

/** Opens the database, beside a running server or before its first start, and closes it when `work` is done. */
export async function withDatabase<T>(
  options: PlaceOptions,
  work: (database: Database, config: Config) => Promise<T>,
): Promise<T> {
  const { data, database: url, config: file, account } = options;
  const config = loadConfig({ data, database: url, config: file, account }, process.env, process.cwd());
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const database = await openDatabase(
    config.database ?? join(config.data, "portcullis.sqlite"),
    config.databaseOptions,
  );
  try {
    // An account given here is about the identity; the administrator belongs to the server's own.
    const own = loadConfig({ data, database: url, config: file }, process.env, process.cwd()).account;
    await ensureAdministrator(database, own, join(config.data, "credentials"), Date.now());
    return await work(database, config);
  } finally {
    await database.close();
  }
}

/** Whom the journal names for what is done by the command line. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    return "cli"; // an operating system's user without a name
  }
}

/** For options that may be given more than once. */
export function collect(value: string, list: readonly string[]): readonly string[] {
  return [...list, value];
}

/** A name stays a name; a file that ends in `.json` is read as an identity policy. */
export async function readPolicies(given: readonly string[]): Promise<GivenPolicies> {
  const files = given.filter((name) => name.endsWith(".json"));
  const policies: PolicyDocument[] = [];
  for (const file of files) policies.push(parsePolicy(await readFile(file, "utf8"), "identity"));
  return { attached: given.filter((name) => !name.endsWith(".json")), policies };
}

/** `key=value` pairs. */
export function readTags(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new Error(`'${pair}' is no tag: write KEY=VALUE`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** Columns under their names, or JSON. */
export function printTable(
  rows: readonly Readonly<Record<string, string>>[],
  columns: readonly string[],
  json?: boolean,
): void {
  if (json === true) return print(`${JSON.stringify(rows, null, 2)}\n`);
  const lines = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => row[column] ?? "")),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  for (const line of lines)
    print(
      `${line
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join("  ")
        .trimEnd()}\n`,
    );
}

export function printTime(time: number | undefined): string {
  return time === undefined ? "never" : `${new Date(time).toISOString().slice(0, 19)}Z`;
}
