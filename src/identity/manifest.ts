// A file of identities, YAML or JSON, read into what is wanted; whatever is wrong is told with its line and path.
import * as v from "valibot";
import type { Document } from "yaml";
import { LineCounter, parseDocument } from "yaml";
import type { PolicyDocument } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import type { PolicyKind } from "../core/policy-document.ts";
import { parsePolicy } from "../core/policy-document.ts";
import { ManageError } from "./manage.ts";

/** Runs `work`; what it refuses is told with where in the file it was asked for. */
export type Place = <T>(work: () => T) => T;

interface Entry {
  readonly account: string;
  readonly name: string;
  readonly place: Place;
}

export interface WantedPolicy extends Entry {
  readonly document: PolicyDocument;
}

export interface WantedProvider extends Entry {
  readonly audiences: readonly string[];
  readonly authorities: string | undefined;
  readonly allowHttp: boolean;
}

export interface WantedPrincipal extends Entry {
  readonly kind: "user" | "group" | "role";
  readonly attached: readonly string[];
  readonly policies: readonly PolicyDocument[];
  readonly tags: Readonly<Record<string, string>>;
  /** Of a user. */
  readonly groups: readonly string[];
  /** Of a role. */
  readonly trust: PolicyDocument | undefined;
  readonly sessionSecondsMax: number | undefined;
}

export interface Manifest {
  readonly policies: readonly WantedPolicy[];
  /** Their names are their URLs. */
  readonly providers: readonly WantedProvider[];
  /** Groups before the users that are in them. */
  readonly principals: readonly WantedPrincipal[];
}

const BYTES_MAX = 4 * 1024 * 1024;
const TEXT = v.string("must be text; put it in quotes");
const DOCUMENT = v.record(v.string(), v.unknown(), "must be a policy document");
const POLICIES = v.optional(
  v.array(v.union([TEXT, DOCUMENT], "must be a policy's name or a policy document"), "must be a list"),
  [],
);
const TAGS = v.optional(v.record(v.string(), TEXT, "must be names and texts"), {});
const USER = v.strictObject({
  policies: POLICIES,
  groups: v.optional(v.array(TEXT, "must be a list"), []),
  tags: TAGS,
});
const GROUP = v.strictObject({ policies: POLICIES, tags: TAGS });
const ROLE = v.strictObject({
  trust: DOCUMENT,
  policies: POLICIES,
  tags: TAGS,
  maxSession: v.optional(v.number("must be a number of seconds")),
});
const PROVIDER = v.strictObject({
  url: TEXT,
  audiences: v.array(TEXT, "must be a list"),
  ca: v.optional(TEXT),
  allowHttp: v.optional(v.boolean("must be true or false"), false),
});
const NAMES = "must be names, each with its settings";
/** To valibot a list is an object whose names are numbers. */
const isNoList = (value: unknown) => !Array.isArray(value);
const named = <T extends v.GenericSchema>(schema: T) =>
  v.optional(v.pipe(v.unknown(), v.check(isNoList, NAMES), v.record(v.string(), schema, NAMES)), {});
const SECTIONS = {
  policies: named(DOCUMENT),
  oidc: v.optional(v.array(PROVIDER, "must be a list"), []),
  groups: named(GROUP),
  users: named(USER),
  roles: named(ROLE),
};
const FILE = v.pipe(
  v.unknown(),
  v.check(isNoList, "the file must be sections with names: docs/identities.md shows them"),
  v.strictObject({ ...SECTIONS, accounts: named(v.strictObject(SECTIONS)) }),
);
type Sections = Omit<v.InferOutput<typeof FILE>, "accounts">;

type Path = readonly (string | number)[];
type PlaceOf = (path: Path) => Place;

