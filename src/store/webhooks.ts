// Rows of webhooks: who is told of package-version events.
import type { Queries } from "./database.ts";

export interface WebhookRecord {
  /** `wh_…` */
  readonly id: string;
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  /** null: every domain. */
  readonly domainId: number | null;
  readonly createdAt: number;
}

/** A webhook as lists show it: without its secret. */
export interface WebhookSummary {
  readonly id: string;
  readonly url: string;
  /** null: every domain; "" for a domain that is gone. */
  readonly domain: string | null;
  readonly createdAt: number;
  /** Events still to be delivered. */
  readonly pending: number;
  /** Since when the oldest of them fails. */
  readonly failingSince: number | undefined;
}

export async function insertWebhook(db: Queries, webhook: WebhookRecord): Promise<void> {
  const { id, url, secret, domainId, createdAt } = webhook;
  await db
    .insertInto("webhook")
    .values({ id, url, secret, domain_id: domainId, created_at: createdAt })
    .execute();
}

export async function findWebhook(db: Queries, id: string): Promise<WebhookRecord | undefined> {
  const row = await db.selectFrom("webhook").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) return undefined;
  return { id, url: row.url, secret: row.secret, domainId: row.domain_id, createdAt: row.created_at };
}

/** What was still to be delivered goes with it. False: there was none such. */
export async function deleteWebhook(db: Queries, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom("webhook").where("id", "=", id).executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function listWebhooks(db: Queries): Promise<readonly WebhookSummary[]> {
  const rows = await db
    .selectFrom("webhook as w")
    .leftJoin("domain as d", "d.id", "w.domain_id")
    .leftJoin("outbox as o", "o.webhook_id", "w.id")
    .select(({ fn }) => [
      "w.id",
      "w.url",
      "w.domain_id",
      "w.created_at",
      "d.name as domain",
      fn.count<number>("o.seq").as("pending"),
      fn.min<number | null>("o.first_failed_at").as("failing_since"),
    ])
    .groupBy(["w.id", "w.url", "w.domain_id", "w.created_at", "d.name"])
    .orderBy("w.created_at")
    .orderBy("w.id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    domain: row.domain_id === null ? null : (row.domain ?? ""),
    createdAt: row.created_at,
    pending: Number(row.pending),
    failingSince: row.failing_since ?? undefined,
  }));
}
