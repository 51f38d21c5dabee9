// kill -9 in a storm of publishes: what was acknowledged is whole after the restart, and nothing is half there.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createDomain, type Domain } from "../api.ts";
import type { Registry } from "../clients/client.ts";
import { type PublishBody, publishBody } from "../packages.ts";
import { freePort } from "../processes.ts";
import type { Server } from "../server.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import { bearer } from "./npm-clients.ts";

const rounds = 5;
const publishers = 8;
const repository = "storm";

interface Publish {
  readonly name: string;
  readonly version: string;
  readonly made: PublishBody;
  acknowledged: boolean;
}

export async function durability(stage: Stage): Promise<void> {
  const port = await freePort(); // the same address after each restart
  let server = await stage.server("server", { port });
  const domain = await createDomain(server);
  await domain.createRepository({ name: repository });
  const registry = await domain.registry(repository);
  const publishes: Publish[] = [];
  for (let round = 1; round <= rounds; round++) {
    const stormed = await stage.checks.check(`round ${round}: kill -9 in a storm of publishes`, async () => {
      await storm(server, registry, round, publishes);
      server = await stage.server("server", { port });
    });
    if (!stormed) return;
    await stage.checks.check(
      `round ${round}: every acknowledged version is whole, and none is half visible`,
      () => isWhole(domain, registry, publishes),
    );
  }
  await stage.checks.check("after all rounds: an unacknowledged version can be published again", () =>
    publishAgain(registry, publishes),
  );
}

/** Publishes on eight connections until the server is killed, after a time that differs from round to round. */
async function storm(server: Server, registry: Registry, round: number, publishes: Publish[]): Promise<void> {
  const state: { over: boolean; trouble?: Error } = { over: false };
  let count = 0;
  const publisher = async (lane: number): Promise<void> => {
    while (!state.over && count < 2000) {
      const one = await make(registry, lane, round, count++);
      publishes.push(one);
      one.acknowledged = await put(registry, one);
    }
  };
  const lanes = Array.from({ length: publishers }, (_, lane) =>
    publisher(lane).catch((error: Error) => {
      state.trouble ??= error;
    }),
  );
  while (publishes.filter(({ acknowledged }) => acknowledged).length < round * 40) {
    if (state.trouble !== undefined) break;
    if (server.exitCode() !== null) throw new Error("the server ended by itself");
    await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 50));
  }
  state.over = true;
  await server.stop("SIGKILL");
  await Promise.all(lanes);
  if (state.trouble !== undefined) throw state.trouble;
  const lost = publishes.filter(({ acknowledged }) => !acknowledged).length;
  assert.ok(lost > 0, "the kill met no publish in flight: the storm was too weak to tell anything");
}

/** Half of them are versions of one package a lane, half are packages of their own; from 1 kB to 300 kB. */
async function make(registry: Registry, lane: number, round: number, count: number): Promise<Publish> {
  const name = count % 2 === 0 ? `storm-lane-${lane}` : `@storm/own-${round}-${count}`;
  const version = `${round}.${count}.0`;
  const says = randomBytes(count % 5 === 0 ? 300_000 : 1_000).toString("base64");
  return {
    name,
    version,
    made: await publishBody({ name, version, says }, registry.url),
    acknowledged: false,
  };
}

async function put(registry: Registry, { name, made }: Publish): Promise<boolean> {
  const headers = { ...bearer(registry), "content-type": "application/json" };
  const url = `${registry.url}${name.replace("/", "%2f")}`;
  const answer = await send(url, { method: "PUT", headers, body: made.body }).catch(() => undefined);
  if (answer === undefined) return false;
  if (answer.status !== 200 && answer.status !== 201)
    throw new Error(`${name}: ${answer.status} ${answer.text}`);
  return true;
}

async function isWhole(domain: Domain, registry: Registry, publishes: readonly Publish[]): Promise<void> {
  const failures: string[] = [];
  for (const [name, ofName] of Map.groupBy(publishes, ({ name }) => name)) {
    const listed = await integrities(registry, name);
    const held = new Set(await domain.versions(repository, name));
    for (const one of ofName) {
      const problem = await look(registry, one, listed.get(one.version), held.has(one.version));
      if (problem !== undefined) failures.push(`${name} ${one.version}: ${problem}`);
    }
    for (const version of listed.keys()) {
      if (!ofName.some((one) => one.version === version))
        failures.push(`${name} ${version}: nobody published it`);
    }
  }
  assert.deepEqual(failures, []);
}

/** A version is there in every view or in none; acknowledged, it is there; there, its bytes are the published ones. */
async function look(
  registry: Registry,
  { name, version, made, acknowledged }: Publish,
  integrity: string | undefined,
  held: boolean,
): Promise<string | undefined> {
  const bare = name.slice(name.indexOf("/") + 1);
  const { status, body } = await send(`${registry.url}${name}/-/${bare}-${version}.tgz`, {
    headers: bearer(registry),
  });
  const there = [integrity !== undefined, held, status === 200];
  if (there.some((one) => one !== there[0]))
    return `listed, in the API, served: ${there.join(", ")} (${status})`;
  if (!there[0]) return acknowledged ? "acknowledged and lost" : undefined;
  if (integrity !== made.integrity) return `its integrity is ${integrity}`;
  const sha512 = createHash("sha512").update(body).digest("base64");
  return `sha512-${sha512}` === integrity ? undefined : `its ${body.length} bytes are not what was published`;
}

/** The versions of the packument with their integrity; none when there is no packument. */
async function integrities(registry: Registry, name: string): Promise<Map<string, string>> {
  const { status, text } = await send(`${registry.url}${name.replace("/", "%2f")}`, {
    headers: bearer(registry),
  });
  if (status === 404) return new Map();
  assert.equal(status, 200, text);
  const { versions }: { versions: Record<string, { dist: { integrity: string } }> } = JSON.parse(text);
  return new Map(Object.entries(versions).map(([version, { dist }]) => [version, dist.integrity]));
}

/** Whether it got in before the kill or not: the same bytes are welcome. */
async function publishAgain(registry: Registry, publishes: readonly Publish[]): Promise<void> {
  for (const one of publishes.filter(({ acknowledged }) => !acknowledged))
    assert.ok(await put(registry, one), one.name);
}
