// Reading a public V3 feed: its service index, and a package's registration with its pages.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { LRUCache } from "lru-cache";
import { Fault } from "../../core/faults.ts";
import { compareNugetVersions, normalizeNugetVersion } from "../../core/nuget-versions.ts";
import type { OutsideRequest } from "../../registry/registry.ts";
import type { IndexFile, ReadOutside, WantedAsset } from "../format.ts";
import { type Facts, NO_FACTS } from "./facts.ts";
import { parseId } from "./names.ts";

/** A version as a feed's registration tells it. */
export interface PublicVersion {
  /** Normalised. */
  readonly version: string;
  readonly facts: Facts;
  readonly listed: boolean;
  /** Epoch ms. */
  readonly publishedAt: number | undefined;
  /** Where its file is. */
  readonly content: string;
  /** The document that tells its digest; "" when it is nowhere. */
  readonly leaf: string;
  /** Digest and algorithm, where the registration itself tells them. */
  readonly packageHash: string;
  readonly packageHashAlgorithm: string;
  /** As the feed has them: for clients' audits. */
  readonly deprecation: unknown;
  readonly vulnerabilities: unknown;
}

type Json = Readonly<Record<string, unknown>>;

const JSON_ACCEPT = "application/json, */*;q=0.1";
const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;
const PAGES_MAX = 2_000;

/** Newest first: the later ones leave out what only newer clients read. */
const REGISTRATIONS = [
  "RegistrationsBaseUrl/3.6.0",
  "RegistrationsBaseUrl/Versioned",
  "RegistrationsBaseUrl/3.4.0",
  "RegistrationsBaseUrl/3.0.0-rc",
  "RegistrationsBaseUrl/3.0.0-beta",
  "RegistrationsBaseUrl",
];

/** Where the registration of a package is. The connection's address is a service index, or the folder that one is in. */
export async function locateRegistration(
  name: string,
  { url, read }: Pick<WantedAsset, "url" | "read">,
): Promise<OutsideRequest> {
  const file = await readServiceIndex(url, read);
  const index = file && (await readJson(file));
  const base = index && resourceOf(index, REGISTRATIONS);
  if (file === undefined || base === undefined)
    throw new Fault(
      "UpstreamFault",
      `At ${url} there is no service index of a NuGet V3 feed with a registration resource. Set the address of the connection to the feed's index.json.`,
      { status: 502 },
    );
  const folder = new URL(base.endsWith("/") ? base : `${base}/`, file.url);
  return {
    path: "",
    url: new URL(`${encodeURIComponent(name)}/index.json`, folder).href,
    accept: JSON_ACCEPT,
  };
}

async function readServiceIndex(url: string, read: ReadOutside): Promise<IndexFile | undefined> {
  const plain = url.replace(/\/+$/, "");
  if (/\.json$/i.test(plain)) return read({ path: "", url: plain, accept: JSON_ACCEPT });
  return (
    (await read({ path: "index.json", accept: JSON_ACCEPT })) ??
    (await read({ path: "v3/index.json", accept: JSON_ACCEPT }))
  );
}

function resourceOf(index: Json, types: readonly string[]): string | undefined {
  const resources = listOf(index["resources"]).filter(isObject);
  for (const type of types) {
    const found = resources.find((resource) => [resource["@type"]].flat().includes(type));
    if (typeof found?.["@id"] === "string") return found["@id"];
  }
  return undefined;
}

const parsed = new LRUCache<string, readonly PublicVersion[]>({ max: 500 });

/**
 * The versions of a registration, by their normalised numbers. `read` brings the pages that are not in the index itself;
 * with `only`, none but those that may tell of that one.
 */
export async function publicVersions(
  file: IndexFile,
  name: string,
  read: ReadOutside | undefined,
  only?: string,
): Promise<ReadonlyMap<string, PublicVersion>> {
  const found = new Map<string, PublicVersion>();
  const pages = listOf((await readJson(file))["items"]).filter(isObject);
  if (pages.length > PAGES_MAX) throw unreadable(file, "it has too many pages");
  for (const page of pages.filter((one) => only === undefined || mayTellOf(one, only)))
    for (const version of await versionsOfPage(file, name, page, read))
      if (!found.has(version.version)) found.set(version.version, version);
  return found;
}

function mayTellOf({ lower, upper }: Json, version: string): boolean {
  if (typeof lower !== "string" || typeof upper !== "string") return true;
  return compareNugetVersions(lower, version) <= 0 && compareNugetVersions(version, upper) <= 0;
}

async function versionsOfPage(
  file: IndexFile,
  name: string,
  page: Json,
  read: ReadOutside | undefined,
): Promise<readonly PublicVersion[]> {
  if (Array.isArray(page["items"])) return readLeaves(page["items"], name, file.url);
  const at = page["@id"];
  if (typeof at !== "string" || read === undefined) throw unreadable(file, "a page of it has no address");
  const url = new URL(at, file.url);
  url.hash = "";
  const piece = await read({ path: "", url: url.href, accept: JSON_ACCEPT });
  if (piece === undefined) throw unreadable(file, `its page ${url.pathname} is not there`);
  const mark = `${name} ${piece.url} ${piece.digest}`;
  const known = parsed.get(mark);
  if (known !== undefined) return known;
  const leaves = readLeaves(listOf((await readJson(piece))["items"]), name, piece.url);
  parsed.set(mark, leaves);
  return leaves;
}

