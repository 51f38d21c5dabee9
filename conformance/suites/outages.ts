// PostgreSQL and the object store fail under load: answers stay right or are a clear 503, none hangs, nothing acknowledged is lost, and service returns by itself.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { createDomain, type Domain } from "../api.ts";
import { eventually, withDeadline } from "../checks.ts";
import type { Registry } from "../clients/client.ts";
import type { Cluster } from "../cluster.ts";
import { type Gate, openGate } from "../gate.ts";
import { publishBody } from "../packages.ts";
import { faultsLogged } from "../server.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";
import { bearer } from "./npm-clients.ts";
import { call } from "./signatures.ts";

const repository = "outages";
const CLIENTS = 8;
/** No request takes longer, whatever has failed. */
const BOUND_MS = 60_000;

interface Outage {
  readonly what: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

interface Scene {
  readonly cluster: Cluster;
  readonly domain: Domain;
  readonly registry: Registry;
  /** What was acknowledged: name of a package of one version → its digest. */
  readonly held: Map<string, string>;
  /** Publishes without an acknowledgement: in whole, or not at all. */
  readonly open: Map<string, string>;
}

export async function outages(stage: Stage): Promise<void> {
  let gate: Gate | undefined;
  const cluster = await stage.cluster("cluster", {
    troubled: true,
    flags: ["--asset-cache-bytes", "0", "--blob-cache-bytes", "0"], // so that reads need the object store too
    store: async (endpoint) => {
      gate = await openGate(Number(new URL(endpoint).port));
      return `http://127.0.0.1:${gate.port}`;
    },
  });
  const domain = await createDomain(cluster);
  await domain.createRepository({ name: repository });
  const scene = {
    cluster,
    domain,
    registry: await domain.registry(repository),
    held: new Map(),
    open: new Map(),
  };
  try {
    for (const outage of outagesOf(cluster, gate)) await suffer(stage, scene, outage);
  } finally {
    await gate?.close();
  }
  await stage.checks.check("no node took any of it for a bug of its own", async () => {
    assert.deepEqual(faultsLogged(cluster.log).filter(isBug).slice(0, 5), []);
  });
}

function outagesOf({ ground: { postgres, store } }: Cluster, gate: Gate | undefined): Outage[] {
  const resume = () => postgres.resume();
  return [
    { what: "PostgreSQL is stopped", begin: () => postgres.halt("fast"), end: resume },
    { what: "PostgreSQL crashes", begin: () => postgres.halt("immediate"), end: resume },
    { what: "the object store stalls", begin: () => store.pause(), end: () => store.resume() },
    { what: "the object store is killed", begin: () => store.kill(), end: () => store.revive() },
    {
      what: "the object store answers with errors",
      begin: () => gate?.set("fail"),
      end: () => gate?.set("open"),
    },
  ];
}

async function suffer({ checks }: Stage, scene: Scene, { what, begin, end }: Outage): Promise<void> {
  const answers = new Tally();
  await checks.check(
    `${what} under load: every answer is right or a 503 that says why and when to try again`,
    async () => {
      const load = { over: false };
      const clients = Array.from({ length: CLIENTS }, () => client(scene, answers, load));
      try {
        const before = scene.held.size;
        await eventually("publishes succeed", BOUND_MS, async () =>
          scene.held.size > before + 20 ? true : undefined,
        );
        await begin();
        try {
          await eventually("somebody is told", BOUND_MS, async () =>
            answers.unavailable > 5 ? true : undefined,
          );
        } finally {
          await end();
        }
        const then = scene.held.size;
        await eventually("publishes succeed again", BOUND_MS, async () =>
          scene.held.size > then + 20 ? true : undefined,
        );
      } finally {
        load.over = true;
        await Promise.all(clients);
        console.log(`#      ${what}: ${answers.show()}`);
      }
      assert.deepEqual(answers.wrong, []);
    },
  );
  await checks.check(`${what}: every node serves again by itself, and is ready`, async () => {
    for (const node of scene.cluster.nodes) {
      assert.ok(node.running(), `${node.name} has ended`);
      const ready = () =>
        send(`${node.endpoint}/readyz`).then(({ status }) => (status === 200 ? true : undefined));
      await eventually(`${node.name} is ready`, BOUND_MS, ready);
    }
  });
  await checks.check(
    `${what}: what was acknowledged is whole on every node, the rest whole or absent`,
    async () => {
      for (const node of scene.cluster.nodes) {
        const url = scene.registry.url.replace(scene.cluster.endpoint, node.endpoint);
        for (const [name, digest] of scene.held)
          assert.equal(await whole({ ...scene.registry, url }, name), digest, name);
        for (const [name, digest] of scene.open) {
          const found = await whole({ ...scene.registry, url }, name);
          if (found !== undefined) assert.equal(found, digest, name);
        }
      }
    },
  );
}

/** What a client got: counts, and what should not have been. */
class Tally {
  unavailable = 0;
  readonly wrong: string[] = [];
  readonly #counts = new Map<string, number>();
  #longestMs = 0;

