// Publishes: new packages of two sizes one by one and eight at a time, and the five-hundredth version of one package.
import { type Measured, publish } from "../load.ts";
import { type Recipe, tarballSizes, versions } from "../packages.ts";
import { atMost, type Floor, gainOf, loadRows, pick } from "../report.ts";
import { newPlace, type Server, start } from "../servers.ts";
import { alternate, alternateFresh, type Stage, withServers } from "../stage.ts";

export async function publishNew(stage: Stage): Promise<void> {
  for (const connections of [1, 8]) {
    await publishMany(stage, "10 kB", 200, connections, gainOf(1.5));
    await publishMany(stage, "1 MB", 40, connections, gainOf(1));
  }
}

async function publishMany(
  stage: Stage,
  size: "10 kB" | "1 MB",
  count: number,
  connections: number,
  floor: Floor,
): Promise<void> {
  const title = `publish ${size}, ${connections} at a time`;
  const label = title.replaceAll(/\W+/g, "-");
  const recipes = (round: string, many: number): Recipe[] =>
    Array.from({ length: many }, (_, index) => ({
      name: `bench-${label}-${round}-${index}`.toLowerCase(),
      version: "1.0.0",
      payloadBytes: tarballSizes[size],
      manifest: "small",
    }));
  const placeOf = (one: { name: string }) => newPlace(stage.work, `${one.name}-${label}`);
  await withServers(stage, stage.registries, placeOf, async (servers) => {
    for (const server of servers) await sound(server, recipes("warm", 20), connections);
    const samples = await alternate(servers, stage.rounds, (server, round) =>
      sound(server, recipes(`round${round}`, count), connections),
    );
    stage.rows.push(...loadRows(title, samples, floor));
  });
}

/** Fills one package to 500 versions of 14 kB manifests; the first 40 stand for version 20, the last for version 500. */
export async function growth(stage: Stage): Promise<void> {
  const samples = await alternateFresh(
    stage.registries,
    Math.min(stage.rounds, 2),
    async (contestant, round) => {
      const server = await start(
        contestant,
        await newPlace(stage.work, `${contestant.name}-growth-${round}`),
      );
      try {
        return await fill(server);
      } finally {
        await server.stop();
      }
    },
  );
  type Fill = Awaited<ReturnType<typeof fill>>;
  const row = (measure: string, figure: (sample: Fill) => number) => ({
    scenario: "publish of version 500 against version 20",
    measure,
    better: "less" as const,
    samples: pick(samples, figure),
  });
  const cpuMs = (load: Measured) => load.cpuMs / load.requests;
  stage.rows.push(
    row("version 20, ms", (s) => s.early.p50Ms),
    row("version 500, ms", (s) => s.late.p50Ms),
    { ...row("500 ÷ 20, ms", (s) => s.late.p50Ms / s.early.p50Ms), floor: atMost(2) },
    row("version 20, CPU ms", (s) => cpuMs(s.early)),
    row("version 500, CPU ms", (s) => cpuMs(s.late)),
    { ...row("500 ÷ 20, CPU", (s) => cpuMs(s.late) / cpuMs(s.early)), floor: atMost(2) },
  );
}

async function fill(server: Server): Promise<{ early: Measured; late: Measured }> {
  const recipes = (name: string, count: number): Recipe[] =>
    versions(count).map((version) => ({ name, version, payloadBytes: 500, manifest: "large" }));
  const all = recipes("bench-growth", 500);
  await sound(server, recipes("bench-growth-warm", 60), 1);
  const early = await sound(server, all.slice(0, 40), 1);
  await sound(server, all.slice(40, 460), 1);
  return { early, late: await sound(server, all.slice(460), 1) };
}

async function sound(server: Server, recipes: Recipe[], connections: number): Promise<Measured> {
  const load = await publish(server, recipes, connections);
  if (load.errors > 0) throw new Error(`${server.name} refused ${load.errors} of ${load.requests} publishes`);
  return load;
}
