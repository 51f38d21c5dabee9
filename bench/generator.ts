// The load generator, a process of its own: reads a task from standard input, prints "ready", works on "go".
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import type { Load, Task } from "./load.ts";
import { publishBody } from "./packages.ts";

interface Tally {
  latenciesMs: number[];
  bytes: number;
  errors: number;
}

const input = createInterface(process.stdin)[Symbol.asyncIterator]();
const task: Task = JSON.parse((await input.next()).value ?? "");
const agent = new Agent({ keepAlive: true, maxSockets: task.connections });
const tally: Tally = { latenciesMs: [], bytes: 0, errors: 0 };
const work = task.do === "crowd" ? () => crowds(task) : await workers(task);
console.log("ready");
await input.next();

const start = performance.now();
const special = await work();
console.log(JSON.stringify({ ...summary((performance.now() - start) / 1000), ...special }));
agent.destroy();

async function workers(of: Exclude<Task, { do: "crowd" }>): Promise<() => Promise<object>> {
  const next = of.do === "read" ? reading(of) : of.do === "walk" ? walking(of) : await publishing(of);
  const worker = async (): Promise<void> => {
    for (let step = next(); step; step = next()) await timed(step);
  };
  return async () => {
    await Promise.all(Array.from({ length: of.connections }, worker));
    return {};
  };
}

/** The medians, over all crowds, of a crowd's median and longest wait. */
async function crowds({ url, headers, connections, times }: Task & { do: "crowd" }): Promise<object> {
  const medians: number[] = [];
  const longest: number[] = [];
  for (let i = 0; i < times; i++) {
    tally.latenciesMs = [];
    await Promise.all(Array.from({ length: connections }, () => timed(() => send("GET", url, headers))));
    const { p50Ms, maxMs } = summary(1);
    medians.push(p50Ms);
    longest.push(maxMs);
  }
  const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return { requests: connections * times, p50Ms: middle(medians), maxMs: middle(longest) };
}

/** Gives the same request again and again until the time is over. */
function reading({
  method,
  url,
  headers,
  seconds,
}: Task & { do: "read" }): () => (() => Promise<string>) | undefined {
  const step = () => send(method, url, headers);
  let end = 0;
  return () => {
    end ||= performance.now() + seconds * 1000;
    return performance.now() < end ? step : undefined;
  };
}

/** Gives each request once. */
function walking({ requests }: Task & { do: "walk" }): () => (() => Promise<string>) | undefined {
  let next = 0;
  return () => {
    const request = requests[next++];
    return request && (() => send(request.method, request.url, request.headers));
  };
}

/** Makes every body beforehand, then gives one PUT after the other. */
async function publishing({ registry, headers, recipes }: Task & { do: "publish" }) {
  const bodies: { name: string; body: Buffer }[] = [];
  for (const recipe of recipes) bodies.push({ name: recipe.name, body: await publishBody(recipe, registry) });
  return () => {
    const item = bodies.shift();
    if (!item) return undefined;
    const more = {
      ...headers,
      "content-type": "application/json",
      "content-length": String(item.body.length),
    };
    return () => send("PUT", new URL(item.name, registry).href, more, item.body);
  };
}

async function timed(step: () => Promise<string>): Promise<void> {
  const start = performance.now();
  const problem = await step();
  tally.latenciesMs.push(performance.now() - start);
  if (!problem) return;
  if (tally.errors++ === 0) console.error(`bench: ${problem}`);
}

/** Sends one request and reads the answer; gives "" or what was wrong with it. */
function send(method: string, url: string, headers: Record<string, string>, body?: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const outgoing = request(url, { method, headers, agent, timeout: 60_000 }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        tally.bytes += chunk.length;
        if ((response.statusCode ?? 0) >= 400) text += chunk.toString();
      });
      response.on("end", () =>
        resolve(text && `${method} ${url}: ${response.statusCode} ${text.slice(0, 500)}`),
      );
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in 60 s")));
    outgoing.on("error", (error) => resolve(`${method} ${url}: ${error.message}`));
    outgoing.end(body);
  });
}

function summary(seconds: number): Load {
  const sorted = tally.latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const { bytes, errors } = tally;
  return { requests: sorted.length, bytes, seconds, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), errors };
}
