// What is kept of a Swift release, and the documents made of it; pure (registry specification 4.1, 4.2, appendix B).
import type { PackageKey } from "../../core/coordinates.ts";
import type { Dependency, VersionMetadata } from "../../registry/registry.ts";
import { byPrecedence, identifierOf, latestOf } from "./names.ts";
import { unprocessable } from "./source-archive.ts";

export const ARCHIVE_ASSET = "source-archive.zip";

/** The version's stored document. */
export interface Release {
  /** As the publisher wrote it in the address: `mona.LinkedList`. */
  readonly id: string;
  /** What the publisher sent, as it was sent. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly manifests: readonly {
    readonly file: string;
    readonly swiftVersion?: string;
    readonly toolsVersion: string;
  }[];
  readonly signature?: Signature;
  /** Base64. */
  readonly metadataSignature?: string;
  readonly readme?: string;
  /** Declared in Package.swift by identifier. */
  readonly dependencies: readonly Dependency[];
}

export interface Signature {
  readonly base64: string;
  /** Such as `cms-1.0.0`. */
  readonly format: string;
}

export function parseRelease(document: string): Release {
  return JSON.parse(document) as Release;
}

const TEXTS = ["description", "licenseURL", "originalPublicationTime", "readmeURL"] as const;

/** The schema's types, where its members are there; others are kept as they are. Throws a 422. */
export function readMetadata(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unprocessable("invalid JSON provided for release metadata");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unprocessable("The release metadata is not a JSON object.");
  const metadata = value as Record<string, unknown>;
  for (const name of TEXTS)
    if (metadata[name] !== undefined && typeof metadata[name] !== "string")
      throw unprocessable(`The release metadata's '${name}' is not a text.`);
  const urls = metadata["repositoryURLs"];
  if (urls !== undefined && !(Array.isArray(urls) && urls.every((url) => typeof url === "string")))
    throw unprocessable("The release metadata's 'repositoryURLs' is not a list of texts.");
  return metadata;
}

/** What the API tells of any format's version (spec 1.6.1). */
export function describeRelease({ id, metadata }: Release): VersionMetadata {
  const summary = textOf(metadata["description"]);
  const [repository] = repositoryUrls(metadata);
  const license = textOf(metadata["licenseURL"]);
  return {
    displayName: id,
    ...(summary === undefined ? {} : { summary }),
    ...(repository === undefined ? {} : { sourceCodeRepository: repository, homePage: repository }),
    ...(license === undefined ? {} : { licenses: [{ url: license }] }),
  };
}

export function repositoryUrls(metadata: Release["metadata"]): readonly string[] {
  const urls = metadata["repositoryURLs"];
  return Array.isArray(urls) ? urls.filter((url): url is string => typeof url === "string") : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** `.package(id: "mona.LinkedList", from: "1.0.0")`: the identifier, and the rest as it is written. */
export function readDependencies(manifest: string): readonly Dependency[] {
  const code = manifest.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
  const found = code.matchAll(
    /\.package\(\s*id:\s*"([A-Za-z0-9-]+)\.([A-Za-z0-9_-]+)"\s*,\s*([^()\n]{1,200}|[^()]{0,100}\([^()]{0,200}\)[^()]{0,100})\)/g,
  );
  return [...found].map(([, scope = "", name = "", requirement = ""]) => ({
    namespace: scope.toLowerCase(),
    name: name.toLowerCase(),
    requirement: requirement.trim().replace(/\s+/g, " "),
  }));
}

/** A listed version as documents need it. */
export interface ListedRelease {
  readonly version: string;
  readonly document: string;
}

/** 4.1: all releases, highest precedence first, and the `Link` header. `packageUrl` has no trailing slash. */
export function renderList(
  packageUrl: string,
  releases: readonly ListedRelease[],
): { readonly body: string; readonly links: readonly string[] } {
  const sorted = releases.toSorted((a, b) => byPrecedence(a.version, b.version));
  const versions = sorted.map(({ version }) => version);
  const body = { releases: Object.fromEntries(versions.map((v) => [v, { url: `${packageUrl}/${v}` }])) };
  const latest = latestOf(versions);
  const newest = sorted.find(({ version }) => version === latest);
  const urls = newest === undefined ? [] : repositoryUrls(parseRelease(newest.document).metadata);
  const repositories = urls
    .filter((url) => LINKABLE.test(url))
    .map((url, i) => link(url, i === 0 ? "canonical" : "alternate"));
  return { body: JSON.stringify(body), links: [...latestLink(packageUrl, versions), ...repositories] };
}

/** A stranger's text that may stand between `<` and `>` of a header. */
const LINKABLE = /^[a-z][a-z0-9+.-]*:\/\/[!-;=?-~]{1,500}$/i;

function latestLink(packageUrl: string, sorted: readonly string[]): string[] {
  const latest = latestOf(sorted);
  return latest === undefined ? [] : [link(`${packageUrl}/${latest}`, "latest-version")];
}

function link(url: string, relation: string): string {
  return `<${url}>; rel="${relation}"`;
}

/** 4.2: one release, and links to its neighbours among the listed ones. `publishedAt` is epoch ms. */
export function renderInfo(
  packageUrl: string,
  key: PackageKey,
  release: ListedRelease & { readonly publishedAt: number; readonly sha256: string },
  listed: readonly string[],
): { readonly body: string; readonly links: readonly string[] } {
  const { id, metadata, signature } = parseRelease(release.document);
  const signing =
    signature === undefined
      ? {}
      : { signing: { signatureBase64Encoded: signature.base64, signatureFormat: signature.format } };
  const archive = {
    name: "source-archive",
    type: "application/zip",
    checksum: release.sha256,
    ...signing,
  };
  const body = {
    id: id.toLowerCase() === identifierOf(key) ? id : identifierOf(key),
    version: release.version,
    resources: [archive],
    metadata,
    publishedAt: new Date(release.publishedAt).toISOString(),
  };
  return { body: JSON.stringify(body), links: neighbourLinks(packageUrl, release.version, listed) };
}

function neighbourLinks(packageUrl: string, version: string, listed: readonly string[]): string[] {
  const sorted = listed.toSorted(byPrecedence);
  const at = sorted.indexOf(version);
  const successor = at > 0 ? sorted[at - 1] : undefined;
  const predecessor = at < 0 ? undefined : sorted[at + 1];
  return [
    ...latestLink(packageUrl, sorted),
    ...(successor === undefined ? [] : [link(`${packageUrl}/${successor}`, "successor-version")]),
    ...(predecessor === undefined ? [] : [link(`${packageUrl}/${predecessor}`, "predecessor-version")]),
  ];
}

/** 4.3: every version-specific manifest of the release. */
export function manifestLinks(manifestUrl: string, { manifests }: Release): readonly string[] {
  return manifests
    .filter(({ swiftVersion }) => swiftVersion !== undefined)
    .map(
      ({ file, swiftVersion, toolsVersion }) =>
        `<${manifestUrl}?swift-version=${swiftVersion}>; rel="alternate"; filename="${file}"; swift-tools-version="${toolsVersion}"`,
    );
}

/**
 * Addresses of one repository as one text: without scheme, user, port, trailing slash and `.git`, in lower case, and
 * with scp's `host:path` read as `host/path` (4.5 gives clients' and authors' spellings no rule).
 */
export function normalizeUrl(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, "")
    .replace(/^[^/@]*@/, "")
    .replace(/^([^/:]+):(?:\d+(?=\/|$))?\/?/, "$1/")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
}
