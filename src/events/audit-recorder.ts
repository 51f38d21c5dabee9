// Keeps one audit record per request: gathered in memory, written in batches away from the requests, deleted when old.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Log } from "../core/log.ts";
import { deleteAuditBatches, insertAuditBatch } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import type { AuditedRequest, AuditRecord } from "./audit-record.ts";
import { auditRecord, isQuietRead } from "./audit-record.ts";

export interface AuditRecorderOptions {
  readonly database: Database;
  readonly log: Log;
  readonly now: () => number;
  /** `changes`: without the reads that are let. */
  readonly which: "all" | "changes";
  readonly keepMs: number;
  /** How long a record waits at most before it is written. */
  readonly flushMs?: number;
  /** Records in memory while the database does not take them; more are dropped, counted and told. */
  readonly recordsMax?: number;
}

export interface AuditCounts {
  readonly written: number;
  readonly dropped: number;
}

export interface AuditRecorder {
  /** Costs a push; never throws. */
  record(request: AuditedRequest): void;
  counts(): AuditCounts;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** A batch takes about two milliseconds of the thread that answers requests. */
const BATCH_RECORDS = 500;
const DELETE_EVERY_MS = 60 * 60_000;
const DELETE_AT_ONCE = 100;
/** Once per second at most is a row and a commit, however few records there are. */
const FLUSH_MS = 1_000;
const RECORDS_MAX = 50_000;
/** Denser costs more time than it saves space: requests repeat themselves. */
const GZIP_LEVEL = 1;

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

export function startAuditRecorder(options: AuditRecorderOptions): AuditRecorder {
  const { database, log, now, which, keepMs, flushMs = FLUSH_MS, recordsMax = RECORDS_MAX } = options;
  const waiting: AuditedRequest[] = [];
  const counts = { written: 0, dropped: 0 };
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let toldDropped = 0;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_RECORDS);
      const content = await gzipAsync(batch.map(lineOf).join(""), { level: GZIP_LEVEL });
      const [firstAt, lastAt] = [batch[0]?.at ?? 0, batch.at(-1)?.at ?? 0];
      await insertAuditBatch(database.read, { firstAt, lastAt, records: batch.length, content });
      waiting.splice(0, batch.length);
      counts.written += batch.length;
    }
  }

  function flushSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      flushing ??= flush()
        .catch((error: unknown) =>
          log.warn({ error: String(error), waiting: waiting.length }, "the audit was not written"),
        )
        .finally(() => {
          flushing = undefined;
          tellDropped();
          if (waiting.length > 0) flushSoon();
        });
    }, flushMs).unref();
  }

  function tellDropped(): void {
    if (counts.dropped === toldDropped) return;
    log.error(
      { dropped: counts.dropped - toldDropped },
      "requests are missing from the audit: the database was too slow to take them",
    );
    toldDropped = counts.dropped;
  }

  const deleting = setInterval(() => {
    deleteOld(database, now() - keepMs).catch((error: unknown) =>
      log.warn({ error: String(error) }, "old audit records were not deleted"),
    );
  }, DELETE_EVERY_MS).unref();
  void deleteOld(database, now() - keepMs).catch(() => undefined); // the next hour tries again

  return {
    record(request) {
      if (which === "changes" && isQuietRead(request)) return;
      if (waiting.length >= recordsMax) {
        counts.dropped++;
        return;
      }
      waiting.push(request);
      if (timer === undefined) flushSoon();
    },
    counts: () => counts,
    async close() {
      clearInterval(deleting);
      clearTimeout(timer);
      await flushing;
      await flush();
    },
  };
}

function lineOf(request: AuditedRequest): string {
  return `${JSON.stringify(auditRecord(request))}\n`;
}

/** The records of a batch, oldest first. */
export async function readAuditBatch(content: Uint8Array): Promise<readonly AuditRecord[]> {
  const text = (await gunzipAsync(content)).toString("utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);
}

/** In small steps, so that nobody waits long for the database. */
export async function deleteOld(database: Database, before: number): Promise<void> {
  while ((await deleteAuditBatches(database.read, before, DELETE_AT_ONCE)) === DELETE_AT_ONCE);
}
