// The stage that scenarios play on: contestants, prepared packages, alternating rounds, and where rows and notes go.

import { publish } from "./load.ts";
import { huge, type Recipe, small, type TarballSize, tarballPackage, tarballSizes } from "./packages.ts";
import type { Row } from "./report.ts";
import { type Contestant, type Name, newPlace, type Place, type Server, start } from "./servers.ts";

export interface Stage {
  /** Portcullis and Verdaccio, as far as they could be started. */
  registries: Contestant[];
  nginx: Contestant | undefined;
  rounds: number;
  /** The folder for everything that servers and clients write. */
  work: string;
  rows: Row[];
  notes: string[];
  /** Tables of scenarios that compare Portcullis with itself only, as Markdown. */
  sections: string[];
  seeds: Map<string, Promise<Place>>;
}

/** The sets of packages that scenarios read. */
export type Part = "small" | "huge" | TarballSize;

/** A place of this contestant in which the part has been published; published once in a run. */
export function seeded(stage: Stage, contestant: Contestant, part: Part): Promise<Place> {
  const key = `${contestant.name} ${part}`.replaceAll(" ", "-");
  const place = stage.seeds.get(key) ?? seed(stage, contestant, part, key);
  stage.seeds.set(key, place);
  return place;
}

async function seed(stage: Stage, contestant: Contestant, part: Part, key: string): Promise<Place> {
  const place = await newPlace(stage.work, key);
  const server = await start(contestant, place);
  try {
    const load = await publish(server, recipesOf(part), 1);
    if (load.errors > 0) throw new Error(`${contestant.name} refused ${load.errors} publishes of ${key}`);
    return place;
  } finally {
    await server.stop();
  }
}

function recipesOf(part: Part): Recipe[] {
  if (part === "small" || part === "huge") {
    const { name, versions } = part === "small" ? small : huge;
    const manifest = part === "small" ? "small" : "large";
    return versions.map((version) => ({ name, version, payloadBytes: 500, manifest }));
  }
  const payloadBytes = tarballSizes[part];
  return [{ name: tarballPackage(part), version: "1.0.0", payloadBytes, manifest: "small" }];
}

/** Lets each server give one sample a round, with another one first in each round. */
export async function alternate<T>(
  servers: Server[],
  rounds: number,
  sample: (server: Server, round: number) => Promise<T>,
): Promise<Map<Name, T[]>> {
  const samples = new Map<Name, T[]>(servers.map((server) => [server.name, []]));
  for (let round = 0; round < rounds; round++) {
    const turn = round % servers.length;
    for (const server of [...servers.slice(turn), ...servers.slice(0, turn)])
      samples.get(server.name)?.push(await sample(server, round));
  }
  return samples;
}

/** Runs one sample for each registry and round in a fresh process; `run` starts and stops it. */
export async function alternateFresh<T>(
  registries: Contestant[],
  rounds: number,
  run: (contestant: Contestant, round: number) => Promise<T>,
): Promise<Map<Name, T[]>> {
  const samples = new Map<Name, T[]>(registries.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const contestant of round % 2 ? registries.toReversed() : registries)
      samples.get(contestant.name)?.push(await run(contestant, round));
  return samples;
}

/** Starts the contestants that can be, notes the others, gives them to `play` and stops them. */
export async function withServers(
  stage: Stage,
  contestants: Contestant[],
  placeOf: (contestant: Contestant) => Promise<Place>,
  play: (servers: Server[]) => Promise<void>,
): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const contestant of contestants)
      await start(contestant, await placeOf(contestant)).then(
        (server) => servers.push(server),
        (error: Error) => stage.notes.push(`${contestant.name} did not start: ${error.message}`),
      );
    await play(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}
