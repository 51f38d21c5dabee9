// What a server costs before and besides its requests: time from start to the first answer, and memory.

import { read } from "../load.ts";
import { huge, small } from "../packages.ts";
import { pssMb, settle, stop } from "../processes.ts";
import { pick, shareOf } from "../report.ts";
import { newPlace, type Place, type Server, start, waitFor } from "../servers.ts";
import { alternateFresh, type Stage, seeded } from "../stage.ts";
import { accept } from "./reads.ts";

/** From exec to the first 200 of npm's ping, in a place that an earlier run has set up and left empty. */
export async function startUp(stage: Stage): Promise<void> {
  const ready = new Map<string, { place: Place; server: Server }>();
  for (const contestant of stage.registries) {
    const place = await newPlace(stage.work, `${contestant.name}-start`);
    const server = await start(contestant, place);
    await server.stop();
    ready.set(contestant.name, { place, server });
  }
  const samples = await alternateFresh(stage.registries, stage.rounds, async (contestant) => {
    const known = ready.get(contestant.name);
    if (!known) throw new Error("not prepared");
    const begin = performance.now();
    const child = contestant.launch(known.place);
    await waitFor(
      child,
      known.place,
      new URL("-/ping", known.server.registry).href,
      known.server.readHeaders,
      200,
    );
    const ms = performance.now() - begin;
    await settle(child.pid ?? 0);
    const idleMb = pssMb(child.pid ?? 0);
    await stop(child);
    return { ms, idleMb };
  });
  const row = { better: "less" as const };
  stage.rows.push(
    {
      ...row,
      scenario: "start",
      measure: "ms to first 200",
      samples: pick(samples, (s) => s.ms),
      floor: shareOf(0.6),
    },
    { ...row, scenario: "memory, idle", measure: "Pss MB", samples: pick(samples, (s) => s.idleMb) },
  );
}

/** The largest Pss seen while a fresh server is read from: abbreviated and compressed as npm does, then in full. */
export async function memory(stage: Stage): Promise<void> {
  for (const [part, name] of [["small", small.name] as const, ["huge", huge.name] as const]) {
    const samples = await alternateFresh(stage.registries, Math.min(stage.rounds, 3), async (contestant) => {
      const server = await start(contestant, await seeded(stage, contestant, part));
      try {
        return await peakMb(server, name);
      } finally {
        await server.stop();
      }
    });
    const scenario = `memory under reads of the ${part} packument`;
    stage.rows.push({ scenario, measure: "peak Pss MB", better: "less", samples, floor: shareOf(0.5) });
  }
}

async function peakMb(server: Server, path: string): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, pssMb(server.pid))), 250);
  try {
    await read(server, { path, headers: { accept: accept.abbreviated, "accept-encoding": "gzip" } }, 16, 4);
    await read(server, { path, headers: { accept: accept.full } }, 4, 4);
  } finally {
    clearInterval(timer);
  }
  return peak;
}
