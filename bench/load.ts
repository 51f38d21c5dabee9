// Load on a server from another process: wrk for reads where it is installed, else the bench's own generator.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import type { Recipe } from "./packages.ts";
import { cpuMs, has, settle } from "./processes.ts";
import type { Server } from "./servers.ts";

export const generator = has("wrk") ? "wrk" : "bench/generator.ts (wrk is not installed)";
const run = promisify(execFile);
const here = import.meta.dirname;

/** One kind of request without a body: the path below the registry's address, and the headers besides the server's own. */
export interface Read {
  path: string;
  headers: Record<string, string>;
  /** GET unless said: the API's lists are POSTs. */
  method?: "GET" | "POST";
}

/** What a generator counted; `cpuMs` is the server's, for all requests together. */
export interface Load {
  requests: number;
  bytes: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  errors: number;
}
export type Measured = Load & { cpuMs: number };

/** One request of a walk, with all its headers. */
export interface Request {
  url: string;
  method: "GET" | "POST";
  headers: Record<string, string>;
}

/** What bench/generator.ts is told to do. */
export type Task =
  | {
      do: "read";
      url: string;
      method: "GET" | "POST";
      headers: Record<string, string>;
      connections: number;
      seconds: number;
    }
  | { do: "walk"; requests: Request[]; connections: 1 }
  | { do: "crowd"; url: string; headers: Record<string, string>; connections: number; times: number }
  | {
      do: "publish";
      registry: string;
      headers: Record<string, string>;
      connections: number;
      recipes: Recipe[];
    };

/** Asks for the same thing on `connections` connections for `seconds`. Throws if any answer was an error. */
export async function read(
  server: Server,
  what: Read,
  connections: number,
  seconds: number,
): Promise<Measured> {
  const url = new URL(what.path, server.registry).href;
  const headers = { ...server.readHeaders, ...what.headers };
  const { method = "GET" } = what;
  const measured =
    generator === "wrk"
      ? await measure(server, () => wrk(method, url, headers, connections, seconds))
      : await generate(server, { do: "read", url, method, headers, connections, seconds });
  if (measured.errors > 0 || measured.requests === 0)
    throw new Error(`${server.name}: ${measured.errors} errors in ${measured.requests} answers of ${url}`);
  await settle(server.pid);
  return measured;
}

/**
 * All clients ask in the same instant, again and again. Of each such crowd the median and the longest wait are taken;
 * `p50Ms` and `maxMs` are the medians of those over all crowds, so that one hiccup of the machine is not a verdict.
 */
export async function crowd(
  server: Server,
  what: Read,
  connections: number,
  times: number,
): Promise<Measured> {
  const url = new URL(what.path, server.registry).href;
  const headers = { ...server.readHeaders, ...what.headers };
  return generate(server, { do: "crowd", url, headers, connections, times });
}

/** Publishes the recipes in order, `connections` at a time. The CPU includes what the server does just after. */
export async function publish(server: Server, recipes: Recipe[], connections: number): Promise<Measured> {
  const { registry, publishHeaders: headers } = server;
  return generate(server, { do: "publish", registry, headers, connections, recipes });
}

/** Asks for one thing after the other, each once: what a cache of answers cannot help. Throws if any answer was an error. */
export async function walk(server: Server, reads: Read[]): Promise<Measured> {
  const requests = reads.map(({ path, headers, method = "GET" }) => ({
    url: new URL(path, server.registry).href,
    method,
    headers: { ...server.readHeaders, ...headers },
  }));
  const measured = await generate(server, { do: "walk", requests, connections: 1 });
  if (measured.errors > 0) throw new Error(`${server.name}: ${measured.errors} errors in a walk`);
  return measured;
}

async function measure(server: Server, work: () => Promise<Load>): Promise<Measured> {
  const before = cpuMs(server.pid);
  const load = await work();
  return { ...load, cpuMs: cpuMs(server.pid) - before };
}

async function wrk(
  method: string,
  url: string,
  headers: Record<string, string>,
  connections: number,
  seconds: number,
): Promise<Load> {
  const flags = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const time = [`-t1`, `-c${connections}`, `-d${seconds}s`, "--timeout", "30s"];
  const { stdout } = await run("wrk", [...time, ...flags, "-s", `${here}/wrk.lua`, url], {
    timeout: (seconds + 60) * 1000,
    env: { ...process.env, WRK_METHOD: method },
  });
  const load: Load = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  return load;
}

/** Runs bench/generator.ts: it makes its bodies first, says so, and starts on a word from here. */
async function generate(server: Server, task: Task): Promise<Measured> {
  const child = spawn(process.execPath, [`${here}/generator.ts`], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 300_000,
    killSignal: "SIGKILL",
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(task)}\n`);
  await lines.next(); // "ready"
  const measured = await measure(server, async () => {
    child.stdin.end("go\n");
    const line = await lines.next();
    if (line.done) throw new Error(`${server.name}: the generator failed`);
    const load: Load = JSON.parse(line.value);
    if (task.do === "publish") await settle(server.pid); // a document built after the answer is part of the price
    return load;
  });
  if (child.exitCode === null) await once(child, "exit");
  return measured;
}

/** One request with the server's own headers for reads; never throws for a status. */
export async function probe(
  server: Server,
  what: Read,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const url = new URL(what.path, server.registry);
  const headers = { ...server.readHeaders, ...what.headers };
  const { method = "GET" } = what;
  const outgoing = request(url, { method, headers, timeout: 60_000, agent: false }).end();
  const [response] = await once(outgoing, "response");
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}
