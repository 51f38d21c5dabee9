// What the bench needs of a server under test, and how one is started and waited for.
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, hasEnded, stop } from "./processes.ts";

export type Name = "Portcullis" | "Verdaccio" | "pypiserver" | "nginx";

/** A running server, ready for load. */
export interface Server {
  name: Name;
  pid: number;
  /** The npm registry's address, ending in `/`. */
  registry: string;
  readHeaders: Record<string, string>;
  publishHeaders: Record<string, string>;
  stop(): Promise<void>;
}

/** Where a server keeps its files, and where it listens: the same port each time, as document caches may hold it. */
export interface Place {
  dir: string;
  port: number;
  /** The public registry to proxy, if it is to proxy one. */
  upstream?: string;
}

/** A kind of server. */
export interface Contestant {
  name: Name;
  version: string;
  launch(place: Place): ChildProcess;
  /** Makes what is missing in a fresh place (domain, repository, user) and gives addresses and headers. */
  connect(place: Place): Promise<Pick<Server, "registry" | "readHeaders" | "publishHeaders">>;
}

/** A new, empty place below the bench's work folder. */
export async function newPlace(work: string, name: string, upstream?: string): Promise<Place> {
  const dir = join(work, name);
  mkdirSync(dir, { recursive: true });
  return { dir, port: await freePort(), ...(upstream ? { upstream } : {}) };
}

/** Starts a server and waits until it answers; throws with what its log says if it ends or stays silent for 60 s. */
export async function start(contestant: Contestant, place: Place): Promise<Server> {
  const child = contestant.launch(place);
  try {
    await waitFor(child, place, `http://127.0.0.1:${place.port}/`);
    const ways = await contestant.connect(place);
    return { ...ways, name: contestant.name, pid: child.pid ?? 0, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** Asks every 2 ms until the address answers: with `status` if one is given, else with anything. */
export async function waitFor(
  child: ChildProcess,
  place: Place,
  url: string,
  headers: Record<string, string> = {},
  status?: number,
): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await ask(url, headers);
    if (answer !== undefined && (status === undefined || answer === status)) return;
    if (hasEnded(child) || Date.now() > end)
      throw new Error(`it ${hasEnded(child) ? "ended" : `answered ${answer}`}: ${logTail(place)}`);
    await sleep(2);
  }
}

/** The version in the package.json of a folder. */
export function versionOf(folder: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return version;
}

/** Where a server's output goes. */
export function logOf(place: Place): string {
  return join(place.dir, "bench.log");
}

/** The line of a server's log that most likely says why it ended. */
function logTail(place: Place): string {
  const lines = readFileSync(logOf(place), "utf8").trim().split("\n");
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "").slice(0, 600);
}

function ask(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(url, { headers, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on("timeout", () => outgoing.destroy());
    outgoing.on("error", () => resolve(undefined));
    outgoing.end();
  });
}
