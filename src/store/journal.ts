// The append-only record of what was let in, kept out or changed, written in the same transaction as what it tells.
import { randomUUID } from "node:crypto";
import type { Selectable } from "kysely";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import type { VersionStatus } from "../registry/registry.ts";
import type { Queries } from "./database.ts";
import type { EventPlace } from "./outbox.ts";
import { enqueueEvents, findEventPlace } from "./outbox.ts";
import type { Schema } from "./schema.ts";

export type JournalEvent =
  | "published"
  | "ingested"
  | "retained"
  | "copied"
  | "assets-added"
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
  | "resource-tags-changed"
  | "event-given-up"
  | "webhook-created"
  | "webhook-deleted"
  | "identity-changed";

/** What happened to one version, as package-version events tell it (spec 10.2). */
export interface VersionChange {
  readonly operation: "Created" | "Updated" | "Deleted";
  /** The status it has now; of a deleted version: the one it had. */
  readonly state: VersionStatus;
  readonly revision: string;
  readonly assetsAdded: number;
  readonly assetsRemoved: number;
  readonly assetsUpdated: number;
  readonly metadataUpdated: boolean;
  readonly statusChanged: boolean;
}

/** A change as it is stored: with an id of its own, and with names that outlive their domain and repository. */
export interface VersionEvent extends VersionChange, EventPlace {
  /** The same in every delivery. */
  readonly id: string;
}

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
  /** Makes the entry a package-version event, delivered to the webhooks of its domain (spec 10.3). Needs a version. */
  readonly change?: VersionChange;
}

/** Call it under the package's lock: the order of sequence numbers is then the order of what happened. */
export async function appendJournal(db: Queries, entries: readonly JournalEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const places = await findPlaces(db, entries);
  const rows = entries.map((entry) => rowOf(entry, places.get(placeName(entry))?.place));
  const seqs = await insertRows(db, rows);
  await enqueueEvents(
    db,
    entries.flatMap((entry, i) => {
      if (entry.change === undefined) return [];
      const webhooks = places.get(placeName(entry))?.webhooks ?? [];
      return webhooks.map((webhookId) => ({
        webhookId,
        seq: seqs[i] as number,
        stream: streamOf(entry),
        at: entry.at,
      }));
    }),
  );
}

/** SQLite takes 32,766 parameters to a statement. */
const ROWS_PER_INSERT = 1_000;

async function insertRows(
  db: Queries,
  rows: readonly ReturnType<typeof rowOf>[],
): Promise<readonly number[]> {
  const seqs: number[] = [];
  for (let i = 0; i < rows.length; i += ROWS_PER_INSERT) {
    const some = rows.slice(i, i + ROWS_PER_INSERT);
    const inserted = await db.insertInto("journal").values(some).returning("seq").execute();
    seqs.push(...inserted.map(({ seq }) => seq));
  }
  // Numbers are given in the order of the rows, but are not promised to be returned in it.
  return seqs.sort((a, b) => a - b);
}

type Places = ReadonlyMap<string, NonNullable<Awaited<ReturnType<typeof findEventPlace>>>>;

async function findPlaces(db: Queries, entries: readonly JournalEntry[]): Promise<Places> {
  const places = new Map();
  for (const entry of entries) {
    const name = placeName(entry);
    if (entry.change === undefined || places.has(name)) continue;
    places.set(name, await findEventPlace(db, entry.domainId, entry.repository));
  }
  return places;
}

function placeName({ domainId, repository }: JournalEntry): string {
  return `${domainId}/${repository}`;
}

/** What keeps its order in delivery: a package of a repository. */
function streamOf({ domainId, repository, key }: JournalEntry): string {
  return `${domainId}/${repository}/${key.format}/${key.namespace}/${key.name}`;
}

function rowOf(entry: JournalEntry, place: EventPlace | undefined) {
  const event: VersionEvent | undefined =
    entry.change === undefined || place === undefined
      ? undefined
      : { id: randomUUID(), ...place, ...entry.change };
  return {
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
    change: event === undefined ? null : JSON.stringify(event),
  };
}

/** An entry about the server itself, such as its users: no domain either. */
export async function appendServerJournal(
  db: Queries,
  entry: Omit<JournalEntry, "domainId" | "repository" | "key" | "version" | "change">,
): Promise<void> {
  await appendDomainJournal(db, { ...entry, domainId: 0 });
}

/** An entry about the domain itself, such as its package groups: no repository, package or version. */
export async function appendDomainJournal(
  db: Queries,
  entry: Omit<JournalEntry, "repository" | "key" | "version" | "change">,
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

/** An entry as it is in the journal. */
export interface JournalRecord extends Omit<JournalEntry, "change"> {
  readonly seq: number;
  readonly change?: VersionEvent;
}

/** A package's entries in the order they were written. */
export async function readJournal(
  db: Queries,
  domainId: number,
  key: PackageKey,
): Promise<readonly JournalRecord[]> {
  const rows = await db
    .selectFrom("journal")
    .selectAll()
    .where("domain_id", "=", domainId)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("package", "=", key.name)
    .orderBy("seq")
    .execute();
  return rows.map(recordOf);
}

export interface JournalQuestion {
  /** Epoch milliseconds. */
  readonly since: number;
  /** Any of these; left out: all. */
  readonly domainIds?: readonly number[] | undefined;
  readonly key?: PackageKey | undefined;
  readonly events?: readonly string[] | undefined;
  /** Package-version events only. */
  readonly changesOnly?: boolean;
  readonly limit: number;
}

/** The last entries that fit, newest first. */
export async function searchJournal(
  db: Queries,
  question: JournalQuestion,
): Promise<readonly JournalRecord[]> {
  const { since, domainIds, key, events, changesOnly = false, limit } = question;
  if (domainIds?.length === 0 || events?.length === 0) return [];
  let query = db.selectFrom("journal").selectAll().where("at", ">=", since);
  if (domainIds !== undefined) query = query.where("domain_id", "in", domainIds);
  if (events !== undefined) query = query.where("event", "in", events);
  if (changesOnly) query = query.where("change", "is not", null);
  if (key !== undefined)
    query = query
      .where("format", "=", key.format)
      .where("namespace", "=", key.namespace)
      .where("package", "=", key.name);
  return (await query.orderBy("seq", "desc").limit(limit).execute()).map(recordOf);
}

export async function readEntry(db: Queries, seq: number): Promise<JournalRecord | undefined> {
  const row = await db.selectFrom("journal").selectAll().where("seq", "=", seq).executeTakeFirst();
  return row && recordOf(row);
}

function recordOf(row: Selectable<Schema["journal"]>): JournalRecord {
  const key = { format: row.format as PackageFormat, namespace: row.namespace, name: row.package };
  return {
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
    ...(row.change === null ? {} : { change: JSON.parse(row.change) as VersionEvent }),
  };
}
