// Reads under load: packuments in every form, 304 answers, and tarballs.
import { probe, type Read, read } from "../load.ts";
import { offer } from "../nginx.ts";
import { huge, small, tarballPackage, tarballSizeNames } from "../packages.ts";
import { type Floor, gainOf, loadRows } from "../report.ts";
import { type Contestant, newPlace, type Place, type Server, start } from "../servers.ts";
import { alternate, type Part, type Stage, seeded, withServers } from "../stage.ts";

interface Case {
  title: string;
  part: Part;
  read: Read;
  /** Ask with the ETag, so that the answer is a 304. */
  unchanged?: boolean;
  connections: number;
  seconds: number;
  floor?: Floor | undefined;
}

/** What npm asks for when it installs, and what makes the answer the full document. */
export const accept = {
  abbreviated: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*",
  full: "application/json",
};
const gzip = { "accept-encoding": "gzip" };

export async function readSmall(stage: Stage): Promise<void> {
  const floors = { plain: gainOf(5), gzip: gainOf(8), unchanged: gainOf(6) };
  for (const each of packumentCases("small", small.name, 16, 3, floors)) await compare(stage, each);
}

export async function readHuge(stage: Stage): Promise<void> {
  const floors = { gzip: gainOf(300), unchanged: gainOf(1000) };
  for (const each of packumentCases("huge", huge.name, 4, 4, floors)) await compare(stage, each);
}

export async function readTarballs(stage: Stage): Promise<void> {
  const floors = { "10 kB": gainOf(4), "1 MB": gainOf(2), "50 MB": gainOf(1.7) };
  for (const size of tarballSizeNames) {
    const name = tarballPackage(size);
    const what = { path: `${name}/-/${name}-1.0.0.tgz`, headers: {} };
    const connections = size === "50 MB" ? 4 : 16;
    await compare(stage, {
      title: `tarball ${size}`,
      part: size,
      read: what,
      connections,
      seconds: 3,
      floor: floors[size],
    });
  }
}

function packumentCases(
  part: "small" | "huge",
  path: string,
  connections: number,
  seconds: number,
  floors: { plain?: Floor; gzip: Floor; unchanged: Floor },
): Case[] {
  const forms = { full: { accept: accept.full }, abbreviated: { accept: accept.abbreviated } };
  const basic = { part, connections, seconds };
  const title = `${part} packument`;
  const abbreviatedGzip = { ...forms.abbreviated, ...gzip };
  return [
    { ...basic, title: `${title}, full`, read: { path, headers: forms.full }, floor: floors.plain },
    {
      ...basic,
      title: `${title}, abbreviated`,
      read: { path, headers: forms.abbreviated },
      floor: floors.plain,
    },
    {
      ...basic,
      title: `${title}, abbreviated gzip`,
      read: { path, headers: abbreviatedGzip },
      floor: floors.gzip,
    },
    {
      ...basic,
      title: `${title}, abbreviated gzip, 304`,
      read: { path, headers: abbreviatedGzip },
      unchanged: true,
      connections: 16,
      floor: floors.unchanged,
    },
  ];
}

async function compare(stage: Stage, each: Case): Promise<void> {
  const bound = stage.nginx && (await boundPlace(stage, stage.nginx, each));
  const contestants = [...stage.registries, ...(stage.nginx ? [stage.nginx] : [])];
  const placeOf = async (one: Contestant) =>
    one.name === "nginx" && bound ? bound : seeded(stage, one, each.part);
  await withServers(stage, contestants, placeOf, async (servers) => {
    const reads = new Map<Server, Read>();
    for (const server of servers) reads.set(server, await checkedRead(server, each));
    const load = (server: Server, seconds: number) =>
      read(server, reads.get(server) ?? each.read, each.connections, seconds);
    for (const server of servers) await load(server, 2); // compilers and caches warm up
    const samples = await alternate(servers, stage.rounds, (server) => load(server, each.seconds));
    stage.rows.push(...loadRows(each.title, samples, each.floor));
  });
}

/** Captures the first registry's answer (Portcullis', where it runs) and puts it where nginx will serve it. */
async function boundPlace(stage: Stage, nginx: Contestant, each: Case): Promise<Place> {
  const place = await newPlace(stage.work, `${nginx.name}-${each.title.replaceAll(/\W+/g, "-")}`);
  const [source] = stage.registries;
  if (!source) return place;
  const server = await start(source, await seeded(stage, source, each.part));
  try {
    const answer = await probe(server, each.read);
    offer(place, each.read.path.replaceAll("/", "_"), answer.body, answer.headers["content-encoding"]);
  } finally {
    await server.stop();
  }
  return place;
}

/** The read as this server is to be asked; throws unless it answers as the case means it. */
async function checkedRead(server: Server, each: Case): Promise<Read> {
  const path = server.name === "nginx" ? each.read.path.replaceAll("/", "_") : each.read.path;
  const first = await probe(server, { ...each.read, path });
  const wanted = each.read.headers["accept-encoding"];
  if (first.status !== 200 || first.headers["content-encoding"] !== wanted)
    throw new Error(
      `${server.name} answered ${first.status} ${first.headers["content-encoding"]} for ${path}`,
    );
  console.error(`bench: ${each.title}: ${server.name} sends ${first.body.length} bytes`);
  if (!each.unchanged) return { ...each.read, path };
  const headers = { ...each.read.headers, "if-none-match": first.headers.etag ?? "" };
  const second = await probe(server, { path, headers });
  if (second.status !== 304)
    throw new Error(`${server.name} answered ${second.status}, not 304, for ${path}`);
  return { path, headers };
}
