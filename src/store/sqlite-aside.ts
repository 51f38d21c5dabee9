// One long query of a SQLite file on a thread and a connection of its own, so that nobody else waits for it.
import { Worker } from "node:worker_threads";
import type { CompiledQuery } from "kysely";

export interface Question {
  /** The file. */
  readonly path: string;
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

/** The rows, of what was committed when it began. Rejects with SQLite's own error. */
export function queryAside<R>(path: string, { sql, parameters }: CompiledQuery<R>): Promise<readonly R[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./sqlite-aside-thread.ts", import.meta.url), {
      workerData: { path, sql, parameters: parameters as Question["parameters"] } satisfies Question,
    });
    thread.unref(); // a figure is not worth staying for
    thread.once("message", resolve).once("error", reject);
    thread.once("exit", () => reject(new Error("the thread ended without an answer")));
  });
}
