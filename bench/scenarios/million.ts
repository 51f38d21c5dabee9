// A million versions in the database against a thousand: what a publish, a packument and the API's reads cost with each.
import { statSync } from "node:fs";

import { join } from "node:path";
import { copiedVersions, copyName, fill } from "../fill.ts";
import { type Measured, publish, type Read, walk } from "../load.ts";
import type { Recipe } from "../packages.ts";
import { portcullisWith } from "../portcullis.ts";
import { type Postgres, startPostgres, withClient } from "../postgres.ts";
import { cpuMs, settle } from "../processes.ts";
import { markdown, spread } from "../report.ts";
import { newPlace, type Place, type Server, start } from "../servers.ts";
import { sign } from "../sign.ts";
import type { Stage } from "../stage.ts";
import { accept } from "./reads.ts";

const FEW = 100;
const MANY = Number(process.env.BENCH_PACKAGES ?? 100_000);
const VERSIONS = copiedVersions.length;
const STEPS = 400;
const PUBLISHES = 100;
const STRIDE = 38_197; // has no divisor in common with either number of packages
const TEAM = "domain=bench&repository=npm";

interface Shelf {
  place: Place;
  server: Server;
  packages: number;
  postgres: Postgres | undefined;
  url: string | undefined;
  /** How many names have been given out. */
  given: number;
}

/** The next names, scattered over the whole table; with few packages the same ones come again. */
function names(shelf: Shelf, count: number): string[] {
  return Array.from({ length: count }, () => copyName((shelf.given++ * STRIDE) % shelf.packages));
}

export async function million(stage: Stage): Promise<void> {
  const postgres = await startPostgres();
  const shelves: Shelf[] = [];
  try {
    for (const packages of [FEW, MANY])
      for (const engine of ["SQLite", "PostgreSQL"] as const)
        shelves.push(await stock(stage, packages, engine === "SQLite" ? undefined : postgres));
    const lines: string[][] = [];
    for (const [title, task] of Object.entries(TASKS))
      for (const engine of [undefined, postgres]) {
        const [few, many] = shelves.filter((shelf) => shelf.postgres === engine);
        if (few && many) lines.push(await compare(stage.rounds, title, task, few, many));
      }
    stage.sections.push(
      `## A million versions against a thousand\n\n${await setting(shelves, postgres)}\n\n${markdown([...HEAD, ...lines])}\n`,
    );
  } finally {
    for (const { server } of shelves) await server.stop();
    postgres.stop();
  }
}

/** A database with so many packages of ten versions: one published, the others copied while no server runs. */
async function stock(stage: Stage, packages: number, postgres: Postgres | undefined): Promise<Shelf> {
  const engine = postgres === undefined ? "sqlite" : "postgres";
  const place = await newPlace(stage.work, `${engine}-${packages}`);
  const url = await postgres?.create(`versions_${packages * VERSIONS}`);
  // No finished document is kept: every packument is made from rows.
  const contestant = portcullisWith(
    ["--document-cache-bytes", "0", ...(url === undefined ? [] : ["--database", url])],
    "0,1",
  );
  const first = await start(contestant, place);
  await publishAll(
    first,
    copiedVersions.map((version) => recipe(copyName(0), version)),
  );
  await first.stop();
  const began = performance.now();
  await fill(url ?? databaseOf(place), packages - 1);
  console.error(
    `bench: ${packages} packages on ${engine} filled in ${((performance.now() - began) / 1000).toFixed(0)} s`,
  );
  return { place, server: await start(contestant, place), packages, postgres, url, given: 0 };
}

function databaseOf(place: Place): string {
  return join(place.dir, "data/portcullis.sqlite");
}

function recipe(name: string, version: string): Recipe {
  return { name, version, payloadBytes: 500, manifest: "small" };
}

async function publishAll(server: Server, recipes: Recipe[]): Promise<Measured> {
  const load = await publish(server, recipes, 1);
  if (load.errors > 0) throw new Error(`${server.name} refused ${load.errors} publishes`);
  return load;
}

type Task = (shelf: Shelf, round: number) => Promise<Measured>;

