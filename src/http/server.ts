// The listening server: one request handler for every door, with limits against slow and endless clients, and an orderly end.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export interface HttpServer {
  /** Resolves with the address once requests are served; rejects when it cannot be had. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops accepting and waits for what is in flight, `graceMs` at most; then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** Tokens in Basic credentials and long presigned targets need room. */
const HEADER_BYTES_MAX = 32 * 1024;

/** `handle` must answer every request; a request that expects `100-continue` gets it when `sendContinue` is called or its body is first read. */
export function createHttpServer(handle: Handler, options: { readonly idleTimeoutMs: number }): HttpServer {
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 65_000 },
    handle,
  );
  server.on("checkContinue", handle);
  // Whole uploads may take hours; a connection on which nothing moves may not.
  server.setTimeout(options.idleTimeoutMs);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const status =
      error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  return {
    listen: (host, port) => listen(server, host, port),
    close: (graceMs) => close(server, graceMs),
  };
}

function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      const address = server.address() as AddressInfo;
      resolve({
        host: address.family === "IPv6" ? `[${address.address}]` : address.address,
        port: address.port,
      });
    });
  });
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
