// The API under load: signed reads beside an answer that asks nothing, and pages of long lists, the first beside the last.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Measured, probe, publish, type Read, read } from "../load.ts";
import { atMost, type Floor, loadRows, pick } from "../report.ts";
import { newPlace, type Place, type Server } from "../servers.ts";
import { sign } from "../sign.ts";
import { alternate, type Stage, withServers } from "../stage.ts";

const PACKAGES = 100_000;
const VERSIONS = 2_000;
const TEAM = "domain=bench&repository=npm";

export async function api(stage: Stage): Promise<void> {
  const [portcullis] = stage.registries.filter(({ name }) => name === "Portcullis");
  if (portcullis === undefined) return;
  const place = await newPlace(stage.work, "portcullis-api");
  await withServers(
    stage,
    [portcullis],
    () => Promise.resolve(place),
    async ([server]) => {
      if (server === undefined) return;
      await signedReads(stage, place, server);
      await pages(stage, place, server, "ListPackages", PACKAGES, {
        path: `/v1/packages?${TEAM}`,
        seed: (i) => ({
          path: `/v1/package?${TEAM}&format=npm&package=package-${i}`,
          body: '{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}',
        }),
      });
      const blob = "format=generic&namespace=tools&package=blob";
      await pages(stage, place, server, "ListPackageVersions", VERSIONS, {
        path: `/v1/package/versions?${TEAM}&${blob}`,
        seed: (i) => ({
          path: `/v1/package/version/publish?${TEAM}&${blob}&version=1.0.${i}&asset=a`,
          body: `bytes ${i}`,
        }),
      });
    },
  );
}

/** Every request carries a signature, which is checked each time; /healthz is the same server without any of it. */
async function signedReads(stage: Stage, place: Place, server: Server): Promise<void> {
  await publish(server, [{ name: "one", version: "1.0.0", payloadBytes: 500, manifest: "small" }], 1);
  const path = `/v1/package/version?${TEAM}&format=npm&package=one&version=1.0.0`;
  const describe = { path, headers: sign(place, "GET", path) };
  const health = { path: "/healthz", headers: {} };
  const measured = await inTurn(stage, server, [describe, health], 16);
  const [signed = [], floor = []] = measured;
  rows(stage, "DescribePackageVersion, signed", signed);
  rows(stage, "/healthz of the same server", floor);
  ratio(stage, "DescribePackageVersion ÷ /healthz", signed, floor);
}

interface List {
  path: string;
  /** What makes the item of this number: a POST. */
  seed(i: number): { path: string; body: string };
}

async function pages(
  stage: Stage,
  place: Place,
  server: Server,
  name: string,
  count: number,
  { path, seed }: List,
): Promise<void> {
  await fill(place, count, seed);
  const size = count / 100;
  const page = (token: string): Read => {
    const query = `${path}&max-results=${size}${token && `&next-token=${encodeURIComponent(token)}`}`;
    return { path: query, headers: sign(place, "POST", query), method: "POST" };
  };
  const token = await lastToken(server, page, name);
  const measured = await inTurn(stage, server, [page(""), page(token)], 4);
  const [first = [], last = []] = measured;
  const title = `${name} of ${count.toLocaleString("en")}, ${size.toLocaleString("en")} a page`;
  rows(stage, `${title}: the first page`, first);
  rows(stage, `${title}: the last page`, last);
  ratio(stage, `${title}: last ÷ first`, last, first, atMost(1.5));
}

/** Walks the list; gives the token of the hundredth page, which is as full as the first. */
async function lastToken(server: Server, page: (token: string) => Read, name: string): Promise<string> {
  let token = "";
  for (let number = 1; number < 100; number++) {
    const { status, body } = await probe(server, page(token));
    if (status !== 200) throw new Error(`${name} answered ${status}: ${body.toString().slice(0, 200)}`);
    const { nextToken }: { nextToken?: string } = JSON.parse(body.toString());
    if (nextToken === undefined) throw new Error(`${name} had ${number} pages, not 100`);
    token = nextToken;
  }
  return token;
}

/** Each of the reads has its turn in each round, another one first. */
async function inTurn(
  stage: Stage,
  server: Server,
  reads: Read[],
  connections: number,
): Promise<Measured[][]> {
  const samples: Measured[][] = reads.map(() => []);
  for (const each of reads) await read(server, each, connections, 1);
  await alternate([server], stage.rounds, async (_server, round) => {
    for (let i = 0; i < reads.length; i++) {
      const turn = (i + round) % reads.length;
      const each = reads[turn];
      if (each !== undefined) samples[turn]?.push(await read(server, each, connections, 2));
    }
  });
  return samples;
}

function rows(stage: Stage, scenario: string, measured: Measured[]): void {
  stage.rows.push(...loadRows(scenario, new Map([["Portcullis", measured]])));
}

function ratio(stage: Stage, scenario: string, of: Measured[], to: Measured[], floor?: Floor): void {
  const cost = (load: Measured | undefined) => (load ? load.cpuMs / load.requests : Number.NaN);
  const samples = pick(
    new Map([["Portcullis" as const, of.map((load, i) => cost(load) / cost(to[i]))]]),
    (x) => x,
  );
  stage.rows.push({ scenario, measure: "CPU, ratio", better: "less", samples, floor });
}

/** The API's own calls, sixteen at a time. */
async function fill(place: Place, count: number, seed: List["seed"]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const { path, body } = seed(next++);
      await post(place, agent, path, body);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
  await sleep(500);
}

function post(place: Place, agent: Agent, path: string, body: string): Promise<void> {
  const headers = { ...sign(place, "POST", path, body), "content-length": String(Buffer.byteLength(body)) };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = request(
    { host: "127.0.0.1", port: place.port, path, method: "POST", headers, agent },
    (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200
          ? resolve()
          : reject(new Error(`${path} answered ${response.statusCode}`)),
      );
    },
  );
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}
