// Reads of one to three nodes over one PostgreSQL, and of one and two workers: what comes out together, and what a read costs.
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { balancer } from "../balancer.ts";
import { type Measured, publish, type Read, read } from "../load.ts";
import { small, tarballPackage, tarballSizes } from "../packages.ts";
import { portcullisWith } from "../portcullis.ts";
import { type Postgres, startPostgres } from "../postgres.ts";
import { cpuMs } from "../processes.ts";
import { markdown, spread } from "../report.ts";
import { newPlace, type Place, type Server, start } from "../servers.ts";
import { sign } from "../sign.ts";
import type { Stage } from "../stage.ts";
import { accept } from "./reads.ts";

/** Servers that answer together. */
interface Fleet {
  title: string;
  members: Member[];
  /** Whose processor time is part of the price. */
  postgres: Postgres | undefined;
  /** In front of them; without one the load is split evenly between them. */
  nginx?: Member | undefined;
}
interface Member {
  place: Place;
  server: Server;
}

const EVERYWHERE = "0,1";
const CONNECTIONS = 24; // a multiple of 1, 2 and 3
const SECONDS = 3;
const TEAM = "domain=bench&repository=npm";
const tarball = tarballPackage("10 kB");
const READS: Record<string, (place: Place) => Read> = {
  "packument, abbreviated gzip": () => ({
    path: small.name,
    headers: { accept: accept.abbreviated, "accept-encoding": "gzip" },
  }),
  "tarball 10 kB": () => ({ path: `${tarball}/-/${tarball}-1.0.0.tgz`, headers: {} }),
  "DescribePackageVersion, signed": (place) => {
    const path = `/v1/package/version?${TEAM}&format=npm&package=${small.name}&version=1.0.0`;
    return { path, headers: sign(place, "GET", path) };
  },
};

/** All fleets run side by side and take turns, so that a ratio is of the same minute. */
export async function scale(stage: Stage): Promise<void> {
  const postgres = await startPostgres();
  const servers: Server[] = [];
  try {
    const open = async (name: string, flags: string[], like?: Place): Promise<Member> => {
      const member = await openMember(stage, name, flags, like);
      servers.push(member.server);
      return member;
    };
    const [nodes, workers] = [await postgres.create("nodes"), await postgres.create("workers")];
    const first = await open("node-1", ["--database", nodes]);
    const second = await open("node-2", ["--database", nodes], first.place);
    const third = await open("node-3", ["--database", nodes], first.place);
    const twoOnSqlite = await open("workers-sqlite-2", ["--workers", "2"]);
    const twoOnPostgres = await open("workers-postgres-2", ["--database", workers, "--workers", "2"]);
    const oneOnSqlite = await open("workers-sqlite-1", ["--workers", "1"]);
    for (const { server } of [first, twoOnSqlite, twoOnPostgres, oneOnSqlite]) await seed(server);
    const fleets: Fleet[] = [
      { title: "1 process on SQLite", members: [oneOnSqlite], postgres: undefined },
      { title: "2 workers on SQLite", members: [twoOnSqlite], postgres: undefined },
      { title: "1 node on PostgreSQL", members: [first], postgres },
      { title: "2 workers on PostgreSQL", members: [twoOnPostgres], postgres },
      { title: "2 nodes on PostgreSQL", members: [first, second], postgres },
      { title: "3 nodes on PostgreSQL", members: [first, second, third], postgres },
    ];
    const nginx = await openBalancer(stage, [first, second, third]);
    if (nginx !== undefined) {
      servers.push(nginx.server);
      fleets.push({ title: "3 nodes behind nginx", members: [first, second, third], postgres, nginx });
    }
    const lines: string[][] = [];
    for (const [read, what] of Object.entries(READS))
      lines.push(...(await compare(stage.rounds, read, what, fleets)));
    stage.sections.push(`## Nodes and workers\n\n${setting(postgres)}\n\n${markdown([...HEAD, ...lines])}\n`);
  } finally {
    for (const server of servers) await server.stop();
    postgres.stop();
  }
}

function setting({ version }: Postgres): string {
  return `Servers, PostgreSQL ${version} and the load share two CPUs, the load being held to one of them: with more than two processes
requests per second say little of a machine with a core for each, CPU per request says what such a machine would do. ${CONNECTIONS}
connections, split evenly over the nodes; all take turns in each round. The nodes of one database share a folder of blobs.
nginx has one worker.`;
}

