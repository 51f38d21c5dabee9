// Reading SQLite for a snapshot: one read transaction on a connection of its own.
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Row } from "./rows.ts";
import type { Reader } from "./snapshot.ts";
import { quote } from "./snapshot.ts";
import type { Described } from "./tables.ts";
import { kindOf, LEFT_BEHIND } from "./tables.ts";

/** How long a server's write is waited for. */
const PATIENCE_MS = 10_000;

export function openSqliteReader(path: string, alone: boolean): Reader {
  if (!existsSync(path)) throw new Error(`there is no database at ${path}`);
  const db = new DatabaseSync(path, { timeout: alone ? 500 : PATIENCE_MS, readOnly: !alone });
  try {
    if (alone) keepOthersOut(db, path);
    db.exec("begin");
    db.prepare("select count(*) from sqlite_master").get(); // the snapshot is taken by the first read
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    name: path,
    describe: () => Promise.resolve(describe(db)),
    sequences: () => Promise.resolve(sequences(db)),
    stream: (query) => stream(db, query),
    sortable: (name) => name,
    close: () => Promise.resolve(db.close()),
  };
}

/**
 * Leaving the write-ahead log takes a lock that nobody else who has the file open grants, and entering it again, as a
 * server does when it starts, takes one that a reader holds back.
 */
function keepOthersOut(db: DatabaseSync, path: string): void {
  try {
    db.prepare("pragma journal_mode = delete").get();
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== 5) throw error;
    throw new Error(`${path} is open elsewhere: stop the server, and every other portcullis command on it`, {
      cause: error,
    });
  }
}

function describe(db: DatabaseSync): Described[] {
  const names = db
    .prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'")
    .all()
    .map(({ name }) => String(name));
  return names.map((name) => {
    const columns = db.prepare(`pragma table_info(${quote(name)})`).all();
    const inKey = columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a.pk) - Number(b.pk));
    const foreign = db.prepare(`pragma foreign_key_list(${quote(name)})`).all();
    return {
      name,
      columns: columns.map((column) => ({
        name: String(column.name),
        kind:
          LEFT_BEHIND[name] === undefined
            ? kindOf(String(column.type), `${name}.${String(column.name)}`)
            : "text",
      })),
      key: inKey.map((column) => String(column.name)),
      references: [...new Set(foreign.map(({ table }) => String(table)))].filter((target) => target !== name),
    };
  });
}

function sequences(db: DatabaseSync): Record<string, number> {
  const known = db.prepare("select 1 from sqlite_master where name = 'sqlite_sequence'").get();
  if (known === undefined) return {};
  const rows = db.prepare("select name, seq from sqlite_sequence").all();
  return Object.fromEntries(rows.map(({ name, seq }) => [String(name), Number(seq)]));
}

async function* stream(db: DatabaseSync, query: string): AsyncIterable<Row> {
  const statement = db.prepare(query);
  statement.setReturnArrays(true);
  let count = 0;
  for (const row of statement.iterate()) {
    yield row as unknown as Row;
    if (++count % 1_000 === 0) await new Promise(setImmediate); // timers and leases must have their turn
  }
}
