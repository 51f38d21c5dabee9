// Which migrations there are, in order; each node applies on start what is missing.
import type { Kysely } from "kysely";
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
import { up as lookups } from "./migrations/0011-lookups.ts";
import { up as localNotices } from "./migrations/0012-local-notices.ts";
import { up as packageNames } from "./migrations/0013-package-names.ts";
import { applyMigrations, type Migrations } from "./migrator.ts";
import type { Schema } from "./schema.ts";

/** Numbers are given out when work begins: a later one may be applied first, and none builds on another's tables. */
const MIGRATIONS: Migrations = {
  "0001-foundation": { up: foundation },
  "0002-package-groups": { up: packageGroups },
  "0003-permissions": { up: permissions },
  "0004-change-notices": { up: changeNotices },
  "0005-events-and-audit": { up: eventsAndAudit },
  "0006-web-identity": { up: webIdentity },
  "0007-assets-one-by-one": { up: assetsOneByOne },
  "0008-listing-indexes": { up: listingIndexes },
  "0009-precise-notices": { up: preciseNotices },
  "0010-upkeep": { up: upkeep },
  "0011-lookups": { up: lookups, piecemeal: true },
  "0012-local-notices": { up: localNotices },
  "0013-package-names": { up: packageNames, piecemeal: true },
};

/**
 * Brings the database to this version's schema, or to the level of one that has had `only` these migrations. Rejects,
 * naming the migration, when one fails, and when a newer version has taken away what this one uses.
 */
export async function migrate(
  db: Kysely<Schema>,
  engine: Engine,
  only: readonly string[] = Object.keys(MIGRATIONS),
): Promise<void> {
  const newer = only.find((name) => MIGRATIONS[name] === undefined);
  if (newer !== undefined)
    throw new Error(`migration ${newer} is of a newer version of Portcullis than this one`);
  await applyMigrations(db as unknown as Kysely<unknown>, engine, MIGRATIONS, only);
}
