// PostgreSQL as the database of many nodes: a pool of connections behind Kysely, advisory locks, notices of what others changed.
import type { Transaction } from "kysely";
import { Kysely, PostgresDialect, type PostgresPool, sql } from "kysely";
import { packagePath } from "../core/coordinates.ts";
import type { Log } from "../core/log.ts";
import type { Database, DatabaseOptions } from "./database.ts";
import type { Change } from "./notices.ts";
import { listenToChanges } from "./notices.ts";
import { createPostgresPool, type PoolOptions } from "./postgres-pool.ts";
import { preferReplica } from "./replica.ts";
import type { Schema } from "./schema.ts";
import { causeOf, isRetryable } from "./trouble.ts";

/** Nothing is taken for granted about how many rows a scan reads: few at a time. */
const UNHURRIED_CONNECTIONS = 2;

/** `url`: `postgres://…` as pg reads it. */
export async function openPostgres(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const { default: pg } = await import("pg");
  const limits = poolOptions(options);
  const session = options.session ?? url;
  const primary = await createPostgresPool({ ...limits, url });
  const unhurried = await createPostgresPool({
    ...limits,
    url: session,
    connectionsMax: UNHURRIED_CONNECTIONS,
    statementTimeoutMs: 0,
    lockTimeoutMs: 0,
    prepare: false,
  });
  const replica =
    options.replica === undefined
      ? undefined
      : preferReplica(await createPostgresPool({ ...limits, url: options.replica }), primary, options.log);
  const read = over(primary);
  const others = { unhurried: over(unhurried), lagging: replica === undefined ? read : over(replica) };
  let observer: (change: Change) => void = () => undefined;
  const notices = await listenToChanges({
    connect: () =>
      new pg.Client({ application_name: "portcullis notices", connectionString: session, keepAlive: true }),
    tell: (change) => observer(change),
    stalenessMs: options.stalenessMs ?? 0,
    log: options.log,
  });
  const close = async (): Promise<void> => {
    await notices.close();
    await Promise.all([primary.end(), unhurried.end(), replica?.end()]);
  };
  let heard = false;
  observer = () => (heard = true);
  try {
    // Behind a pooler, this transaction takes the server's connection that listened last: the barrier asks another one.
    await others.unhurried.transaction().execute(async (tx) => {
      await sql`select 1`.execute(tx);
      await sql`select pg_notify('portcullis', '["identities"]')`.execute(read);
      await notices.barrier();
    });
    if (!heard) throw new Error(DEAF);
  } catch (error) {
    await close();
    throw error;
  }
  const lock = (tx: Transaction<Schema>, domainId: number, name: string) =>
    sql`select pg_advisory_xact_lock(${LOCK_SPACE + domainId}::int, hashtext(${name}))`.execute(tx);
  return {
    engine: "postgres",
    read,
    ...others,
    aside: async (query) => (await others.unhurried.executeQuery(query)).rows,
    write: (work) => retry(() => read.transaction().execute(work)),
    async lockPackage(tx, domainId, key) {
      await sql`select pg_advisory_xact_lock_shared(${LOCK_SPACE}::int, ${domainId}::int)`.execute(tx);
      await lock(tx, domainId, packagePath(key));
    },
    async lockDomain(tx, domainId) {
      await sql`select pg_advisory_xact_lock(${LOCK_SPACE}::int, ${domainId}::int)`.execute(tx);
    },
    skipsLocked: true,
    observe: (tell) => void (observer = tell),
    barrier: () => notices.barrier(),
    async probe() {
      await sql`select 1`.execute(read);
      await notices.barrier();
    },
    close,
  };
}

/** A node that does not hear of changes would show old things for ever, and let in who was shut out. */
const DEAF =
  "the database does not pass on notices between connections: a transaction pooler stands in front of it, or --database-session leads to another database. Give the database's own address with --database-session";

function over(pool: PostgresPool): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

function poolOptions(options: DatabaseOptions): Omit<PoolOptions, "url"> {
  return {
    connectionsMax: options.poolMax ?? 16,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    lockTimeoutMs: options.lockTimeoutMs ?? 10_000,
    prepare: options.prepare ?? true,
    onTrouble: tellTrouble(options.log),
  };
}

/** One line a second at the most: where a database is gone, every request meets the same. */
function tellTrouble(log: Log | undefined): (error: unknown) => void {
  let quietUntil = 0;
  let untold = 0;
  return (error) => {
    const { code, message } = causeOf(error);
    if (log === undefined || isRetryable(error)) return;
    if (performance.now() < quietUntil) return void untold++;
    log.warn({ code, reason: message, untold }, "the database is in trouble");
    quietUntil = performance.now() + 1_000;
    untold = 0;
  };
}

/** Keeps our advisory locks apart from other programs' in the same database. */
const LOCK_SPACE = 0x50_43_00_00;

const ATTEMPTS = 6;
const BACK_OFF_MS = 10;

/** Apart from one another, or those who met once meet again. */
async function retry<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!isRetryable(error) || attempt === ATTEMPTS) throw error;
      const waitMs = Math.random() * BACK_OFF_MS * 2 ** attempt;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
