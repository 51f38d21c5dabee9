// The outbox: which webhook is still to be told which journal entry; rows come and go in the transactions that they tell of.
import type { Database, Queries } from "./database.ts";

/** Where a version's event happened, in names. */
export interface EventPlace {
  readonly domain: string;
  readonly owner: string;
  /** The repository's administrator account. */
  readonly administrator: string;
}

/** The names of a repository that events carry, and the webhooks that are told of it. */
export async function findEventPlace(
  db: Queries,
  domainId: number,
  repository: string,
): Promise<{ readonly place: EventPlace; readonly webhooks: readonly string[] } | undefined> {
  const rows = await db
    .selectFrom("repository as r")
    .innerJoin("domain as d", "d.id", "r.domain_id")
    .leftJoin("webhook as w", (join) =>
      join.on((eb) => eb.or([eb("w.domain_id", "is", null), eb("w.domain_id", "=", eb.ref("d.id"))])),
    )
    .select(["d.name as domain", "d.owner", "r.administrator_account as administrator", "w.id as webhook"])
    .where("r.domain_id", "=", domainId)
    .where("r.name", "=", repository)
    .execute();
  const [first] = rows;
  if (first === undefined) return undefined;
  const { domain, owner, administrator } = first;
  return {
    place: { domain, owner, administrator },
    webhooks: rows.flatMap(({ webhook }) => (webhook === null ? [] : [webhook])),
  };
}

export interface OutboxEntry {
  readonly webhookId: string;
  /** The journal entry to tell. */
  readonly seq: number;
  /** Entries of one stream are delivered one after another, by `seq`. */
  readonly stream: string;
  readonly at: number;
}

export async function enqueueEvents(db: Queries, entries: readonly OutboxEntry[]): Promise<void> {
  for (let i = 0; i < entries.length; i += ROWS_PER_INSERT) {
    await db
      .insertInto("outbox")
      .values(
        entries.slice(i, i + ROWS_PER_INSERT).map(({ webhookId, seq, stream, at }) => ({
          webhook_id: webhookId,
          seq,
          stream,
          attempts: 0,
          due_at: at,
        })),
      )
      .execute();
  }
}

/** SQLite takes 32,766 parameters to a statement. */
const ROWS_PER_INSERT = 1_000;

/** Webhooks that something is due for. */
export async function findDueWebhooks(db: Queries, now: number): Promise<readonly WebhookAddress[]> {
  return db
    .selectFrom("webhook")
    .select(["id", "url", "secret"])
    .where("id", "in", db.selectFrom("outbox").select("webhook_id").where("due_at", "<=", now))
    .execute();
}

export interface WebhookAddress {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
}

/** Entries of one stream that are leased to whoever asked, first one first. */
export interface Claim {
  readonly webhookId: string;
  readonly stream: string;
  readonly lease: string;
  readonly entries: readonly ClaimedEntry[];
}

export interface ClaimedEntry {
  readonly seq: number;
  readonly attempts: number;
  /** Since when it, or what it waits for, fails. */
  readonly firstFailedAt: number | undefined;
}

export interface ClaimRequest {
  readonly webhookId: string;
  /** Names the holder of the lease; new for each claim. */
  readonly lease: string;
  readonly now: number;
  /** When somebody else may take over. */
  readonly until: number;
  readonly streams: number;
  readonly entriesPerStream: number;
}

/**
 * Leases the heads of streams whose turn it is, each with what follows it. A stream is never leased twice at a time:
 * while its head is leased or waits for its next attempt, nothing behind it is a head.
 */
export async function claimDue(database: Database, request: ClaimRequest): Promise<readonly Claim[]> {
  const { webhookId, lease, until } = request;
  return database.write(async (tx) => {
    const claims: Claim[] = [];
    for (const { stream, seq } of await lockHeads(database, tx, request)) {
      const rows = await tx
        .selectFrom("outbox")
        .select(["seq", "attempts", "first_failed_at"])
        .where("webhook_id", "=", webhookId)
        .where("stream", "=", stream)
        .where("seq", ">=", seq)
        .orderBy("seq")
        .limit(request.entriesPerStream)
        .execute();
      await tx
        .updateTable("outbox")
        .set({ due_at: until, lease })
        .where("webhook_id", "=", webhookId)
        .where(
          "seq",
          "in",
          rows.map((row) => row.seq),
        )
        .execute();
      const entries = rows.map((row) => ({
        seq: row.seq,
        attempts: row.attempts,
        firstFailedAt: row.first_failed_at ?? undefined,
      }));
      claims.push({ webhookId, stream, lease, entries });
    }
    return claims;
  });
}

function lockHeads(database: Database, tx: Queries, { webhookId, now, streams }: ClaimRequest) {
  const heads = tx
    .selectFrom("outbox as o")
    .select(["o.stream", "o.seq"])
    .where("o.webhook_id", "=", webhookId)
    .where("o.due_at", "<=", now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("outbox as earlier")
            .select("earlier.seq")
            .whereRef("earlier.webhook_id", "=", "o.webhook_id")
            .whereRef("earlier.stream", "=", "o.stream")
            .whereRef("earlier.seq", "<", "o.seq"),
        ),
      ),
    )
    .orderBy("o.due_at")
    .orderBy("o.seq")
    .limit(streams);
  return (database.skipsLocked ? heads.forUpdate("o").skipLocked() : heads).execute();
}

/** It was delivered, or is given up: false when the lease was lost meanwhile. */
export async function removeClaimed(db: Queries, { webhookId, lease }: Claim, seq: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("outbox")
    .where("webhook_id", "=", webhookId)
    .where("seq", "=", seq)
    .where("lease", "=", lease)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** An attempt failed: the whole stream waits, and counts as failing from now on if it did not already. */
export async function postponeStream(
  db: Queries,
  { webhookId, stream, lease }: Claim,
  failed: { readonly seq: number; readonly now: number; readonly until: number },
): Promise<void> {
  await db
    .updateTable("outbox")
    .set(({ eb }) => ({ attempts: eb("attempts", "+", 1) }))
    .where("webhook_id", "=", webhookId)
    .where("seq", "=", failed.seq)
    .where("lease", "=", lease)
    .execute();
  await db
    .updateTable("outbox")
    .set(({ fn, val }) => ({
      due_at: failed.until,
      lease: null,
      first_failed_at: fn.coalesce("first_failed_at", val(failed.now)),
    }))
    .where("webhook_id", "=", webhookId)
    .where("stream", "=", stream)
    .where(({ or, eb }) => or([eb("lease", "=", lease), eb("lease", "is", null)]))
    .execute();
}

/** The stream moves again: what waited in it has not failed itself. */
export async function forgetFailures(db: Queries, { webhookId, stream }: Claim): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ first_failed_at: null })
    .where("webhook_id", "=", webhookId)
    .where("stream", "=", stream)
    .execute();
}

/** Gives back what a claim has not delivered, due at once. */
export async function releaseClaim(db: Queries, { webhookId, lease }: Claim, now: number): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ due_at: now, lease: null })
    .where("webhook_id", "=", webhookId)
    .where("lease", "=", lease)
    .execute();
}

/** How much is still to be delivered. */
export async function countPending(db: Queries): Promise<number> {
  const row = await db
    .selectFrom("outbox")
    .select(({ fn }) => fn.countAll<number>().as("pending"))
    .executeTakeFirstOrThrow();
  return Number(row.pending);
}
