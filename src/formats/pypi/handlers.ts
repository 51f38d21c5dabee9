// PyPI's routes: which request is which verb.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid, notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import { sendText } from "../answers.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { createBeside } from "./beside.ts";
import { documentWorker } from "./document-worker.ts";
import { renderFault } from "./faults.ts";
import { createFileDoor } from "./file-door.ts";
import { createJsonView } from "./json-view.ts";
import { parseName } from "./names.ts";
import { createRefreshes } from "./refresh.ts";
import { createSimple } from "./simple.ts";
import { createSpellings } from "./spellings.ts";
import { upload } from "./upload.ts";
import { setYanked } from "./yank.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;

/** Opens the door of Python packages. */
export function open({ registry, limits, now }: FormatDeps): FormatDoor {
  const worker = documentWorker;
  const spellings = createSpellings(registry, worker);
  const refreshes = createRefreshes(registry, worker, now);
  const simple = createSimple({ registry, worker, refreshes, cacheBytes: limits.documentCacheBytes });
  const beside = createBeside(registry, worker);
  const fileDoor = createFileDoor({ registry, files: createFiles(registry), beside, spellings });
  const jsonView = createJsonView({ registry, worker, beside });
  const uploads = { registry, limits, now, spellings };

  const routes: Route<Handler>[] = [
    { method: "GET", pattern: "/", handler: greet },
    { method: "POST", pattern: "/", handler: (request) => upload(uploads, request) },
    { method: "GET", pattern: "/simple", handler: (request) => simple.serveNames(request) },
    {
      method: "GET",
      pattern: "/simple/:name",
      handler: named((request, key) => simple.serve(request, key)),
    },
    {
      method: "GET",
      pattern: "/simple/:name/:version/:file",
      handler: named((request, key, { version = "", file = "" }) =>
        fileDoor.serve(request, key, version, file),
      ),
    },
    {
      method: "GET",
      pattern: "/pypi/:name/json",
      handler: named((request, key) => jsonView.serve(request, key, undefined)),
    },
    {
      method: "GET",
      pattern: "/pypi/:name/:version/json",
      handler: named((request, key, { version }) => jsonView.serve(request, key, version)),
    },
    ...["POST", "DELETE"].map((method) => ({
      method,
      pattern: "/pypi/:name/:version/yank",
      handler: named((request, key, { version = "" }) => setYanked(uploads, request, key, version)),
    })),
  ];
  const router = new Router(routes);

  function greet(request: DoorRequest): void {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
    sendText(
      request,
      200,
      "text/plain; charset=utf-8",
      `Python packages of repository '${request.repository.name}'. Installers use ${request.baseUrl}simple/, uploads go to ${request.baseUrl}\n`,
    );
  }

  return {
    handle(request) {
      const match = router.match(request.method, withoutTrailingSlash(request.segments));
      if (match !== undefined) return match.handler(request, match.params);
      throw notFound(
        "There is nothing at this address. The index is at simple/, a project's page at simple/{project}/, its files below that.",
      );
    },
    renderFault,
    async close() {
      await refreshes.settled();
      await worker.close();
    },
  };
}

/** With and without it are one address; nothing is redirected, since clients drop credentials on the way. */
function withoutTrailingSlash(segments: readonly string[]): readonly string[] {
  return segments.length > 1 && segments.at(-1) === ""
    ? segments.slice(0, -1)
    : segments.length === 0
      ? [""]
      : segments;
}

function named(
  handler: (request: DoorRequest, key: PackageKey, params: Params) => Promise<void> | void,
): Handler {
  return (request, params) => {
    const name = params["name"] ?? "";
    const key = parseName(name);
    if (key === undefined)
      throw invalid(`'${name.slice(0, 300)}' cannot be the name of a Python project (PEP 508).`);
    return handler(request, key, params);
  };
}
