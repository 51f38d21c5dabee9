// Reads that may be a little old go to a replica while it answers, and to the primary while it does not.
import type { PostgresPool, PostgresPoolClient } from "kysely";
import { Fault } from "../core/faults.ts";
import type { Log } from "../core/log.ts";

/** How long a replica that failed is left alone, ms. */
const PAUSE_MS = 5_000;

/** Ends only the replica's pool: the primary's is somebody else's. Nothing but single reads may be asked of it. */
export function preferReplica(
  replica: PostgresPool,
  primary: PostgresPool,
  log: Log | undefined,
): PostgresPool {
  let pausedUntil = 0;
  /** The primary's answer instead of a failure that is no bug. */
  const instead = async <T>(error: unknown, ask: () => Promise<T>): Promise<T> => {
    if (!(error instanceof Fault)) throw error;
    pausedUntil = performance.now() + PAUSE_MS;
    log?.warn(
      { reason: error.message },
      "the database's replica does not answer: the primary is asked instead",
    );
    return ask();
  };
  const connect = async (): Promise<PostgresPoolClient> => {
    if (performance.now() < pausedUntil) return primary.connect();
    let client: PostgresPoolClient;
    try {
      client = await replica.connect();
    } catch (error) {
      return instead(error, () => primary.connect());
    }
    const query = async (text: string, values: readonly unknown[]) => {
      try {
        return await client.query(text, values);
      } catch (error) {
        return instead(error, async () => {
          const other = await primary.connect();
          try {
            return await other.query(text, values);
          } finally {
            other.release();
          }
        });
      }
    };
    return { query, release: () => client.release() } as PostgresPoolClient;
  };
  return { options: replica.options, connect, end: () => replica.end() };
}
