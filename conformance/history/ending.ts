// When all is quiet: every node shows the same, every tarball is whole, and the journal tells the same story as the answers.
import { type Input, packageModel, type State, type Status } from "./package-model.ts";
import type { Door, Played, Recorder } from "./player.ts";

/** Reads all there is of the packages at each door, as operations of the history; gives what differs between doors. */
export async function readEverywhere(
  recorder: Recorder,
  doors: readonly Door[],
  names: readonly string[],
): Promise<string[]> {
  const different: string[] = [];
  for (const name of names) {
    const seen = new Set<string>();
    for (const door of doors) seen.add(await readAll(recorder, door, name));
    if (seen.size > 1) different.push(`${name}:\n  ${[...seen].join("\n  ")}`);
  }
  return different;
}

async function readAll(recorder: Recorder, door: Door, name: string): Promise<string> {
  const read = async (input: Input): Promise<string> => {
    const { output } = await recorder.play(door, name, input);
    return output ?? "no answer, though all nodes serve";
  };
  const list = await read({ call: "list" });
  const parts = [list, await read({ call: "document" }), await read({ call: "document", below: true })];
  parts.push(await read({ call: "describe" }));
  const versions = list.split(" ").filter((entry) => entry.includes("="));
  for (const entry of versions)
    parts.push(await read({ call: "download", version: entry.slice(0, entry.indexOf("=")) }));
  return parts.join(" | ");
}

/** A line of `portcullis journal --format json`. */
export interface JournalLine {
  readonly seq: number;
  readonly event: string;
  readonly package: string;
  readonly version: string;
  readonly requestId: string;
  readonly detail: {
    readonly to?: unknown;
    readonly assets?: readonly { readonly sha256: string }[];
  };
}

/**
 * What the journal of one package tells otherwise than the answers: it is replayed to the end and held against the last
 * reads, and each acknowledged change has its line, once. `digests`: of published bytes, their digest for npm by SHA-256.
 */
export function compareJournal(
  lines: readonly JournalLine[],
  operations: readonly Played[],
  digests: ReadonlyMap<string, string>,
): string[] {
  const story = [...lines].sort((a, b) => a.seq - b.seq);
  const { state, problems } = replay(story, digests);
  const last = operations.filter(({ output }) => output !== undefined).slice(-3);
  for (const { input, output } of last) {
    if (packageModel.step(state, input, output) === undefined)
      problems.push(`the journal's end does not explain ${input.call} → ${output}`);
  }
  return [...problems, ...unmatched(story, operations), ...unclaimed(story, operations, digests)];
}

function replay(
  story: readonly JournalLine[],
  digests: ReadonlyMap<string, string>,
): { readonly state: State; readonly problems: string[] } {
  let state = packageModel.initial;
  const problems: string[] = [];
  for (const line of story) {
    const input = inputOf(line, digests);
    const after = input && packageModel.step(state, input, "done");
    const doubled = line.event === "published" && state?.versions.has(line.version) === true;
    if (after === undefined || doubled)
      problems.push(`line ${line.seq}, ${line.event} ${line.version}, cannot follow what is before it`);
    if (after !== undefined) state = after;
  }
  return { state, problems };
}

function inputOf(
  { event, version, detail: { to, assets } }: JournalLine,
  digests: ReadonlyMap<string, string>,
): Input | undefined {
  switch (event) {
    case "published":
      return { call: "publish", version, digest: digests.get(assets?.[0]?.sha256 ?? "") ?? "never sent" };
    case "version-deleted":
      return { call: "delete", version };
    case "package-deleted":
      return { call: "delete package" };
    case "status-changed":
      return { call: "set status", version, status: to as Status };
    case "settings-changed":
      return { call: "set origin", ...(to as object) } as Input;
    default:
      return undefined;
  }
}

/** Of a publish the content tells, since package managers are not told a request's id. */
const EVENTS: Readonly<Record<string, string>> = {
  delete: "version-deleted",
  "delete package": "package-deleted",
  "set status": "status-changed",
  "set origin": "settings-changed",
};

/** Changes that were acknowledged without a line or with two, and lines of nobody's request. */
function unmatched(story: readonly JournalLine[], operations: readonly Played[]): string[] {
  const problems: string[] = [];
  const changes = story.filter(({ event }) => event !== "published");
  const byRequest = Map.groupBy(changes, ({ requestId }) => requestId);
  for (const { input, output, requestId = "" } of operations) {
    const event = EVENTS[input.call];
    if (event === undefined || output !== "done") continue;
    const count = (byRequest.get(requestId) ?? []).filter((line) => line.event === event).length;
    byRequest.delete(requestId);
    if (count !== 1) problems.push(`${count} lines of ${input.call} that was acknowledged as ${requestId}`);
  }
  const lost = operations.filter(({ input, output }) => output === undefined && input.call in EVENTS).length;
  if (byRequest.size > lost)
    problems.push(`${byRequest.size} changes that nobody was told of; only ${lost} answers were lost`);
  return problems;
}

/** Publishes in the journal for which no client was told `done`, and none was left without an answer. */
function unclaimed(
  story: readonly JournalLine[],
  operations: readonly Played[],
  digests: ReadonlyMap<string, string>,
): string[] {
  const left = new Map<string, number>();
  for (const { input, output } of operations) {
    if (input.call !== "publish" || (output !== undefined && output !== "done")) continue;
    left.set(`${input.version} ${input.digest}`, (left.get(`${input.version} ${input.digest}`) ?? 0) + 1);
  }
  return story.flatMap((line) => {
    const input = line.event === "published" ? inputOf(line, digests) : undefined;
    if (input?.call !== "publish") return [];
    const key = `${input.version} ${input.digest}`;
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count > 0 ? [] : [`line ${line.seq}: a publish of ${line.version} that nobody was told of`];
  });
}
