// What happens to the rest of a body whose request has been answered early.
import type { IncomingMessage } from "node:http";

const DRAIN_BYTES_MAX = 64 * 1024 * 1024;
const DRAIN_MS_MAX = 20_000;

/**
 * Takes some more of the body, then cuts the connection. A server that closes while its client still writes makes the
 * kernel reset the connection, and the client reports a broken pipe instead of the answer; so the answer must not say
 * `Connection: close`, on which Node closes at once.
 */
export function drain(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  let size = 0;
  const timer = setTimeout(() => req.destroy(), DRAIN_MS_MAX);
  timer.unref();
  req.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > DRAIN_BYTES_MAX) req.destroy();
  });
  req.on("error", () => undefined);
  req.once("close", () => clearTimeout(timer));
  req.resume();
}
