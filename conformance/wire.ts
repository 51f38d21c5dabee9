// Requests just as written: nothing is normalised, so that paths and bodies no client would send can be sent.
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { withDeadline } from "./checks.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string;
  /** Sent as the request line has it, instead of the URL's own path. */
  readonly rawPath?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

/** Sends one request on a connection of its own. Rejects when no whole answer came in time. */
export async function send(url: string, sending: Sending = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, rawPath, timeoutMs = TIMEOUT_MS } = sending;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { hostname, port, pathname, search } = new URL(url);
  const chunked = Object.keys(headers).some((name) => name.toLowerCase() === "transfer-encoding");
  const length = body === undefined || chunked ? {} : { "content-length": Buffer.byteLength(body) };
  const options = {
    hostname,
    port,
    path: rawPath ?? pathname + search,
    method,
    headers: { ...length, ...headers },
  };
  const outgoing = request({ ...options, agent: false }, (response) => {
    const { statusCode = 0, headers: received } = response;
    buffer(response).then(
      (bytes) => resolve({ status: statusCode, headers: received, body: bytes, text: bytes.toString() }),
      reject,
    );
  });
  outgoing.on("error", reject);
  outgoing.end(body);
  try {
    return await withDeadline(promise, timeoutMs);
  } finally {
    outgoing.destroy();
  }
}

/**
 * Writes these bytes to a new connection, ends it where `end` says so, and gives the status of the answer; 0 when the
 * server just closed. Rejects when neither came in time.
 */
export async function sendBytes(
  url: string,
  bytes: Buffer | string,
  { end = false, timeoutMs = TIMEOUT_MS }: { readonly end?: boolean; readonly timeoutMs?: number } = {},
): Promise<number> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const status = () => Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    if (status() > 100) resolve(status());
  });
  socket.on("error", (error: NodeJS.ErrnoException) =>
    error.code === "ECONNRESET" ? resolve(status()) : reject(error),
  );
  socket.on("close", () => resolve(status()));
  if (end) socket.end(bytes);
  else socket.write(bytes);
  try {
    return await withDeadline(promise, timeoutMs);
  } finally {
    socket.destroy();
  }
}
