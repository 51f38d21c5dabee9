// A server of several workers, started by its command line, with eyes on its log and a hand on each of its processes.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect } from "vitest";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A connection that is used again and again, and so one worker; by default each request has its own. */
  readonly agent?: Agent;
}

type LogLine = Readonly<Record<string, unknown>>;

export interface WorkersUnderTest {
  readonly child: ChildProcess;
  readonly data: string;
  /** Grows as it is printed. */
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
  url(): string;
  lines(): readonly LogLine[];
  /** Of the process that serves as this worker now. */
  pidOf(worker: number): number;
  send(path: string, sending?: Sending): Promise<Answer>;
  /** A connection to this very worker. Destroy it when it is no longer used. */
  connectionTo(worker: number): Promise<Agent>;
  /** The number of a metric with exactly these labels, from the page as anybody gets it. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  secret(name: "aws_access_key_id" | "aws_secret_access_key"): Promise<string>;
  /** Kills whatever is left. */
  destroy(): Promise<void>;
}

/** Does not wait for anything. The server is a process group of its own. */
export function launch(
  folder: string,
  flags: readonly string[],
  env: NodeJS.ProcessEnv = {},
): WorkersUnderTest {
  const data = join(folder, "data");
  const child = spawn(BIN, ["serve", "--listen", "127.0.0.1:0", "--data", data, ...flags], {
    env: { ...process.env, ...env },
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
  const lines = (): LogLine[] =>
    out.stderr
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  const url = (): string => out.stdout.slice("listening on ".length).trim();
  let marks = 0;

  const server: WorkersUnderTest = {
    child,
    data,
    out,
    ended: new Promise((done) => child.once("close", (code) => done(code))),
    url,
    lines,
    pidOf(worker) {
      const served = lines().findLast((line) => line.msg === "serving" && line.worker === worker);
      return served?.pid as number;
    },
    send: (path, sending) => send(`${url()}${path}`, sending),
    async connectionTo(worker) {
      for (let attempt = 0; attempt < 50; attempt++) {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const target = `/who-answers-${++marks}`;
        await server.send(target, { agent }); // 404s are logged, with who answered
        await expect.poll(() => lines().some((line) => line.target === target)).toBe(true);
        if (lines().some((line) => line.target === target && line.worker === worker)) return agent;
        agent.destroy();
      }
      throw new Error(`no connection came to worker ${worker}`);
    },
    async metric(name, labels = {}) {
      const { text } = await server.send("/metrics");
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      const found = text
        .split("\n")
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .filter((line) => wanted.every((pair) => line.includes(pair)));
      expect(found.length, `${name} ${wanted.join(",")}`).toBeLessThan(2);
      return Number(found[0]?.split(" ").at(-1) ?? Number.NaN);
    },
    async secret(name) {
      const text = await readFile(join(data, "credentials"), "utf8");
      return new RegExp(`${name} = (\\S+)`).exec(text)?.[1] ?? "";
    },
    async destroy() {
      try {
        process.kill(-(child.pid as number), "SIGKILL");
      } catch {
        // nobody is left
      }
      await server.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  return server;
}

/** Waits for the ready line. */
export async function startWorkers(
  folder: string,
  flags: readonly string[] = ["--workers", "2"],
  env?: NodeJS.ProcessEnv,
): Promise<WorkersUnderTest> {
  const server = launch(folder, flags, env);
  await expect
    .poll(() => server.out.stdout + (server.child.exitCode === null ? "" : server.out.stderr), {
      timeout: 20_000,
      interval: 20,
    })
    .toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
  return server;
}

/** Rejects when the connection breaks, as it does when a worker is killed. */
export function send(
  url: string,
  { method = "GET", headers = {}, body, agent }: Sending = {},
): Promise<Answer> {
  const { promise, resolve: answered, reject } = Promise.withResolvers<Answer>();
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const outgoing = request(
    url,
    { method, headers: { ...length, ...headers }, agent: agent ?? false },
    (response) => {
      const { statusCode = 0, headers: received } = response;
      buffer(response).then(
        (bytes) => answered({ status: statusCode, headers: received, text: bytes.toString() }),
        reject,
      );
    },
  );
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}
