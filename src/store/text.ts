// Text filters without LIKE, so that no character of a name is a wildcard, on either engine.
import type { Expression, SqlBool } from "kysely";
import { sql } from "kysely";

/** `column` starts with `prefix`, byte for byte. */
export function startsWith(column: Expression<string>, prefix: string): Expression<SqlBool> {
  return sql<SqlBool>`substr(${column}, 1, ${Array.from(prefix).length}) = ${prefix}`;
}

/** `column` holds `text` (given in lower case) anywhere, whatever its own case. */
export function containsText(column: Expression<string>, text: string): Expression<SqlBool> {
  return sql<SqlBool>`replace(lower(${column}), ${text}, '') <> lower(${column})`;
}
