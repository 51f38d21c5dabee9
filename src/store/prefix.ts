// Prefix filters without LIKE, so that no character of a name is a wildcard.
import type { Expression, SqlBool } from "kysely";
import { sql } from "kysely";

/** `column` starts with `prefix`, byte for byte, on either engine. */
export function startsWith(column: Expression<string>, prefix: string): Expression<SqlBool> {
  return sql<SqlBool>`substr(${column}, 1, ${[...prefix].length}) = ${prefix}`;
}
