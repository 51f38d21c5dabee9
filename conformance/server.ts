// The server under test: started by its command line in a fresh data folder, or one that already runs elsewhere.
import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { withDeadline } from "./checks.ts";
import { hasEnded, plainEnv, start, stop } from "./processes.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Something that answers at an address. */
export interface Target {
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly credentials: Credentials;
}

/** A server of this run's own. */
export interface Server extends Target {
  readonly data: string;
  /** How other commands find what it serves: `--data …`, or `--database …`. */
  readonly place: readonly string[];
  readonly log: string;
  /** Undefined when it is several processes. */
  readonly pid: number | undefined;
  /** Ends it: SIGTERM in peace, SIGKILL for a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** The exit code, once it has ended. */
  exitCode(): number | null;
}

export interface ServerOptions {
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where to listen; a free port unless given. */
  readonly port?: number;
  /** Several may share one; its own unless given. */
  readonly log?: string;
}

const START_TIMEOUT_MS = 30_000;
export const projectRoot = join(import.meta.dirname, "..");
export const program = join(projectRoot, "bin/portcullis");

/** Starts `portcullis serve` in `folder` (its data stays there, so a second start is a restart) and waits for the ready line. */
export async function startServer(folder: string, options: ServerOptions = {}): Promise<Server> {
  const data = join(folder, "data");
  const log = options.log ?? join(folder, "server.log");
  const flags = ["--listen", `127.0.0.1:${options.port ?? 0}`, "--data", data, ...(options.flags ?? [])];
  const child = start([program, "serve", ...flags], log, { ...plainEnv(), ...options.env }, "pipe");
  const endpoint = await readyLine(child).catch(async (error: Error) => {
    await stop(child, "SIGKILL");
    throw new Error(`the server did not start: ${error.message}\n${tail(log)}`);
  });
  return {
    endpoint,
    credentials: readCredentials(join(data, "credentials")),
    data,
    place: ["--data", data],
    log,
    pid: child.pid,
    stop: (signal) => stop(child, signal),
    exitCode: () => child.exitCode,
  };
}

/** The contract: exactly one line on standard output, once requests are served. */
async function readyLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("its output cannot be read");
  const lines = createInterface(child.stdout);
  const first = once(lines, "line").then(([line]) => String(line));
  const ended = once(child, "exit").then(() => Promise.reject(new Error("it ended")));
  ended.catch(() => {}); // only the race looks at it
  const line = hasEnded(child)
    ? await ended
    : await withDeadline(Promise.race([first, ended]), START_TIMEOUT_MS);
  const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
  if (url === undefined) throw new Error(`its first line was '${line}'`);
  return url;
}

/** Reads profile `default` of a file in AWS's shared-credentials form. */
export function readCredentials(file: string): Credentials {
  const text = readFileSync(file, "utf8");
  const value = (key: string): string => {
    const found = new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, "m").exec(text)?.[1];
    if (found === undefined) throw new Error(`${file} has no ${key}`);
    return found;
  };
  return { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
}

/** What the server logged as its own fault: lines of level error or fatal, and answers of 500. */
export function faultsLogged(log: string): string[] {
  const lines = readFileSync(log, "utf8").split("\n");
  return lines.filter(
    (line) => /"level":"(error|fatal)"|"status":500\b/.test(line) || /^(\w*Error|node:)/.test(line),
  );
}

export function tail(log: string): string {
  return readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
}
