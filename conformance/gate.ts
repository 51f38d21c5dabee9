// A TCP relay that can be shut: what stands behind it then refuses, stalls or answers with errors, as its callers see it.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * `open` relays. `refuse` resets connections and takes no new ones. `stall` takes connections and lets nothing through.
 * `fail` answers every request with HTTP status 500 and the body of an S3 error.
 */
export type GateState = "open" | "refuse" | "stall" | "fail";

export interface Gate {
  readonly port: number;
  set(state: GateState): Promise<void>;
  close(): Promise<void>;
}

const BODY = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>made to fail</Message></Error>';
const FAILURE = `HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;

/** Relays a port of 127.0.0.1 to `target`, another one. */
export async function openGate(target: number): Promise<Gate> {
  let state: GateState = "open";
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    hold(client);
    if (state === "fail") client.once("data", () => client.end(FAILURE));
    else relay(client);
  });
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  };
  const relay = (client: Socket): void => {
    const beyond = connect(target, "127.0.0.1");
    hold(beyond);
    for (const [from, to] of [
      [client, beyond],
      [beyond, client],
    ] as const) {
      from.on("data", (chunk) => to.write(chunk)).once("end", () => to.end());
      from.once("close", () => to.destroySoon());
      if (state === "stall") from.pause();
    }
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const shut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    cut();
    await closed;
  };
  const listen = async (port: number): Promise<number> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as { port: number }).port;
  };
  const port = await listen(0);
  return {
    port,
    async set(next) {
      if (state === "refuse" && next !== "refuse") await listen(port);
      for (const socket of sockets) {
        if (next === "stall") socket.pause();
        else socket.resume();
      }
      if (next === "refuse" && state !== "refuse") await shut();
      if (next === "fail") cut();
      state = next;
    },
    close: async () => {
      if (state === "refuse") return;
      state = "refuse";
      await shut();
    },
  };
}
