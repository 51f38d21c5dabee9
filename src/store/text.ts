// Text filters without LIKE, so that no character of a name is a wildcard, on either engine.
import type { Expression, SqlBool } from "kysely";
import { sql } from "kysely";

/** `column` starts with `prefix`, byte for byte: said as a stretch of an index as well, so that one is used. */
export function startsWith(column: Expression<string>, prefix: string): Expression<SqlBool> {
  const same = sql<SqlBool>`substr(${column}, 1, ${Array.from(prefix).length}) = ${prefix}`;
  const end = successor(prefix);
  return end === undefined ? same : sql<SqlBool>`(${column} >= ${prefix} and ${column} < ${end} and ${same})`;
}

/** The first text after all that start with this one, in the order of bytes; undefined when there is none so simple. */
function successor(prefix: string): string | undefined {
  const last = Array.from(prefix).at(-1);
  const next = (last?.codePointAt(0) ?? 0x10_ff_ff) + 1;
  if (last === undefined || next > 0x10_ff_ff || (next >= 0xd8_00 && next < 0xe0_00)) return undefined;
  return prefix.slice(0, -last.length) + String.fromCodePoint(next);
}

/** `column` holds `text` (given in lower case) anywhere, whatever its own case. */
export function containsText(column: Expression<string>, text: string): Expression<SqlBool> {
  return sql<SqlBool>`replace(lower(${column}), ${text}, '') <> lower(${column})`;
}
