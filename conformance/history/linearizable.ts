// Is there one order of these overlapping operations that explains every answer? Lowe's just-in-time linearization, after Wing and Gong.

export interface Operation<Input, Output> {
  readonly input: Input;
  /** Undefined when the answer was lost: it may take effect at any time after it was sent, or never. */
  readonly output: Output | undefined;
  /** Places in one sequence of events; `answered` is infinite where there was no answer. */
  readonly sent: number;
  readonly answered: number;
}

/** A sequential specification. States are values: `step` makes a new one. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** Equal for equal states. */
  key(state: State): string;
  /** The state after it, or undefined where the operation could not be answered so. Without an output: what it would do. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Whether an operation with this output may change the state. */
  mayChange(input: Input, output: Output | undefined): boolean;
}

export type Verdict<State, Input, Output> =
  | { readonly linearizable: true }
  | {
      readonly linearizable: false;
      /** The first answer that no order explains. */
      readonly operation: Operation<Input, Output>;
      /** The states that the object could have been in until then. */
      readonly states: readonly State[];
      /** What was under way at the time. */
      readonly beside: readonly Operation<Input, Output>[];
    };

/**
 * One way to explain the answers so far. Masks have a bit per operation. Of two ways to one state by the same answered
 * writes, one that has more reads explained and fewer lost writes used up leaves at least as much open.
 */
interface Way<State> {
  readonly state: State;
  readonly key: string;
  /** Writes that are still to be answered and have taken effect. */
  readonly writes: bigint;
  /** Operations without effect that are still to be answered and are explained. */
  readonly reads: bigint;
  /** Lost writes that have taken effect. */
  readonly lost: bigint;
}

interface Pending<Input, Output> {
  readonly bit: bigint;
  readonly operation: Operation<Input, Output>;
  readonly changes: boolean;
}

/** Throws when more than `waysMax` ways stay open, which says that too many answers were lost to judge. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  waysMax = 200_000,
): Verdict<State, Input, Output> {
  const entries = operations
    .filter(({ input, output }) => output !== undefined || model.mayChange(input, output))
    .map((operation, i) => ({
      bit: 1n << BigInt(i),
      operation,
      changes: model.mayChange(operation.input, operation.output),
    }));
  const events = entries
    .flatMap((entry) => [
      { at: entry.operation.sent, entry, answer: false },
      { at: entry.operation.answered, entry, answer: true },
    ])
    .filter(({ at }) => at !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.at - b.at);
  const pending = new Set<Pending<Input, Output>>();
  const { initial } = model;
  let ways: Way<State>[] = [{ state: initial, key: model.key(initial), writes: 0n, reads: 0n, lost: 0n }];
  for (const { entry, answer } of events) {
    if (!answer) {
      pending.add(entry);
      continue;
    }
    const open = new Ways<State>(waysMax);
    const visited = new Ways<State>(waysMax);
    for (const way of ways) explain(model, way, entry, pending, visited, open);
    pending.delete(entry);
    if (open.size === 0) {
      const beside = [...pending].map(({ operation }) => operation);
      const states = new Map(ways.map(({ key, state }) => [key, state]));
      return { linearizable: false, operation: entry.operation, states: [...states.values()], beside };
    }
    ways = open.all();
  }
  return { linearizable: true };
}

/** Puts into `open` every way in which `wanted` has happened by now, starting from this one. */
function explain<State, Input, Output>(
  model: Model<State, Input, Output>,
  start: Way<State>,
  wanted: Pending<Input, Output>,
  pending: ReadonlySet<Pending<Input, Output>>,
  visited: Ways<State>,
  open: Ways<State>,
): void {
  const stack = [start];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const way = explainReads(model, next, pending);
    if (((way.writes | way.reads) & wanted.bit) !== 0n) {
      open.add({ ...way, writes: way.writes & ~wanted.bit, reads: way.reads & ~wanted.bit });
      continue;
    }
    if (!visited.add(way)) continue;
    for (const one of pending) {
      const after = one.changes ? takeEffect(model, way, one, pending) : undefined;
      if (after !== undefined) stack.push(after);
    }
  }
}

/** What does not change anything is explained as soon as a state fits: nothing is gained by waiting. */
function explainReads<State, Input, Output>(
  model: Model<State, Input, Output>,
  way: Way<State>,
  pending: ReadonlySet<Pending<Input, Output>>,
): Way<State> {
  let { reads } = way;
  for (const { bit, operation, changes } of pending) {
    if (changes || (reads & bit) !== 0n) continue;
    if (model.step(way.state, operation.input, operation.output) !== undefined) reads |= bit;
  }
  return { ...way, reads };
}

function takeEffect<State, Input, Output>(
  model: Model<State, Input, Output>,
  way: Way<State>,
  { bit, operation }: Pending<Input, Output>,
  pending: ReadonlySet<Pending<Input, Output>>,
): Way<State> | undefined {
  if (((way.writes | way.lost) & bit) !== 0n) return undefined;
  const state = model.step(way.state, operation.input, operation.output);
  if (state === undefined) return undefined;
  const key = model.key(state);
  if (operation.output !== undefined) return { ...way, state, key, writes: way.writes | bit };
  // A lost write without effect may as well not have happened; of two equal ones the earlier stands for both.
  if (key === way.key || hasEarlierTwin(way, bit, operation, pending)) return undefined;
  return { ...way, state, key, lost: way.lost | bit };
}

function hasEarlierTwin<State, Input, Output>(
  way: Way<State>,
  bit: bigint,
  { input }: Operation<Input, Output>,
  pending: ReadonlySet<Pending<Input, Output>>,
): boolean {
  const text = JSON.stringify(input);
  for (const other of pending) {
    if (other.bit === bit) return false;
    if (other.operation.output !== undefined || (way.lost & other.bit) !== 0n) continue;
    if (JSON.stringify(other.operation.input) === text) return true;
  }
  return false;
}

/** Ways of which none leaves less open than another. */
class Ways<State> {
  readonly #byState = new Map<string, Way<State>[]>();
  readonly #max: number;
  size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** False when one that is there leaves as much open. */
  add(way: Way<State>): boolean {
    const key = `${way.key} ${way.writes}`;
    const there = this.#byState.get(key) ?? [];
    if (there.some((other) => leavesAsMuch(other, way))) return false;
    const kept = there.filter((other) => !leavesAsMuch(way, other));
    kept.push(way);
    this.#byState.set(key, kept);
    this.size += kept.length - there.length;
    if (this.size > this.#max)
      throw new Error(`more than ${this.#max} ways are open: too many answers were lost`);
    return true;
  }

  all(): Way<State>[] {
    return [...this.#byState.values()].flat();
  }
}

function leavesAsMuch<State>(one: Way<State>, other: Way<State>): boolean {
  return (other.reads & ~one.reads) === 0n && (one.lost & ~other.lost) === 0n;
}
