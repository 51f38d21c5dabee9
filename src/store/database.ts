// One database, SQLite or PostgreSQL, behind one set of Kysely queries; transactions, package locks and error names that are the same on both.
import type { CompiledQuery, Kysely, Transaction } from "kysely";
import type { PackageKey } from "../core/coordinates.ts";
import type { Log } from "../core/log.ts";
import { migrate } from "./migrations.ts";
import type { Change } from "./notices.ts";
import { openPostgres } from "./postgres.ts";
import type { Schema } from "./schema.ts";
import { readSetting, UNFINISHED_MOVE } from "./settings.ts";
import { openSqlite } from "./sqlite.ts";

export type Engine = "sqlite" | "postgres";

/** What queries run on: the database itself or a transaction of it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;

/**
 * Every query and transaction rejects with a Fault `ServiceUnavailable` when the database does not answer, or not now;
 * with the engine's own error for anything else (see isUniqueViolation).
 */
export interface Database {
  readonly engine: Engine;
  /** For single reads; a write that must hold together goes through `write`. */
  readonly read: Kysely<Schema>;
  /**
   * For reads that may be some seconds old: searches, lists of names for display, the journal, the audit. From a replica
   * where there is one. Never for what a decision or a document is made of, and never for transactions.
   */
  readonly lagging: Kysely<Schema>;
  /** For work that may take long, such as backups and scans: few connections of its own and no time-outs. */
  readonly unhurried: Kysely<Schema>;
  /** Runs one query that may take seconds where no other waits for it: for figures, never for a decision. */
  aside<R>(query: CompiledQuery<R>): Promise<readonly R[]>;
  /**
   * Runs `work` in one transaction: all of it or nothing, durable once this resolves. Nothing but queries may be
   * awaited inside: on SQLite everyone else waits. A serialisation failure or deadlock is tried again (5 times). Where
   * the answer to the commit was lost, the Fault says that it is not known whether it was recorded.
   */
  write<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Inside `write`: makes this transaction the only one that decides about a package name in the domain. */
  lockPackage(tx: Transaction<Schema>, domainId: number, key: PackageKey): Promise<void>;
  /** Inside `write`: the only one that changes what a domain consists of (repositories, upstreams, groups); waits for package decisions. */
  lockDomain(tx: Transaction<Schema>, domainId: number): Promise<void>;
  /** Whether several processes write at a time, so that claiming rows must step over those that another one is claiming. */
  readonly skipsLocked: boolean;
  /** `tell` hears what changes under this process's feet: also what this process wrote itself. One listener. */
  observe(tell: (change: Change) => void): void;
  /**
   * After it, the observer was told of everything that was committed, by any process, before it was called. Undefined:
   * nothing to wait for (SQLite, always). Rejects with a Fault (503) when the database cannot be asked.
   */
  barrier(): Promise<void> | undefined;
  /** Resolves when the database answers. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** All but `log` are PostgreSQL's. */
export interface DatabaseOptions {
  /** Connections of this process. Default 16. */
  readonly poolMax?: number;
  /** Longest wait for a connection, be it a free one of the pool or a new one. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Longest statement; 0: no limit. Default 30000. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a lock; 0: no limit. Default 10000. */
  readonly lockTimeoutMs?: number;
  /** Whether statements that come often are prepared. Default true. */
  readonly prepare?: boolean;
  /** A URL for reads that may be old. */
  readonly replica?: string | undefined;
  /** A URL past a transaction pooler, for notices and migrations, which need a session of their own. */
  readonly session?: string | undefined;
  readonly log?: Log;
  /** PostgreSQL: a barrier is skipped when the last one that held began less than so many ms ago. Default 0: never. */
  readonly stalenessMs?: number;
}

/**
 * `location`: a `postgres://` URL, or the path of a SQLite file (":memory:" for tests). Migrates before it resolves.
 * Rejects when a move or a restore has filled the database by half: what is served from there would be lost.
 */
export async function openDatabase(location: string, options: DatabaseOptions = {}): Promise<Database> {
  const database = /^postgres(ql)?:\/\//.test(location)
    ? await openPostgres(location, options)
    : openSqlite(location);
  try {
    await refuseUnfinished(database);
    await migrate(database.unhurried, database.engine);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

async function refuseUnfinished({ read }: Database): Promise<void> {
  // Before the first start there is no such table.
  const mark = await readSetting(read, UNFINISHED_MOVE).catch(() => undefined);
  if (mark !== undefined)
    throw new Error(
      "this database is half filled by 'portcullis migrate' or 'portcullis restore': run the same command again, which goes on where it was stopped",
    );
}

/** Whether a query failed because a row with that key exists already, on either engine. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "23505" || errcode === 2067 || errcode === 1555;
}
