// Listens to what every process changes in a shared PostgreSQL database, and proves on demand that nothing said so far is still unheard.
import type { Client } from "pg";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { type Fault, unavailable } from "../core/faults.ts";
import type { Log } from "../core/log.ts";

/** What is no longer true of what a process keeps in memory. */
export type Change =
  | { readonly of: "everything" }
  /** Users, groups, roles, keys, sessions, tokens. */
  | { readonly of: "identities" }
  | { readonly of: "domain"; readonly domainId: number }
  | { readonly of: "package"; readonly domainId: number; readonly key: PackageKey };

export interface Notices {
  /** See Database.barrier. */
  barrier(): Promise<void> | undefined;
  close(): Promise<void>;
}

export interface NoticeOptions {
  /** Makes a client that is not connected yet. */
  readonly connect: () => Client;
  readonly tell: (change: Change) => void;
  /** How old the last proof may be, ms; 0: each is asked for. */
  readonly stalenessMs: number;
  /** A connection that has not answered by then is taken for dead, ms. */
  readonly answerMs?: number;
  readonly log?: Log | undefined;
}

const ANSWER_MS = 5_000;
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;

/**
 * Resolves once it listens; rejects when that fails the first time. Later it connects again by itself, and everything
 * that was kept is void then.
 *
 * Why an answer on the listening connection proves that every earlier notice was heard. A notifying transaction signals
 * the listening backends at its commit, before its own client is told of it (CommitTransaction calls AtCommit_Notify,
 * ReadyForQuery comes after; access/transam/xact.c, commands/async.c). A signal that is pending is taken before the
 * backend's next read from its socket ends, so it knows of the notice when it reads a query that was sent later. And it
 * sends what it was notified of before it says that it is ready again (PostgresMain calls ProcessNotifyInterrupt before
 * ReadyForQuery; tcop/postgres.c). Notices become visible with their transaction, not before: it is out of the set of
 * running ones when it is read from the queue, so whoever reads rows after hearing a notice reads the new ones.
 */
export async function listenToChanges(options: NoticeOptions): Promise<Notices> {
  const { connect, tell, stalenessMs, answerMs = ANSWER_MS, log } = options;
  let client: Client | undefined;
  /** The attempt under way to have a connection. */
  let opening: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let failures = 0;
  let closed = false;
  let provedAt = Number.NEGATIVE_INFINITY;

  const open = async (): Promise<void> => {
    const next = connect();
    let gone = false;
    const ended = (): void => {
      gone = true;
      lose(next);
    };
    next.on("error", ended);
    next.on("end", ended);
    next.on("notification", ({ payload }) => tell(readChange(payload)));
    try {
      await answered(next, answerMs, async () => {
        await next.connect();
        await next.query("listen portcullis");
      });
      if (gone || closed) throw new Error("the connection ended as it began");
    } catch (error) {
      cut(next);
      throw error;
    }
    tell({ of: "everything" }); // whatever was said in between was not heard
    client = next;
    failures = 0;
  };

  const lose = (lost: Client): void => {
    if (client !== lost) return;
    client = undefined;
    tell({ of: "everything" });
    log?.warn({}, "the connection that tells what other nodes change is lost: nothing kept is believed");
    reopen();
  };

  const reopen = (): void => {
    if (closed) return;
    opening = open()
      .then(() => log?.info({}, "what other nodes change is told again"))
      .finally(() => {
        opening = undefined;
      });
    opening.catch(() => {
      // Apart from one another, so that a database that comes back is not met by all nodes at once.
      const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failures++) * (0.5 + Math.random());
      if (!closed) retry = setTimeout(reopen, waitMs);
    });
  };

  /** The ping is an empty query: the least that has an answer. */
  const prove = async (): Promise<void> => {
    const beganAt = performance.now();
    const asked = client;
    try {
      if (asked === undefined) await (opening ?? Promise.reject(new Error("not connected")));
      else await answered(asked, answerMs, () => asked.query(""));
    } catch (error) {
      if (asked === undefined) throw unreachable();
      cut(asked);
      lose(asked);
      // A new connection voids everything, which is as good as an answer.
      await (opening ?? Promise.reject(error as Error)).catch(() => Promise.reject(unreachable()));
    }
    provedAt = beganAt;
  };

  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  /** One in flight and one waiting, however many ask: a proof counts for all who asked before it began. */
  const proof = (): Promise<void> => {
    waiting ??= running
      .catch(() => undefined)
      .then(() => new Promise((resolve) => setImmediate(resolve))) // so that what comes in one turn shares one
      .then(() => {
        waiting = undefined;
        running = prove();
        return running;
      });
    return waiting;
  };

  await open();
  return {
    barrier() {
      const fresh = client !== undefined && stalenessMs > 0 && performance.now() - provedAt < stalenessMs;
      return fresh ? undefined : proof();
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await opening?.catch(() => undefined);
      const last = client;
      client = undefined;
      await last?.end();
    },
  };
}

/** Runs `ask`; cuts the connection when it takes too long, which ends it with an error. */
async function answered(client: Client, answerMs: number, ask: () => Promise<unknown>): Promise<void> {
  // What has come while this process was busy is read before it is missed.
  let overdue: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (overdue = setImmediate(() => cut(client))), answerMs);
  try {
    await ask();
  } finally {
    clearTimeout(timer);
    clearImmediate(overdue);
  }
}

/** Without a goodbye, which a hung connection would not take. */
function cut(client: Client): void {
  (
    client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

function unreachable(): Fault {
  return unavailable(
    "The database cannot be reached, so it cannot be told whether what is known here is still true. Send the request again in a moment.",
  );
}

/** Says of migration 0009 what it means; anything else, such as another version's notices, voids everything. */
export function readChange(payload: string | undefined): Change {
  try {
    const [of, domainId, format, namespace, name] = JSON.parse(payload ?? "") as [
      string,
      number,
      PackageFormat,
      string,
      string,
    ];
    if (of === "identities") return { of };
    if (of === "domain") return { of, domainId };
    if (of === "package") return { of, domainId, key: { format, namespace, name } };
  } catch {
    // Not ours to read.
  }
  return { of: "everything" };
}
