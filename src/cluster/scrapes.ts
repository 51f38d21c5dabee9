// Gathers the workers' numbers when somebody asks for the page of metrics.
import type { Snapshot } from "../http/metrics.ts";
import type { ToWorker } from "./messages.ts";
import { createTotals } from "./totals.ts";

interface Listener {
  readonly index: number;
  readonly tell: (message: ToWorker) => void;
}

export interface Scrapes {
  /** The page of all workers. One that does not answer soon is shown as it was last heard. */
  page(): Promise<string>;
  heard(index: number, question: number | undefined, metrics: Snapshot): void;
  ended(index: number): void;
  replaced(): void;
}

/** Prometheus waits ten seconds by default; a worker that is busy for so long says nothing new. */
const ANSWER_MS = 2_000;

interface Question {
  readonly missing: Set<number>;
  readonly answered: () => void;
}

export function createScrapes(serving: () => readonly Listener[]): Scrapes {
  const totals = createTotals();
  const questions = new Map<number, Question>();
  let asked = 0;
  let restarts = 0;

  async function askAll(): Promise<void> {
    const listeners = serving();
    if (listeners.length === 0) return;
    const question = ++asked;
    const { promise, resolve } = Promise.withResolvers<void>();
    questions.set(question, { missing: new Set(listeners.map(({ index }) => index)), answered: resolve });
    const timer = setTimeout(resolve, ANSWER_MS);
    for (const { tell } of listeners) tell({ kind: "count", question });
    await promise;
    clearTimeout(timer);
    questions.delete(question);
  }

  function strike(index: number, { missing, answered }: Question): void {
    missing.delete(index);
    if (missing.size === 0) answered();
  }

  return {
    async page() {
      await askAll();
      return totals.page([
        own("portcullis_workers", "Worker processes that serve", "gauge", serving().length),
        own("portcullis_worker_restarts_total", "Workers that ended and were replaced", "counter", restarts),
      ]);
    },
    heard(index, question, metrics) {
      totals.heard(index, metrics);
      const asking = question === undefined ? undefined : questions.get(question);
      if (asking !== undefined) strike(index, asking);
    },
    ended(index) {
      totals.ended(index);
      for (const question of questions.values()) strike(index, question);
    },
    replaced: () => void restarts++,
  };
}

function own(name: string, help: string, type: "gauge" | "counter", value: number): Snapshot[number] {
  // prom-client's typings name types by number; its code, and its snapshots, by word.
  return {
    name,
    help,
    type,
    values: [{ value, labels: {} }],
    aggregator: "sum",
  } as unknown as Snapshot[number];
}