/** `file` is its name, for messages. Sections at the top are of `account`. Throws ManageError. */
export function readManifest(text: string, file: string, account: string): Manifest {
  const { value, placeOf } = parse(text, file);
  const result = v.safeParse(FILE, value);
  if (!result.success) {
    const [issue] = result.issues;
    const path = (issue.path ?? []).map(({ key }) => key as string | number);
    refuse(placeOf(path), wordIssue(issue));
  }
  const { accounts, ...own } = result.output;
  const parts = [
    sectionsOf(own, account, [], placeOf),
    ...Object.entries(accounts).map(([id, sections]) => {
      if (!/^\d{12}$/.test(id))
        refuse(placeOf(["accounts", id]), `'${id}' is no account: write twelve digits, in quotes`);
      return sectionsOf(sections, id, ["accounts", id], placeOf);
    }),
  ];
  return {
    policies: parts.flatMap(({ policies }) => policies),
    providers: parts.flatMap(({ providers }) => providers),
    principals: parts.flatMap(({ principals }) => principals),
  };
}

function refuse(place: Place, what: string): never {
  return place(() => {
    throw new ManageError(what);
  });
}

function wordIssue(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "is not known here; docs/identities.md shows what is";
  if (issue.type === "strict_object")
    return issue.received === "undefined" ? "is missing" : "must have settings";
  return issue.message;
}

function parse(text: string, file: string): { readonly value: unknown; readonly placeOf: PlaceOf } {
  if (Buffer.byteLength(text) > BYTES_MAX) throw new ManageError(`${file} has more than ${BYTES_MAX} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined)
    throw new ManageError(`${file}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
  const placeOf: PlaceOf = (path) => (work) => {
    try {
      return work();
    } catch (cause) {
      if (!(cause instanceof ManageError || cause instanceof Fault)) throw cause;
      const where = `${file}:${lineOf(document, path, lines)}`;
      throw new ManageError(`${where}: ${path.length === 0 ? "" : `${showPath(path)}: `}${cause.message}`);
    }
  };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) ?? {}, placeOf };
  } catch (cause) {
    throw new ManageError(`${file}: ${(cause as Error).message}`); // too many aliases
  }
}

/** Of the value, or of what it is missing from. */
function lineOf(document: Document, path: Path, lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: readonly number[] } | undefined;
    const start = node?.range?.[0];
    if (start !== undefined) return lines.linePos(start).line;
  }
  return 1;
}

function showPath(path: Path): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

function sectionsOf(sections: Sections, account: string, above: Path, placeOf: PlaceOf): Manifest {
  const entry = (section: string, name: string) => ({
    account,
    name,
    place: placeOf([...above, section, name]),
  });
  const principal = (
    section: string,
    kind: WantedPrincipal["kind"],
    name: string,
    given: GivenPrincipal,
  ) => ({
    ...entry(section, name),
    kind,
    ...policiesOf(given.policies, [...above, section, name, "policies"], placeOf),
    tags: given.tags,
    groups: given.groups ?? [],
    trust: given.trust && documentOf(given.trust, "trust", placeOf([...above, section, name, "trust"])),
    sessionSecondsMax: given.maxSession,
  });
  return {
    policies: Object.entries(sections.policies).map(([name, document]) => {
      const at = entry("policies", name);
      return { ...at, document: documentOf(document, "identity", at.place) };
    }),
    providers: sections.oidc.map(({ url, audiences, ca, allowHttp }, i) => ({
      account,
      name: url,
      place: placeOf([...above, "oidc", i]),
      audiences,
      authorities: ca,
      allowHttp,
    })),
    principals: [
      ...Object.entries(sections.groups).map(([name, given]) => principal("groups", "group", name, given)),
      ...Object.entries(sections.users).map(([name, given]) => principal("users", "user", name, given)),
      ...Object.entries(sections.roles).map(([name, given]) => principal("roles", "role", name, given)),
    ],
  };
}

interface GivenPrincipal {
  readonly policies: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly tags: Readonly<Record<string, string>>;
  readonly groups?: readonly string[];
  readonly trust?: Readonly<Record<string, unknown>>;
  readonly maxSession?: number | undefined;
}

function policiesOf(given: GivenPrincipal["policies"], path: Path, placeOf: PlaceOf) {
  const policies = given.flatMap((policy, i) =>
    typeof policy === "string" ? [] : [documentOf(policy, "identity", placeOf([...path, i]))],
  );
  return { attached: given.filter((policy) => typeof policy === "string"), policies };
}

function documentOf(value: unknown, kind: PolicyKind, place: Place): PolicyDocument {
  return place(() => parsePolicy(JSON.stringify(value), kind));
}
