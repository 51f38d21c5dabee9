// A proxy in front of an S3 store that fails as it is told: what a real store will not do on demand.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What becomes of one request: refused with a status, its body changed on the way, its answer's body cut or left
 * hanging after so many bytes. Undefined: it passes.
 */
export type Mishap =
  | { readonly status: number }
  | { readonly garble: true }
  | { readonly cutAfter: number }
  | { readonly hangAfter: number };

export interface S3Proxy {
  readonly endpoint: string;
  /** `METHOD path?query` of each request, in order. */
  readonly seen: string[];
  /** Asked for each request. */
  plan: (method: string, target: string) => Mishap | undefined;
  /** Answers whose body is not at its end yet. */
  answering(): number;
  close(): Promise<void>;
}

export async function startS3Proxy(endpoint: string): Promise<S3Proxy> {
  let answering = 0;
  const server = createServer((req, res) => {
    answering++;
    res.once("close", () => answering--);
    forward(proxy, endpoint, req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    plan: () => undefined,
    answering: () => answering,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function forward(proxy: S3Proxy, endpoint: string, req: IncomingMessage, res: ServerResponse): void {
  const [method, target] = [req.method ?? "", req.url ?? ""];
  proxy.seen.push(`${method} ${target}`);
  const mishap = proxy.plan(method, target);
  if (mishap !== undefined && "status" in mishap) {
    req.resume();
    res.writeHead(mishap.status).end();
    return;
  }
  const { hostname, port } = new URL(endpoint);
  // Headers stay as they are, Host too: it is signed.
  const onward = request({ hostname, port, method, path: target, headers: req.headers }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    if (mishap === undefined || "garble" in mishap) answer.pipe(res);
    else void breakOff(answer, res, mishap);
  });
  onward.on("error", () => res.destroy());
  req.on("error", () => onward.destroy());
  if (mishap !== undefined && "garble" in mishap)
    req
      .on("data", (chunk: Buffer) => onward.write(Buffer.alloc(chunk.length, 7)))
      .on("end", () => onward.end());
  else req.pipe(onward);
}

async function breakOff(
  answer: IncomingMessage,
  res: ServerResponse,
  mishap: { readonly cutAfter: number } | { readonly hangAfter: number },
): Promise<void> {
  let left = "cutAfter" in mishap ? mishap.cutAfter : mishap.hangAfter;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    await new Promise((resolve) => res.write(piece, resolve));
    if (left === 0) break;
  }
  if ("cutAfter" in mishap) res.destroy();
}
