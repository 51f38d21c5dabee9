// What the primary process and its workers say to each other, over Node's channel between processes.
import type { Snapshot } from "../http/metrics.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** All that a worker needs to begin. */
export interface Start {
  readonly kind: "start";
  /** As the command line read it: a worker that comes later does what the others do, whatever became of the file. */
  readonly config: unknown;
  /** 0 to N-1; a replaced worker has its predecessor's. */
  readonly index: number;
  /** Whether this is the start of the service, not a replacement. */
  readonly first: boolean;
  /** Where the service listens already, when this worker alone must open that port again. */
  readonly port: number | undefined;
}

export type ToWorker =
  | Start
  | { readonly kind: "stop" }
  /** Tell your numbers. */
  | { readonly kind: "count"; readonly question: number }
  /** The page you asked for. */
  | { readonly kind: "page"; readonly question: number; readonly text: string };

export type ToPrimary =
  /** Its code is loaded, and it listens to messages from now on. */
  | { readonly kind: "hello" }
  | { readonly kind: "serving"; readonly address: Address }
  /** Its numbers; `question` is undefined when it was not asked. */
  | { readonly kind: "counts"; readonly question: number | undefined; readonly metrics: Snapshot }
  | { readonly kind: "page"; readonly question: number };
