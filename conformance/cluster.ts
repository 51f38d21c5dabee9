// Three nodes over one PostgreSQL and one S3-compatible store, behind nginx: a Server to the suites, whose nodes can be killed.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBalancer } from "./balancer.ts";
import { type Ground, prepareSite, type Site } from "./ground.ts";
import { freePort } from "./processes.ts";
import { type Credentials, type Server, type ServerOptions, startServer } from "./server.ts";

export interface Node {
  readonly name: string;
  /** Its own address, past the balancer. */
  readonly endpoint: string;
  running(): boolean;
  /** SIGTERM in peace, SIGKILL for a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again at its address; resolves once it serves. */
  start(): Promise<void>;
}

export interface Cluster extends Server {
  readonly nodes: readonly Node[];
  readonly ground: Ground;
  readonly site: Site;
}

export interface ClusterOptions extends ServerOptions {
  /** Database and blobs that are there already: a restart on the same data. */
  readonly site?: Site;
  /** Puts something between the nodes and the object store at this address; gives the address that they are told. */
  readonly store?: (endpoint: string) => Promise<string>;
  /** Its parts are made to fail, so it may well write lines of level error. */
  readonly troubled?: boolean;
}

const NODES = 3;

/** Starts the nodes at once, as after a power cut, and the balancer; `folder` keeps their data folders and one log. */
export async function startCluster(
  ground: Ground,
  folder: string,
  options: ClusterOptions = {},
): Promise<Cluster> {
  const site = options.site ?? (await prepareSite(ground));
  const store = await options.store?.(ground.store.endpoint);
  const nodes = await Promise.all(
    Array.from({ length: NODES }, (_, i) =>
      prepareNode(folder, `node${i + 1}`, { ground, site, store, options }),
    ),
  );
  const started = await Promise.allSettled(nodes.map((node) => node.start()));
  const stopNodes = async (signal?: NodeJS.Signals): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop(signal)));
  };
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stopNodes("SIGKILL");
    throw failed.reason;
  }
  const port = options.port ?? (await freePort());
  const balancer = await startBalancer(
    join(folder, "nginx"),
    port,
    nodes.map(({ endpoint }) => Number(new URL(endpoint).port)),
  );
  let code: number | null = null;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: site.credentials,
    data: join(folder, "node1", "data"),
    place: ["--database", site.database],
    log: join(folder, "server.log"),
    pid: undefined,
    nodes,
    ground,
    site,
    async stop(signal) {
      await balancer.stop();
      await stopNodes(signal);
      code = Math.max(...nodes.map((node) => node.exitCode() ?? 1));
    },
    exitCode: () => code,
  };
}

/** What the nodes of a cluster have in common. */
interface Setting {
  readonly ground: Ground;
  readonly site: Site;
  readonly store: string | undefined;
  readonly options: ClusterOptions;
}

interface OwnNode extends Node {
  exitCode(): number | null;
}

async function prepareNode(
  folder: string,
  name: string,
  { ground, site, store, options }: Setting,
): Promise<OwnNode> {
  const home = join(folder, name);
  const port = await freePort();
  writeCredentials(home, site.credentials);
  const flags = ["--database", site.database, "--blobs", site.blobs, ...(options.flags ?? [])];
  const env = {
    ...ground.store.env,
    ...(store === undefined ? {} : { AWS_ENDPOINT_URL_S3: store }),
    ...options.env,
  };
  let server: Server | undefined;
  return {
    name,
    endpoint: `http://127.0.0.1:${port}`,
    running: () => server !== undefined && server.exitCode() === null,
    async stop(signal) {
      await server?.stop(signal);
    },
    async start() {
      server = await startServer(home, { flags, env, port, log: join(folder, "server.log") });
    },
    exitCode: () => server?.exitCode() ?? null,
  };
}

/** One administrator's key for all nodes, as a secret that is mounted into each; the first that starts takes it over. */
function writeCredentials(home: string, { accessKeyId, secretAccessKey }: Credentials): void {
  const data = join(home, "data");
  mkdirSync(data, { recursive: true });
  const text = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  writeFileSync(join(data, "credentials"), text, { mode: 0o600 });
}
