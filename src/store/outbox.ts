// The outbox: which webhook is still to be told which journal entry; rows come and go in the transactions that they tell of.
import type { Queries } from "./database.ts";

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
