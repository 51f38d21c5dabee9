// A worker's place among several: what it is told by the primary process, and what it tells.
import cluster from "node:cluster";
import type { SharedPage, Snapshot } from "../http/metrics.ts";
import type { Address, Start, ToPrimary, ToWorker } from "./messages.ts";

export interface Seat {
  /** 0 to N-1. The first one alone does what must be done once. */
  readonly index: number;
  /** Whether this is the start of the service, not of a replacement. */
  readonly first: boolean;
  readonly metrics: SharedPage;
}

export interface TakenSeat extends Seat {
  readonly config: unknown;
  readonly port: number | undefined;
  /** Called once: the primary wants it to end or is gone, or there was a signal. */
  onEnd(end: () => void): void;
  serving(address: Address): void;
}

/** How much of a worker's counting a crash can lose. */
const TELL_EVERY_MS = 2_000;

/** Resolves when the primary says that it is this worker's turn to start. */
export async function takeSeat(): Promise<TakenSeat> {
  const started = Promise.withResolvers<Start>();
  const ending = endings();
  const pages = createPages();
  process.on("message", (message: ToWorker) => {
    if (message.kind === "start") started.resolve(message);
    else if (message.kind === "stop") ending.begin();
    else if (message.kind === "count") void pages.count(message.question);
    else pages.received(message.question, message.text);
  });
  tell({ kind: "hello" });
  const { config, index, first, port } = await started.promise;
  ending.watch();
  return {
    config,
    index,
    first,
    port,
    metrics: pages.share,
    onEnd: (end) => void ending.begun.then(end),
    serving: (address) => tell({ kind: "serving", address }),
  };
}

/**
 * Signals come to the whole process group from terminals and some supervisors, and from the primary as a message as
 * well: more of them change nothing. That the primary is gone ends a worker in order; that it goes while everybody
 * ends is its user's impatience, and ends at once.
 */
function endings() {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  let ending = false;
  const begin = (): void => {
    ending = true;
    resolve();
  };
  return {
    begun,
    begin,
    watch(): void {
      // Node would cut what is in flight when the primary dies.
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
      process.on("SIGTERM", begin);
      process.on("SIGINT", begin);
      process.once("disconnect", () => (ending ? process.exit(1) : begin()));
    },
  };
}

/** Pages of metrics that were asked for here: only the primary knows everybody's numbers. */
function createPages() {
  const waiting = new Map<number, (text: string) => void>();
  let asked = 0;
  let own: () => Promise<Snapshot> = () => Promise.resolve([]);
  const count = async (question?: number): Promise<void> =>
    tell({ kind: "counts", question, metrics: await own() });
  return {
    count,
    received(question: number, text: string): void {
      waiting.get(question)?.(text);
      waiting.delete(question);
    },
    share(given: () => Promise<Snapshot>): () => Promise<string> {
      own = given;
      setInterval(() => void count(), TELL_EVERY_MS).unref();
      return () =>
        new Promise((resolve) => {
          waiting.set(++asked, resolve);
          tell({ kind: "page", question: asked });
        });
    },
  };
}

/** A primary that is gone hears nothing; that it is gone is noticed elsewhere. */
function tell(message: ToPrimary): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
