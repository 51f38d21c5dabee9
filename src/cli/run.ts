// One server process, by itself or as a worker: how it fails to start, and how it ends in order.
import { startApp } from "../app.ts";
import type { Seat } from "../cluster/seat.ts";
import { type Config, ConfigError } from "../config.ts";

/** How long requests in flight may take after SIGTERM (contract, Start). */
const SHUTDOWN_GRACE_MS = 30_000;

export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Finishes what is in flight and ends the process. */
  readonly end: () => void;
}

/** Resolves once requests are served. When that cannot be, says why in one line and ends the process. */
export async function runServer(config: Config, seat?: Seat): Promise<RunningServer> {
  const app = await startApp(config, undefined, seat).catch((error: unknown) => {
    const mistaken = error instanceof ConfigError;
    tellFailure(mistaken ? error.message : startFailure(error));
    process.exit(mistaken ? 2 : 1);
  });
  const end = (): void => {
    app.close(SHUTDOWN_GRACE_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        tellFailure(`stopping failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  return { address: app.address, end };
}

export function tellFailure(message: string): void {
  process.stderr.write(`portcullis: ${message}\n`);
}

function startFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "EADDRINUSE"
    ? "the address is in use; choose another with --listen HOST:PORT"
    : `could not start: ${message}`;
}
