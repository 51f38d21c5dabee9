// RubyGems' routes: which request is which verb.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import { absence, sendJson, sendText } from "../answers.ts";
import { createDocuments, type DocumentKind } from "../documents.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { matchesEtag, parseRange } from "../headers.ts";
import { renderInfo } from "./compact-index.ts";
import { factsOf } from "./external.ts";
import { renderFault } from "./faults.ts";
import type { GemFacts } from "./gem-facts.ts";
import { createGems, type HeldGems, type ShownGem } from "./gems.ts";
import { marshal, type RubyValue } from "./marshal.ts";
import { fileName, numberAndPlatform, parseName, readFullName } from "./names.ts";
import {
  chooseSpecs,
  renderDependencies,
  renderQuickSpec,
  type SpecList,
  specTuple,
} from "./older-indexes.ts";
import { compareNumbers } from "./order.ts";
import { pushGem, yankGem } from "./publish.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;

/** Grows when the same facts would make other bytes. */
const RENDERING = 1;
const INFO: DocumentKind = { name: "info", contentType: "text/plain; charset=utf-8", ranges: true };
const DEPENDENCIES_GEMS_MAX = 500;
const SEARCH_HITS = 30;
const gzipAsync = promisify(gzip);

export function open({ registry, limits }: FormatDeps): FormatDoor {
  const gems = createGems(registry);
  const files = createFiles(registry);
  const documents = createDocuments({
    registry,
    cacheBytes: limits.documentCacheBytes,
    rendering: RENDERING,
    async build(view) {
      const shown = await gems.shown(view);
      if (shown.length === 0) throw absence(view, view.key.name);
      const body = Buffer.from(renderInfo(shown.map(({ line }) => line)));
      return { body, ...checksums(body) };
    },
  });

  /** Everything this repository may show of a gem, for a caller who may read it. */
  async function shownOf(request: DoorRequest, key: PackageKey) {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const view = await registry.view(request.repository, key);
    return { view, shown: await gems.shown(view) };
  }

  /** A listing of everything tells of all packages, which a token for some may not read. */
  function everyGem(request: DoorRequest): AsyncGenerator<HeldGems> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository);
    return gems.held(request.repository);
  }

  async function names(request: DoorRequest): Promise<void> {
    const lines: string[] = [];
    for await (const { key } of everyGem(request)) lines.push(key.name);
    sendIndex(
      request,
      "text/plain; charset=utf-8",
      Buffer.from(`---\n${lines.map((n) => `${n}\n`).join("")}`),
    );
  }

  async function versions(request: DoorRequest): Promise<void> {
    const lines: string[] = [];
    for await (const { key, gems: held, md5 } of everyGem(request)) {
      const numbers = held.map(({ line }) => numberAndPlatform(line.number, line.platform)).join(",");
      lines.push(`${key.name} ${numbers} ${md5}\n`);
    }
    const created = new Date(request.repository.createdAt).toISOString();
    const text = `created_at: ${created}\n---\n${lines.join("")}`;
    sendIndex(request, "text/plain; charset=utf-8", Buffer.from(text));
  }

  async function specs(request: DoorRequest, list: SpecList): Promise<void> {
    const tuples: RubyValue[] = [];
    for await (const held of everyGem(request))
      for (const gem of chooseSpecs(list, held)) tuples.push(specTuple(held.key.name, gem));
    sendIndex(request, "application/octet-stream", await gzipAsync(marshal(tuples)));
  }

  async function quickSpec(request: DoorRequest, file: string): Promise<void> {
    const fullName = /^(.+)\.gemspec\.rz$/.exec(file)?.[1];
    let hidden: unknown;
    for (const { key, number, platform } of fullName === undefined ? [] : readFullName(fullName)) {
      const { view, shown } = await shownOf(request, key);
      const gem = shown.find(({ line }) => line.number === number && line.platform === platform);
      if (gem !== undefined)
        return sendIndex(request, "application/octet-stream", renderQuickSpec(factsFor(key, gem)));
      if (view.hidden.length > 0 || view.trouble !== undefined) hidden ??= absence(view, key.name);
    }
    throw hidden ?? notFound(`There is no gemspec ${file.slice(0, 300)} here.`, "package-version");
  }

  async function gemFile(request: DoorRequest, file: string): Promise<void> {
    const fullName = /^(.+)\.gem$/.exec(file)?.[1];
    let absent: unknown;
    for (const { key, number, platform } of fullName === undefined ? [] : readFullName(fullName)) {
      const asset = fileName(key.name, number, platform);
      try {
        return await files.serve(request, key, file, () => ({ key, version: number, asset }));
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== "ResourceNotFoundException") throw error;
        // Of several readings of a name, the one that a rule hides says why.
        if (absent === undefined || error.detail.rule !== undefined) absent = error;
      }
    }
    throw absent ?? notFound(`'${file.slice(0, 300)}' is not the name of a gem's file.`, "asset");
  }

  async function dependencies(request: DoorRequest, form: "marshal" | "json"): Promise<void> {
    const wanted = (new URLSearchParams(request.query).get("gems") ?? "").split(",").filter((n) => n !== "");
    if (wanted.length > DEPENDENCIES_GEMS_MAX)
      throw new Fault("PayloadTooLarge", `Ask for ${DEPENDENCIES_GEMS_MAX} gems at a time.`);
    const found: (readonly [string, ShownGem])[] = [];
    for (const name of wanted) {
      const key = parseName(name);
      if (key === undefined) continue;
      const { view, shown } = await shownOf(request, key);
      if (shown.length === 0 && view.trouble !== undefined) throw view.trouble;
      for (const gem of shown) found.push([name, gem]);
    }
    if (form === "marshal") return sendIndex(request, "application/octet-stream", renderDependencies(found));
    sendJson(
      request,
      200,
      found.map(([name, { line }]) => ({
        name,
        number: line.number,
        platform: line.platform,
        dependencies: line.dependencies.map((d) => [d.name, d.requirement]),
      })),
    );
  }

  async function describe(request: DoorRequest, file: string, all: boolean): Promise<void> {
    const key = parseName(file.replace(/\.json$/, ""));
    if (key === undefined || !file.endsWith(".json"))
      throw notFound(`There is no '${file.slice(0, 300)}' here.`);
    const { view, shown } = await shownOf(request, key);
    const sorted = shown.toSorted((a, b) => compareNumbers(b.line.number, a.line.number));
    const [newest] = sorted;
    if (newest === undefined) throw absence(view, key.name);
    const base = request.baseUrl;
    sendJson(request, 200, all ? sorted.map((g) => summary(key, g, base)) : summary(key, newest, base));
  }

  async function search(request: DoorRequest): Promise<void> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository);
    const text = new URLSearchParams(request.query).get("query") ?? "";
    const { hits } = await registry.search(request.repository, "ruby", text, 0, SEARCH_HITS);
    const found = hits.map(({ key, document }) => {
      const { number, summary: info } = JSON.parse(document) as GemFacts;
      return { name: key.name, version: number, info };
    });
    sendJson(request, 200, found);
  }

  const lists: readonly SpecList[] = ["specs", "latest_specs", "prerelease_specs"];
  const routes: Route<Handler>[] = [
    { method: "GET", pattern: "/", handler: (request) => welcome(request) },
    { method: "GET", pattern: "/names", handler: names },
    { method: "GET", pattern: "/versions", handler: versions },
    {
      method: "GET",
      pattern: "/info/:name",
      handler: (request, { name = "" }) => {
        const key = parseName(name);
        if (key === undefined) throw notFound(`'${name.slice(0, 300)}' cannot be the name of a gem.`);
        return documents.serve(request, key, INFO);
      },
    },
    ...lists.map((list) => ({
      method: "GET",
      pattern: `/${list}.4.8.gz`,
      handler: (request: DoorRequest) => specs(request, list),
    })),
    {
      method: "GET",
      pattern: "/quick/Marshal.4.8/:file",
      handler: (request, { file = "" }) => quickSpec(request, file),
    },
    { method: "GET", pattern: "/gems/:file", handler: (request, { file = "" }) => gemFile(request, file) },
    {
      method: "GET",
      pattern: "/api/v1/dependencies",
      handler: (request) => dependencies(request, "marshal"),
    },
    {
      method: "GET",
      pattern: "/api/v1/dependencies.json",
      handler: (request) => dependencies(request, "json"),
    },
    { method: "GET", pattern: "/api/v1/search.json", handler: search },
    {
      method: "GET",
      pattern: "/api/v1/gems/:file",
      handler: (request, { file = "" }) => describe(request, file, false),
    },
    {
      method: "GET",
      pattern: "/api/v1/versions/:file",
      handler: (request, { file = "" }) => describe(request, file, true),
    },
    { method: "POST", pattern: "/api/v1/gems", handler: (request) => pushGem({ registry, limits }, request) },
    {
      method: "DELETE",
      pattern: "/api/v1/gems/yank",
      handler: (request) => yankGem(registry, request, true),
    },
    {
      method: "PUT",
      pattern: "/api/v1/gems/unyank",
      handler: (request) => yankGem(registry, request, false),
    },
  ];
  const router = new Router(routes);

  /** `gem install` asks for the root first, and uses the compact index where it is there. */
  function welcome(request: DoorRequest): void {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
    sendText(request, 200, "text/plain; charset=utf-8", `Gems of repository ${request.repository.name}\n`);
  }

  return {
    handle(request) {
      const match = router.match(request.method, withoutEmptyStart(request.segments));
      if (match === undefined)
        throw notFound(`There is nothing at '${request.segments.join("/").slice(0, 300)}' in a gem server.`);
      return match.handler(request, match.params);
    },
    renderFault,
  };
}

