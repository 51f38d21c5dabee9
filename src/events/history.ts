// What happened and who asked for what: journal and audit read together, newest entries chosen, told oldest first.
import type { PackageKey } from "../core/coordinates.ts";
import type { AuditBatch } from "../store/audit.ts";
import { findAuditBatches } from "../store/audit.ts";
import type { Queries } from "../store/database.ts";
import type { JournalRecord } from "../store/journal.ts";
import { searchJournal } from "../store/journal.ts";
import type { AuditRecord } from "./audit-record.ts";
import { readAuditBatch } from "./audit-recorder.ts";

export interface HistoryQuestion {
  readonly journal: boolean;
  readonly audit: boolean;
  /** Package-version events only. */
  readonly changesOnly?: boolean;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly domain?: { readonly name: string; readonly ids: readonly number[] } | undefined;
  readonly key?: PackageKey | undefined;
  /** Journal events and audited actions; left out: all. */
  readonly events?: readonly string[] | undefined;
  readonly limit: number;
}

export type HistoryEntry =
  | { readonly source: "journal"; readonly at: number; readonly record: JournalRecord }
  | { readonly source: "audit"; readonly at: number; readonly record: AuditRecord };

const BATCHES_AT_ONCE = 20;

/** The last `limit` entries that fit, oldest first. */
export async function readHistory(db: Queries, question: HistoryQuestion): Promise<readonly HistoryEntry[]> {
  const entries = [
    ...(question.journal ? await fromJournal(db, question) : []),
    ...(question.audit ? await fromAudit(db, question) : []),
  ];
  return entries.sort((a, b) => a.at - b.at).slice(-question.limit);
}

async function fromJournal(db: Queries, question: HistoryQuestion): Promise<readonly HistoryEntry[]> {
  const { since, domain, key, events, changesOnly = false, limit } = question;
  const records = await searchJournal(db, { since, domainIds: domain?.ids, key, events, changesOnly, limit });
  return records.toReversed().map((record) => ({ source: "journal", at: record.at, record }));
}

async function fromAudit(db: Queries, question: HistoryQuestion): Promise<readonly HistoryEntry[]> {
  let found: AuditRecord[] = [];
  let before: AuditBatch | undefined;
  for (;;) {
    const batches = await findAuditBatches(db, { since: question.since, before, limit: BATCHES_AT_ONCE });
    for (const batch of batches) {
      // Several processes write batches side by side: only what ended before the oldest one kept cannot matter.
      const oldest = found.length === question.limit ? (found[0] as AuditRecord).at : question.since;
      if (batch.lastAt < oldest) return found.map(asEntry);
      const records = (await readAuditBatch(batch.content)).filter((record) => fits(record, question));
      found = [...found, ...records].sort((a, b) => a.at - b.at).slice(-question.limit);
    }
    before = batches.at(-1);
    if (before === undefined) return found.map(asEntry);
  }
}

function asEntry(record: AuditRecord): HistoryEntry {
  return { source: "audit", at: record.at, record };
}

function fits(record: AuditRecord, { since, domain, key, events }: HistoryQuestion): boolean {
  if (record.at < since) return false;
  if (events !== undefined && !events.includes(record.action)) return false;
  if (domain !== undefined && record.domain !== domain.name) return false;
  if (key === undefined) return true;
  const { format, namespace = "", package: name } = record;
  return format === key.format && namespace === key.namespace && name === key.name;
}