/** `like`: another node of the same database: its administrator's key and its folder of blobs are ours too. */
async function openMember(stage: Stage, name: string, flags: string[], like?: Place): Promise<Member> {
  const place = await newPlace(stage.work, name);
  if (like !== undefined) {
    mkdirSync(join(place.dir, "data"));
    copyFileSync(join(like.dir, "data/credentials"), join(place.dir, "data/credentials"));
    symlinkSync(join(like.dir, "data/blobs"), join(place.dir, "data/blobs"));
  }
  return { place, server: await start(portcullisWith(flags, EVERYWHERE), place) };
}

async function seed(server: Server): Promise<void> {
  const recipes = [
    ...small.versions.map((version) => ({ name: small.name, version, payloadBytes: 500 })),
    { name: tarball, version: "1.0.0", payloadBytes: tarballSizes["10 kB"] },
  ].map((recipe) => ({ ...recipe, manifest: "small" as const }));
  const { errors } = await publish(server, recipes, 1);
  if (errors > 0) throw new Error(`${server.name} refused ${errors} publishes`);
}

interface Sample {
  perSecond: number;
  serverUs: number;
  postgresUs: number;
  nginxUs: number;
  p99Ms: number;
}

async function compare(
  rounds: number,
  title: string,
  what: (place: Place) => Read,
  fleets: Fleet[],
): Promise<string[][]> {
  for (const fleet of fleets) await load(fleet, what, 1);
  const samples = fleets.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < fleets.length; i++) {
      const turn = (i + round) % fleets.length;
      const fleet = fleets[turn];
      if (fleet !== undefined) samples[turn]?.push(await load(fleet, what, SECONDS));
    }
  return fleets.map((fleet, i) => lineOf(`${title}: ${fleet.title}`, samples[i] ?? [], fleet));
}

/** Every member has its share of the connections at the same time. */
async function load(
  { members, postgres, nginx }: Fleet,
  what: (place: Place) => Read,
  seconds: number,
): Promise<Sample> {
  const targets = nginx === undefined ? members : [nginx];
  const clocks = () => ({
    servers: members.reduce((total, { server }) => total + cpuMs(server.pid), 0),
    postgres: postgres === undefined ? 0 : cpuMs(postgres.pid),
    nginx: nginx === undefined ? 0 : cpuMs(nginx.server.pid),
  });
  const before = clocks();
  const measured = await Promise.all(
    targets.map(({ place, server }) => read(server, what(place), CONNECTIONS / targets.length, seconds)),
  );
  const after = clocks();
  const sum = (figure: (one: Measured) => number) => measured.reduce((total, one) => total + figure(one), 0);
  const us = (of: keyof typeof after) => ((after[of] - before[of]) * 1000) / sum((one) => one.requests);
  return {
    perSecond: sum((one) => one.requests / one.seconds),
    serverUs: us("servers"),
    postgresUs: us("postgres"),
    nginxUs: us("nginx"),
    p99Ms: Math.max(...measured.map((one) => one.p99Ms)),
  };
}

const HEAD = [
  ["Read", "requests/s", "CPU µs/request", "PostgreSQL's", "nginx's", "p99 ms"],
  ["---", "---:", "---:", "---:", "---:", "---:"],
];

function lineOf(title: string, samples: Sample[], { postgres, nginx }: Fleet): string[] {
  const cell = (figure: (sample: Sample) => number) => spread(samples.map(figure));
  return [
    title,
    cell((sample) => sample.perSecond),
    cell((sample) => sample.serverUs),
    postgres === undefined ? "" : cell((sample) => sample.postgresUs),
    nginx === undefined ? "" : cell((sample) => sample.nginxUs),
    cell((sample) => sample.p99Ms),
  ];
}

/** nginx in front of the nodes, set as deploy/nginx has it but for TLS; undefined where it is not installed. */
async function openBalancer(stage: Stage, nodes: Member[]): Promise<Member | undefined> {
  const [first] = nodes;
  if (stage.nginx === undefined || first === undefined) return undefined;
  const place = await newPlace(stage.work, "balancer");
  const ports = nodes.map((node) => node.place.port);
  const server = await start(balancer(stage.nginx.version, ports, first.server, EVERYWHERE), place);
  // Signed by the administrator of the nodes, for the balancer's address.
  return { place: { dir: first.place.dir, port: place.port }, server };
}
