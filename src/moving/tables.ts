// Tables as the database itself describes them: nothing is carried from a list that somebody may forget to extend.

export type ColumnKind = "number" | "text" | "bytes";

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Names of the primary key's columns, in its order. */
  readonly key: readonly string[];
}

/** What a database's catalogue tells of one table. */
export interface Described extends Table {
  /** Tables whose rows must be there first. */
  readonly references: readonly string[];
}

/** Tables that say something of the place they are in, and why they stay behind. Every other table is carried. */
export const LEFT_BEHIND: Readonly<Record<string, string>> = {
  kysely_migration: "the other place keeps its own account of its schema",
  kysely_migration_lock: "as above",
  change_notice: "what processes tell one another here now",
  lease: "who is at work here now",
  swept_blob: "what a sweep is deleting here now",
  damaged_blob: "which copies here are damaged; every copy that is carried is checked",
};

/** The tables to carry, each after those that it refers to. Throws when a table has no primary key. */
export function carriedTables(described: readonly Described[]): Table[] {
  const waiting = described
    .filter(({ name }) => LEFT_BEHIND[name] === undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const done: Table[] = [];
  while (waiting.length > 0) {
    const ready = waiting.findIndex(({ references }) =>
      references.every((target) => !waiting.some(({ name }) => name === target)),
    );
    if (ready === -1) throw new Error(`tables refer to one another in a circle: ${waiting[0]?.name}`);
    const [{ name, columns, key }] = waiting.splice(ready, 1) as [Described];
    if (key.length === 0)
      throw new Error(`table ${name} has no primary key, so its rows cannot be told apart`);
    done.push({ name, columns, key });
  }
  return done;
}

/** Throws for a type that no table of Portcullis has: then somebody else's table is beside them. */
export function kindOf(type: string, where: string): ColumnKind {
  const kind = KINDS[type.toLowerCase()];
  if (kind === undefined)
    throw new Error(
      `${where} has the type ${type}, which Portcullis does not use: give it a database or a schema of its own`,
    );
  return kind;
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  integer: "number",
  bigint: "number",
  smallint: "number",
  text: "text",
  "character varying": "text",
  blob: "bytes",
  bytea: "bytes",
};