/** `gem push --host URL/` asks for `URL//api/v1/gems`. */
function withoutEmptyStart(segments: readonly string[]): readonly string[] {
  return segments.length > 1 && segments[0] === "" ? segments.slice(1) : segments;
}

function factsFor({ name }: PackageKey, { facts, line }: ShownGem): GemFacts {
  return facts ?? factsOf(name, line);
}

function summary(key: PackageKey, gem: ShownGem, base: string) {
  const facts = factsFor(key, gem);
  const file = fileName(key.name, gem.line.number, gem.line.platform);
  return {
    name: key.name,
    number: gem.line.number,
    version: gem.line.number,
    platform: gem.line.platform,
    prerelease: /[A-Za-z]/.test(gem.line.number),
    ...(gem.publishedAt === undefined ? {} : { created_at: new Date(gem.publishedAt).toISOString() }),
    authors: facts.authors.join(", "),
    info: facts.description === "" ? facts.summary : facts.description,
    summary: facts.summary,
    licenses: facts.licenses,
    metadata: facts.metadata,
    homepage_uri: facts.homepage,
    sha: gem.line.sha256,
    gem_uri: `${base}gems/${encodeURIComponent(file)}`,
    ruby_version: facts.ruby,
    rubygems_version: facts.rubygems,
    dependencies: {
      runtime: facts.dependencies.map(({ name, requirement }) => ({ name, requirements: requirement })),
      development: facts.development.map(({ name, requirement }) => ({ name, requirements: requirement })),
    },
  };
}

