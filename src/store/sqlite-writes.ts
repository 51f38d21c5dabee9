// The write transactions of one process over a SQLite file: those that wait at one time are committed together.
import type { DatabaseSync } from "node:sqlite";
import { setImmediate as settledEvents } from "node:timers/promises";
import type { Kysely, Transaction } from "kysely";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { BUSY, createTurns } from "./sqlite-turns.ts";
import { sqliteTrouble } from "./trouble.ts";

const SQLITE_BUSY = 5;
/** For single statements beside `write`, and for opening: SQLite waits in this thread. */
export const BUSY_TIMEOUT_MS = 5_000;
/** Readers wait for as long as a transaction takes. */
const TOGETHER_MAX = 16;

interface Write {
  readonly work: (tx: Transaction<Schema>) => Promise<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}
type Answer = () => void;

/**
 * A commit is an fsync and a dozen pages, most of what a small write costs. Whoever waits while another is served shares
 * the next one: each write in a savepoint, so that one that fails takes nothing with it, and none is answered before the
 * commit. They see each other's changes, in the order in which they came; a commit that fails fails them all.
 */
export function createWrites(kysely: Kysely<Schema>, db: DatabaseSync): Database["write"] {
  const turn = createTurns();
  const waiting: Write[] = [];

  let taking = false;

  async function takeTurns(): Promise<void> {
    taking = true;
    while (waiting.length > 0) {
      await settledEvents(); // what has arrived by now comes along
      const answers = await takeTurn();
      for (const answer of answers) answer();
    }
    taking = false;
  }

  /** Never rejects: whatever goes wrong is an answer to those it concerns. */
  async function takeTurn(): Promise<readonly Answer[]> {
    try {
      return await turn(() =>
        kysely.connection().execute(async (connection) => {
          if (!beginImmediate(db)) return BUSY;
          return commitTogether(connection as Transaction<Schema>);
        }),
      );
    } catch (error) {
      return refusals(waiting.splice(0), error); // nobody of this process could begin
    }
  }

  async function commitTogether(tx: Transaction<Schema>): Promise<readonly Answer[]> {
    const begun: Write[] = [];
    const answers: Answer[] = [];
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        begun.push(next);
        answers.push(begun.length === 1 ? await succeed(tx, next) : await attempt(tx, next));
        if (begun.length === TOGETHER_MAX) break;
      }
      run(db, "commit");
      return answers;
    } catch (error) {
      // A full disk has rolled back by itself.
      if (db.isTransaction) db.exec("rollback");
      return refusals(begun, error);
    }
  }

  async function succeed(tx: Transaction<Schema>, { work, resolve }: Write): Promise<Answer> {
    const result = (await work(tx)) as never;
    return () => resolve(result);
  }

  /** Rejects only when the whole transaction is gone. */
  async function attempt(tx: Transaction<Schema>, write: Write): Promise<Answer> {
    run(db, "savepoint one_write");
    try {
      const answer = await succeed(tx, write);
      run(db, "release one_write");
      return answer;
    } catch (error) {
      if (!db.isTransaction) throw error;
      run(db, "rollback to one_write; release one_write");
      return () => write.reject(error);
    }
  }

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve, reject });
      if (!taking) void takeTurns();
    });
}

function refusals(writes: readonly Write[], error: unknown): readonly Answer[] {
  return writes.map((write) => () => write.reject(error));
}

/**
 * BEGIN IMMEDIATE, so that a reader never has to become a writer half-way and fail with SQLITE_BUSY. False while another
 * process writes: it is asked again later, since SQLite's own waiting would stop this process.
 */
function beginImmediate(db: DatabaseSync): boolean {
  db.exec("pragma busy_timeout = 0");
  try {
    db.exec("begin immediate");
    return true;
  } catch (error) {
    if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return false;
    throw sqliteTrouble(error) ?? error;
  } finally {
    db.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

function run(db: DatabaseSync, text: string): void {
  try {
    db.exec(text);
  } catch (error) {
    throw sqliteTrouble(error) ?? error;
  }
}