  count(what: string, ms: number): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    this.#longestMs = Math.max(this.#longestMs, ms);
  }

  show(): string {
    const counts = [...this.#counts].map(([what, count]) => `${count} × ${what}`).join(", ");
    return `${counts}; the longest took ${(this.#longestMs / 1000).toFixed(1)} s`;
  }
}

async function client(scene: Scene, tally: Tally, load: { readonly over: boolean }): Promise<void> {
  while (!load.over) {
    const [what, work] = choose(scene);
    const start = performance.now();
    const result = await withDeadline(work(), BOUND_MS).catch(String);
    tally.count(result, performance.now() - start);
    if (result === "503") tally.unavailable++;
    else if (!GOOD.has(result) && tally.wrong.length < 20) tally.wrong.push(`${what}: ${result}`);
    // As long as a client would wait that heeds Retry-After, less some for the sake of load.
    if (result === "503") await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
  }
}

/** A download whose bytes stopped coming is cut off, so that no client takes it for whole. */
const GOOD: ReadonlySet<string> = new Set(["published", "read", "503", "cut off"]);

function choose(scene: Scene): readonly [string, () => Promise<string>] {
  const known = [...scene.held];
  const die = known.length === 0 ? 0 : randomInt(10);
  const [name, digest] = known[randomInt(Math.max(known.length, 1))] ?? ["", ""];
  if (die < 4) return ["publish", () => publish(scene)];
  if (die < 6) return ["packument", () => document(scene, name, digest)];
  if (die < 8) return ["tarball", () => tarball(scene, name, digest)];
  return ["DescribePackageVersion", () => describe(scene, name)];
}

/** One in eight is larger than what a node keeps in memory. */
async function publish({ registry, held, open }: Scene): Promise<string> {
  const name = `outage-${randomBytes(6).toString("hex")}`;
  const payload = randomBytes(randomInt(8) === 0 ? 3_000_000 : 1_000);
  const { body, integrity } = await publishBody({ name, version: "1.0.0", payload }, registry.url);
  open.set(name, integrity);
  const headers = { ...bearer(registry), "content-type": "application/json" };
  const answer = await send(`${registry.url}${name}`, { method: "PUT", headers, body });
  if (answer.status !== 200 && answer.status !== 201) return trouble(answer, /^\{"error":"[^"]/);
  open.delete(name);
  held.set(name, integrity);
  return "published";
}

async function document({ registry }: Scene, name: string, digest: string): Promise<string> {
  const answer = await send(`${registry.url}${name}`, { headers: bearer(registry) });
  if (answer.status !== 200) return trouble(answer, /^\{"error":"[^"]/);
  return answer.text.includes(digest) ? "read" : `a packument without the version that was acknowledged`;
}

async function tarball({ registry }: Scene, name: string, digest: string): Promise<string> {
  const url = `${registry.url}${name}/-/${name}-1.0.0.tgz`;
  const answer = await send(url, { headers: bearer(registry) }).catch((error: NodeJS.ErrnoException) => {
    if (error.message === "aborted") return undefined;
    throw error;
  });
  if (answer === undefined) return "cut off";
  if (answer.status !== 200) return trouble(answer, /^\{"error":"[^"]/);
  return digestOf(answer.body) === digest ? "read" : "other bytes than were acknowledged";
}

async function describe({ cluster, domain }: Scene, name: string): Promise<string> {
  const query = { domain: domain.name, repository, format: "npm", package: name, version: "1.0.0" };
  const answer = await call(cluster, { path: "/v1/package/version", query });
  return answer.status === 200 ? "read" : trouble(answer, /^\{.*"message":"[^"]/);
}

/** `503` when it is one that helps; else what it is. */
function trouble({ status, headers, text }: Answer, form: RegExp): string {
  const said = `${status} ${JSON.stringify(headers["retry-after"])} ${text.slice(0, 200)}`;
  if (status !== 503) return said;
  const waits = /^[0-9]{1,3}$/.test(String(headers["retry-after"]));
  const names = /database|blob store|object store|stored? bytes|storage/i.test(text);
  return waits && names && form.test(text) ? "503" : said;
}

/** The digest of its one version as it is listed and as its bytes have it; undefined where it is in neither. */
async function whole(registry: Registry, name: string): Promise<string | undefined> {
  const listed = await send(`${registry.url}${name}`, { headers: bearer(registry) });
  const file = await send(`${registry.url}${name}/-/${name}-1.0.0.tgz`, { headers: bearer(registry) });
  if (listed.status === 404 && file.status === 404) return undefined;
  if (listed.status !== 200 || file.status !== 200) return `half there: ${listed.status}, ${file.status}`;
  const digest = digestOf(file.body);
  return listed.text.includes(digest) ? digest : `listed otherwise than ${digest}`;
}

function digestOf(bytes: Buffer): string {
  return `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}

function isBug(line: string): boolean {
  return /"status":500\b|on a bug/.test(line) || !line.startsWith("{");
}
