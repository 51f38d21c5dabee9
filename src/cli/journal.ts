// `portcullis journal`: what was let in, kept out and changed, and who asked for what; read beside a running server.
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import type { PackageKey } from "../core/coordinates.ts";
import { isPackageFormat } from "../core/coordinates.ts";
import { cloudTrailEvent } from "../events/cloudtrail.ts";
import type { HistoryEntry, HistoryQuestion } from "../events/history.ts";
import { readHistory } from "../events/history.ts";
import type { EventEntry } from "../events/package-event.ts";
import { packageEvent } from "../events/package-event.ts";
import type { Database } from "../store/database.ts";
import { domainNames } from "../store/domains.ts";
import type { PlaceOptions } from "./database.ts";
import { print, withDatabase, withPlace } from "./database.ts";
import type { Names } from "./journal-text.ts";
import { jsonLine, textLine } from "./journal-text.ts";

interface Options extends PlaceOptions {
  readonly domain?: string;
  readonly package?: string;
  readonly since?: string;
  readonly event?: string;
  readonly format: "text" | "json" | "cloudtrail" | "eventbridge";
  readonly follow?: boolean;
  readonly limit?: string;
}

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000_000;
const FOLLOW_EVERY_MS = 1_000;
/** Audit records come a moment late, and on PostgreSQL entries may become visible out of order. */
const FOLLOW_OVERLAP_MS = 15_000;

export function journalCommand(): Command {
  return withPlace(new Command("journal"))
    .description("what was let in, kept out and changed, and who asked for what")
    .option("--domain <NAME>", "of one domain")
    .option("--package <PACKAGE>", "of one package, e.g. npm/@acme/ui, maven/org.acme/ui or pypi/acme")
    .option("--since <TIME>", "since then: 30s, 15m, 1h, 7d or a date such as 2026-01-31T12:00Z")
    .option("--event <LIST>", "such events only, e.g. published,refused or ReadFromRepository")
    .addOption(
      new Option("--format <FORMAT>", "cloudtrail: requests only; eventbridge: package versions only")
        .choices(["text", "json", "cloudtrail", "eventbridge"])
        .default("text"),
    )
    .option("--follow", "go on with what happens next")
    .option("--limit <N>", `the last N only (default ${LIMIT_DEFAULT}; with --since: all)`)
    .action(show);
}

async function show(options: Options): Promise<void> {
  const now = Date.now();
  const since = options.since === undefined ? 0 : readTime(options.since, now);
  const limit = readLimit(options);
  const key = options.package === undefined ? undefined : readPackage(options.package);
  await withDatabase(options, async (database, { region }) => {
    const names = await domainNames(database.read);
    const question: HistoryQuestion = {
      journal: options.format !== "cloudtrail",
      audit: options.format === "cloudtrail" || options.format === "text" || options.format === "json",
      changesOnly: options.format === "eventbridge",
      since,
      key,
      events: options.event?.split(",").map((name) => name.trim()),
      limit,
      domain: options.domain === undefined ? undefined : readDomain(options.domain, names),
    };
    const line = (entry: HistoryEntry): string => lineOf(entry, options.format, region, names);
    const first = await readHistory(database.lagging, question);
    for (const entry of first) print(line(entry));
    if (options.follow === true) await follow(database, question, first, now, line);
  });
}

/** Goes on until it is interrupted or nobody reads any more. */
async function follow(
  database: Database,
  question: HistoryQuestion,
  first: readonly HistoryEntry[],
  startedAt: number,
  line: (entry: HistoryEntry) => string,
): Promise<void> {
  process.stdout.once("error", () => process.exit(0)); // whoever read has gone
  let told = new Set(first.map(nameOf));
  let seenUntil = Math.max(startedAt, first.at(-1)?.at ?? 0);
  while (!process.stdout.destroyed) {
    await sleep(FOLLOW_EVERY_MS);
    const since = Math.max(question.since, seenUntil - FOLLOW_OVERLAP_MS);
    const entries = await readHistory(database.lagging, { ...question, since, limit: LIMIT_MAX });
    // At the start only what is new: the last moments may hold more than was asked for.
    const fresh = entries.filter((entry) => !told.has(nameOf(entry)) && entry.at >= startedAt);
    for (const entry of fresh) print(line(entry));
    told = new Set(entries.map(nameOf));
    seenUntil = Math.max(seenUntil, entries.at(-1)?.at ?? 0);
  }
}

function nameOf(entry: HistoryEntry): string {
  return entry.source === "journal" ? `${entry.record.seq}` : `${entry.record.requestId} ${entry.at}`;
}

function lineOf(entry: HistoryEntry, format: Options["format"], region: string, names: Names): string {
  if (format === "cloudtrail" && entry.source === "audit")
    return `${JSON.stringify(cloudTrailEvent(entry.record, region))}\n`;
  if (format === "eventbridge" && entry.source === "journal")
    return `${JSON.stringify(packageEvent(entry.record as EventEntry, region))}\n`;
  return format === "json" ? jsonLine(entry, names) : textLine(entry, names);
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function readTime(text: string, now: number): number {
  const [, count, unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now - Number(count) * (UNITS[unit] as number);
  if (Number.isNaN(time)) throw new Error(`--since: '${text}' is neither 30s, 15m, 1h or 7d nor a date`);
  return time;
}

function readLimit({ limit, since }: Options): number {
  if (limit === undefined) return since === undefined ? LIMIT_DEFAULT : LIMIT_MAX;
  const number = Number(limit);
  if (!Number.isInteger(number) || number < 1 || number > LIMIT_MAX)
    throw new Error(`--limit must be from 1 to ${LIMIT_MAX}`);
  return number;
}

/** `format/name` or `format/namespace/name`; npm's scope with its `@`. */
function readPackage(text: string): PackageKey {
  const [format = "", ...rest] = text.split("/");
  const name = rest.pop();
  if (!isPackageFormat(format) || name === undefined || name === "" || rest.length > 1)
    throw new Error(
      `--package: '${text}' is no package: write it as npm/@acme/ui, maven/org.acme/ui or pypi/acme`,
    );
  const [namespace = ""] = rest;
  return { format, namespace: format === "npm" ? namespace.replace(/^@/, "") : namespace, name };
}

function readDomain(name: string, names: Names): { name: string; ids: number[] } {
  const ids = [...names].filter(([, known]) => known === name).map(([id]) => id);
  if (ids.length === 0) throw new Error(`there is no domain '${name}'`);
  return { name, ids };
}
