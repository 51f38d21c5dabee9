// Ten thousand concurrent operations through a balancer while nodes are killed and started: one order explains every answer, and nothing is lost, doubled or half seen.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createDomain } from "../api.ts";
import type { Checks } from "../checks.ts";
import type { Registry } from "../clients/client.ts";
import type { Cluster, Node } from "../cluster.ts";
import { compareJournal, type JournalLine, readEverywhere } from "../history/ending.ts";
import { checkLinearizable } from "../history/linearizable.ts";
import { type Input, packageModel, type Setting, type Status } from "../history/package-model.ts";
import { type Door, type Played, Recorder } from "../history/player.ts";
import { type PublishBody, publishBody } from "../packages.ts";
import { plainEnv, run, succeeded } from "../processes.ts";
import { program } from "../server.ts";
import type { Stage } from "../suite.ts";

const OPERATIONS = 10_000;
const NAMES = 40;
/** So many packages are worked on at a time, so that players meet. */
const NAMES_AT_ONCE = 4;
const PLAYERS = 16;
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0-beta.1"];
const repository = "history";

export async function history(stage: Stage): Promise<void> {
  const { checks } = stage;
  const cluster = await stage.cluster("cluster");
  const door = await openDoor(cluster);
  const names = Array.from({ length: NAMES }, (_, i) => `history-${i}`);
  const recorder = new Recorder();
  const bodies = new Bodies(door.registry.url);
  await checks.check(
    `${OPERATIONS} operations by ${PLAYERS} clients while nodes are killed: each is answered`,
    async () => {
      await playAll(cluster, recorder, door, bodies, names);
      assert.deepEqual(recorder.wrong, []);
    },
    900_000,
  );
  await checks.check("all nodes show the same in the end", async () => {
    const doors = cluster.nodes.map((node) => through(node, cluster, door));
    assert.deepEqual(await readEverywhere(recorder, doors, names), []);
    assert.deepEqual(recorder.wrong, []);
  });
  writeFileSync(join(stage.folder, "history.json"), JSON.stringify(recorder.operations));
  await judge(checks, recorder);
  await checks.check("the journal tells what was answered: no change lost, none doubled", async () => {
    const lines = Map.groupBy(await readJournal(stage, cluster, door), (line) => line.package);
    const problems = [...Map.groupBy(recorder.operations, (one) => one.package)].flatMap(([name, played]) =>
      compareJournal(lines.get(name) ?? [], played, bodies.digests).map((problem) => `${name}: ${problem}`),
    );
    assert.deepEqual(problems, []);
  });
}

async function openDoor(cluster: Cluster): Promise<Door> {
  const domain = await createDomain(cluster);
  await domain.createRepository({ name: repository });
  await domain.createRepository({ name: `${repository}-below`, upstreams: [repository] });
  const below = await domain.registry(`${repository}-below`);
  return { domain, repository, registry: await domain.registry(repository), below };
}

/** The same repository at one node's own address. */
function through(node: Node, cluster: Cluster, { domain, registry, below }: Door): Door {
  const moved = ({ url, token }: Registry) => ({ url: url.replace(cluster.endpoint, node.endpoint), token });
  const client = connect({ endpoint: node.endpoint, credentials: cluster.credentials });
  return {
    domain: { name: domain.name, client },
    repository,
    registry: moved(registry),
    below: moved(below),
  };
}

async function playAll(
  cluster: Cluster,
  recorder: Recorder,
  door: Door,
  bodies: Bodies,
  names: readonly string[],
): Promise<void> {
  const work = { over: false };
  const kills = killNodes(cluster.nodes, work);
  try {
    for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
      const some = names.slice(at, at + NAMES_AT_ONCE);
      const until = ((at + some.length) / names.length) * OPERATIONS;
      await Promise.all(Array.from({ length: PLAYERS }, () => player(recorder, door, bodies, some, until)));
    }
  } finally {
    work.over = true;
  }
  const killed = await kills;
  const lost = [...recorder.lost].map(([what, count]) => `${what} ${count}`).join(", ");
  console.log(`#      ${recorder.operations.length} operations, ${killed} kills; without an answer: ${lost}`);
  assert.ok(killed >= 5, `only ${killed} nodes were killed`);
}

/** One node after the other ends, most times at once, and comes back some time later; the others serve. */
async function killNodes(nodes: readonly Node[], work: { readonly over: boolean }): Promise<number> {
  let killed = 0;
  while (!work.over) {
    await pause(500 + Math.random() * 2_500);
    const node = pick(nodes);
    await node.stop(randomInt(4) === 0 ? "SIGTERM" : "SIGKILL");
    killed++;
    await pause(Math.random() * 1_000);
    await node.start();
  }
  return killed;
}

