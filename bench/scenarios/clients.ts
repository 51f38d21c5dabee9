// Twenty clients on the huge packument at once: does anyone wait much longer than the median?
import { crowd, type Measured } from "../load.ts";
import { huge } from "../packages.ts";
import { atMost, pick } from "../report.ts";
import { alternate, type Stage, seeded, withServers } from "../stage.ts";
import { accept } from "./reads.ts";

/** Crowds a measurement; each is over in milliseconds here, in seconds at a server that builds the document for each. */
const TIMES = 12;

export async function fairness(stage: Stage): Promise<void> {
  await measure(stage, "abbreviated gzip", { accept: accept.abbreviated, "accept-encoding": "gzip" });
  await measure(stage, "full", { accept: accept.full });
}

async function measure(stage: Stage, form: string, headers: Record<string, string>): Promise<void> {
  const placeOf = (one: (typeof stage.registries)[number]) => seeded(stage, one, "huge");
  await withServers(stage, stage.registries, placeOf, async (servers) => {
    const ask = (times: number) => (server: (typeof servers)[number]) =>
      crowd(server, { path: huge.name, headers }, 20, times);
    for (const server of servers) await ask(3)(server);
    const samples = await alternate(servers, stage.rounds, ask(TIMES));
    const row = (measure: string, figure: (sample: Measured) => number) => ({
      scenario: `20 clients ask for the huge packument at once, ${form}`,
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
