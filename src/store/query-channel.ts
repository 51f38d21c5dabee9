// Tells whoever listens in this process of each query that is run: for tests of plans, and for looking into a slow server.
import { channel } from "node:diagnostics_channel";

export interface RunQuery {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

const told = channel("portcullis:query");

/** Costs next to nothing while nobody has subscribed to the channel `portcullis:query`. */
export function tellQuery(sql: string, parameters: readonly unknown[]): void {
  if (told.hasSubscribers) told.publish({ sql, parameters } satisfies RunQuery);
}
