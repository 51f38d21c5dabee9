// Runs a few actors in chosen orders of their steps: for rules that must hold whatever comes first.
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

export interface Stage {
  /** An actor's step begins here: it goes on when the order says so. */
  gate(actor: string): Promise<void>;
}

/** Which of the actors that wait goes on; they are in order of name. */
export type Pick = (step: number, actors: readonly string[]) => number;

/** Turns of the event loop after which an actor that was let go counts as waiting for another one. */
const TURNS = 60;

/**
 * Plays the actors once. `pick` says which of the actors that wait at a gate goes on. Resolves when all are through,
 * with how many there were to choose from at every step. `blockedMs`: what an actor may take to its next gate besides
 * turns of the event loop, where its work is outside of this process.
 */
export async function play(
  actors: (stage: Stage) => Readonly<Record<string, () => Promise<unknown>>>,
  pick: Pick,
  blockedMs = 0,
): Promise<readonly number[]> {
  const waiting = new Map<string, () => void>();
  const stage: Stage = { gate: (actor) => new Promise((resolve) => void waiting.set(actor, resolve)) };
  const running = new Set<string>();
  const ended = Promise.all(
    Object.entries(actors(stage)).map(async ([name, act]) => {
      running.add(name);
      await act().finally(() => running.delete(name));
    }),
  );
  ended.catch(() => undefined);
  const choices: number[] = [];
  for (;;) {
    const patience = performance.now() + blockedMs;
    for (let turns = 0; waiting.size < running.size; turns++) {
      if (waiting.size > 0 && turns >= TURNS && performance.now() >= patience) break;
      await (turns < TURNS ? turn() : sleep(1));
    }
    if (running.size === 0) break;
    const names = [...waiting.keys()].sort();
    const name = names[Math.min(pick(choices.length, names), names.length - 1)] as string;
    choices.push(names.length);
    const go = waiting.get(name) as () => void;
    waiting.delete(name);
    go();
  }
  await ended;
  return choices;
}

/** Plays `count` orders, the same ones every time: half of them of few changes of who goes on, half of many. */
export async function playMany(
  count: number,
  run: (pick: Pick) => Promise<readonly number[]>,
): Promise<void> {
  const random = randomFrom(1);
  for (let i = 0; i < count; i++)
    await run(i % 2 === 0 ? pickByRank(random) : (_, actors) => Math.floor(random() * actors.length));
}

/** Who goes on, goes on until a change of ranks: orders of few changes are where mistakes are, and picking blindly hardly ever finds them. */
const STEPS = 16;
function pickByRank(random: () => number): Pick {
  const ranks = new Map<string, number>();
  const changes = Array.from({ length: 3 }, () => Math.floor(random() * STEPS));
  const rankOf = (actor: string): number => {
    if (!ranks.has(actor)) ranks.set(actor, random());
    return ranks.get(actor) as number;
  };
  const first = (actors: readonly string[]): string =>
    actors.reduce((best, actor) => (rankOf(actor) > rankOf(best) ? actor : best));
  return (step, actors) => {
    if (changes.includes(step)) ranks.set(first(actors), -step);
    return actors.indexOf(first(actors));
  };
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return state / 0x80_00_00_00;
  };
}
