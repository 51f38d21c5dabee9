// Programs that the suites run to their end, and servers that they start and stop.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { noteRun } from "./witness.ts";

export interface Result {
  /** 0 for success; -1 when the program was ended by a signal or could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, for looking for words and for showing. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

const RUN_TIMEOUT_MS = 120_000;
const running = new Set<ChildProcess>();

/** Runs a program to its end; never throws for a bad exit. It is killed, with its group, when its time is over. */
export async function run(
  command: readonly string[],
  { cwd, env, timeoutMs = RUN_TIMEOUT_MS }: RunOptions,
): Promise<Result> {
  noteRun(command, { cwd, env });
  const [program = "", ...args] = command;
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "", output: "" };
  const take = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
    text[stream] += chunk.toString();
    text.output += chunk.toString();
  };
  child.stdout.on("data", take("stdout"));
  child.stderr.on("data", take("stderr"));
  running.add(child);
  const timer = setTimeout(() => {
    text.output += `\n(killed after ${timeoutMs / 1000} s)`;
    signalGroup(child, "SIGKILL");
  }, timeoutMs);
  const code = await new Promise<number>((resolve) => {
    child.once("error", (error) => {
      text.output += error.message;
      resolve(-1);
    });
    child.once("close", (status) => resolve(status ?? -1));
  });
  clearTimeout(timer);
  running.delete(child);
  return { code, ...text };
}

/** Gives the result back when the program succeeded; throws with its output otherwise. */
export function succeeded(result: Result): Result {
  if (result.code !== 0) throw new Error(`exit code ${result.code}, wanted 0:\n${result.output}`);
  return result;
}

/** Throws unless the program failed and every expression is found in what it wrote. */
export function failedSaying(result: Result, ...words: readonly RegExp[]): void {
  if (result.code === 0) throw new Error(`exit code 0, wanted a failure:\n${result.output}`);
  const text = result.output.replace(/\s*\u2502?\s+/g, " "); // as some clients break lines, with a bar at each start
  for (const word of words) {
    if (!word.test(text)) throw new Error(`${word} is nowhere in the output:\n${result.output}`);
  }
}

/** Starts a server in a process group of its own; its standard error goes to `log`, and its output too unless piped. */
export function start(
  command: readonly string[],
  log: string,
  env: NodeJS.ProcessEnv,
  output: "pipe" | "log" = "log",
): ChildProcess {
  const file = openSync(log, "a");
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: dirname(log),
    env,
    detached: true,
    stdio: ["ignore", output === "pipe" ? "pipe" : file, file],
  });
  closeSync(file);
  child.on("error", () => {}); // shows as an exit; whoever waits for readiness reads the log
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Sends a signal and waits for the end; SIGKILL after ten seconds. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, "exit");
  signalGroup(child, signal);
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}

export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Kills whatever is left; for the way out. */
export function killAll(): void {
  for (const child of running) signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // already gone
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}

/** The caller's environment without what `npm run` added to it: that would speak for npm in the wrong place. */
export function plainEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      name === "npm_config_registry" || !/^(npm_|INIT_CWD|NODE_OPTIONS|PORTCULLIS_CONFORMANCE)/i.test(name),
  );
  return Object.fromEntries(kept);
}

/** The caller's PATH without the project's own node_modules: what a user's shell would find. */
export function plainPath(): string {
  return (process.env.PATH ?? "")
    .split(":")
    .filter((folder) => !folder.includes("node_modules"))
    .join(":");
}
