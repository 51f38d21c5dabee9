// Reads of Python packages under load: the simple index of a project with 2 000 files in both forms, and wheels.
import { join } from "node:path";
import { probe, type Read, read } from "../load.ts";
import { offer } from "../nginx.ts";
import {
  downloadName,
  downloads,
  fill,
  makeWheel,
  manyWheels,
  portcullisPython,
  pypiserver,
  type Wheel,
} from "../python.ts";
import { loadRows } from "../report.ts";
import { type Contestant, newPlace, type Place, type Server, start } from "../servers.ts";
import { alternate, type Stage, withServers } from "../stage.ts";

interface Case {
  readonly title: string;
  readonly read: Read;
  readonly seconds: number;
  readonly connections: number;
  /** pypiserver has neither the JSON form nor compression. */
  readonly withoutPeer?: true;
}

const html = { accept: "text/html" };
const json = { accept: "application/vnd.pypi.simple.v1+json" };
const gzip = { "accept-encoding": "gzip" };
const page = "simple/bulk/";

const cases: readonly Case[] = [
  { title: "HTML", read: { path: page, headers: html }, seconds: 3, connections: 16 },
  {
    title: "HTML gzip",
    read: { path: page, headers: { ...html, ...gzip } },
    seconds: 3,
    connections: 16,
    withoutPeer: true,
  },
  { title: "JSON", read: { path: page, headers: json }, seconds: 3, connections: 16, withoutPeer: true },
  {
    title: "JSON gzip",
    read: { path: page, headers: { ...json, ...gzip } },
    seconds: 3,
    connections: 16,
    withoutPeer: true,
  },
];

export async function readPython(stage: Stage): Promise<void> {
  const peer = admitPeer(stage);
  const sizes = Object.keys(downloads) as (keyof typeof downloads)[];
  const files = sizes.map((size) => makeWheel(downloadName(size), "1.0", "py3-none-any", downloads[size]));
  const wheels = [...manyWheels(), ...files];
  const contestants = [portcullisPython, ...(peer === undefined ? [] : [peer])];
  const places = new Map<Contestant, Place>();
  for (const contestant of contestants) places.set(contestant, await filledPlace(stage, contestant, wheels));
  for (const each of cases)
    await compare(stage, places, { ...each, title: `simple index of 2 000 files, ${each.title}` });
  for (const [index, size] of sizes.entries()) {
    const path = `simple/${downloadName(size)}/1.0/${files[index]?.filename}`;
    const what = { path, headers: {} };
    await compare(stage, places, { title: `wheel ${size}`, read: what, seconds: 3, connections: 16 });
  }
}

function admitPeer(stage: Stage): Contestant | undefined {
  try {
    return pypiserver(join(import.meta.dirname, "../../node_modules/.cache/portcullis-bench"));
  } catch (error) {
    stage.notes.push(`pypiserver takes no part: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function filledPlace(stage: Stage, contestant: Contestant, wheels: readonly Wheel[]): Promise<Place> {
  const place = await newPlace(stage.work, `${contestant.name}-python`);
  const server = await start(contestant, place);
  try {
    await fill(server, place, wheels);
    return place;
  } finally {
    await server.stop();
  }
}

async function compare(stage: Stage, places: ReadonlyMap<Contestant, Place>, each: Case): Promise<void> {
  const bound = stage.nginx && (await boundPlace(stage, places, each));
  const taking = [...places.keys()].filter(({ name }) => !(name === "pypiserver" && each.withoutPeer));
  const contestants = [...taking, ...(stage.nginx ? [stage.nginx] : [])];
  const placeOf = async (one: Contestant) => (places.get(one) ?? bound) as Place;
  await withServers(stage, contestants, placeOf, async (servers) => {
    const reads = new Map<Server, Read>();
    for (const server of servers) reads.set(server, await checkedRead(server, each));
    const load = (server: Server, seconds: number) =>
      read(server, reads.get(server) ?? each.read, each.connections, seconds);
    for (const server of servers) await load(server, 1); // compilers and caches warm up
    const samples = await alternate(servers, stage.rounds, (server) => load(server, each.seconds));
    stage.rows.push(...loadRows(`Python: ${each.title}`, samples));
  });
}

/** nginx serves the very bytes that Portcullis answers with. */
async function boundPlace(stage: Stage, places: ReadonlyMap<Contestant, Place>, each: Case): Promise<Place> {
  const place = await newPlace(stage.work, `nginx-python-${each.title.replaceAll(/\W+/g, "-")}`);
  const server = await start(portcullisPython, places.get(portcullisPython) as Place);
  try {
    const answer = await probe(server, each.read);
    offer(place, nginxPath(each.read.path), answer.body, answer.headers["content-encoding"]);
    return place;
  } finally {
    await server.stop();
  }
}

const nginxPath = (path: string): string => path.replaceAll("/", "_");

/** Where this contestant has what is read: pypiserver keeps its files in one folder. */
function pathFor({ name }: Server, path: string): string {
  if (name === "nginx") return nginxPath(path);
  const file = path.split("/").at(-1) ?? "";
  return name === "pypiserver" && file !== "" ? `packages/${file}` : path;
}

async function checkedRead(server: Server, each: Case): Promise<Read> {
  const what = { ...each.read, path: pathFor(server, each.read.path) };
  const { status, headers, body } = await probe(server, what);
  if (status !== 200 || headers["content-encoding"] !== each.read.headers["accept-encoding"])
    throw new Error(`${server.name} answered ${status} ${headers["content-encoding"]} for ${what.path}`);
  console.error(`bench: ${each.title}: ${server.name} sends ${body.length} bytes`);
  return what;
}
