// `npm run bench`: measures Portcullis beside Verdaccio and nginx on this machine, and writes one Markdown table.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generator } from "./load.ts";
import { nginx } from "./nginx.ts";
import { portcullis } from "./portcullis.ts";
import { killAll, pinned, pinSelf } from "./processes.ts";
import { render } from "./report.ts";
import { api } from "./scenarios/api.ts";
import { fairness } from "./scenarios/clients.ts";
import { memory, startUp } from "./scenarios/footprint.ts";
import { install } from "./scenarios/install.ts";
import { maven } from "./scenarios/maven.ts";
import { million } from "./scenarios/million.ts";
import { growth, publishNew } from "./scenarios/publishes.ts";
import { readPython } from "./scenarios/python.ts";
import { readHuge, readSmall, readTarballs } from "./scenarios/reads.ts";
import { scale } from "./scenarios/scale.ts";
import { type Contestant, newPlace, start } from "./servers.ts";
import type { Stage } from "./stage.ts";
import { verdaccio } from "./verdaccio.ts";

const scenarios: Record<string, (stage: Stage) => Promise<void>> = {
  start: startUp,
  small: readSmall,
  huge: readHuge,
  tarballs: readTarballs,
  fairness,
  memory,
  publishes: publishNew,
  growth,
  install,
  maven,
  api,
  python: readPython,
  scale,
  million,
};
const usage = `npm run bench -- [--only ${Object.keys(scenarios).join(",")}] [--rounds 5] [--out FILE]`;
const limitMs = 90 * 60_000;

const { only, rounds, out } = options();
const cache = join(import.meta.dirname, "../node_modules/.cache/portcullis-bench");
const work = join(cache, `run-${process.pid}`);
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
setTimeout(() => fail("stopped: it took longer than 90 minutes"), limitMs).unref();
await main();

async function main(): Promise<void> {
  mkdirSync(work, { recursive: true });
  const peer = verdaccio(cache);
  pinSelf();
  const stage: Stage = {
    registries: [],
    nginx: nginx(),
    rounds,
    work,
    rows: [],
    notes: [],
    sections: [],
    seeds: new Map(),
  };
  for (const contestant of [portcullis, peer]) await admit(stage, contestant);
  if (!stage.nginx) note(stage, "nginx is not installed: no bound beside the ratios.");
  for (const name of only) await play(stage, name);
  const bound = stage.nginx ? [stage.nginx] : [];
  const contestants = [...stage.registries, ...bound].map(({ name, version }) => `${name} ${version}`);
  const { notes, sections } = stage;
  const text = render({ contestants, generator, pinned, rounds, notes, sections, work }, stage.rows);
  console.log(text);
  if (out) writeFileSync(out, text);
  process.exit(0);
}

/** Lets a contestant take part if it starts at all. */
async function admit(stage: Stage, contestant: Contestant): Promise<void> {
  try {
    const server = await start(contestant, await newPlace(work, `${contestant.name}-first`));
    await server.stop();
    stage.registries.push(contestant);
  } catch (error) {
    note(stage, `${contestant.name} takes no part: ${wording(error)}`);
  }
}

async function play(stage: Stage, name: string): Promise<void> {
  console.error(`bench: ${name} …`);
  try {
    await scenarios[name]?.(stage);
  } catch (error) {
    note(stage, `${name} broke off: ${wording(error)}`);
  }
}

function wording(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function note(stage: Stage, text: string): void {
  console.error(`bench: ${text}`);
  stage.notes.push(text);
}

/** A partial run does not overwrite the kept results, unless it is told to. */
function options(): { only: string[]; rounds: number; out: string | undefined } {
  try {
    const text = { type: "string" } as const;
    const { values } = parseArgs({ options: { only: text, rounds: text, out: text } });
    const only = values.only?.split(",") ?? Object.keys(scenarios);
    const unknown = only.filter((name) => !Object.hasOwn(scenarios, name));
    if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(", ")}`);
    const rounds = Number(values.rounds ?? 5);
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1");
    return {
      only,
      rounds,
      out: values.out ?? (values.only ? undefined : join(import.meta.dirname, "results.md")),
    };
  } catch (error) {
    return fail(`${wording(error)}\n${usage}`);
  }
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(1);
}

function cleanUp(): void {
  killAll();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
