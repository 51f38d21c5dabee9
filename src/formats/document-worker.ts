// The main thread's end of a format's document worker: started when needed, stopped when long idle, and never what keeps the process alive.
import { Worker } from "node:worker_threads";
import { Fault, type FaultCode, type FaultDetail } from "../core/faults.ts";

/** A format's jobs by name: what each is asked and answers. Plain data, which can be sent between threads. */
export type JobTable<J> = {
  readonly [N in keyof J]: { readonly question: unknown; readonly answer: unknown };
};

export interface DocumentWorker<Jobs extends JobTable<Jobs>> {
  /** Answers on the other thread. Rejects with the job's Fault, or with an error that keeps a file error's code. */
  ask<N extends keyof Jobs & string>(kind: N, question: Jobs[N]["question"]): Promise<Jobs[N]["answer"]>;
  /** Waits for what is asked and stops the thread; the next question starts one again. */
  close(): Promise<void>;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: {
    readonly fault?: { readonly code: FaultCode; readonly message: string; readonly detail: FaultDetail };
    readonly message?: string;
    readonly code?: string;
  };
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const HEAP_MB_MAX = 1024;
/** A thread that has parsed tens of megabytes keeps the memory until it ends. */
const IDLE_MS = 30_000;

/** `file` is the thread's module, which calls `answerJobs` (document-thread.ts); `name` shows in debuggers. */
export function createDocumentWorker<Jobs extends JobTable<Jobs>>(
  file: URL,
  name: string,
): DocumentWorker<Jobs> {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;
  let onIdle: (() => void)[] = [];
  let idleTimer: NodeJS.Timeout | undefined;

  function start(): Worker {
    const started = new Worker(file, {
      name,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    started.on("message", settle);
    const gone = (error: Error): void => {
      // One that was stopped on purpose had nothing left to answer; what waits now is its successor's.
      if (worker !== started) return;
      worker = undefined;
      for (const [id, { reject }] of waiting) {
        waiting.delete(id);
        reject(error);
      }
      rest();
    };
    started.on("error", gone);
    started.on("exit", () => gone(new Error("the document worker stopped")));
    return started;
  }

  function settle({ id, result, error }: Reply): void {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) rest();
    if (error === undefined) asked?.resolve(result as never);
    else asked?.reject(revive(error));
  }

  function rest(): void {
    worker?.unref();
    for (const resume of onIdle) resume();
    onIdle = [];
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => void stop(), IDLE_MS).unref();
  }

  async function stop(): Promise<void> {
    clearTimeout(idleTimer);
    const stopping = worker;
    worker = undefined;
    await stopping?.terminate();
  }

  return {
    ask(kind, question) {
      clearTimeout(idleTimer);
      worker ??= start();
      worker.ref();
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a browser window's, not a thread's
        worker?.postMessage({ id, job: { kind, question } });
      });
    },
    async close() {
      while (waiting.size > 0) await new Promise<void>((resolve) => onIdle.push(resolve));
      await stop();
    },
  };
}

function revive(error: NonNullable<Reply["error"]>): Error {
  if (error.fault !== undefined) return new Fault(error.fault.code, error.fault.message, error.fault.detail);
  return Object.assign(new Error(error.message), { code: error.code });
}
