// A TCP road to a server that a test can block or tear up, for faults that a real network has.
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** Connect to its port in the place of the server's. */
export interface Road {
  readonly port: number;
  /** How often something came from the client's side. */
  asked: number;
  /** Connections of now carry nothing more; later ones do. */
  hang(): void;
  /** Connections of now bring no answers until they are let go. */
  holdAnswers(): void;
  letAnswersGo(): void;
  close(): Promise<void>;
  open(): Promise<void>;
}

/** `target`: a port of this machine. */
export async function openRoad(target: number): Promise<Road> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let server: Server;
  const road = {
    port: 0,
    asked: 0,
    hang() {
      for (const [a, b] of pairs) {
        a.unpipe();
        b.unpipe();
      }
    },
    holdAnswers() {
      for (const [client, server] of pairs) server.unpipe(client);
    },
    letAnswersGo() {
      for (const [client, server] of pairs) server.pipe(client);
    },
    async close() {
      for (const sockets of pairs) for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
    async open() {
      server = createServer((socket) => {
        const pair = [socket, dial(target, "127.0.0.1")] as const;
        pairs.add(pair);
        socket.on("data", () => road.asked++);
        for (const [from, to] of [pair, pair.toReversed()] as [Socket, Socket][]) {
          from.pipe(to);
          from.on("error", () => undefined);
          from.on("close", () => {
            to.destroy();
            pairs.delete(pair);
          });
        }
      });
      await new Promise<void>((resolve) => server.listen(road.port, "127.0.0.1", resolve));
      road.port = (server.address() as { port: number }).port;
    },
  };
  await road.open();
  return road;
}
