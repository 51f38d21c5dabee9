// Reads a public registry's simple page of a project, JSON (PEP 691) or HTML (PEP 503), as untrusted as any input; pure.
import { printable } from "../answers.ts";
import type { ExternalAsset } from "../format.ts";
import { parseFileName } from "./filenames.ts";
import { readHtml } from "./html-page.ts";
import { cleanVersion, versionKey } from "./names.ts";

export type FileDigests = ExternalAsset["digests"];

/** A file that could be downloaded and checked: others of the page are as good as absent. */
export interface PublicFile {
  readonly filename: string;
  /** Its version's spelling in this index. */
  readonly version: string;
  readonly url: string;
  readonly digests: FileDigests;
  readonly size: number | undefined;
  readonly uploadTime: string | undefined;
  readonly requiresPython: string | undefined;
  readonly yanked: boolean | string;
  /** SHA-256 of the metadata beside it (PEP 658); undefined without one that could be checked. */
  readonly metadata: string | undefined;
  readonly provenance: string | undefined;
}

export interface PublicProject {
  /** Every version number of the page, be it of files that cannot be taken in: such a number is taken all the same (spec 2.5.1). */
  readonly listed: ReadonlySet<string>;
  readonly files: readonly PublicFile[];
  readonly tracks: readonly string[];
  readonly alternateLocations: readonly string[];
  readonly status: { readonly status: string; readonly reason?: string } | undefined;
}

/** `page` is where the document came from, for its relative addresses. Throws for what is neither JSON nor HTML. */
export function readPublicIndex(text: string, project: string, page: string): PublicProject {
  return /^\s*\{/.test(text)
    ? readJson(JSON.parse(text) as unknown, project, page)
    : readPage(text, project, page);
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface RawFile {
  readonly filename: string;
  readonly url: unknown;
  readonly hashes: Json;
  readonly size?: unknown;
  readonly uploadTime?: unknown;
  readonly requiresPython?: unknown;
  readonly yanked?: unknown;
  readonly metadata?: unknown;
  readonly provenance?: unknown;
}

function readJson(json: unknown, project: string, page: string): PublicProject {
  if (!isObject(json) || !Array.isArray(json["files"])) throw new Error("not a project page");
  const meta = isObject(json["meta"]) ? json["meta"] : {};
  if (typeof meta["api-version"] === "string" && !meta["api-version"].startsWith("1."))
    throw new Error(`version ${meta["api-version"].slice(0, 20)} of the simple API is not known here`);
  const files = (json["files"] as unknown[]).filter(isObject).map(
    (file): RawFile => ({
      filename: String(file["filename"]),
      url: file["url"],
      hashes: isObject(file["hashes"]) ? file["hashes"] : {},
      size: file["size"],
      uploadTime: file["upload-time"],
      requiresPython: file["requires-python"],
      yanked: file["yanked"],
      metadata: file["core-metadata"] ?? file["dist-info-metadata"],
      provenance: file["provenance"],
    }),
  );
  const status = json["project-status"];
  return assemble(files, strings(json["versions"]), project, page, {
    tracks: webAddresses(meta["tracks"]),
    alternateLocations: webAddresses(json["alternate-locations"]),
    status:
      isObject(status) && typeof status["status"] === "string"
        ? {
            status: printable(status["status"]),
            ...(typeof status["reason"] === "string" ? { reason: printable(status["reason"]) } : {}),
          }
        : undefined,
  });
}

function readPage(text: string, project: string, page: string): PublicProject {
  const { anchors, metas, base } = readHtml(text);
  const from = base !== undefined && URL.canParse(base, page) ? new URL(base, page).href : page;
  const files = anchors.flatMap(({ attributes, text: label }): RawFile[] => {
    const href = attributes.get("href");
    if (href === undefined || !URL.canParse(href, from)) return [];
    const url = new URL(href, from);
    const [algorithm = "", value = ""] = url.hash.slice(1).split("&")[0]?.split("=") ?? [];
    url.hash = "";
    const filename = label.includes(".") ? label : lastSegment(url);
    return [
      {
        filename,
        url: url.href,
        hashes: { [algorithm]: value },
        uploadTime: attributes.get("data-upload-time"),
        requiresPython: attributes.get("data-requires-python"),
        yanked: attributes.has("data-yanked") ? attributes.get("data-yanked") || true : false,
        metadata: hashAttribute(
          attributes.get("data-core-metadata") ?? attributes.get("data-dist-info-metadata"),
        ),
        provenance: attributes.get("data-provenance"),
      },
    ];
  });
  const named = (name: string): string[] =>
    metas.filter(([key]) => key.toLowerCase() === name).map(([, content]) => content);
  const [status] = named("pypi:project-status");
  const [reason] = named("pypi:project-status-reason");
  return assemble(files, [], project, page, {
    tracks: webAddresses(named("pypi:tracks")),
    alternateLocations: webAddresses(named("pypi:alternate-locations")),
    status:
      status === undefined
        ? undefined
        : { status: printable(status), ...(reason === undefined ? {} : { reason: printable(reason) }) },
  });
}

function lastSegment(url: URL): string {
  try {
    return decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf("/") + 1));
  } catch {
    return "";
  }
}

