// What npm asks beside packages: ping, whoami, search and audits; and a clear word for what is not here.
import { gunzipSync } from "node:zlib";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import type { Registry, SearchHit } from "../../registry/registry.ts";
import { printable, sendJson } from "../answers.ts";
import { readJson } from "../body.ts";
import type { DoorRequest } from "../format.ts";
import { isObject, type Json } from "./documents.ts";
import { nameOf, parseName } from "./names.ts";

const AUDIT_BYTES_MAX = 16 * 1024 * 1024;
const SEARCH_SIZE_MAX = 250;

export function ping(registry: Registry, request: DoorRequest): void {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  sendJson(request, 200, {});
}

export function whoami(registry: Registry, request: DoorRequest): void {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  sendJson(request, 200, { username: request.caller.name });
}

/** `npm search`, in the public registry's shape; packages held here and upstream of here. */
export async function search(registry: Registry, request: DoorRequest): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository);
  const query = new URLSearchParams(request.query);
  const size = Math.min(whole(query.get("size"), 20), SEARCH_SIZE_MAX);
  const found = await registry.search(
    request.repository,
    "npm",
    (query.get("text") ?? "").slice(0, 500),
    whole(query.get("from"), 0),
    size,
  );
  sendJson(request, 200, {
    objects: found.hits.map(searchObject),
    total: found.total,
    time: new Date().toISOString(),
  });
}

function whole(text: string | null, fallback: number): number {
  const value = text === null || text === "" ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw invalid("'from' and 'size' are whole numbers from 0.");
  return value;
}

/** The scores are constants: nothing here is popular or not, and npm sorts by what it is given. */
function searchObject({ key, version, document, publishedAt }: SearchHit) {
  const manifest = JSON.parse(document) as Json;
  const keywords = Array.isArray(manifest["keywords"])
    ? manifest["keywords"].filter((word) => typeof word === "string")
    : [];
  const publisher = { username: personOf(manifest["_npmUser"] ?? manifest["author"]), email: "" };
  return {
    package: {
      name: nameOf(key),
      scope: key.namespace === "" ? "unscoped" : key.namespace,
      version,
      description: typeof manifest["description"] === "string" ? printable(manifest["description"]) : "",
      keywords: keywords.map(printable),
      date: new Date(publishedAt).toISOString(),
      links: {},
      publisher,
      maintainers: [publisher],
    },
    score: { final: 1, detail: { quality: 1, popularity: 1, maintenance: 1 } },
    searchScore: 1,
    flags: { unstable: false },
  };
}

function personOf(person: unknown): string {
  const name = isObject(person) ? person["name"] : person;
  return typeof name === "string" ? printable(name).slice(0, 200) : "";
}

/** `npm audit`: which versions of which packages are known to be bad. Blocked names are never mentioned outside. */
export async function bulkAdvisories(registry: Registry, request: DoorRequest): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  const asked = await readJson(request.req, AUDIT_BYTES_MAX);
  if (!isObject(asked)) throw invalid("The body must be an object of package names and versions.");
  const answer = await relayed(
    registry,
    request,
    "-/npm/v1/security/advisories/bulk",
    Object.keys(asked),
    (allowed) => fromPairs(Object.entries(asked).filter(([name]) => allowed.has(name))),
  );
  // Only what was asked is answered, so that the public registry cannot put other words in.
  const known = new Set(Object.keys(asked));
  sendJson(
    request,
    200,
    answer === undefined ? {} : fromPairs(Object.entries(answer).filter(([name]) => known.has(name))),
  );
}

/** The older audits (yarn 1, pnpm): a whole tree goes out, so blocked names are cut out of it at every depth. */
export async function audit(registry: Registry, request: DoorRequest, path: string): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  const tree = await readJson(request.req, AUDIT_BYTES_MAX);
  if (!isObject(tree)) throw invalid("The body must be an object.");
  const names = new Set<string>();
  collectNames(tree, names);
  const answer = await relayed(registry, request, path, [...names], (allowed) => ({
    // The project's own name is nobody's business outside.
    ...prune(tree, allowed),
    name: "audit",
    version: "0.0.0",
  }));
  if (answer === undefined)
    throw notFound("Audits need an external connection, and this repository reaches none.");
  sendJson(request, 200, answer);
}

function collectNames(node: Json, names: Set<string>): void {
  for (const member of ["requires", "dependencies"]) {
    if (!isObject(node[member])) continue;
    for (const [name, child] of Object.entries(node[member])) {
      names.add(name);
      if (isObject(child)) collectNames(child, names);
    }
  }
}

function prune(node: Json, allowed: ReadonlySet<string>): Json {
  const kept = fromPairs(Object.entries(node));
  for (const member of ["requires", "dependencies"]) {
    if (!isObject(node[member])) continue;
    const children = Object.entries(node[member]).filter(([name]) => allowed.has(name));
    kept[member] = fromPairs(
      children.map(([name, child]) => [name, isObject(child) ? prune(child, allowed) : child]),
    );
  }
  return kept;
}

/** Undefined when there is nobody to ask. Throws a 502 for an answer that is none. */
async function relayed(
  registry: Registry,
  request: DoorRequest,
  path: string,
  names: readonly string[],
  body: (allowed: ReadonlySet<string>) => Json,
): Promise<Json | undefined> {
  const keys = names.map(parseName).filter((key): key is PackageKey => key !== undefined);
  const answer = await registry.relay(request.repository, "npm", keys, (allowed) => ({
    method: "POST",
    path,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: Buffer.from(JSON.stringify(body(new Set(allowed.map(nameOf))))),
  }));
  if (answer === undefined) return undefined;
  const value = answer.status === 200 ? parseAnswer(answer) : undefined;
  if (isObject(value)) return value;
  // Mirrors often have packages only. npm takes a 404 for an answer and goes on; an empty advice would be a lie.
  if (answer.status >= 400 && answer.status < 500)
    throw notFound(`The public registry offers no audits (it answered ${answer.status}).`);
  throw new Fault(
    "UpstreamFault",
    `The public registry answered the audit with status ${answer.status} and no usable advice.`,
    { status: 502 },
  );
}

function parseAnswer({
  headers,
  body,
}: {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}): unknown {
  try {
    const zipped = headers["content-encoding"] === "gzip";
    return JSON.parse(
      (zipped ? gunzipSync(body, { maxOutputLength: AUDIT_BYTES_MAX }) : body).toString("utf8"),
    );
  } catch {
    return undefined;
  }
}

/** Without a prototype, since names are keys here (threats D). */
function fromPairs(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const record = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of pairs) record[name] = value;
  return record;
}

/** Accounts, tokens, teams, hooks: none of npm's own are kept here. */
export function refuseAccounts(): never {
  throw notFound(
    "There are no npm accounts here, so npm login, adduser and logout have nothing to do: a token is what lets you in. `portcullis login npm` or `aws codeartifact login --tool npm` writes one to .npmrc.",
  );
}

export function refuseUnknown({ method, segments }: DoorRequest): never {
  throw notFound(`${method} /${segments.join("/").slice(0, 200)} is nothing this registry knows.`);
}