async function player(
  recorder: Recorder,
  door: Door,
  bodies: Bodies,
  names: readonly string[],
  until: number,
): Promise<void> {
  while (recorder.operations.length < until) {
    const name = pick(names);
    const version = pick(VERSIONS);
    const { input, body } = await choose(bodies, name, version);
    const { output } = await recorder.play(door, name, input, body);
    if (output === undefined) await pause(Math.random() * 200); // as a client would before it tries again
  }
}

interface Chosen {
  readonly input: Input;
  readonly body?: PublishBody;
}

/** A third are publishes, a quarter other changes, the rest reads. */
async function choose(bodies: Bodies, name: string, version: string): Promise<Chosen> {
  const die = randomInt(100);
  if (die < 32) {
    const body = await bodies.make(name, version);
    return { input: { call: "publish", version, digest: body.integrity }, body };
  }
  if (die < 42) return { input: { call: "delete", version } };
  if (die < 44) return { input: { call: "delete package" } };
  if (die < 51) return { input: { call: "set status", version, status: pick(STATUSES) } };
  if (die < 58)
    return {
      input: {
        call: "set origin",
        publish: pick(["ALLOW", "ALLOW", "BLOCK"] as const),
        upstream: pick(SETTINGS),
      },
    };
  if (die < 76) return { input: { call: "document", ...(randomInt(3) === 0 && { below: true }) } };
  if (die < 86) return { input: { call: "list" } };
  if (die < 91) return { input: { call: "describe" } };
  return { input: { call: "download", version } };
}

const STATUSES: readonly Status[] = ["Published", "Unlisted", "Archived"];
const SETTINGS: readonly Setting[] = ["ALLOW", "BLOCK"];

/** What is published: most times new bytes, now and then those that were sent before. */
class Bodies {
  /** By SHA-256, as the journal has it, the digest that npm has. */
  readonly digests = new Map<string, string>();
  readonly #last = new Map<string, PublishBody>();
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async make(name: string, version: string): Promise<PublishBody> {
    const key = `${name} ${version}`;
    const last = this.#last.get(key);
    if (last !== undefined && randomInt(4) === 0) return last;
    const made = await publishBody({ name, version, says: randomBytes(300).toString("base64") }, this.#url);
    this.#last.set(key, made);
    this.digests.set(createHash("sha256").update(made.tarball).digest("hex"), made.integrity);
    return made;
  }
}

async function judge(checks: Checks, recorder: Recorder): Promise<void> {
  await checks.check("one order explains every answer, package by package", async () => {
    const failures: string[] = [];
    for (const [name, played] of Map.groupBy(recorder.operations, (one) => one.package)) {
      const verdict = checkLinearizable(packageModel, played);
      if (verdict.linearizable) continue;
      const { operation, states, beside } = verdict;
      failures.push(
        [
          `${name}: no order explains ${show(operation)}`,
          ...states.slice(0, 5).map((state) => `  it could be: ${packageModel.key(state)}`),
          ...beside.slice(0, 10).map((one) => `  under way: ${show(one)}`),
          ...before(played, operation.answered).map((one) => `  before: ${show(one)}`),
        ].join("\n"),
      );
    }
    assert.equal(failures.length, 0, `${failures.length} packages:\n${failures.slice(0, 3).join("\n")}`);
  });
}

function before(played: readonly Played[], time: number): Played[] {
  return played
    .filter(({ answered }) => answered < time)
    .sort((a, b) => a.answered - b.answered)
    .slice(-12);
}

function show({
  input,
  output,
  sent,
  answered,
}: Pick<Played, "input" | "output" | "sent" | "answered">): string {
  return `[${sent}, ${answered}] ${JSON.stringify(input)} → ${output ?? "?"}`.replaceAll(
    /sha512-(.{8})[^" ]*/g,
    "$1…",
  );
}

async function readJournal(stage: Stage, { place }: Cluster, { domain }: Door): Promise<JournalLine[]> {
  const events = "published,version-deleted,package-deleted,status-changed,settings-changed";
  const flags = ["--domain", domain.name, "--format", "json", "--limit", "1000000", "--event", events];
  const command = [program, "journal", ...place, ...flags];
  const { stdout } = succeeded(await run(command, { cwd: stage.folder, env: plainEnv() }));
  return stdout
    .trimEnd()
    .split("\n")
    .map((line): JournalLine => JSON.parse(line));
}

function pick<T>(from: readonly T[]): T {
  return from[randomInt(from.length)] as T;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