/** Bundler before 2.5 holds the ETag, an MD5, against the body; later ones the digest. */
function checksums(body: Buffer): { readonly etag: string; readonly headers: readonly string[] } {
  const sha256 = createHash("sha256").update(body).digest("base64");
  return {
    etag: `"${createHash("md5").update(body).digest("hex")}"`,
    headers: ["repr-digest", `sha-256=:${sha256}:`, "digest", `sha-256=${sha256}`, "accept-ranges", "bytes"],
  };
}

/** Made on the spot: its ETag is found by making it. */
function sendIndex(request: DoorRequest, contentType: string, body: Buffer): void {
  const { req, res, method } = request;
  const { etag, headers } = checksums(body);
  const common = [
    "etag",
    etag,
    ...headers,
    "cache-control",
    "private, no-cache",
    "x-content-type-options",
    "nosniff",
  ];
  if (matchesEtag(req.headers["if-none-match"], etag)) {
    res.writeHead(304, common);
    res.end();
    return;
  }
  const range = method === "GET" ? parseRange(req.headers.range, body.length) : undefined;
  if (range === "unsatisfiable") {
    res.writeHead(416, [...common, "content-range", `bytes */${body.length}`, "content-length", "0"]);
    res.end();
    return;
  }
  const part = range === undefined ? body : body.subarray(range.start, range.end + 1);
  const partial =
    range === undefined ? [] : ["content-range", `bytes ${range.start}-${range.end}/${body.length}`];
  res.writeHead(range === undefined ? 200 : 206, [
    "content-type",
    contentType,
    "content-length",
    String(part.length),
    ...common,
    ...partial,
  ]);
  res.end(method === "HEAD" ? undefined : part);
}
