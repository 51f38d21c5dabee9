// Which migrations there are, in order, and how they are applied on start (Kysely's migrator holds the lock between nodes).
import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import type { Engine } from "./database.ts";
import { up as foundation } from "./migrations/0001-foundation.ts";
import { up as packageGroups } from "./migrations/0002-package-groups.ts";
import { up as permissions } from "./migrations/0003-permissions.ts";
import { up as changeNotices } from "./migrations/0004-change-notices.ts";
import { up as eventsAndAudit } from "./migrations/0005-events-and-audit.ts";
import { up as webIdentity } from "./migrations/0006-web-identity.ts";
import { up as assetsOneByOne } from "./migrations/0007-assets-one-by-one.ts";
import { up as listingIndexes } from "./migrations/0008-listing-indexes.ts";
import { up as preciseNotices } from "./migrations/0009-precise-notices.ts";
import { up as upkeep } from "./migrations/0010-upkeep.ts";
import type { Schema } from "./schema.ts";

const MIGRATIONS: Readonly<Record<string, (db: Kysely<unknown>, engine: Engine) => Promise<void>>> = {
  "0001-foundation": foundation,
  "0002-package-groups": packageGroups,
  "0003-permissions": permissions,
  "0004-change-notices": changeNotices,
  "0005-events-and-audit": eventsAndAudit,
  "0006-web-identity": webIdentity,
  "0007-assets-one-by-one": assetsOneByOne,
  "0008-listing-indexes": listingIndexes,
  "0009-precise-notices": preciseNotices,
  "0010-upkeep": upkeep,
};

/**
 * Brings the database to this version's schema, or to the level of one that has had `only` these migrations. Rejects,
 * naming the migration, when one fails; a newer schema is refused by Kysely.
 */
export async function migrate(db: Kysely<Schema>, engine: Engine, only?: readonly string[]): Promise<void> {
  const wanted = only ?? Object.keys(MIGRATIONS);
  const newer = wanted.find((name) => MIGRATIONS[name] === undefined);
  if (newer !== undefined)
    throw new Error(`migration ${newer} is of a newer version of Portcullis than this one`);
  const migrations = Object.fromEntries(
    Object.entries(MIGRATIONS)
      .filter(([name]) => wanted.includes(name))
      .map(([name, up]) => [name, { up: (on: Kysely<unknown>) => up(on, engine) }]),
  );
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    // Numbers are given out when work begins: a later one may have been applied first, and none builds on another's tables.
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
