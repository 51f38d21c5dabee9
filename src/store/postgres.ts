// PostgreSQL as the database of many nodes: a pool of connections behind Kysely, advisory locks, notices of what others changed.
import type { Transaction } from "kysely";
import { Kysely, PostgresDialect, sql } from "kysely";
import { packagePath } from "../core/coordinates.ts";
import type { Database, DatabaseOptions } from "./database.ts";
import type { Change } from "./notices.ts";
import { listenToChanges } from "./notices.ts";
import type { Schema } from "./schema.ts";

/** `url`: `postgres://…` as libpq and pg read it. */
export async function openPostgres(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const { default: pg } = await import("pg");
  pg.types.setTypeParser(pg.types.builtins.INT8, Number); // bigint: ids and epoch milliseconds fit a double
  const pool = new pg.Pool({ connectionString: url, max: 16, connectionTimeoutMillis: 10_000 });
  pool.on("error", () => undefined); // an idle connection broke: the pool replaces it, the next query tells
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  let observer = (_change: Change): void => undefined;
  const notices = await listenToChanges({
    connect: () => new pg.Client({ connectionString: url }),
    tell: (change) => observer(change),
    stalenessMs: options.stalenessMs ?? 0,
  });
  const lock = (tx: Transaction<Schema>, domainId: number, name: string) =>
    sql`select pg_advisory_xact_lock(${LOCK_SPACE + domainId}::int, hashtext(${name}))`.execute(tx);
  return {
    engine: "postgres",
    read: kysely,
    write: (work) => retry(() => kysely.transaction().execute(work)),
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
    probe: async () => void (await sql`select 1`.execute(kysely)),
    async close() {
      await notices.close();
      await kysely.destroy();
    },
  };
}

/** Keeps our advisory locks apart from other programs' in the same database. */
const LOCK_SPACE = 0x50_43_00_00;

async function retry<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const code = (error as { code?: string }).code;
      if ((code !== "40001" && code !== "40P01") || attempt === 3) throw error;
    }
  }
}
