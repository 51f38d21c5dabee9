// One package of one repository as a sequential machine: what each operation answers and leaves behind (spec 2.1, 2.2, 5.1 to 5.5).
import type { Model } from "./linearizable.ts";

export type Setting = "ALLOW" | "BLOCK";
export type Status = "Published" | "Unlisted" | "Archived";

export interface Version {
  /** Of its tarball, as npm writes it: `sha512-…`. */
  readonly digest: string;
  readonly status: Status;
}

export interface Package {
  readonly publish: Setting;
  readonly upstream: Setting;
  readonly versions: ReadonlyMap<string, Version>;
}

/** Null where the repository has no record of the package. */
export type State = Package | null;

export type Input =
  | { readonly call: "publish"; readonly version: string; readonly digest: string }
  | { readonly call: "delete"; readonly version: string }
  | { readonly call: "delete package" }
  | { readonly call: "set status"; readonly version: string; readonly status: Status }
  | { readonly call: "set origin"; readonly publish: Setting; readonly upstream: Setting }
  /** The packument: digests of what package managers see, here or in a repository that draws from this one. */
  | { readonly call: "document"; readonly below?: boolean }
  /** ListPackageVersions: the status of each. */
  | { readonly call: "list" }
  /** DescribePackage: the settings. */
  | { readonly call: "describe" }
  /** The tarball: its digest. */
  | { readonly call: "download"; readonly version: string };

/** What an answer says, as text: `done`, `absent`, `refused`, `conflict`, or what was read. */
export type Output = string;

/** How a listing is written in an Output, whatever order it came in. */
export function listing(entries: Iterable<readonly [string, string]>): Output {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([version, text]) => `${version}=${text}`).join(" ");
}

export const packageModel: Model<State, Input, Output> = {
  initial: null,
  key: (state) =>
    state === null
      ? ""
      : `${state.publish}/${state.upstream} ${listing([...state.versions].map(([number, { digest, status }]) => [number, status + digest]))}`,
  mayChange: ({ call }, output) =>
    (output === undefined || output === "done") &&
    !["document", "list", "describe", "download"].includes(call),
  step(state, input, output) {
    const [answer, after] = carryOut(state, input);
    if (output === undefined || output === answer) return after;
    // A publish is asked whether it may, and then whether its number is free: in between the settings may change.
    return output === "conflict" && input.call === "publish" && isTaken(state, input) ? state : undefined;
  },
};

/** The one right answer in this state, and the state after it. */
function carryOut(state: State, input: Input): readonly [Output, State] {
  switch (input.call) {
    case "publish":
      return publish(state, input);
    case "delete":
      return change(state, input.version, () => undefined);
    case "set status":
      return change(state, input.version, (version) => ({ ...version, status: input.status }));
    case "delete package":
      return [state === null ? "absent" : "done", null];
    case "set origin": {
      const { publish, upstream } = input;
      return ["done", { versions: new Map(), ...state, publish, upstream }];
    }
    default:
      return [read(state, input), state];
  }
}

type Publish = Extract<Input, { readonly call: "publish" }>;

/** A first arrival makes the record, open to more publishes and closed to what is upstream (spec 2.2). */
function publish(state: State, input: Publish): readonly [Output, State] {
  const base: Package = state ?? { publish: "ALLOW", upstream: "BLOCK", versions: new Map() };
  if (base.publish === "BLOCK") return ["refused", state];
  if (isTaken(state, input)) return ["conflict", state];
  if (base.versions.has(input.version)) return ["done", state];
  const version: Version = { digest: input.digest, status: "Published" };
  return ["done", { ...base, versions: new Map(base.versions).set(input.version, version) }];
}

/** The number is held with other bytes, or put away. */
function isTaken(state: State, { version, digest }: Publish): boolean {
  const held = state?.versions.get(version);
  return held !== undefined && (held.digest !== digest || held.status === "Archived");
}

function change(
  state: State,
  version: string,
  to: (held: Version) => Version | undefined,
): readonly [Output, State] {
  const held = state?.versions.get(version);
  if (state === null || held === undefined) return ["absent", state];
  const versions = new Map(state.versions);
  const after = to(held);
  if (after === undefined) versions.delete(version);
  else versions.set(version, after);
  return ["done", { ...state, versions }];
}

function read(state: State, input: Input): Output {
  if (state === null) return "absent";
  const versions = [...state.versions];
  switch (input.call) {
    case "document": {
      const shown = versions.filter(([, { status }]) => status === "Published");
      return shown.length === 0 ? "absent" : listing(shown.map(([number, { digest }]) => [number, digest]));
    }
    case "list":
      return listing(versions.map(([number, { status }]) => [number, status]));
    case "describe":
      return `${state.publish}/${state.upstream}`;
    case "download": {
      const held = state.versions.get(input.version);
      return held === undefined || held.status === "Archived" ? "absent" : held.digest;
    }
    default:
      throw new Error(`${input.call} is no read`);
  }
}
