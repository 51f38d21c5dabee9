// The process that starts workers, replaces those that end, and ends them all; it serves nothing itself.
import cluster, { type Worker } from "node:cluster";
import type { Log } from "../core/log.ts";
import type { Address, ToPrimary, ToWorker } from "./messages.ts";
import { createScrapes } from "./scrapes.ts";

export interface PrimaryOptions {
  /** The module that workers run; it calls takeSeat. */
  readonly entry: string;
  readonly count: number;
  /** What workers are told to be; sent as JSON. */
  readonly config: unknown;
  readonly log: Log;
}

export interface Workers {
  readonly address: Address;
  /** Every worker finishes what is in flight. True when all ended in order. */
  stop(): Promise<boolean>;
}

/** A worker could not begin, and has said why unless there is a message. */
export class StartFailed extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Seat {
  readonly index: number;
  worker: Worker | undefined;
  state: "loading" | "loaded" | "starting" | "serving";
  servedBefore: boolean;
  servingSince: number;
  failures: number;
  retry: NodeJS.Timeout | undefined;
}

/** A worker that served so long has recovered: its next end is a first one. */
const STEADY_MS = 60_000;

/**
 * Worker 0 starts first, so that work of the first start is done once; the others load their code meanwhile. Resolves
 * once all serve. Rejects with StartFailed, everything ended, when one of them cannot begin.
 */
export async function startWorkers({ entry, count, config, log }: PrimaryOptions): Promise<Workers> {
  // Every worker accepts by itself, whoever is free. With Node's own round robin connections pass through the primary,
  // and one that is being handed to a worker when that is killed is never closed: its client would wait for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: entry });
  const seats = Array.from({ length: count }, (_, index) => newSeat(index));
  const serving = (): Seat[] => seats.filter(({ state }) => state === "serving");
  const scrapes = createScrapes(() =>
    serving().map(({ index, worker }) => ({ index, tell: teller(worker) })),
  );
  const started = Promise.withResolvers<Address>();
  const emptied = Promise.withResolvers<boolean>();
  let address: Address | undefined;
  /** The workers' shared socket is gone: whoever comes first must open that very port. */
  let reopens = false;
  let stopping = false;
  let inOrder = true;

  function fork(seat: Seat): void {
    const worker = cluster.fork();
    seat.worker = worker;
    seat.state = "loading";
    worker.on("message", (message: ToPrimary) => hear(seat, worker, message));
    worker.once("exit", (code, signal) => ended(seat, worker, code, signal));
    worker.on("error", () => undefined); // its end tells
  }

  function hear(seat: Seat, worker: Worker, message: ToPrimary): void {
    if (message.kind === "hello") {
      seat.state = "loaded";
      begin(seat);
    } else if (message.kind === "serving") serves(seat, worker, message.address);
    else if (message.kind === "counts") scrapes.heard(seat.index, message.question, message.metrics);
    else
      void scrapes.page().then((text) => teller(worker)({ kind: "page", question: message.question, text }));
  }

  function begin(seat: Seat): void {
    if (seat.state !== "loaded" || stopping || (seat.index > 0 && seats[0]?.servedBefore !== true)) return;
    seat.state = "starting";
    reopens ||= address !== undefined && serving().length === 0;
    const { index, servedBefore } = seat;
    teller(seat.worker)({
      kind: "start",
      config,
      index,
      first: !servedBefore,
      port: reopens ? address?.port : undefined,
    });
  }

  function serves(seat: Seat, worker: Worker, at: Address): void {
    address ??= at;
    // The last one that held the port ended while this one began: it listens where nobody looks for it.
    if (at.port !== address.port) return void worker.process.kill("SIGKILL");
    seat.state = "serving";
    seat.servedBefore = true;
    seat.servingSince = Date.now();
    for (const other of seats) begin(other);
    if (seats.every(({ servedBefore }) => servedBefore)) started.resolve(address);
  }

  function ended(seat: Seat, worker: Worker, code: number | null, signal: string | null): void {
    const { state } = seat;
    seat.worker = undefined;
    seat.state = "loading";
    scrapes.ended(seat.index);
    if (stopping) {
      inOrder &&= code === 0 || state !== "serving";
      if (seats.every((each) => each.worker === undefined)) emptied.resolve(inOrder);
    } else if (seat.servedBefore) replace(seat, state, { pid: worker.process.pid, code, signal });
    else void fail(code, signal);
  }

  function replace(seat: Seat, state: Seat["state"], end: object): void {
    if (state === "serving" && Date.now() - seat.servingSince >= STEADY_MS) seat.failures = 0;
    const againInMs = replacementDelayMs(seat.failures++);
    log.error({ worker: seat.index, ...end, againInMs }, "a worker ended; another takes its place");
    scrapes.replaced();
    seat.retry = setTimeout(() => fork(seat), againInMs);
  }

  async function fail(code: number | null, signal: string | null): Promise<void> {
    await stop();
    started.reject(
      signal === null
        ? new StartFailed(code || 1, "")
        : new StartFailed(1, `could not start: a worker was ended by ${signal}`),
    );
  }

  async function stop(): Promise<boolean> {
    stopping = true;
    for (const { retry, state, worker } of seats) {
      clearTimeout(retry);
      if (state === "starting" || state === "serving") teller(worker)({ kind: "stop" });
      else worker?.process.kill("SIGTERM");
    }
    if (seats.every(({ worker }) => worker === undefined)) emptied.resolve(inOrder);
    return emptied.promise;
  }

  for (const seat of seats) fork(seat);
  return { address: await started.promise, stop };
}

function newSeat(index: number): Seat {
  return {
    index,
    worker: undefined,
    state: "loading",
    servedBefore: false,
    servingSince: 0,
    failures: 0,
    retry: undefined,
  };
}

/** What a worker that is about to end does not hear any more, its end answers. */
function teller(worker: Worker | undefined): (message: ToWorker) => void {
  return (message) => {
    if (worker?.isConnected() === true) worker.send(message, () => undefined);
  };
}

/** How long a place stays empty after so many ends in a row: the first is an accident, each further one waits longer. */
export function replacementDelayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(30_000, 500 * 2 ** (failures - 1));
}
