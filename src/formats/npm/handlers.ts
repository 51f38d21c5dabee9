// npm's routes: which request is which verb.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid, notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import { absence, sendText } from "../answers.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { indexFilesOf } from "../index-files.ts";
import {
  type ChangesDeps,
  deleteTag,
  deprecate,
  listTags,
  putTag,
  unpublishAnnounced,
  unpublishPackage,
  unpublishVersion,
} from "./changes.ts";
import { documentWorker } from "./document-worker.ts";
import { ASSET_NAME, nameOf, parseName, versionOfTarball } from "./names.ts";
import { createPackuments } from "./packuments.ts";
import { putPackage } from "./publish.ts";
import { renderFault } from "./responses.ts";
import { audit, bulkAdvisories, ping, refuseAccounts, refuseUnknown, search, whoami } from "./side.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;

/** Opens npm's door. */
export function open({ registry, limits }: FormatDeps): FormatDoor {
  const packuments = createPackuments({
    registry,
    worker: documentWorker,
    cacheBytes: limits.documentCacheBytes,
  });
  const files = createFiles(registry);
  const changes: ChangesDeps = { registry, worker: documentWorker, packuments };
  const publishing = {
    registry,
    limits,
    update: (request: DoorRequest, key: PackageKey, rest: Buffer) => deprecate(changes, request, key, rest),
  };

  /** One version's manifest, by number or tag. */
  async function serveManifest(request: DoorRequest, key: PackageKey, wanted: string): Promise<void> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const view = await registry.view(request.repository, key);
    const facts = await packuments.facts(view, "full", request.baseUrl);
    const text = await documentWorker.ask("manifest", { facts, files: indexFilesOf(view), wanted });
    if (text !== undefined) return sendText(request, 200, "application/json", text);
    if (view.trouble !== undefined || (facts.stored.length === 0 && view.external.length === 0))
      throw absence(view, nameOf(key));
    throw notFound(
      `Version or tag '${wanted}' of ${request.segments[0]} was not found in repository '${request.repository.name}'.`,
      "package-version",
      wanted,
    );
  }

  const routes: Route<Handler>[] = [
    { method: "GET", pattern: "/", handler: (request) => ping(registry, request) },
    { method: "GET", pattern: "/-/ping", handler: (request) => ping(registry, request) },
    { method: "GET", pattern: "/-/whoami", handler: (request) => whoami(registry, request) },
    { method: "GET", pattern: "/-/v1/search", handler: (request) => search(registry, request) },
    {
      method: "POST",
      pattern: "/-/npm/v1/security/advisories/bulk",
      handler: (request) => bulkAdvisories(registry, request),
    },
    ...["/-/npm/v1/security/audits", "/-/npm/v1/security/audits/quick"].map((pattern) => ({
      method: "POST",
      pattern,
      handler: (request: DoorRequest) => audit(registry, request, pattern.slice(1)),
    })),
    { method: "PUT", pattern: "/-/user/:user", handler: refuseAccounts },
    { method: "GET", pattern: "/-/user/:user", handler: refuseAccounts },
    { method: "DELETE", pattern: "/-/user/token/:token", handler: refuseAccounts },
    { method: "POST", pattern: "/-/v1/login", handler: refuseAccounts },
    {
      method: "GET",
      pattern: "/-/package/:name/dist-tags",
      handler: named((request, key) => listTags(changes, request, key)),
    },
    ...["PUT", "POST"].map((method) => ({
      method,
      pattern: "/-/package/:name/dist-tags/:tag",
      handler: named((request, key, { tag = "" }) => putTag(changes, request, key, tag)),
    })),
    {
      method: "DELETE",
      pattern: "/-/package/:name/dist-tags/:tag",
      handler: named((request, key, { tag = "" }) => deleteTag(changes, request, key, tag)),
    },
    { method: "GET", pattern: "/:name", handler: named((request, key) => packuments.serve(request, key)) },
    {
      method: "PUT",
      pattern: "/:name",
      handler: named((request, key) => putPackage(publishing, request, key)),
    },
    {
      method: "GET",
      pattern: "/:name/:version",
      handler: named((request, key, { version = "" }) => serveManifest(request, key, version)),
    },
    {
      method: "GET",
      pattern: "/:name/-/:file",
      handler: named((request, key, { file = "" }) =>
        files.serve(request, key, file, () => ({
          key,
          version: versionOfTarball(key, file),
          asset: ASSET_NAME,
        })),
      ),
    },
    {
      method: "PUT",
      pattern: "/:name/-rev/:rev",
      handler: named((request, key, { rev = "" }) => unpublishAnnounced(changes, request, key, rev)),
    },
    {
      method: "DELETE",
      pattern: "/:name/-rev/:rev",
      handler: named((request, key, { rev = "" }) => unpublishPackage(changes, request, key, rev)),
    },
    {
      method: "DELETE",
      pattern: "/:name/-/:file/-rev/:rev",
      handler: named((request, key, { file = "" }) => unpublishVersion(changes, request, key, file)),
    },
  ];
  const router = new Router(routes);

  return {
    handle(request) {
      const segments = joinScopes(request.segments);
      const match = router.match(request.method, segments);
      if (match === undefined) return refuseUnknown(request);
      return match.handler(request, match.params);
    },
    renderFault,
    close: () => documentWorker.close(),
  };
}

function named(
  handler: (request: DoorRequest, key: PackageKey, params: Params) => Promise<void> | void,
): Handler {
  return (request, params) => {
    const name = params["name"] ?? "";
    const key = parseName(name);
    if (key === undefined) throw invalid(`'${name.slice(0, 300)}' cannot be the name of an npm package.`);
    return handler(request, key, params);
  };
}

/**
 * One spelling for npm's several: `@s/n` in two segments becomes one, as `@s%2fn` already is; and of the tarball form
 * that npm writes into manifests, `@s/n/-/@s/n-1.0.0.tgz`, the second scope is dropped when it repeats the first.
 */
export function joinScopes(segments: readonly string[]): readonly string[] {
  const at = segments[0] === "-" && segments[1] === "package" ? 2 : 0;
  const first = segments[at] ?? "";
  if (!first.startsWith("@")) return segments;
  const joined = first.includes("/")
    ? [...segments]
    : [...segments.slice(0, at), `${first}/${segments[at + 1] ?? ""}`, ...segments.slice(at + 2)];
  if (at !== 0 || joined[1] !== "-") return joined;
  const scope = (joined[0] as string).slice(0, (joined[0] as string).indexOf("/") + 1);
  const file = joined[2] ?? "";
  if (file.startsWith(scope)) joined[2] = file.slice(scope.length);
  else if (`${file}/` === scope && joined.length > 3) joined.splice(2, 1);
  return joined;
}
