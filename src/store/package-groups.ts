// Rows of package groups: their modes, and the repositories on their lists.
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import type { GroupFacts, GroupMode, RestrictionType } from "../core/origin.ts";
import type { Queries } from "./database.ts";

export interface PackageGroup extends GroupFacts {
  readonly id: number;
  readonly contactInfo: string | undefined;
  readonly description: string | undefined;
  readonly createdAt: number;
}

export type GroupModes = Readonly<Record<RestrictionType, GroupMode>>;

/** All groups of a domain, each with its lists. */
export async function loadGroups(db: Queries, domainId: number): Promise<readonly PackageGroup[]> {
  const rows = await db
    .selectFrom("package_group")
    .selectAll()
    .where("domain_id", "=", domainId)
    .orderBy("id")
    .execute();
  const allowed = await db
    .selectFrom("package_group_allowed as a")
    .innerJoin("repository as r", "r.id", "a.repository_id")
    .select(["a.package_group_id", "a.restriction_type", "r.name"])
    .where("r.domain_id", "=", domainId)
    .execute();
  const listOf = Map.groupBy(allowed, (a) => `${a.package_group_id} ${a.restriction_type}`);
  const names = (id: number, type: RestrictionType) =>
    new Set((listOf.get(`${id} ${type}`) ?? []).map(({ name }) => name));
  return rows.map((row) => ({
    id: row.id,
    pattern: row.pattern,
    contactInfo: row.contact_info ?? undefined,
    description: row.description ?? undefined,
    createdAt: row.created_at,
    modes: {
      PUBLISH: row.publish_mode,
      EXTERNAL_UPSTREAM: row.external_mode,
      INTERNAL_UPSTREAM: row.internal_mode,
    },
    allowedRepositories: {
      PUBLISH: names(row.id, "PUBLISH"),
      EXTERNAL_UPSTREAM: names(row.id, "EXTERNAL_UPSTREAM"),
      INTERNAL_UPSTREAM: names(row.id, "INTERNAL_UPSTREAM"),
    },
  }));
}

/** A taken pattern is a unique violation. */
export async function insertGroup(
  db: Queries,
  domainId: number,
  group: Pick<PackageGroup, "pattern" | "contactInfo" | "description" | "createdAt">,
  modes: GroupModes,
): Promise<void> {
  await db
    .insertInto("package_group")
    .values({
      domain_id: domainId,
      pattern: group.pattern,
      publish_mode: modes.PUBLISH,
      external_mode: modes.EXTERNAL_UPSTREAM,
      internal_mode: modes.INTERNAL_UPSTREAM,
      contact_info: group.contactInfo ?? null,
      description: group.description ?? null,
      created_at: group.createdAt,
    })
    .execute();
}

/** What is undefined stays. */
export async function updateGroup(
  db: Queries,
  id: number,
  change: { readonly contactInfo?: string | undefined; readonly description?: string | undefined },
): Promise<void> {
  const { contactInfo, description } = change;
  if (contactInfo === undefined && description === undefined) return;
  await db
    .updateTable("package_group")
    .set({
      ...(contactInfo === undefined ? {} : { contact_info: contactInfo }),
      ...(description === undefined ? {} : { description }),
    })
    .where("id", "=", id)
    .execute();
}

export async function updateModes(db: Queries, id: number, modes: GroupModes): Promise<void> {
  await db
    .updateTable("package_group")
    .set({
      publish_mode: modes.PUBLISH,
      external_mode: modes.EXTERNAL_UPSTREAM,
      internal_mode: modes.INTERNAL_UPSTREAM,
    })
    .where("id", "=", id)
    .execute();
}

/** Its lists go with it. */
export async function deleteGroup(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("package_group").where("id", "=", id).execute();
}

/** Repositories that are not on the list yet. */
export async function insertAllowed(
  db: Queries,
  groupId: number,
  type: RestrictionType,
  repositoryIds: readonly number[],
): Promise<void> {
  if (repositoryIds.length === 0) return;
  await db
    .insertInto("package_group_allowed")
    .values(
      repositoryIds.map((repository_id) => ({
        package_group_id: groupId,
        restriction_type: type,
        repository_id,
      })),
    )
    .execute();
}

export async function deleteAllowed(
  db: Queries,
  groupId: number,
  type: RestrictionType,
  repositoryIds: readonly number[],
): Promise<void> {
  if (repositoryIds.length === 0) return;
  await db
    .deleteFrom("package_group_allowed")
    .where("package_group_id", "=", groupId)
    .where("restriction_type", "=", type)
    .where("repository_id", "in", repositoryIds)
    .execute();
}

/** A stretch of a domain's package names, in the order of format, namespace and name. */
export interface NameStretch {
  readonly keys: readonly PackageKey[];
  /** Nothing follows. */
  readonly last: boolean;
}

/** However many repositories there are, each is read this far at least in one go. */
const STRETCH_MIN = 100;

/**
 * Names that any of the repositories has a record of, each once; after the given one, some `limit` of them. Each
 * repository's index is read on from there and the stretches are merged as far as all of them reach: one query over
 * all repositories would sort everything that is left, for every stretch again.
 */
export async function listPackageNames(
  db: Queries,
  repositoryIds: readonly number[],
  format: PackageFormat | undefined,
  after: PackageKey | undefined,
  limit: number,
): Promise<NameStretch> {
  const each = Math.max(STRETCH_MIN, Math.ceil(limit / Math.max(repositoryIds.length, 1)));
  const merged = new Map<string, PackageKey>();
  let reach: PackageKey | undefined;
  for (const id of repositoryIds) {
    const keys = await namesIn(db, id, format, after, each);
    for (const key of keys) merged.set(packagePath(key), key);
    const end = keys.length < each ? undefined : keys.at(-1);
    if (end !== undefined && (reach === undefined || compareKeys(end, reach) < 0)) reach = end;
  }
  const sorted = [...merged.values()].sort(compareKeys);
  const upTo = reach;
  if (upTo === undefined) return { keys: sorted, last: true };
  return { keys: sorted.filter((key) => compareKeys(key, upTo) <= 0), last: false };
}

async function namesIn(
  db: Queries,
  repositoryId: number,
  format: PackageFormat | undefined,
  after: PackageKey | undefined,
  limit: number,
): Promise<PackageKey[]> {
  let query = db
    .selectFrom("package")
    .select(["format", "namespace", "name"])
    .where("repository_id", "=", repositoryId);
  if (format !== undefined) query = query.where("format", "=", format);
  if (after !== undefined) {
    // The row value leaves out what is fixed already, or SQLite would not seek by it.
    const { format: of, namespace, name } = after;
    query =
      format === undefined
        ? query.where((e) => e(e.refTuple("format", "namespace", "name"), ">", e.tuple(of, namespace, name)))
        : query.where((e) => e(e.refTuple("namespace", "name"), ">", e.tuple(namespace, name)));
  }
  const rows = await query.orderBy("format").orderBy("namespace").orderBy("name").limit(limit).execute();
  return rows.map(({ format: of, namespace, name }) => ({ format: of as PackageFormat, namespace, name }));
}

function compareKeys(a: PackageKey, b: PackageKey): number {
  return (
    compareTexts(a.format, b.format) || compareTexts(a.namespace, b.namespace) || compareTexts(a.name, b.name)
  );
}

/** As both databases order: by code points. `<` goes by UTF-16, where a surrogate comes before U+E000. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
  if (Number.isNaN(left)) return -1;
  if (Number.isNaN(right)) return 1;
  return rank(left) - rank(right);
}

/** Surrogates stand for what lies beyond every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
