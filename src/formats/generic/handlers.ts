// The generic door: files by PUT, GET, HEAD and DELETE at {namespace}/{package}/{version}/{asset}, for people with curl (spec 8.6).
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import { type Route, Router } from "../../http/route.ts";
import { printable } from "../answers.ts";
import { createFiles } from "../files.ts";
import type { DoorRequest, FormatDeps, FormatDoor } from "../format.ts";
import { readClaims } from "./digest-headers.ts";
import {
  addressOf,
  describeAsset,
  listAssets,
  listPackages,
  listVersions,
  noVersion,
  sendListing,
} from "./listings.ts";
import { checkAssetName, checkNames } from "./names.ts";
import { publishAsset } from "./publish-asset.ts";

interface Place {
  readonly key: PackageKey;
  readonly version: string;
  readonly asset: string;
}

type Handler = (request: DoorRequest, params: Readonly<Record<string, string>>) => Promise<void> | void;

/** Opens the generic door. */
export function open({ registry, limits }: FormatDeps): FormatDoor {
  const files = createFiles(registry);

  /** `PUT`: 201 for something new, 200 when it was there with the same bytes; `?unfinished` leaves the version open. */
  async function putAsset(request: DoorRequest, { key, version, asset }: Place): Promise<void> {
    const { req, repository } = request;
    checkAssetName(asset);
    const unfinished = readUnfinished(request.query);
    refuseCodings(request);
    const length = req.headers["content-length"];
    const outcome = await publishAsset(
      registry,
      {
        repository,
        key,
        version,
        name: asset,
        content: req,
        ...(length === undefined ? {} : { announcedBytes: Number(length) }),
        bytesMax: limits.assetBytesMax,
        claims: readClaims(req.headers),
        unfinished,
      },
      request,
    );
    const held = await registry.heldVersion(repository, key, version);
    const stored = held?.assets.find(({ name }) => name === asset);
    if (held === undefined || stored === undefined) throw noVersion(request, key, version); // deleted meanwhile
    const told = {
      namespace: key.namespace,
      package: key.name,
      version,
      status: held.row.status,
      asset: describeAsset(request, key, version, stored),
    };
    const location = addressOf(request, key.namespace, key.name, version, asset);
    sendListing(
      request,
      told,
      [`${stored.digests.sha256}  ${asset}`],
      ["location", location],
      outcome === "unchanged" ? 200 : 201,
    );
  }

  /** `DELETE` of a version, whole: single assets of what was published do not go. */
  async function deleteVersion(request: DoorRequest, { key, version }: Omit<Place, "asset">): Promise<void> {
    const { changed } = await registry.changeVersions(
      request.repository,
      key,
      { versions: [version], target: "Deleted" },
      request,
    );
    if (!changed.has(version)) throw noVersion(request, key, version);
    sendListing(request, { namespace: key.namespace, package: key.name, version, status: "Deleted" }, [
      version,
    ]);
  }

  const routes: Route<Handler>[] = [
    { method: "GET", pattern: "/", handler: (request) => listPackages(registry, request, undefined) },
    {
      method: "GET",
      pattern: "/:namespace",
      handler: (request, { namespace = "" }) => {
        checkNames(namespace, "any");
        return listPackages(registry, request, namespace);
      },
    },
    {
      method: "GET",
      pattern: "/:namespace/:name",
      handler: (request, { namespace = "", name = "" }) =>
        listVersions(registry, request, checkNames(namespace, name)),
    },
    {
      method: "GET",
      pattern: "/:namespace/:name/:version",
      handler: versioned((request, { key, version }) => listAssets(registry, request, key, version)),
    },
    { method: "DELETE", pattern: "/:namespace/:name/:version", handler: versioned(deleteVersion) },
    {
      method: "GET",
      pattern: "/:namespace/:name/:version/:asset",
      handler: versioned((request, place) => {
        checkAssetName(place.asset);
        return files.serve(request, place.key, `${place.version}/${place.asset}`, () => place);
      }),
    },
    { method: "PUT", pattern: "/:namespace/:name/:version/:asset", handler: versioned(putAsset) },
  ];
  const router = new Router(routes);

  return {
    handle(request) {
      const segments = withoutTrailingSlash(request.segments);
      const match = router.match(request.method, segments);
      if (match !== undefined) return match.handler(request, match.params);
      throw notFound(
        `${request.method} /${segments.join("/").slice(0, 200)} is nothing this repository knows; files are at {namespace}/{package}/{version}/{asset}.`,
      );
    },
    renderFault: (fault) => ({
      contentType: "text/plain; charset=utf-8",
      body: `${printable(fault.message)}\n`,
    }),
  };
}

function versioned(handler: (request: DoorRequest, place: Place) => Promise<void> | void): Handler {
  return (request, { namespace = "", name = "", version = "", asset = "" }) =>
    handler(request, { key: checkNames(namespace, name, version), version, asset });
}

/** Listings answer with and without the slash that browsers and people add. */
function withoutTrailingSlash(segments: readonly string[]): readonly string[] {
  return segments.length > 1 && segments.at(-1) === "" ? segments.slice(0, -1) : segments;
}

/** `?unfinished`, `=true` and `=unfinished` alike (spec 5.7.2). A misspelt one would close the version for good: refused. */
function readUnfinished(query: string): boolean {
  let unfinished = false;
  for (const [name, value] of new URLSearchParams(query)) {
    if (name !== "unfinished")
      throw invalid(`The parameter '${name.slice(0, 100)}' is not known here; there is only 'unfinished'.`);
    if (!["", "true", "false", "unfinished"].includes(value))
      throw invalid("'unfinished' is given alone or as unfinished=true.");
    unfinished = value !== "false";
  }
  return unfinished;
}

/** The body is the asset, whole and as it is. */
function refuseCodings({ req }: DoorRequest): void {
  const coding = req.headers["content-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    throw new Fault(
      "UnsupportedMediaType",
      `The content encoding '${coding.slice(0, 50)}' is not understood; send the file as it is.`,
    );
  }
  if (req.headers["content-range"] !== undefined)
    throw invalid("A part of a file cannot be sent (Content-Range); send the whole.");
}
