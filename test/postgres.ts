// A real PostgreSQL for tests: started as a non-root user on a free port, in a folder that goes away with it.
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

export interface Postgres {
  /** Without a database name; append `/name`. */
  readonly url: string;
  /** Ends the server and keeps its data: `fast` breaks off what is open, `immediate` is as a crash. */
  halt(mode: "fast" | "immediate"): Promise<void>;
  /** Starts it again after `halt`; returns when it takes connections. */
  resume(): Promise<void>;
  /** A streaming standby of it, which takes reads only; to be stopped before it. */
  startStandby(): Promise<Postgres>;
  stop(): Promise<void>;
}

/** Debian keeps the server's programs off the PATH; other systems have them on it. */
export function findPostgres(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  return places.find((place) => existsSync(join(place, "initdb")) && existsSync(join(place, "postgres")));
}

/** Undefined, with the reason on the console, when there is no PostgreSQL on this machine. */
export async function startPostgres(): Promise<Postgres | undefined> {
  const bin = findPostgres();
  if (bin === undefined) {
    console.warn("PostgreSQL is not installed (initdb and postgres not found): its tests are skipped");
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), "portcullis-pg-"));
  await chmod(folder, 0o777); // PostgreSQL refuses to run as root; as root we run it as nobody
  const data = join(folder, "data");
  const run: Run = async (program: string, ...args: string[]): Promise<void> => {
    const command =
      process.getuid?.() === 0
        ? ["runuser", "-u", "nobody", "--", join(bin, program), ...args]
        : [join(bin, program), ...args];
    await promisify(execFile)(command[0] as string, command.slice(1), { cwd: folder });
  };
  await run("initdb", "-D", data, "-U", "portcullis", "--auth=trust", "--encoding=UTF8", "--no-sync");
  return startCluster(run, folder, data);
}

type Run = (program: string, ...args: string[]) => Promise<void>;

async function startCluster(run: Run, folder: string, data: string): Promise<Postgres> {
  const port = await freePort();
  const url = `postgres://portcullis@127.0.0.1:${port}`;
  const options = `-c listen_addresses=127.0.0.1 -p ${port} -k ${folder} -c fsync=off -c max_connections=200`;
  const resume = (): Promise<void> =>
    run("pg_ctl", "-D", data, "-w", "-l", `${data}.log`, "-o", options, "start");
  await resume();
  return {
    url,
    halt: (mode) => run("pg_ctl", "-D", data, "-m", mode, "stop"),
    resume,
    async startStandby() {
      const copy = join(folder, "standby");
      await run("pg_basebackup", "-D", copy, "-d", `${url}/postgres`, "-R", "-c", "fast", "--no-sync");
      return startCluster(run, folder, copy);
    },
    async stop() {
      if (existsSync(join(data, "postmaster.pid")))
        await run("pg_ctl", "-D", data, "-m", "immediate", "stop");
      await rm(data === join(folder, "data") ? folder : data, { recursive: true, force: true });
    },
  };
}
