// Child processes of the bench: started on one CPU, measured through /proc, and always stopped.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Servers run on CPU 0; the bench itself and the load generators on CPU 1. Without taskset nothing is pinned. */
export const pinned = availableParallelism() > 1 && has("taskset");
const ticksPerSecond = 100; // USER_HZ, fixed at 100 in what /proc shows on Linux
const running = new Set<ChildProcess>();

/** Is there a program of this name on the PATH? */
export function has(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Moves this process, and so every load generator it starts, to CPU 1. */
export function pinSelf(): void {
  if (pinned) execFileSync("taskset", ["-acp", "1", String(process.pid)], { stdio: "ignore" });
}

/** Starts a server on CPU 0, unless other CPUs are said, in a process group of its own; its output goes to `log`. */
export function startServer(
  command: string[],
  log: string,
  env: NodeJS.ProcessEnv = {},
  on = "0",
): ChildProcess {
  const out = openSync(log, "a");
  const [program = "", ...args] = pinned ? ["taskset", "-c", on, ...command] : command;
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", out, out],
    env: { ...process.env, ...env },
  });
  child.on("error", () => {}); // shows as an exit: the caller waits for readiness and reads the log
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Stops a server and its group: SIGTERM, and SIGKILL after five seconds. */
export async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  signal(child, "SIGTERM");
  const timer = setTimeout(() => signal(child, "SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

/** Kills whatever is left, at once; for the way out. */
export function killAll(): void {
  for (const child of running) signal(child, "SIGKILL");
}

export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid) process.kill(-child.pid, name);
  } catch {
    // already gone
  }
}

/** User and system time of a process and all its descendants, in milliseconds; the clock ticks every 10 ms. */
export function cpuMs(pid: number): number {
  let ticks = 0;
  for (const member of tree(pid)) {
    const fields = stat(member);
    if (fields) for (const value of fields.slice(11, 15)) ticks += Number(value); // own and waited-for children's
  }
  return (ticks * 1000) / ticksPerSecond;
}

/** Proportional set size of a process and all its descendants, in MB (10^6 bytes). */
export function pssMb(pid: number): number {
  let kb = 0;
  for (const member of tree(pid)) {
    try {
      kb += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${member}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // ended meanwhile
    }
  }
  return (kb * 1024) / 1e6;
}

/** Waits until the server has used no CPU for 200 ms (10 s at most), so that its leftovers burden nobody else. */
export async function settle(pid: number): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const before = cpuMs(pid);
    await sleep(200);
    if (cpuMs(pid) - before < 10) return;
  }
}

function tree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const parent = /^\d+$/.test(entry) ? stat(Number(entry))?.[1] : undefined;
    if (parent) parents.set(Number(entry), Number(parent));
  }
  const members = [root];
  for (const member of members) for (const [pid, parent] of parents) if (parent === member) members.push(pid);
  return members;
}

/** Fields of /proc/PID/stat after the command's name, so that index 0 is the state (field 3 of proc(5)). */
function stat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
