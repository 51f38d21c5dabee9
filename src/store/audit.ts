// Rows of audit records, many to a row: what is written once and seldom read need not cost a row and an index entry each.
import type { Queries } from "./database.ts";

export interface AuditBatch {
  readonly id: number;
  /** Epoch milliseconds of its first and last record. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly records: number;
  /** gzip of JSON lines. */
  readonly content: Uint8Array;
}

export async function insertAuditBatch(db: Queries, batch: Omit<AuditBatch, "id">): Promise<void> {
  const { firstAt, lastAt, records, content } = batch;
  await db
    .insertInto("audit_batch")
    .values({ first_at: firstAt, last_at: lastAt, records, content })
    .execute();
}

/** Batches that end at `since` or later, the last ones first; `before` is the last one that was seen already. */
export async function findAuditBatches(
  db: Queries,
  question: {
    readonly since: number;
    readonly before: Pick<AuditBatch, "id" | "lastAt"> | undefined;
    readonly limit: number;
  },
): Promise<readonly AuditBatch[]> {
  const { since, before, limit } = question;
  let query = db.selectFrom("audit_batch").selectAll().where("last_at", ">=", since);
  if (before !== undefined)
    query = query.where((e) => e(e.refTuple("last_at", "id"), "<", e.tuple(before.lastAt, before.id)));
  const rows = await query.orderBy("last_at", "desc").orderBy("id", "desc").limit(limit).execute();
  return rows.map(({ id, first_at: firstAt, last_at: lastAt, records, content }) => {
    return { id, firstAt, lastAt, records, content };
  });
}

/** Deletes some of the batches that ended before; returns how many. */
export async function deleteAuditBatches(db: Queries, endedBefore: number, limit: number): Promise<number> {
  const old = db
    .selectFrom("audit_batch")
    .select("id")
    .where("last_at", "<", endedBefore)
    .orderBy("last_at")
    .limit(limit);
  const { numDeletedRows } = await db.deleteFrom("audit_batch").where("id", "in", old).executeTakeFirst();
  return Number(numDeletedRows);
}
