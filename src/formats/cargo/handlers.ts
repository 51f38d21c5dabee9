// Cargo's routes: which request is which verb.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid, notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { refuseOwners, yank } from "./changes.ts";
import { createCrateDocuments } from "./crate-documents.ts";
import type { Form } from "./crate-text.ts";
import { documentWorker } from "./document-worker.ts";
import { assetName, indexPath, isVersion, parseName } from "./names.ts";
import { publishCrate } from "./publish.ts";
import { config, me, search } from "./queries.ts";
import { renderFault } from "./responses.ts";
import { createSpelling } from "./spelling.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;
type CrateHandler = (request: DoorRequest, key: PackageKey, params: Params) => Promise<void> | void;

/** Opens cargo's door. */
export function open({ registry, limits, now }: FormatDeps): FormatDoor {
  const documents = createCrateDocuments({
    registry,
    now,
    worker: documentWorker,
    cacheBytes: limits.documentCacheBytes,
  });
  const spelling = createSpelling({ registry, worker: documentWorker, documents });
  const files = createFiles(registry);
  const publishing = { registry, limits };

  /** With the crate that the name means. */
  const named =
    (handler: CrateHandler): Handler =>
    (request, params) => {
      const name = params["name"] ?? "";
      const asked = parseName(name);
      if (asked === undefined) throw notFound(`'${name.slice(0, 100)}' cannot be the name of a crate.`);
      // Whoever may not read here must not make anyone be asked outside.
      registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
      const key = spelling.find(request.repository, asked);
      if (key instanceof Promise) return key.then((found) => handler(request, found, params));
      return handler(request, key, params);
    };
  const document = (form: Form): Handler => named((request, key) => documents.serve(request, key, form));
  const serveIndex = document("index");
  const versioned = (handler: CrateHandler): Handler =>
    named((request, key, params) => {
      const version = params["version"] ?? "";
      if (!isVersion(version)) throw invalid(`'${version.slice(0, 100)}' is not a version.`);
      return handler(request, key, params);
    });
  const owners: Handler = named((request, key) => refuseOwners(registry, request, key));
  const yanking = (yanked: boolean): Handler =>
    versioned((request, key, { version = "" }) => yank(registry, request, key, version, yanked));

  const routes: Route<Handler>[] = [
    { method: "GET", pattern: "/config.json", handler: (request) => config(registry, request) },
    { method: "GET", pattern: "/me", handler: (request) => me(registry, request) },
    { method: "PUT", pattern: "/api/v1/crates/new", handler: (request) => publishCrate(publishing, request) },
    { method: "GET", pattern: "/api/v1/crates", handler: (request) => search(registry, request) },
    { method: "GET", pattern: "/api/v1/crates/:name", handler: document("crate") },
    { method: "GET", pattern: "/api/v1/crates/:name/versions", handler: document("versions") },
    ...["GET", "PUT", "DELETE"].map((method) => ({
      method,
      pattern: "/api/v1/crates/:name/owners",
      handler: owners,
    })),
    { method: "DELETE", pattern: "/api/v1/crates/:name/:version/yank", handler: yanking(true) },
    { method: "PUT", pattern: "/api/v1/crates/:name/:version/unyank", handler: yanking(false) },
    {
      method: "GET",
      pattern: "/api/v1/crates/:name/:version/download",
      handler: versioned((request, key, { version = "" }) =>
        files.serve(request, key, version, () => ({
          key,
          version,
          asset: assetName(key.name, version),
          contentType: "application/gzip",
        })),
      ),
    },
    { method: "GET", pattern: "/1/:name", handler: serveIndex },
    { method: "GET", pattern: "/2/:name", handler: serveIndex },
    { method: "GET", pattern: "/:first/:second/:name", handler: serveIndex },
  ];
  const router = new Router(routes);

  return {
    handle(request) {
      const match = router.match(request.method, request.segments);
      if (match === undefined || !isPlaced(match.handler === serveIndex, request.segments))
        throw refuseUnknown(request);
      return match.handler(request, match.params);
    },
    renderFault,
    close: () => documentWorker.close(),
  };
}

/** An index file has one place: `se/rd/serde`, in whatever case. */
function isPlaced(isIndex: boolean, segments: readonly string[]): boolean {
  if (!isIndex) return true;
  return segments.join("/").toLowerCase() === indexPath(segments.at(-1) ?? "");
}

function refuseUnknown({ method, segments }: DoorRequest): Error {
  return notFound(`${method} /${segments.join("/").slice(0, 200)} is nothing this registry knows.`);
}
