// Twenty clients on the huge packument at once: does anyone wait much longer than the median?
import { type Measured, read } from "../load.ts";
import { huge } from "../packages.ts";
import { atMost, pick } from "../report.ts";
import { alternate, type Stage, seeded, withServers } from "../stage.ts";
import { accept } from "./reads.ts";

export async function fairness(stage: Stage): Promise<void> {
  await crowd(stage, "abbreviated gzip", { accept: accept.abbreviated, "accept-encoding": "gzip" });
  await crowd(stage, "full", { accept: accept.full });
}

async function crowd(stage: Stage, form: string, headers: Record<string, string>): Promise<void> {
  const placeOf = (one: (typeof stage.registries)[number]) => seeded(stage, one, "huge");
  await withServers(stage, stage.registries, placeOf, async (servers) => {
    const load = (seconds: number) => (server: (typeof servers)[number]) =>
      read(server, { path: huge.name, headers }, 20, seconds);
    for (const server of servers) await load(3)(server);
    const samples = await alternate(servers, stage.rounds, load(6));
    const row = (measure: string, figure: (sample: Measured) => number) => ({
      scenario: `20 clients, huge packument, ${form}`,
      measure,
      better: "less" as const,
      samples: pick(samples, figure),
    });
    stage.rows.push(
      row("median wait ms", (s) => s.p50Ms),
      row("longest wait ms", (s) => s.maxMs),
      { ...row("longest ÷ median", (s) => s.maxMs / s.p50Ms), floor: atMost(10) },
    );
  });
}
