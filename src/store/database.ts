// One database, SQLite or PostgreSQL, behind one set of Kysely queries; transactions, package locks and error names that are the same on both.
import type { Kysely, Transaction } from "kysely";
import type { PackageKey } from "../core/coordinates.ts";
import { migrate } from "./migrations.ts";
import type { Change } from "./notices.ts";
import { openPostgres } from "./postgres.ts";
import type { Schema } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";

export type Engine = "sqlite" | "postgres";

/** What queries run on: the database itself or a transaction of it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;

export interface Database {
  readonly engine: Engine;
  /** For single reads; a write that must hold together goes through `write`. */
  readonly read: Kysely<Schema>;
  /**
   * Runs `work` in one transaction: all of it or nothing, durable once this resolves. Nothing but queries may be
   * awaited inside: on SQLite everyone else waits. A serialisation failure or deadlock is tried again (3 times).
   */
  write<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Inside `write`: makes this transaction the only one that decides about a package name in the domain. */
  lockPackage(tx: Transaction<Schema>, domainId: number, key: PackageKey): Promise<void>;
  /** Inside `write`: the only one that changes what a domain consists of (repositories, upstreams, groups); waits for package decisions. */
  lockDomain(tx: Transaction<Schema>, domainId: number): Promise<void>;
  /** Whether several processes write at a time, so that claiming rows must step over those that another one is claiming. */
  readonly skipsLocked: boolean;
  /** `tell` hears what changes under this process's feet: on SQLite what others wrote, on PostgreSQL also what it wrote itself. One listener. */
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

export interface DatabaseOptions {
  /** PostgreSQL: a barrier is skipped when the last one that held began less than so many ms ago. Default 0: never. */
  readonly stalenessMs?: number;
}

/** `location`: a `postgres://` URL, or the path of a SQLite file (":memory:" for tests). Migrates before it resolves. */
export async function openDatabase(location: string, options: DatabaseOptions = {}): Promise<Database> {
  const database = /^postgres(ql)?:\/\//.test(location)
    ? await openPostgres(location, options)
    : openSqlite(location);
  try {
    await migrate(database.read, database.engine);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** Whether a query failed because a row with that key exists already, on either engine. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "23505" || errcode === 2067 || errcode === 1555;
}
