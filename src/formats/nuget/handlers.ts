// NuGet's routes: which request is which verb.
import type { PackageKey } from "../../core/coordinates.ts";
import type { Fault } from "../../core/faults.ts";
import { notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import type { PackageView } from "../../registry/registry.ts";
import { absence, sendJson } from "../answers.ts";
import { createDocuments, type DocumentKind } from "../documents.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { HIVES, type Hive, serviceIndex } from "./addresses.ts";
import { createBeside, type Part } from "./beside.ts";
import { renderFault } from "./faults.ts";
import { keyOf, packageAsset, symbolAsset, versionOf } from "./names.ts";
import { digestOf } from "./public-feed.ts";
import { changeListing, push } from "./publish.ts";
import { renderCatalogLeaf, renderIndex, renderLeaf, renderPage, versionsIn } from "./registration.ts";
import { autocomplete, search } from "./search.ts";
import { readerOf, type ShownVersion, shownVersions } from "./shown.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;

/** Grows when the same facts would make other bytes. */
const RENDERING = 1;

/** A document about one package; `render` gives undefined where there is nothing at its address. */
interface Kind extends DocumentKind {
  readonly render: (
    base: string,
    name: string,
    versions: readonly ShownVersion[],
    digest: (shown: ShownVersion) => Promise<string | undefined>,
  ) => unknown;
}

const JSON_TYPE = "application/json";

const CONTENTS: Kind = {
  name: "contents",
  contentType: JSON_TYPE,
  render: (_base, _name, versions) => ({ versions: versions.map(({ version }) => version) }),
};

export function open({ registry, limits }: FormatDeps): FormatDoor {
  const files = createFiles(registry);
  const beside = createBeside(registry);
  const documents = createDocuments({
    registry,
    cacheBytes: limits.documentCacheBytes,
    rendering: RENDERING,
    async build(view, kind, base) {
      const versions = await shownVersions(registry, view);
      const digest = async ({ asset, outside }: ShownVersion) =>
        asset?.digests.sha512 ?? (outside && (await digestOf(outside, readerOf(registry, view))));
      const document =
        versions.length === 0
          ? undefined
          : await (kind as Kind).render(base, view.key.name, versions, digest);
      if (document === undefined) throw nothingAt(view, versions, kind.name);
      return Buffer.from(JSON.stringify(document));
    },
  });

  const serve = (request: DoorRequest, key: PackageKey, kind: Kind) => documents.serve(request, key, kind);

  function content(request: DoorRequest, { id = "", version: number = "", file = "" }: Params) {
    const key = keyOf(id);
    const version = versionOf(number);
    const name = file.toLowerCase();
    const asset = [packageAsset(key.name, version), symbolAsset(key.name, version)].find(
      (one) => one === name,
    );
    if (asset !== undefined)
      return files.serve(request, key, asset, () => ({ key, version, asset, fileName: asset }));
    const part: Part | undefined =
      name === `${key.name}.nuspec` ? "nuspec" : PARTS.find((one) => one === name);
    if (part !== undefined) return beside.serve(request, key, version, part);
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    throw notFound(`There is no file '${file.slice(0, 200)}' beside ${key.name} ${version}.`, "asset");
  }

  const routes: Route<Handler>[] = [
    {
      method: "GET",
      pattern: "/v3/index.json",
      handler(request) {
        registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
        sendJson(request, 200, serviceIndex(request.baseUrl));
      },
    },
    { method: "GET", pattern: "/v3/query", handler: (request) => search(registry, request) },
    { method: "GET", pattern: "/v3/autocomplete", handler: (request) => autocomplete(registry, request) },
    ...HIVES.flatMap((hive) => registrationRoutes(hive, serve)),
    {
      method: "GET",
      pattern: "/v3/catalog/:id/:file",
      handler: (request, { id = "", file = "" }) => serve(request, keyOf(id), catalogKind(numberOf(file))),
    },
    {
      method: "GET",
      pattern: "/v3/flat2/:id/index.json",
      handler: (request, { id = "" }) => serve(request, keyOf(id), CONTENTS),
    },
    { method: "GET", pattern: "/v3/flat2/:id/:version/:file", handler: content },
    {
      method: "PUT",
      pattern: "/v3/package",
      handler: (request) => push({ registry, limits }, request, "package"),
    },
    {
      method: "PUT",
      pattern: "/v3/symbolpackage",
      handler: (request) => push({ registry, limits }, request, "symbols"),
    },
    {
      method: "DELETE",
      pattern: "/v3/package/:id/:version",
      handler: (request, { id = "", version = "" }) => changeListing(registry, request, id, version, false),
    },
    {
      method: "POST",
      pattern: "/v3/package/:id/:version",
      handler: (request, { id = "", version = "" }) => changeListing(registry, request, id, version, true),
    },
  ];
  const router = new Router(routes);

  return {
    handle(request) {
      const match = router.match(request.method, withoutEmptyEnd(request.segments));
      if (match === undefined)
        throw notFound(
          `There is nothing at '${request.segments.join("/").slice(0, 300)}' in a NuGet feed. Its address ends in v3/index.json.`,
        );
      return match.handler(request, match.params);
    },
    renderFault,
  };
}

const PARTS = ["readme", "icon", "license"] as const;

/** `nuget push` adds a slash to the address it was told. */
function withoutEmptyEnd(segments: readonly string[]): readonly string[] {
  return segments.at(-1) === "" && segments.length > 1 ? segments.slice(0, -1) : segments;
}

function registrationRoutes(
  hive: Hive,
  serve: (request: DoorRequest, key: PackageKey, kind: Kind) => Promise<void> | void,
): Route<Handler>[] {
  return [
    {
      method: "GET",
      pattern: `/v3/${hive}/:id/index.json`,
      handler: (request, { id = "" }) => serve(request, keyOf(id), indexKind(hive)),
    },
    {
      method: "GET",
      pattern: `/v3/${hive}/:id/:file`,
      handler: (request, { id = "", file = "" }) => serve(request, keyOf(id), leafKind(hive, numberOf(file))),
    },
    {
      method: "GET",
      pattern: `/v3/${hive}/:id/page/:lower/:file`,
      handler: (request, { id = "", lower = "", file = "" }) =>
        serve(request, keyOf(id), pageKind(hive, versionOf(lower), numberOf(file))),
    },
  ];
}

function numberOf(file: string): string {
  if (!file.endsWith(".json")) throw notFound(`There is no '${file.slice(0, 200)}' here.`);
  return versionOf(file.slice(0, -".json".length));
}

function indexKind(hive: Hive): Kind {
  return {
    name: `${hive} index`,
    contentType: JSON_TYPE,
    render: (base, name, versions) => renderIndex({ base, hive, name }, versions),
  };
}

function pageKind(hive: Hive, lower: string, upper: string): Kind {
  return {
    name: `${hive} page ${lower} ${upper}`,
    contentType: JSON_TYPE,
    render: (base, name, versions) => renderPage({ base, hive, name }, versions, lower, upper),
  };
}

function leafKind(hive: Hive, version: string): Kind {
  return {
    name: `${hive} leaf ${version}`,
    contentType: JSON_TYPE,
    render(base, name, versions) {
      const shown = versionsIn(hive, versions).find((one) => one.version === version);
      return shown && renderLeaf({ base, hive, name }, shown);
    },
  };
}

function catalogKind(version: string): Kind {
  return {
    name: `catalog ${version}`,
    contentType: JSON_TYPE,
    async render(base, name, versions, digest) {
      const shown = versions.find((one) => one.version === version);
      return shown && renderCatalogLeaf(base, name, shown, await digest(shown));
    },
  };
}

function nothingAt(view: PackageView, versions: readonly ShownVersion[], what: string): Fault {
  if (versions.length === 0 || view.trouble !== undefined || view.hidden.length > 0)
    return absence(view, view.key.name);
  return notFound(`${view.key.name} has versions here, but nothing at '${what}'.`, "package-version");
}
