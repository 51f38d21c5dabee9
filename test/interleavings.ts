// Runs a few actors in a chosen order of their steps, and finds every order: for rules that must hold whatever comes first.

export interface Stage {
  /** An actor's step begins here: it goes on when the order says so. */
  gate(actor: string): Promise<void>;
}

/** Which of the actors that wait goes on; they are in order of name. */
export type Pick = (step: number, actors: readonly string[]) => number;

/** How long an actor that was let go may take to its next gate before it counts as waiting for another one, ms. */
const BLOCKED_MS = 150;

/**
 * Plays the actors once. `pick` says which of the actors that wait at a gate goes on. Resolves when all are through,
 * with how many there were to choose from at every step.
 */
export async function play(
  actors: (stage: Stage) => Readonly<Record<string, () => Promise<unknown>>>,
  pick: Pick,
): Promise<readonly number[]> {
  const waiting = new Map<string, () => void>();
  let changed = (): void => undefined;
  const stage: Stage = {
    gate: (actor) =>
      new Promise((resolve) => {
        waiting.set(actor, resolve);
        changed();
      }),
  };
  const running = new Set<string>();
  const cast = actors(stage);
  const done = Object.entries(cast).map(async ([name, act]) => {
    running.add(name);
    await act().finally(() => running.delete(name));
    changed();
  });
  const failed = Promise.all(done);
  failed.catch(() => changed());
  const choices: number[] = [];
  const change = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  while (running.size > 0) {
    const patience = performance.now() + BLOCKED_MS;
    while (waiting.size < running.size && performance.now() < patience) await change(BLOCKED_MS);
    if (running.size === 0) break;
    if (waiting.size === 0) continue;
    const names = [...waiting.keys()].sort();
    const name = names[pick(choices.length, names)] as string;
    choices.push(names.length);
    const go = waiting.get(name) as () => void;
    waiting.delete(name);
    go();
  }
  await failed;
  return choices;
}

/** Plays every order there is, or as many as `sample` says of those in which actors are overtaken now and then. Returns how many. */
export async function playAll(
  run: (pick: Pick) => Promise<readonly number[]>,
  sample: number | undefined,
): Promise<number> {
  if (sample !== undefined) {
    const random = randomFrom(1);
    for (let i = 0; i < sample; i++) await run(pickByRank(random));
    return sample;
  }
  let picks: number[] | undefined = [];
  let runs = 0;
  while (picks !== undefined) {
    const given: readonly number[] = picks;
    const choices = await run((step) => given[step] ?? 0);
    runs++;
    picks = nextOf(given, choices);
  }
  return runs;
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

/** The next order in the tree of choices; undefined after the last. */
function nextOf(given: readonly number[], choices: readonly number[]): number[] | undefined {
  const taken = choices.map((_, step) => given[step] ?? 0);
  for (let step = choices.length - 1; step >= 0; step--) {
    const next = (taken[step] as number) + 1;
    if (next < (choices[step] as number)) return [...taken.slice(0, step), next];
  }
  return undefined;
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return state / 0x80_00_00_00;
  };
}
