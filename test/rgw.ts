// A real S3-compatible store for tests: Ceph's radosgw over one memory-store OSD, on free ports, in a folder that goes away with it.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

export interface Rgw {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The standard AWS variables that lead a client here. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes an empty bucket and gives its `s3://` URL. */
  bucket(): Promise<string>;
  /** The gateway takes connections and answers nothing, as a stalled store does, until `resume`. */
  pause(): void;
  resume(): void;
  /** Kills the gateway: connections are refused until `revive` has started it again on its data. */
  kill(): Promise<void>;
  revive(): Promise<void>;
  stop(): Promise<void>;
}

const PROGRAMS = ["monmaptool", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin", "radosgw", "setpriv"];
const START_TIMEOUT_MS = 60_000;

/** Undefined, with the reason on the console, where Ceph's programs are not installed. Ready in about ten seconds. */
export async function startRgw(): Promise<Rgw | undefined> {
  const missing = PROGRAMS.filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    console.warn(`radosgw is not installed (${missing.join(", ")} not found): tests against S3 are skipped`);
    return undefined;
  }
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-rgw-"));
    const daemons = createDaemons(folder);
    try {
      return await startCluster(folder, daemons);
    } catch (error) {
      const log = await readFile(join(folder, "out"), "utf8").catch(() => "");
      await daemons.stop();
      // A port that was free may be taken by then, and a daemon that lost it ends.
      if (attempt === 3) throw new Error(`radosgw did not start: ${log.slice(-2000)}`, { cause: error });
    }
  }
}

async function startCluster(folder: string, daemons: Daemons): Promise<Rgw> {
  const [monitorPort, port, fsid, osd] = [await freePort(), await freePort(), randomUUID(), randomUUID()];
  const endpoint = `http://127.0.0.1:${port}`;
  const [accessKeyId, secretAccessKey] = ["testaccess", "testsecret"];
  await writeFile(join(folder, "ceph.conf"), configuration(folder, fsid, monitorPort, port));
  for (const name of ["mon", "rgw"]) await mkdir(join(folder, name), { recursive: true });

  const { run } = daemons;
  await run(
    "monmaptool",
    "--create",
    "--addv",
    "a",
    `[v1:127.0.0.1:${monitorPort}]`,
    "--fsid",
    fsid,
    "monmap",
  );
  await run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap");
  daemons.start("ceph-mon", "-i", "a", "-f");
  const id = (await run("ceph", "osd", "create", osd)).trim();
  await mkdir(join(folder, "osd", id), { recursive: true });
  await run("ceph-osd", "-i", id, "--mkfs", "--osd-uuid", osd);
  daemons.start("ceph-osd", "-i", id, "-f");
  const keys = ["--access-key", accessKeyId, "--secret-key", secretAccessKey];
  await run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=t", "--display-name=t", ...keys);
  const gateway = async (): Promise<ChildProcess> => {
    const started = daemons.start("radosgw", "-n", "client.rgw", "-f");
    await answers(endpoint);
    return started;
  };
  let serving = await gateway();

  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: "us-east-1",
  };
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    env,
    bucket: () => createBucket(endpoint, { accessKeyId, secretAccessKey }),
    pause: () => void serving.kill("SIGSTOP"),
    resume: () => void serving.kill("SIGCONT"),
    kill: () => ended(serving),
    async revive() {
      serving = await gateway();
    },
    stop: () => daemons.stop(),
  };
}

/** Everything in the folder, nothing asked of a key ring, one copy of each object. */
function configuration(folder: string, fsid: string, monitorPort: number, port: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v1:127.0.0.1:${monitorPort}]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
osd heartbeat grace = 600
osd client watch timeout = 3
memstore device bytes = 4294967296
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 0
log file = ${folder}/$name.log
admin socket = ${folder}/$name.asok
run dir = ${folder}
[mon.a]
mon data = ${folder}/mon/a
[osd]
osd data = ${folder}/osd/$id
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${folder}/rgw
rgw thread pool size = 64
`;
}

interface Daemons {
  /** Runs one of the programs to its end and gives what it printed; rejects when it fails or a daemon ends meanwhile. */
  readonly run: (program: string, ...args: string[]) => Promise<string>;
  start(program: string, ...args: string[]): ChildProcess;
  /** Kills what was started and removes the folder: nothing in it is worth an orderly end. */
  stop(): Promise<void>;
}

function createDaemons(folder: string): Daemons {
  const started: ChildProcess[] = [];
  const { promise: died, reject: tellDeath } = Promise.withResolvers<never>();
  died.catch(() => {});
  const environment = { ...process.env, CEPH_CONF: join(folder, "ceph.conf") };
  const killAll = (): void => {
    for (const child of started) child.kill("SIGKILL");
  };
  process.once("exit", killAll);
  return {
    async run(program, ...args) {
      const options = { cwd: folder, env: environment, timeout: START_TIMEOUT_MS };
      const running = promisify(execFile)(program, args, options);
      started.push(running.child); // where a daemon ends meanwhile, it would wait for an answer for ever
      const { stdout } = await Promise.race([running, died]);
      return stdout;
    },
    start(program, ...args) {
      // Its parent's end is its own, however this process ends.
      const words = ["-c", 'exec setpriv --pdeathsig KILL "$0" "$@" >>out 2>&1', program, ...args];
      const child = spawn("sh", words, {
        cwd: folder,
        env: environment,
        stdio: "ignore",
      });
      started.push(child);
      child.once("exit", () => tellDeath(new Error(`${program} ended`)));
      return child;
    },
    async stop() {
      process.off("exit", killAll);
      await Promise.all(started.map(ended));
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Kills it when it runs; resolves once it is gone. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

async function answers(endpoint: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const answer = await fetch(endpoint, { signal: AbortSignal.timeout(5_000) });
      await answer.arrayBuffer();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

let lastBucket = 0;

async function createBucket(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<string> {
  const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  const name = `test-${process.pid}-${++lastBucket}-${Date.now().toString(36)}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return `s3://${name}`;
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((place) => existsSync(join(place, program)));
}
