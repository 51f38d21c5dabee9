// The append-only record of what was let in, kept out or changed, written in the same transaction as what it tells.
import type { PackageKey } from "../core/coordinates.ts";
import type { Queries } from "./database.ts";

export type JournalEvent =
  | "published"
  | "ingested"
  | "retained"
  | "refused"
  | "settings-changed"
  | "documents-changed"
  | "tags-changed"
  | "status-changed"
  | "version-deleted"
  | "package-deleted"
  | "group-created"
  | "group-changed"
  | "group-deleted"
  | "policy-put"
  | "policy-deleted"
  | "resource-tags-changed";

export interface JournalEntry {
  readonly at: number;
  readonly event: JournalEvent;
  readonly domainId: number;
  readonly repository: string;
  readonly key: PackageKey;
  /** "" when the event is about the package. */
  readonly version: string;
  /** The caller's ARN; never a credential's secret. */
  readonly actor: string;
  readonly requestId: string;
  /** Reasons and figures; JSON values only. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export async function appendJournal(db: Queries, entries: readonly JournalEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await db
    .insertInto("journal")
    .values(
      entries.map((entry) => ({
        at: entry.at,
        event: entry.event,
        domain_id: entry.domainId,
        repository: entry.repository,
        format: entry.key.format,
        namespace: entry.key.namespace,
        package: entry.key.name,
        version: entry.version,
        actor: entry.actor,
        request_id: entry.requestId,
        detail: JSON.stringify(entry.detail),
      })),
    )
    .execute();
}

/** An entry about the domain itself, such as its package groups: no repository, package or version. */
export async function appendDomainJournal(
  db: Queries,
  entry: Omit<JournalEntry, "repository" | "key" | "version">,
): Promise<void> {
  await db
    .insertInto("journal")
    .values({
      at: entry.at,
      event: entry.event,
      domain_id: entry.domainId,
      repository: "",
      format: "",
      namespace: "",
      package: "",
      version: "",
      actor: entry.actor,
      request_id: entry.requestId,
      detail: JSON.stringify(entry.detail),
    })
    .execute();
}

/** A package's entries in the order they were written. */
export async function readJournal(
  db: Queries,
  domainId: number,
  key: PackageKey,
): Promise<readonly (JournalEntry & { readonly seq: number })[]> {
  const rows = await db
    .selectFrom("journal")
    .selectAll()
    .where("domain_id", "=", domainId)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("package", "=", key.name)
    .orderBy("seq")
    .execute();
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at,
    event: row.event as JournalEvent,
    domainId: row.domain_id,
    repository: row.repository,
    key,
    version: row.version,
    actor: row.actor,
    requestId: row.request_id,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }));
}
