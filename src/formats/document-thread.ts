// The thread on which a format's large documents are read and put together, so that no client waits behind another's megabytes.
import { parentPort } from "node:worker_threads";
import { Fault } from "../core/faults.ts";

/** What a format's thread is asked, by the name of the job. */
type Answer = (job: never) => Promise<unknown>;

/** Answers the questions that createDocumentWorker's `ask` sends. Call it once, in the module that the thread runs. */
export function answerJobs(answer: Answer): void {
  const port = parentPort;
  if (port === null) throw new Error("this module runs as a worker thread only");
  port.on("message", ({ id, job }: { id: number; job: never }) => {
    bounded(answer, job).then(
      (result) =>
        port.postMessage({ id, result }, result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : []),
      (error: unknown) => port.postMessage({ id, error: describeError(error) }),
    );
  });
}

/** What overflows the stack, or is too large, is a document made for that. */
async function bounded(answer: Answer, job: never): Promise<unknown> {
  try {
    return await answer(job);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Fault("UpstreamFault", `What the public registry sent is refused: ${error.message}`);
  }
}

/** Errors lose their class between threads. */
function describeError(error: unknown) {
  if (error instanceof Fault)
    return { fault: { code: error.code, message: error.message, detail: error.detail } };
  return { message: String(error), code: (error as NodeJS.ErrnoException).code };
}