function unreadable({ connection, url }: IndexFile, why: string): Fault {
  return new Fault("UpstreamFault", `The registration at ${url} of '${connection}' cannot be read: ${why}.`, {
    status: 502,
  });
}

/** Leaves of another package, or that tell no version, are nobody's. */
function readLeaves(items: readonly unknown[], name: string, base: string): readonly PublicVersion[] {
  return items.filter(isObject).flatMap((leaf) => {
    const entry = leaf["catalogEntry"];
    if (!isObject(entry)) return [];
    const facts = readEntry(entry);
    const version = normalizeNugetVersion(facts.version);
    if (version === undefined || facts.id.toLowerCase() !== name) return [];
    const content = textOf(leaf["packageContent"]) || textOf(entry["packageContent"]);
    if (!URL.canParse(content, base)) return [];
    const leafAt = textOf(entry["@id"]);
    return [
      {
        version,
        facts,
        listed: entry["listed"] !== false,
        publishedAt: timeOf(entry["published"]),
        content: new URL(content, base).href,
        leaf: leafAt !== "" && URL.canParse(leafAt, base) ? new URL(leafAt, base).href : "",
        packageHash: textOf(entry["packageHash"]),
        packageHashAlgorithm: textOf(entry["packageHashAlgorithm"]),
        deprecation: entry["deprecation"],
        vulnerabilities: entry["vulnerabilities"],
      },
    ];
  });
}

/** A catalogEntry, of a registration or of a catalogue leaf, as facts. */
function readEntry(entry: Json): Facts {
  const text = (name: string): string => textOf(entry[name]);
  return {
    ...NO_FACTS,
    id: text("id"),
    version: text("version"),
    title: text("title"),
    description: text("description"),
    summary: text("summary"),
    authors: Array.isArray(entry["authors"]) ? textsOf(entry["authors"]).join(", ") : text("authors"),
    tags: Array.isArray(entry["tags"])
      ? textsOf(entry["tags"]).filter((tag) => tag !== "")
      : text("tags")
          .split(/[\s,]+/)
          .filter((tag) => tag !== ""),
    projectUrl: text("projectUrl"),
    iconUrl: text("iconUrl"),
    licenseExpression: text("licenseExpression"),
    licenseUrl: text("licenseUrl"),
    requireLicenseAcceptance: entry["requireLicenseAcceptance"] === true,
    language: text("language"),
    minClientVersion: text("minClientVersion"),
    groups: listOf(entry["dependencyGroups"])
      .filter(isObject)
      .map((group) => ({
        framework: textOf(group["targetFramework"]),
        dependencies: listOf(group["dependencies"])
          .filter(isObject)
          .flatMap((dependency) => {
            const id = textOf(dependency["id"]);
            return parseId(id) === undefined ? [] : [{ id, range: textOf(dependency["range"]) }];
          }),
      })),
  };
}

/** What feeds say of unlisted versions, the year 1900, is no time. */
function timeOf(value: unknown): number | undefined {
  const time = Date.parse(textOf(value));
  return Number.isNaN(time) || time <= 0 ? undefined : time;
}

/** A file's SHA-512 in hex: the registration may tell it, else the leaf that it points to does. Undefined where neither does. */
export async function digestOf(found: PublicVersion, read: ReadOutside): Promise<string | undefined> {
  const told = sha512Of(found.packageHash, found.packageHashAlgorithm);
  if (told !== undefined || found.leaf === "") return told;
  const file = await read({ path: "", url: found.leaf, accept: JSON_ACCEPT });
  if (file === undefined) return undefined;
  const leaf = await readJson(file);
  return sha512Of(textOf(leaf["packageHash"]), textOf(leaf["packageHashAlgorithm"]));
}

/** SHA-512 in hex, which feeds tell in base64; undefined for anything else. */
function sha512Of(hash: string, algorithm: string): string | undefined {
  if (!/^sha-?512$/i.test(algorithm)) return undefined;
  const bytes = Buffer.from(hash, "base64");
  return bytes.length === 64 ? bytes.toString("hex") : undefined;
}

async function readJson({ file, gzip, connection, url }: IndexFile): Promise<Json> {
  const bytes = await readFile(file);
  try {
    const plain = gzip ? gunzipSync(bytes, { maxOutputLength: DOCUMENT_BYTES_MAX }) : bytes;
    const value: unknown = JSON.parse(plain.toString("utf8").replace(/^\uFEFF/, ""));
    if (isObject(value)) return value;
  } catch {
    // told below
  }
  throw new Fault("UpstreamFault", `What '${connection}' answers at ${url} is not a JSON object.`, {
    status: 502,
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: readonly unknown[]): readonly string[] {
  return value.filter((item): item is string => typeof item === "string");
}
