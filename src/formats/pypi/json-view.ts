// The JSON view of a project and of one version (`/pypi/{project}/json`), for tools that read more than the simple index tells.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, notFound } from "../../core/faults.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import { absence, sendText } from "../answers.ts";
import { stampHash } from "../documents.ts";
import type { DoorRequest } from "../format.ts";
import { matchesEtag } from "../headers.ts";
import { indexFilesOf } from "../index-files.ts";
import type { Beside } from "./beside.ts";
import type { CoreMetadata } from "./core-metadata.ts";
import { field, kept, MetadataError, parseMetadata, projectUrls } from "./core-metadata.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { type Facts, factsOf, plainFacts } from "./facts.ts";
import { isPrerelease, versionKey } from "./names.ts";
import type { ListedFile } from "./project.ts";
import { fileUrl } from "./simple-text.ts";

export interface JsonView {
  /** Of the newest version when none is named. */
  serve(request: DoorRequest, key: PackageKey, version: string | undefined): Promise<void>;
}

export interface JsonViewDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  readonly beside: Beside;
}

interface Listing {
  readonly versions: readonly string[];
  readonly files: readonly ListedFile[];
}

export function createJsonView({ registry, worker, beside }: JsonViewDeps): JsonView {
  /** What is kept of the version, with the description out of its file; of a public one what lies beside its wheel. */
  async function metadataOf(
    view: PackageView,
    facts: Facts,
    files: readonly ListedFile[],
  ): Promise<CoreMetadata> {
    const described = files.find(({ metadata }) => metadata !== undefined);
    const row = facts.rows.find(({ version }) => version === files[0]?.version);
    const known = kept(row?.document ?? "");
    if (described === undefined) return known;
    try {
      const bytes = await beside.metadataOf(view, facts, described);
      return bytes === undefined ? known : parseMetadata(bytes.toString("utf8"));
    } catch (error) {
      if (error instanceof Fault || error instanceof MetadataError) return known;
      throw error;
    }
  }

  return {
    async serve(request, key, wanted) {
      const { repository, req, res, baseUrl } = request;
      registry.authorize(request.caller, "ReadFromRepository", repository, key);
      const view = await registry.view(repository, key);
      const etag = `"${stampHash(view, `json-view ${wanted ?? ""} ${baseUrl}`)}"`;
      const facts = await factsOf(registry, view);
      const listing = await worker.ask("files", { facts: plainFacts(facts), files: indexFilesOf(view) });
      const version = listing && pick(listing, wanted);
      if (
        listing === undefined ||
        (version === undefined && (wanted === undefined || view.trouble !== undefined))
      )
        throw absence(view, key.name);
      if (version === undefined)
        throw notFound(
          `Version ${wanted} of ${key.name} is not in repository '${repository.name}', nor anywhere upstream that it may be taken from.`,
          "package-version",
          wanted,
        );
      if (matchesEtag(req.headers["if-none-match"], etag)) {
        res.writeHead(304, ["etag", etag]);
        res.end();
        return;
      }
      const files = listing.files.filter((file) => file.version === version);
      const info = infoOf(key, version, await metadataOf(view, facts, files), files);
      const urls = files.map((file) => fileOf(file, fileUrl(baseUrl, key.name, file)));
      const releases = wanted === undefined ? { releases: releasesOf(listing, key, baseUrl) } : {};
      const body = JSON.stringify({ info, last_serial: 0, ...releases, urls, vulnerabilities: [] });
      sendText(request, 200, "application/json", body, ["etag", etag]);
    },
  };
}

/** The newest that installers would take: no pre-release and not yanked, if there is one. */
function pick({ versions, files }: Listing, wanted: string | undefined): string | undefined {
  if (wanted !== undefined) return versions.find((version) => versionKey(version) === versionKey(wanted));
  const sound = new Set(files.filter(({ yanked }) => yanked === false).map(({ version }) => version));
  return (
    versions.findLast((version) => sound.has(version) && !isPrerelease(version)) ??
    versions.findLast((version) => sound.has(version)) ??
    versions.at(-1)
  );
}

function releasesOf(
  { versions, files }: Listing,
  { name }: PackageKey,
  base: string,
): Record<string, object[]> {
  const byVersion = Map.groupBy(files, ({ version }) => version);
  return Object.fromEntries(
    versions.map((version) => [
      version,
      (byVersion.get(version) ?? []).map((file) => fileOf(file, fileUrl(base, name, file))),
    ]),
  );
}

function fileOf(file: ListedFile, url: string): object {
  const { filename, hashes, size, uploadTime, requiresPython, yanked } = file;
  const wheel = filename.endsWith(".whl");
  return {
    filename,
    url,
    digests: hashes,
    md5_digest: hashes["md5"] ?? null,
    size: size ?? null,
    upload_time_iso_8601: uploadTime ?? null,
    upload_time: uploadTime?.slice(0, 19) ?? null,
    requires_python: requiresPython ?? null,
    packagetype: wheel ? "bdist_wheel" : filename.endsWith(".egg") ? "bdist_egg" : "sdist",
    python_version: wheel ? (filename.split("-").at(-3) ?? "py3") : "source",
    yanked: yanked !== false,
    yanked_reason: typeof yanked === "string" ? yanked : null,
    has_sig: false,
  };
}

const TEXTS = [
  "summary",
  "author",
  "author_email",
  "maintainer",
  "maintainer_email",
  "license",
  "license_expression",
  "keywords",
  "home_page",
  "download_url",
  "description_content_type",
  "requires_python",
] as const;

function infoOf(
  { name }: PackageKey,
  version: string,
  metadata: CoreMetadata,
  files: readonly ListedFile[],
): Record<string, unknown> {
  const urls = projectUrls(metadata);
  const texts = Object.fromEntries(TEXTS.map((text) => [text, field(metadata, text) ?? null]));
  const yanked = files.length > 0 && files.every((file) => file.yanked !== false);
  const reason = files.map((file) => file.yanked).find((flag) => typeof flag === "string");
  return {
    ...texts,
    name: field(metadata, "name") ?? name,
    version,
    description: metadata.description ?? null,
    requires_python: field(metadata, "requires_python") ?? files[0]?.requiresPython ?? null,
    requires_dist: metadata.fields.get("requires_dist") ?? null,
    provides_extra: metadata.fields.get("provides_extra") ?? null,
    classifiers: metadata.fields.get("classifier") ?? [],
    project_urls: urls.size === 0 ? null : Object.fromEntries(urls),
    yanked,
    yanked_reason: yanked ? (reason ?? null) : null,
  };
}