/** In this order: reads first, since the publishes change what is read. */
const TASKS: Record<string, Task> = {
  "packument of 10 versions, abbreviated": (shelf) =>
    walk(
      shelf.server,
      names(shelf, STEPS).map((path) => ({ path, headers: { accept: accept.abbreviated } })),
    ),
  DescribePackageVersion: (shelf) =>
    asked(shelf, "GET", (name) => `/v1/package/version?${TEAM}&format=npm&package=${name}&version=1.0.5`),
  "ListPackageVersions, a page of 10": (shelf) =>
    asked(shelf, "POST", (name) => `/v1/package/versions?${TEAM}&format=npm&package=${name}`),
  "ListPackages, a page of 50": (shelf) =>
    asked(shelf, "POST", () => `/v1/packages?${TEAM}&format=npm&max-results=50`),
  "ListPackages with a prefix, 10 of 10": (shelf) =>
    asked(shelf, "POST", (name) => `/v1/packages?${TEAM}&format=npm&package-prefix=${name.slice(0, -1)}`, 50),
  "publish of a new version": (shelf, round) =>
    publishAll(
      shelf.server,
      names(shelf, PUBLISHES).map((name) => recipe(name, `2.0.${round}`)),
    ),
  "publish of a new package": (shelf, round) =>
    publishAll(
      shelf.server,
      Array.from({ length: PUBLISHES }, (_, i) =>
        recipe(`fresh-${(i * 7919) % 1000}-${round}-${i}`, "1.0.0"),
      ),
    ),
};

/** Signed here and now: a signature holds for some minutes only. */
function asked(
  shelf: Shelf,
  method: "GET" | "POST",
  path: (name: string) => string,
  steps = STEPS,
): Promise<Measured> {
  const reads = names(shelf, steps).map((name): Read => {
    const target = path(name);
    return { path: target, method, headers: sign(shelf.place, method, target) };
  });
  return walk(shelf.server, reads);
}

interface Sample {
  /** Of the server and of PostgreSQL together. */
  cpuUs: number;
  ms: number;
}

async function compare(
  rounds: number,
  title: string,
  task: Task,
  few: Shelf,
  many: Shelf,
): Promise<string[]> {
  for (const shelf of [few, many]) await sample(shelf, task, 0);
  const samples = new Map<Shelf, Sample[]>([
    [few, []],
    [many, []],
  ]);
  for (let round = 1; round <= rounds; round++)
    for (const shelf of round % 2 ? [few, many] : [many, few])
      samples.get(shelf)?.push(await sample(shelf, task, round));
  const [small = [], large = []] = samples.values();
  const ratio = (figure: (one: Sample) => number) =>
    spread(large.map((one, i) => figure(one) / figure(small[i] ?? { cpuUs: Number.NaN, ms: Number.NaN })));
  const cpu = ({ cpuUs }: Sample) => cpuUs;
  const engine = few.postgres === undefined ? "SQLite" : "PostgreSQL";
  return [title, engine, spread(small.map(cpu)), spread(large.map(cpu)), ratio(cpu), ratio(({ ms }) => ms)];
}

async function sample(shelf: Shelf, task: Task, round: number): Promise<Sample> {
  const { postgres, server } = shelf;
  await settle(server.pid);
  const before = postgres === undefined ? 0 : cpuMs(postgres.pid);
  const load = await task(shelf, round);
  const after = postgres === undefined ? 0 : cpuMs(postgres.pid);
  return { cpuUs: ((load.cpuMs + after - before) * 1000) / load.requests, ms: load.p50Ms };
}

const HEAD = [
  ["What", "Database", "a thousand, CPU µs", "a million, CPU µs", "ratio of CPU", "ratio of median time"],
  ["---", "---", "---:", "---:", "---:", "---:"],
];

async function setting(shelves: Shelf[], postgres: Postgres): Promise<string> {
  const [onSqlite, onPostgres] = shelves.filter(({ packages }) => packages === MANY);
  const kB = (bytes: number) => (bytes / 1000 / MANY / VERSIONS).toFixed(1);
  const file = onSqlite === undefined ? Number.NaN : statSync(databaseOf(onSqlite.place)).size;
  const size = onPostgres?.url === undefined ? Number.NaN : await databaseBytes(onPostgres.url);
  return `${FEW} and ${MANY.toLocaleString("en")} packages of ${VERSIONS} versions, one request at a time, names scattered over the whole database, no finished
document kept in memory. CPU is the server's and PostgreSQL ${postgres.version}'s together, for each request; ratios are formed round by round.
A version, with its journal, takes ${kB(file)} kB of SQLite's file and ${kB(size)} kB of PostgreSQL.`;
}

function databaseBytes(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ bytes: string }>(
      "select pg_database_size(current_database()) as bytes",
    );
    return Number(rows[0]?.bytes);
  });
}
