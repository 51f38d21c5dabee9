// For tests: a registry on loopback that answers as told, correctly or not, and remembers what it was asked.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export type Answer = (req: IncomingMessage, res: ServerResponse) => void;

export interface FaultServer {
  readonly url: string;
  readonly requests: IncomingMessage[];
  answer: Answer;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** `port` 0 picks a free one. */
export async function startFaultServer(answer: Answer, port = 0): Promise<FaultServer> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const http = createServer({ requestTimeout: 0 }, (req, res) => {
    requests.push(req);
    server.answer(req, res);
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  const address = http.address();
  const server: FaultServer = {
    url: `http://127.0.0.1:${isAddress(address) ? address.port : 0}/`,
    requests,
    answer,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return server;
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = await startFaultServer(() => {});
  await server.close();
  return Number(new URL(server.url).port);
}

/** Answers 200 with this JSON text. */
export function json(text: string, headers: Record<string, string> = {}): Answer {
  return (_, res) => void res.writeHead(200, { "content-type": "application/json", ...headers }).end(text);
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, res) => void res.writeHead(code, headers).end("{}");
}

/** Takes the request and says nothing. */
export const silence: Answer = () => {};

/** Writes these bytes on the wire, then one byte of `drip` every 10 ms without end. */
export function drip(start: string, byte = "x"): Answer {
  return (req) => {
    const { socket } = req;
    socket.write(start);
    const timer = setInterval(() => socket.write(byte), 10);
    socket.once("close", () => clearInterval(timer));
  };
}

/** Promises 1000 bytes, sends a few, and then cuts the connection, or stays silent. */
export function partial(end: "cut" | "silence"): Answer {
  return (_, res) => {
    res.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    res.write('{"half":');
    if (end === "cut") setTimeout(() => res.destroy(), 20);
  };
}
