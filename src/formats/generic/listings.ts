// What there is, as JSON or, where Accept prefers it, as lines of text: packages, a package's versions, a version's assets.
import type { PackageKey } from "../../core/coordinates.ts";
import { isName } from "../../core/coordinates.ts";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import type { AssetRow, Registry, VersionRow } from "../../registry/registry.ts";
import { absence, sendText } from "../answers.ts";
import type { DoorRequest } from "../format.ts";
import { parseQualities } from "../headers.ts";

const PAGE_MAX = 1_000;

/** An address below the repository's own, each part encoded. */
export function addressOf({ baseUrl }: DoorRequest, ...parts: readonly string[]): string {
  return `${baseUrl}${parts.map(encodeURIComponent).join("/")}`;
}

/** `GET /` and `GET /{namespace}/`: packages with a version to list, by name, a page at a time. */
export async function listPackages(
  registry: Registry,
  request: DoorRequest,
  namespace: string | undefined,
): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository);
  const { after, limit } = readPage(request, namespace);
  const found = await registry.packageNames(request.repository, "generic", after, limit + 1);
  const within = found.filter((key) => namespace === undefined || key.namespace === namespace);
  const shown = within.slice(0, limit);
  if (namespace !== undefined && shown.length === 0 && after?.name === "")
    throw notFound(`Repository '${request.repository.name}' has no packages in namespace '${namespace}'.`);
  const last = within.length > limit ? shown.at(-1) : undefined;
  const next = last === undefined ? undefined : nextPage(request, last, namespace, limit);
  sendListing(
    request,
    {
      ...(namespace === undefined ? {} : { namespace }),
      packages: shown.map((key) => ({
        ...(namespace === undefined ? { namespace: key.namespace } : {}),
        package: key.name,
        url: addressOf(request, key.namespace, key.name),
      })),
      ...(next === undefined ? {} : { next }),
    },
    shown.map((key) => (namespace === undefined ? `${key.namespace}/${key.name}` : key.name)),
    next === undefined ? [] : ["link", `<${next}>; rel="next"`],
  );
}

interface Page {
  readonly after: PackageKey | undefined;
  readonly limit: number;
}

/** `after` is the last name seen, at the top with its namespace; `limit` at most 1000. */
function readPage({ query }: DoorRequest, namespace: string | undefined): Page {
  const asked = new URLSearchParams(query);
  const unknown = [...asked.keys()].find((name) => name !== "after" && name !== "limit");
  if (unknown !== undefined)
    throw invalid(`The parameter '${unknown}' is not known here; there are after and limit.`);
  const limit = asked.get("limit") ?? String(PAGE_MAX);
  if (!/^[0-9]{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > PAGE_MAX)
    throw invalid(`'limit' is a whole number from 1 to ${PAGE_MAX}.`);
  const text = asked.get("after") ?? "";
  const [from, name, ...more] = namespace === undefined ? text.split("/") : [namespace, text];
  if (text !== "" && (!isName(from ?? "") || !isName(name ?? "") || more.length > 0))
    throw invalid("'after' is the last name of the page before, at the top as namespace/package.");
  const after =
    text === "" && namespace === undefined
      ? undefined
      : ({ format: "generic", namespace: from ?? "", name: name ?? "" } as const);
  return { after, limit: Number(limit) };
}

function nextPage(
  request: DoorRequest,
  last: PackageKey,
  namespace: string | undefined,
  limit: number,
): string {
  const after = namespace === undefined ? `${last.namespace}/${last.name}` : last.name;
  const place = namespace === undefined ? request.baseUrl : `${addressOf(request, namespace)}/`;
  return `${place}?${new URLSearchParams({ after, limit: String(limit) }).toString()}`;
}

/** `GET /{namespace}/{package}/`: the versions that may be listed (Published only, spec 5.1), newest first. */
export async function listVersions(registry: Registry, request: DoorRequest, key: PackageKey): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
  const view = await registry.view(request.repository, key);
  const versions = [...(await registry.listedVersions(view))].sort(
    (a, b) => b.publishedAt - a.publishedAt || b.id - a.id,
  );
  if (versions.length === 0) throw absence(view, `${key.namespace}/${key.name}`);
  sendListing(
    request,
    {
      namespace: key.namespace,
      package: key.name,
      versions: versions.map(({ version, publishedAt, revision }) => ({
        version,
        published: new Date(publishedAt).toISOString(),
        revision,
        url: addressOf(request, key.namespace, key.name, version),
      })),
    },
    versions.map(({ version }) => version),
  );
}

/** `GET /{namespace}/{package}/{version}/`: names, sizes and digests; as text, what `sha256sum --check` reads. */
export async function listAssets(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  version: string,
): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
  const held = await registry.heldVersion(request.repository, key, version);
  if (held === undefined) throw noVersion(request, key, version);
  const { row, assets } = held;
  // Unlisted versions are for those who know the number; the others show nothing (spec 5.1).
  if (row.status !== "Published" && row.status !== "Unlisted")
    throw noVersion(request, key, version, row.status);
  const sorted = [...assets].sort((a, b) => (a.name < b.name ? -1 : 1));
  sendListing(
    request,
    describeVersion(request, key, row, sorted),
    sorted.map(({ name, digests }) => `${digests.sha256}  ${name}`),
  );
}

function describeVersion(
  request: DoorRequest,
  key: PackageKey,
  row: VersionRow,
  assets: readonly AssetRow[],
) {
  return {
    namespace: key.namespace,
    package: key.name,
    version: row.version,
    status: row.status,
    published: new Date(row.publishedAt).toISOString(),
    revision: row.revision,
    assets: assets.map((asset) => describeAsset(request, key, row.version, asset)),
  };
}

/** One asset as listings and uploads tell it. */
export function describeAsset(
  request: DoorRequest,
  key: PackageKey,
  version: string,
  { name, size, digests }: AssetRow,
) {
  return { name, size, ...digests, url: addressOf(request, key.namespace, key.name, version, name) };
}

export function noVersion(
  { repository }: DoorRequest,
  key: PackageKey,
  version: string,
  status?: string,
): Fault {
  const place = `${key.namespace}/${key.name} ${version}`;
  const detail = { resourceType: "package-version", resourceId: version } as const;
  if (status === undefined)
    return new Fault(
      "ResourceNotFoundException",
      `${place} is not in repository '${repository.name}'.`,
      detail,
    );
  return new Fault(
    "ResourceNotFoundException",
    `${place} in repository '${repository.name}' is ${status}, so it is not served; UpdatePackageVersionsStatus changes that.`,
    { ...detail, rule: `version status ${status}` },
  );
}

/** JSON unless Accept likes plain text better. */
export function sendListing(
  request: DoorRequest,
  value: object,
  lines: readonly string[],
  headers: readonly string[] = [],
  status = 200,
): void {
  const all = ["vary", "accept", ...headers];
  if (wantsText(request.req.headers.accept))
    sendText(request, status, "text/plain; charset=utf-8", lines.map((line) => `${line}\n`).join(""), all);
  else sendText(request, status, "application/json", `${JSON.stringify(value, undefined, 1)}\n`, all);
}

function wantsText(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const qualities = parseQualities(accept);
  const of = (type: string): number =>
    qualities.get(type) ?? qualities.get(`${type.split("/")[0]}/*`) ?? qualities.get("*/*") ?? 0;
  return of("text/plain") > of("application/json");
}
