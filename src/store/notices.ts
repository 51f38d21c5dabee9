// Listens to what other processes change in a shared PostgreSQL database.
import type { Client, Pool } from "pg";

export interface Notices {
  /** Grows when another process changed identities or domains; with every call while nobody could tell. */
  count(): number;
  close(): Promise<void>;
}

const RETRY_MS = 1_000;

/** Resolves once it listens. `connect` makes a client that is not connected yet; `pool` is where this process writes. */
export async function listenToChanges(connect: () => Client, pool: Pool): Promise<Notices> {
  /** Backends of this process: what they change is known here already. */
  const own = new Set<number>();
  const pidOf = (client: unknown): number => (client as { readonly processID: number }).processID;
  pool.on("connect", (client) => own.add(pidOf(client)));
  pool.on("remove", (client) => own.delete(pidOf(client)));

  let count = 0;
  let client: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const listen = async (): Promise<void> => {
    const next = connect();
    const lost = (): void => {
      if (client !== next && client !== undefined) return;
      client = undefined;
      if (closed) return;
      clearTimeout(retry);
      retry = setTimeout(() => void listen().catch(lost), RETRY_MS);
    };
    next.on("error", lost);
    next.on("end", lost);
    next.on("notification", ({ processId }) => {
      if (!own.has(processId)) count++;
    });
    await next.connect();
    await next.query("listen portcullis");
    count++; // whatever was said in between was not heard
    client = next;
  };
  await listen();

  return {
    count: () => (client === undefined ? ++count : count),
    async close() {
      closed = true;
      clearTimeout(retry);
      await client?.end();
    },
  };
}