function hashAttribute(value: string | undefined): Json | undefined {
  const [, algorithm, digest] = /^(\w+)=([0-9a-f]+)$/i.exec(value ?? "") ?? [];
  return algorithm === undefined ? undefined : { [algorithm]: digest };
}

function assemble(
  raw: readonly RawFile[],
  versions: readonly string[],
  project: string,
  page: string,
  rest: Pick<PublicProject, "tracks" | "alternateLocations" | "status">,
): PublicProject {
  const spelling = new Map<string, string>();
  for (const version of versions)
    if (!spelling.has(versionKey(version))) spelling.set(versionKey(version), version);
  const known = [...versions].sort((a, b) => b.length - a.length);
  const files = new Map<string, PublicFile>();
  for (const file of raw) {
    const named = parseFileName(file.filename, project, known);
    if (named === undefined) continue;
    const mark = versionKey(named.version);
    const version = spelling.get(mark) ?? cleanVersion(named.version);
    spelling.set(mark, version);
    const found = readFile(file, version, page);
    if (found !== undefined && !files.has(found.filename)) files.set(found.filename, found);
  }
  return { listed: new Set(spelling.values()), files: [...files.values()], ...rest };
}

const HEX_LENGTH = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const;

/** Undefined without an address or a usable digest: such bytes could not be checked, so they never enter (fail closed). */
function readFile(file: RawFile, version: string, page: string): PublicFile | undefined {
  const digests: { md5?: string; sha1?: string; sha256?: string; sha512?: string } = {};
  for (const algorithm of Object.keys(HEX_LENGTH) as (keyof typeof HEX_LENGTH)[]) {
    const value = hexDigest(file.hashes[algorithm], HEX_LENGTH[algorithm]);
    if (value !== undefined) digests[algorithm] = value;
  }
  if (Object.keys(digests).length === 0 || /[#/\s]/.test(version)) return undefined;
  const url = absolute(file.url, page);
  if (url === undefined) return undefined;
  return {
    filename: file.filename,
    version,
    url,
    digests,
    size:
      typeof file.size === "number" && Number.isSafeInteger(file.size) && file.size >= 0
        ? file.size
        : undefined,
    uploadTime: isoTime(file.uploadTime),
    requiresPython: text(file.requiresPython, 500),
    yanked: typeof file.yanked === "string" ? (text(file.yanked, 1_000) ?? true) : file.yanked === true,
    metadata: isObject(file.metadata) ? hexDigest(file.metadata["sha256"], HEX_LENGTH.sha256) : undefined,
    provenance: typeof file.provenance === "string" ? absolute(file.provenance, page) : undefined,
  };
}

function hexDigest(value: unknown, length: number): string | undefined {
  return typeof value === "string" && value.length === length && /^[0-9a-f]+$/i.test(value)
    ? value.toLowerCase()
    : undefined;
}

/** Without user info and fragment. */
function absolute(url: unknown, page: string): string | undefined {
  if (typeof url !== "string" || !URL.canParse(url, page)) return undefined;
  const found = new URL(url, page);
  if (found.protocol !== "https:" && found.protocol !== "http:") return undefined;
  found.hash = "";
  found.username = "";
  found.password = "";
  return found.href;
}

function isoTime(value: unknown): string | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at)
    ? undefined
    : (value as string).length <= 40
      ? (value as string)
      : new Date(at).toISOString();
}

/** Installers print it: without escape sequences. */
function text(value: unknown, lengthMax: number): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= lengthMax
    ? printable(value)
    : undefined;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function webAddresses(value: unknown): string[] {
  const list = typeof value === "string" ? [value] : strings(value);
  return list.filter((url) => /^https?:\/\//i.test(url) && URL.canParse(url)).slice(0, 100);
}
