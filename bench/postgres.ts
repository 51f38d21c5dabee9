// A PostgreSQL for the bench: durable, with the memory that a machine of this size would give it, on a free port.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { findPostgres } from "../test/postgres.ts";
import { freePort, pinned } from "./processes.ts";

export interface Postgres {
  readonly version: string;
  /** The postmaster: its children are the sessions. */
  readonly pid: number;
  /** Makes a new, empty database and gives its address. */
  create(name: string): Promise<string>;
  stop(): void;
}

const SETTINGS = [
  "shared_buffers=1GB",
  "max_connections=200",
  "max_wal_size=8GB",
  "checkpoint_timeout=30min",
];

/** On all CPUs. Throws where PostgreSQL is not installed. */
export async function startPostgres(): Promise<Postgres> {
  const bin = findPostgres();
  if (bin === undefined) throw new Error("PostgreSQL is not installed (initdb and postgres not found)");
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-pg-"));
  chmodSync(folder, 0o777); // PostgreSQL refuses to run as root; as root we run it as nobody
  const data = join(folder, "data");
  const port = await freePort();
  const run = (program: string, ...args: string[]): string => {
    const user = process.getuid?.() === 0 ? ["runuser", "-u", "nobody", "--"] : [];
    const [first = "", ...rest] = [...user, join(bin, program), ...args];
    return execFileSync(first, rest, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  };
  run("initdb", "-D", data, "-U", "portcullis", "--auth=trust", "--encoding=UTF8", "--no-sync");
  const flags = [
    `listen_addresses=127.0.0.1`,
    `port=${port}`,
    `unix_socket_directories=${folder}`,
    ...SETTINGS,
  ];
  const options = flags.map((flag) => `-c ${flag}`).join(" ");
  // Not by `run`: the server would keep the pipes, and the call would wait for its end.
  const user = process.getuid?.() === 0 ? "runuser -u nobody -- " : "";
  execFileSync("sh", [
    "-c",
    `cd ${folder} && ${user}${bin}/pg_ctl -D ${data} -w -l ${folder}/log -o "${options}" start >/dev/null 2>&1`,
  ]);
  const pid = Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
  if (pinned) execFileSync("taskset", ["-acp", "0,1", String(pid)], { stdio: "ignore" });
  const clear = () => rmSync(folder, { recursive: true, force: true });
  const abandon = () => {
    process.kill(pid, "SIGQUIT");
    clear();
  };
  process.once("exit", abandon); // a bench that is stopped leaves no server behind
  const url = `postgres://portcullis@127.0.0.1:${port}`;
  return {
    version: run("postgres", "--version").trim().split(" ")[2] ?? "?",
    pid,
    async create(name) {
      await withClient(`${url}/postgres`, (client) => client.query(`create database ${name}`));
      return `${url}/${name}`;
    },
    stop() {
      process.off("exit", abandon);
      run("pg_ctl", "-D", data, "-m", "immediate", "stop");
      clear();
    },
  };
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
