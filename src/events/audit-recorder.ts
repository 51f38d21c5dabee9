// Keeps one audit record per request: gathered in memory, written in batches away from the requests, deleted when old.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Log } from "../core/log.ts";
import { deleteAuditBatches, insertAuditBatch } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import type { AuditedRequest, AuditRecord } from "./audit-record.ts";
import { auditLine, isQuietRead } from "./audit-record.ts";

export interface AuditRecorderOptions {
  readonly database: Database;
  readonly log: Log;
  readonly now: () => number;
  /** `changes`: without the reads that are let. */
  readonly which: "all" | "changes";
  readonly keepMs: number;
  /** How long a record waits at most before it is written. */
  readonly flushMs?: number;
  /** Memory for records while the database does not take them; more are dropped, counted and told. */
  readonly bytesMax?: number;
}

export interface AuditCounts {
  readonly written: number;
  readonly dropped: number;
}

export interface AuditRecorder {
  /** Costs one or two microseconds; never throws. */
  record(request: AuditedRequest): void;
  counts(): AuditCounts;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** Records as bytes in one piece of memory: thousands of small objects would each be moved about before they are written. */
interface Page {
  readonly bytes: Buffer;
  used: number;
  records: number;
  firstAt: number;
  lastAt: number;
}

const PAGE_BYTES = 512 * 1024;
/** Written pages that are filled again: at ten thousands of requests a second new ones would be garbage by the megabyte. */
const SPARE_PAGES = 4;
const DELETE_EVERY_MS = 60 * 60_000;
const DELETE_AT_ONCE = 100;
/** One row and one commit a second, as long as a page lasts so long. */
const FLUSH_MS = 1_000;
const BYTES_MAX = 32 * 1024 * 1024;
/** Denser costs more time than it saves space: requests repeat themselves. */
const GZIP_LEVEL = 1;

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

export function startAuditRecorder(options: AuditRecorderOptions): AuditRecorder {
  const { database, log, now, which, keepMs, flushMs = FLUSH_MS, bytesMax = BYTES_MAX } = options;
  const counts = { written: 0, dropped: 0 };
  const full: Page[] = [];
  const spare: Buffer[] = [];
  let page: Page | undefined;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let toldDropped = 0;
  let closed = false;

  function seal(): void {
    if (page !== undefined) full.push(page);
    page = undefined;
  }

  async function writePages(): Promise<void> {
    for (let next = full[0]; next !== undefined; next = full[0]) {
      const { bytes, used, records, firstAt, lastAt } = next;
      const content = await gzipAsync(bytes.subarray(0, used), { level: GZIP_LEVEL });
      await database.write((tx) => insertAuditBatch(tx, { firstAt, lastAt, records, content }));
      full.shift();
      if (spare.length < SPARE_PAGES) spare.push(bytes);
      counts.written += records;
    }
  }

  function flush(): void {
    flushing ??= writePages()
      .catch((error: unknown) =>
        log.warn({ error: String(error), pages: full.length }, "the audit was not written"),
      )
      .finally(() => {
        flushing = undefined;
        tellDropped();
        if (full.length > 0 && !closed) flushSoon();
      });
  }

  function flushSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      seal();
      flush();
    }, flushMs).unref();
  }

  function tellDropped(): void {
    if (counts.dropped === toldDropped) return;
    const dropped = counts.dropped - toldDropped;
    log.error({ dropped }, "requests are missing from the audit: the database was too slow to take them");
    toldDropped = counts.dropped;
  }

  function record(request: AuditedRequest): void {
    if (which === "changes" && isQuietRead(request)) return;
    const line = auditLine(request);
    // A UTF-16 unit is three bytes at most.
    if (page !== undefined && page.used + line.length * 3 > PAGE_BYTES) {
      seal();
      flush();
    }
    if (page === undefined) {
      if ((full.length + 1) * PAGE_BYTES > bytesMax) {
        counts.dropped++;
        return;
      }
      const bytes = spare.pop() ?? Buffer.allocUnsafeSlow(PAGE_BYTES);
      page = { bytes, used: 0, records: 0, firstAt: request.at, lastAt: request.at };
      flushSoon();
    }
    page.used += page.bytes.write(line, page.used);
    page.records++;
    if (request.at < page.firstAt) page.firstAt = request.at;
    if (request.at > page.lastAt) page.lastAt = request.at;
  }

  const deleting = setInterval(() => {
    deleteOld(database, now() - keepMs).catch((error: unknown) =>
      log.warn({ error: String(error) }, "old audit records were not deleted"),
    );
  }, DELETE_EVERY_MS).unref();
  const deletion = deleteOld(database, now() - keepMs).catch(() => undefined); // the next hour tries again

  return {
    record,
    counts: () => counts,
    async close() {
      closed = true;
      clearInterval(deleting);
      clearTimeout(timer);
      await deletion;
      await flushing;
      seal();
      flush();
      await flushing;
    },
  };
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
  while ((await database.write((tx) => deleteAuditBatches(tx, before, DELETE_AT_ONCE))) === DELETE_AT_ONCE);
}
