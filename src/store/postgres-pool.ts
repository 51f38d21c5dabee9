// Connections to PostgreSQL as Kysely borrows them: statements that come often are prepared, trouble is worded, what broke is replaced.
import { createHash } from "node:crypto";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import type { Client, Pool, PoolClient, PoolConfig, QueryResult } from "pg";
import { tellQuery } from "./query-channel.ts";
import {
  isConnectionLost,
  isStalePlan,
  NOTHING_RECORDED,
  PERHAPS_RECORDED,
  postgresTrouble,
} from "./trouble.ts";

export interface PoolOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** Both for a free connection of the pool and for a new one. */
  readonly connectTimeoutMs: number;
  /** 0: none. The server ends a statement that takes longer; this side gives up a little later, should nobody answer. */
  readonly statementTimeoutMs: number;
  /** 0: none. */
  readonly lockTimeoutMs: number;
  readonly prepare: boolean;
  /** Told of whatever goes wrong with the database, once for each time. */
  readonly onTrouble: (error: unknown) => void;
}

/** How much longer than the server this side waits for a statement, ms. */
const ANSWER_GRACE_MS = 5_000;
/** A node that hangs inside a transaction must not hold its locks for ever, ms. */
const IDLE_IN_TRANSACTION_MS = 60_000;
const IDLE_MS = 60_000;
/** Long enough to cost nothing, short enough that connections move to a new address by themselves. */
const LIFETIME_SECONDS = 30 * 60;

/** A pool as Kysely's dialect wants it. Connects when first used. */
export async function createPostgresPool(options: PoolOptions): Promise<PostgresPool> {
  const { default: pg } = await import("pg");
  pg.types.setTypeParser(pg.types.builtins.INT8, Number); // bigint: ids and epoch milliseconds fit a double
  const pool = new pg.Pool(poolConfig(options));
  pool.on("error", () => undefined); // an idle connection broke: the pool replaces it
  // One that is lent breaks between two statements: without a listener that would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const statements = options.prepare ? createStatements() : undefined;
  return {
    options: pool.options,
    connect: () => lend(pool, statements, options.onTrouble),
    end: () => pool.end(),
  };
}

function poolConfig({
  url,
  connectionsMax,
  connectTimeoutMs,
  statementTimeoutMs,
  lockTimeoutMs,
}: PoolOptions): PoolConfig {
  return {
    application_name: "portcullis",
    connectionString: url, // what the URL says goes before the rest
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: IDLE_MS,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    keepAlive: true,
    // Zeros are not sent: a pooler in between may refuse settings that it does not know.
    ...(statementTimeoutMs === 0
      ? {}
      : {
          statement_timeout: statementTimeoutMs,
          query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
          idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
        }),
    ...(lockTimeoutMs === 0 ? {} : { lock_timeout: lockTimeoutMs }),
  };
}

interface Loan {
  /** Undefined: it broke, and there was none to replace it. */
  client: PoolClient | undefined;
  inTransaction: boolean;
  /** Not to be lent again. */
  spoilt: boolean;
  /** One that broke was replaced already. */
  replaced: boolean;
}

async function lend(
  pool: Pool,
  statements: Statements | undefined,
  onTrouble: (error: unknown) => void,
): Promise<PostgresPoolClient> {
  const fail = (error: unknown, recorded = NOTHING_RECORDED): never => {
    const trouble = postgresTrouble(error, recorded);
    if (trouble !== undefined) onTrouble(error);
    throw trouble ?? error;
  };
  const connect = (): Promise<PoolClient> => pool.connect().catch(fail);
  const loan: Loan = { client: await connect(), inTransaction: false, spoilt: false, replaced: false };

  const query = async (text: string, values: readonly unknown[]): Promise<QueryResult> => {
    const client = (loan.client ??= await connect());
    const name = statements?.nameOf(text, client);
    tellQuery(text, values);
    try {
      const result = await client.query(
        name === undefined ? { text, values: [...values] } : { name, text, values: [...values] },
      );
      if (BEGIN.test(text)) loan.inTransaction = true;
      else if (text === "commit" || text === "rollback") loan.inTransaction = false;
      return result;
    } catch (error) {
      if (!isConnectionLost(error) && !isStalePlan(error)) return fail(error);
      loan.spoilt = true;
      if (text === "rollback") return NO_RESULT; // the server did it when the connection went
      if (loan.inTransaction) return fail(error, text === "commit" ? PERHAPS_RECORDED : NOTHING_RECORDED);
      if (loan.replaced || !isRepeatable(text)) return fail(error);
      // It broke while it was idle, or under a question that may as well be asked again.
      giveBack();
      loan.replaced = true;
      return query(text, values);
    }
  };
  const giveBack = (): void => {
    loan.client?.release(loan.spoilt || statements?.isFull(loan.client) === true);
    loan.client = undefined;
    loan.spoilt = false;
  };
  return { query, release: giveBack } as unknown as PostgresPoolClient;
}

const BEGIN = /^(begin|start transaction)/;
const NO_RESULT = { command: "ROLLBACK", rowCount: 0, rows: [], oid: 0, fields: [] } satisfies QueryResult;

/** Of statements outside a transaction: asking twice is as good as once. */
function isRepeatable(text: string): boolean {
  return BEGIN.test(text) || (/^select /i.test(text) && !/advisory|nextval|pg_notify/.test(text));
}

interface Statements {
  /** The name to prepare it under on this connection; undefined: not worth it. */
  nameOf(text: string, client: Client | PoolClient): string | undefined;
  /** More were prepared on it than a connection should keep: texts that vary in length are many. */
  isFull(client: Client | PoolClient): boolean;
}

/** How often a text must have come before it is prepared: parsing twice costs more than it saves. */
const SEEN_MIN = 3;
const NAMES_MAX = 400;
const SEEN_MAX = 2_000;

/** Which texts are prepared, in the whole process; a name is made from its text, so it means the same on every connection. */
function createStatements(): Statements {
  const seen = new Map<string, number>();
  const names = new Map<string, string>();
  const prepared = new WeakMap<object, Set<string>>();

  const name = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const times = (seen.get(text) ?? 0) + 1;
    if (seen.size >= SEEN_MAX) seen.clear();
    seen.set(text, times);
    if (times < SEEN_MIN) return undefined;
    seen.delete(text);
    if (names.size >= NAMES_MAX) names.clear(); // those that still come often are back soon
    const made = `p${createHash("sha256").update(text).digest("hex").slice(0, 24)}`;
    names.set(text, made);
    return made;
  };
  return {
    nameOf(text, client) {
      if (!PREPARED.test(text)) return undefined;
      const made = name(text);
      if (made === undefined) return undefined;
      const on = prepared.get(client) ?? new Set();
      if (on.size === 0) prepared.set(client, on);
      on.add(made);
      return made;
    },
    isFull: (client) => (prepared.get(client)?.size ?? 0) > 2 * NAMES_MAX,
  };
}

/** Transaction commands and definitions have nothing to plan. */
const PREPARED = /^(select|insert|update|delete|with) /i;
