// An index of package names without their namespaces, for lists by a prefix of the name (ListPackages, spec 5.8.1).
import type { Kysely } from "kysely";
import { buildIndex } from "../build-index.ts";
import type { Engine } from "../database.ts";

/**
 * PostgreSQL takes it for prefixes that few names have, and the ordered index for those that many have: it keeps
 * statistics. SQLite keeps none and would take it always, and sort every name for each page of a short prefix.
 */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine === "postgres") await buildIndex(db, engine, "package_name", "package (repository_id, name)");
}
