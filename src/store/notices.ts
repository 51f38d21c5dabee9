// What every process changes in a shared PostgreSQL database, as it is told; and proof on demand that nothing said so far is still unheard.
import type { Client } from "pg";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import type { Log } from "../core/log.ts";
import { startListening } from "./listening.ts";

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
  const listening = await startListening({
    connect,
    onNotice: (payload) => tell(readChange(payload)),
    onGap: () => tell({ of: "everything" }),
    answerMs,
    log,
  });
  let provedAt = Number.NEGATIVE_INFINITY;
  const proof = shareTurns(async () => {
    const beganAt = performance.now();
    await listening.ask();
    provedAt = beganAt;
  });
  return {
    barrier() {
      const fresh = stalenessMs > 0 && listening.connected() && performance.now() - provedAt < stalenessMs;
      return fresh ? undefined : proof();
    },
    close: () => listening.close(),
  };
}

/** One run under way and one that waits, however many ask: a run is for all who asked before it began. */
function shareTurns(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    waiting = undefined;
    running = run();
    return running;
  };
  return () => {
    waiting ??= running
      .catch(() => undefined)
      .then(nextTurn) // so that what comes in one turn shares one
      .then(begin);
    return waiting;
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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
