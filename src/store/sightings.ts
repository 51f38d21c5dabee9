// Since when each version of a public package has been seen listed: one row per package, rewritten only when its list grows.
import type { PackageKey } from "../core/coordinates.ts";
import type { Queries } from "./database.ts";

/** Version → epoch milliseconds of the first sighting. */
export async function readSightings(
  db: Queries,
  connection: string,
  key: PackageKey,
): Promise<ReadonlyMap<string, number>> {
  const row = await db
    .selectFrom("sighting")
    .select("versions")
    .where("connection", "=", connection)
    .where("format", "=", key.format)
    .where("namespace", "=", key.namespace)
    .where("name", "=", key.name)
    .executeTakeFirst();
  return new Map(row === undefined ? [] : (JSON.parse(row.versions) as [string, number][]));
}

/** Adds versions not seen before; a version's first sighting never changes. */
export async function recordSightings(
  db: Queries,
  connection: string,
  key: PackageKey,
  versions: Iterable<string>,
  at: number,
): Promise<void> {
  const known = await readSightings(db, connection, key);
  const fresh = [...versions].filter((version) => !known.has(version));
  if (fresh.length === 0) return;
  const all = JSON.stringify([...known, ...fresh.map((version) => [version, at] as const)]);
  await db
    .insertInto("sighting")
    .values({ connection, ...key, versions: all })
    .onConflict((c) =>
      c.columns(["connection", "format", "namespace", "name"]).doUpdateSet({ versions: all }),
    )
    .execute();
}
