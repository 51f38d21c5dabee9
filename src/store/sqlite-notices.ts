// What was committed to a SQLite file since it was last asked, by any process: one number to look at, and rows when it moved.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Change, readChange } from "./notices.ts";

export interface LocalNotices {
  /** What is no longer true of what is kept in memory. A microsecond when nobody wrote; never throws. */
  news(): readonly Change[];
  close(): void;
}

/** More at a time are not worth telling apart. Fewer than migration 0012 keeps: whoever has missed some finds too many. */
const NEWS_MAX = 500;
const NOTHING: readonly Change[] = [];
const EVERYTHING: readonly Change[] = [{ of: "everything" }];

interface Row {
  readonly seq: number;
  readonly notice: string;
}

/**
 * On a connection of its own, which sees nothing but what is committed: rows of a transaction that is rolled back later
 * would be taken for told. The file exists.
 */
export function readLocalNotices(path: string): LocalNotices {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  const dataVersion = db.prepare("pragma data_version");
  let seenVersion: unknown;
  let seenSeq: number | undefined;
  let newer: StatementSync | undefined;

  /** Throws while there is no such table: the file is of an older version, and about to be migrated. */
  function read(): readonly Change[] {
    newer ??= db.prepare("select seq, notice from change_notice where seq > ? order by seq limit ?");
    if (seenSeq === undefined) return catchUp();
    const rows = newer.all(seenSeq, NEWS_MAX) as unknown as readonly Row[];
    if (rows.length === NEWS_MAX) return catchUp();
    seenSeq = rows.at(-1)?.seq ?? seenSeq;
    return [...new Set(rows.map(({ notice }) => notice))].map(readChange);
  }

  function catchUp(): readonly Change[] {
    seenSeq = (db.prepare("select coalesce(max(seq), 0) as seq from change_notice").get() as unknown as Row)
      .seq;
    return EVERYTHING;
  }

  return {
    news() {
      try {
        const { data_version: version } = dataVersion.get() as { readonly data_version: number };
        if (version === seenVersion) return NOTHING;
        const changes = read();
        seenVersion = version;
        return changes;
      } catch {
        return EVERYTHING; // asked again with the next request
      }
    },
    close: () => db.close(),
  };
}
