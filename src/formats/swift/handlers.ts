// Swift's routes: which request is which verb (registry specification, section 4).
import type { PackageKey } from "../../core/coordinates.ts";
import { type Fault, invalid, notFound } from "../../core/faults.ts";
import { Router } from "../../http/route.ts";
import { absence, sendText } from "../answers.ts";
import { createDocuments, type DocumentKind } from "../documents.ts";
import { createFiles, type FileQuestion } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { createIdentifiers } from "./identifiers.ts";
import { identifierOf, parseIdentifier } from "./names.ts";
import { checkAccept, renderFault, VERSION_HEADERS } from "./problems.ts";
import { publishRelease } from "./publish.ts";
import { ARCHIVE_ASSET, manifestLinks, parseRelease, renderInfo, renderList } from "./release.ts";

/** Grows when the same facts would make other bytes. */
const RENDERING = 1;
const LIST: DocumentKind = { name: "releases", contentType: "application/json" };
const METHODS = "GET, HEAD, PUT, POST, OPTIONS";

export function open({ registry, limits }: FormatDeps): FormatDoor {
  const documents = createDocuments({
    registry,
    cacheBytes: limits.documentCacheBytes,
    rendering: RENDERING,
    async build(view, _kind, base) {
      const listed = await registry.listedVersions(view);
      if (listed.length === 0) throw absence(view, identifierOf(view.key));
      const { body, links } = renderList(packageUrl(base, view.key), listed);
      return { body: Buffer.from(body), headers: [...VERSION_HEADERS, ...linkHeader(links)] };
    },
  });
  const files = createFiles(registry);
  const identifiers = createIdentifiers(registry);

  /** A release's row, for whoever may read it; retained here when only its files are still given out (spec 5.1). */
  async function findRelease(request: DoorRequest, key: PackageKey, version: string) {
    const view = await registry.view(request.repository, key);
    const listed = await registry.listedVersions(view);
    const row = listed.find((candidate) => candidate.version === version);
    if (row !== undefined) {
      const assets = (await registry.listedAssets(view, [row])).get(version) ?? [];
      return { row, assets, listed };
    }
    await registry.asset(request.repository, key, version, ARCHIVE_ASSET, request);
    const held = await registry.heldVersion(request.repository, key, version);
    if (held === undefined) throw absence(view, identifierOf(key));
    return { ...held, listed };
  }

  async function sendInfo(request: DoorRequest, key: PackageKey, version: string): Promise<void> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const { row, assets, listed } = await findRelease(request, key, version);
    const archive = assets.find(({ name }) => name === ARCHIVE_ASSET);
    const { body, links } = renderInfo(
      packageUrl(request.baseUrl, key),
      key,
      { ...row, sha256: archive?.digests.sha256 ?? "" },
      listed.map((other) => other.version),
    );
    sendText(request, 200, "application/json", body, [...VERSION_HEADERS, ...linkHeader(links)]);
  }

  /** The kept facts of a version whose file was just found, so that it is held here by now. */
  async function releaseOf(request: DoorRequest, key: PackageKey, version: string) {
    const held = await registry.heldVersion(request.repository, key, version);
    return held === undefined ? undefined : { ...held, release: parseRelease(held.row.document) };
  }

  function serveArchive(request: DoorRequest, key: PackageKey, version: string): Promise<void> | void {
    const question = (): FileQuestion => ({
      key,
      version,
      asset: ARCHIVE_ASSET,
      contentType: "application/zip",
      fileName: `${request.segments[1]}-${version}.zip`,
      async headers() {
        const found = await releaseOf(request, key, version);
        const sha256 = found?.assets.find(({ name }) => name === ARCHIVE_ASSET)?.digests.sha256 ?? "";
        const digest = Buffer.from(sha256, "hex").toString("base64");
        const signature = found?.release.signature;
        const signed =
          signature === undefined
            ? []
            : [
                "x-swift-package-signature-format",
                signature.format,
                "x-swift-package-signature",
                signature.base64,
              ];
        return [...VERSION_HEADERS, "digest", `sha-256=${digest}`, ...signed];
      },
    });
    return files.serve(request, key, `${version}.zip ${request.segments[1]}`, question);
  }

  async function serveManifest(request: DoorRequest, key: PackageKey, version: string): Promise<void> {
    const manifestUrl = `${packageUrl(request.baseUrl, key)}/${version}/Package.swift`;
    const wanted = new URLSearchParams(request.query).get("swift-version");
    const file = wanted === null ? "Package.swift" : await versionedManifest(request, key, version, wanted);
    if (file === undefined) {
      request.res.writeHead(303, [...VERSION_HEADERS, "location", manifestUrl, "content-length", "0"]);
      request.res.end();
      return;
    }
    return files.serve(request, key, `${version}/${file}`, () => ({
      key,
      version,
      asset: file,
      contentType: "text/x-swift",
      fileName: file,
      async headers() {
        const found = wanted === null ? await releaseOf(request, key, version) : undefined;
        const links = found === undefined ? [] : manifestLinks(manifestUrl, found.release);
        return [...VERSION_HEADERS, ...linkHeader(links)];
      },
    }));
  }

  /** The file's name, or undefined when the release has none for that version of Swift (4.3.1). */
  async function versionedManifest(
    request: DoorRequest,
    key: PackageKey,
    version: string,
    wanted: string,
  ): Promise<string | undefined> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const { row } = await findRelease(request, key, version);
    return parseRelease(row.document).manifests.find(({ swiftVersion }) => swiftVersion === wanted)?.file;
  }

  async function lookUp(request: DoorRequest): Promise<void> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository);
    const url = new URLSearchParams(request.query).get("url");
    if (url === null || url === "") throw invalid("The query parameter 'url' is missing.");
    const found = await identifiers.find(request.repository, url);
    if (found.length === 0) throw notFound(`No package here names '${url.slice(0, 300)}' as its repository.`);
    sendText(request, 200, "application/json", JSON.stringify({ identifiers: found }), VERSION_HEADERS);
  }

  /** 200 says that the token is good here; `swift package-registry login` asks for it. */
  function login(request: DoorRequest): void {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
    sendText(request, 200, "application/json", "{}", VERSION_HEADERS);
  }

  function options({ res }: DoorRequest): void {
    res.writeHead(200, [...VERSION_HEADERS, "allow", METHODS, "content-length", "0"]);
    res.end();
  }

  const router = new Router<Handler>([
    { method: "POST", pattern: "/login", handler: login },
    { method: "GET", pattern: "/identifiers", handler: lookUp },
    {
      method: "GET",
      pattern: "/:scope/:name",
      handler: named((request, key) => documents.serve(request, key, LIST)),
    },
    {
      method: "GET",
      pattern: "/:scope/:name/:version",
      handler: named((request, key, { version = "" }) => {
        const zip = /^(.*)\.zip$/i.exec(version)?.[1];
        return zip === undefined
          ? sendInfo(request, key, withoutJson(version))
          : serveArchive(request, key, zip);
      }),
    },
    {
      method: "PUT",
      pattern: "/:scope/:name/:version",
      handler: named((request, key, { version = "" }) =>
        publishRelease({ registry, limits }, request, key, version),
      ),
    },
    {
      method: "GET",
      pattern: "/:scope/:name/:version/Package.swift",
      handler: named((request, key, { version = "" }) => serveManifest(request, key, version)),
    },
  ]);

  return {
    handle(request) {
      if (request.method === "OPTIONS") return options(request);
      checkAccept(request.req.headers.accept);
      const match = router.match(request.method, request.segments);
      if (match === undefined) throw nothingAt(request.segments);
      return match.handler(request, match.params);
    },
    renderFault,
  };
}

type Params = Readonly<Record<string, string>>;
type Handler = (request: DoorRequest, params: Params) => Promise<void> | void;

function named(
  handler: (request: DoorRequest, key: PackageKey, params: Params) => Promise<void> | void,
): Handler {
  return (request, params) => {
    const { scope = "", name = "", version } = params;
    const key = parseIdentifier(scope, version === undefined ? withoutJson(name) : name);
    if (key === undefined) throw nothingAt(request.segments);
    return handler(request, key, params);
  };
}

/** Clients may ask for JSON by an extension (4.1, 4.2). */
function withoutJson(text: string): string {
  return text.replace(/\.json$/i, "");
}

function nothingAt(segments: readonly string[]): Fault {
  return notFound(
    `There is nothing at '${segments.join("/").slice(0, 300)}'. Packages are at {scope}/{name}, their releases at {scope}/{name}/{version}.`,
  );
}

function packageUrl(base: string, { namespace, name }: PackageKey): string {
  return `${base}${namespace}/${name}`;
}

function linkHeader(links: readonly string[]): string[] {
  return links.length === 0 ? [] : ["link", links.join(", ")];
}
