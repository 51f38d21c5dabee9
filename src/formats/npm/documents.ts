// What publishers send, read and checked; pure. version-text.ts turns it into what is stored.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import type { VersionMetadata } from "../../registry/registry.ts";
import { nestsTooDeeply } from "../nesting.ts";
import { checkPublishedName, checkPublishedVersion, checkTag, nameOf } from "./names.ts";
import type { Attachment } from "./publish-body.ts";

export type Json = Readonly<Record<string, unknown>>;

const README_CHARACTERS_MAX = 256 * 1024;

/** A publish as one npm client or another sent it, checked against itself. */
export interface PublishRequest {
  readonly version: string;
  readonly manifest: Json;
  readonly tags: readonly string[];
  readonly readme: string;
}

/** `npm deprecate` and its like: the document a client read, sent back with changes. */
export interface MetadataUpdate {
  readonly rev: string | undefined;
  /** What each version's `deprecated` is to be; undefined for none. */
  readonly deprecated: ReadonlyMap<string, string | undefined>;
}

/** Parses the body that remains without the attachment. Throws a 400 unless it is a JSON object in valid UTF-8. */
export function parseBody(bytes: Uint8Array): Json {
  if (nestsTooDeeply(bytes)) throw invalid("The JSON body is nested too deeply.", "CANNOT_PARSE");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : "it is not UTF-8";
    throw invalid(`The request body is not valid JSON: ${why}`, "CANNOT_PARSE");
  }
  if (!isObject(value)) throw invalid("The request body must be a JSON object.", "CANNOT_PARSE");
  return value;
}

/**
 * Reads a publish: one version, one attachment, and one name wherever a name stands (8.1.4, threats D: what was
 * authorised is what is stored).
 */
export function readPublish(body: Json, key: PackageKey, attachment: Attachment): PublishRequest {
  const name = nameOf(key);
  checkPublishedName(name);
  checkNames(body, name);
  checkAttachment(body, attachment);
  const versions = Object.entries(isObject(body["versions"]) ? body["versions"] : {});
  const [first] = versions;
  if (first === undefined || versions.length > 1) {
    throw invalid(`A publish carries exactly one version; this body holds ${versions.length}.`);
  }
  const [version, manifest] = first;
  checkPublishedVersion(version);
  if (!isObject(manifest)) throw invalid(`The manifest of version '${version}' is not an object.`);
  checkSame("name", manifest["name"], name, `versions['${version}'].name`);
  checkSame("version", manifest["version"], version, `versions['${version}'].version`);
  return { version, manifest, tags: readTags(body, version), readme: readReadme(body, manifest) };
}

function checkNames(body: Json, name: string): void {
  checkSame("name", body["name"], name, "name");
  if (body["_id"] !== undefined) checkSame("name", body["_id"], name, "_id");
}

function checkSame(what: string, found: unknown, expected: string, where: string): void {
  if (found === expected) return;
  const shown = typeof found === "string" ? `'${found.slice(0, 200)}'` : "missing";
  throw invalid(`The ${what} does not agree: '${expected}' is being published, but '${where}' is ${shown}.`);
}

/** The entry's own idea of the length, where it has one, must be true: a shorter body was cut on its way. */
function checkAttachment(body: Json, attachment: Attachment): void {
  const entries = Object.entries(isObject(body["_attachments"]) ? body["_attachments"] : {});
  const entry = entries[0]?.[1];
  if (entries.length !== 1 || !isObject(entry) || entry["data"] !== "") {
    throw invalid(
      `A publish carries exactly one attachment with data; this body holds ${entries.length} attachments.`,
    );
  }
  const length = entry["length"];
  if (length !== undefined && length !== attachment.bytes) {
    throw invalid(
      `The attachment says it is ${JSON.stringify(length).slice(0, 20)} bytes long, but ${attachment.bytes} bytes arrived.`,
    );
  }
}

function readTags(body: Json, version: string): string[] {
  if (!isObject(body["dist-tags"])) return ["latest"];
  const tags = Object.entries(body["dist-tags"]);
  for (const [tag, target] of tags) {
    checkTag(tag);
    if (target !== version)
      throw invalid(`The dist-tag '${tag}' must point at the version being published, '${version}'.`);
  }
  return tags.map(([tag]) => tag);
}

function readReadme(body: Json, manifest: Json): string {
  const readme = manifest["readme"] ?? body["readme"];
  return typeof readme === "string" ? readme.slice(0, README_CHARACTERS_MAX) : "";
}

/** Reads a body without attachment (spec 6.3.2: deprecate). Of each version only `deprecated` is looked at. */
export function readMetadataUpdate(body: Json, name: string): MetadataUpdate {
  if (!isObject(body["versions"])) {
    throw invalid(
      "Only publishing, deprecating and unpublishing are possible here: the body holds no versions. Maintainers and stars are not kept; who may publish is a matter of policies.",
    );
  }
  checkNames(body, name);
  const deprecated = new Map<string, string | undefined>();
  for (const [version, manifest] of Object.entries(body["versions"])) {
    if (!isObject(manifest))
      throw invalid(`The manifest of version '${version.slice(0, 100)}' is not an object.`);
    deprecated.set(version, readDeprecation(manifest["deprecated"]));
  }
  return { rev: typeof body["_rev"] === "string" ? body["_rev"] : undefined, deprecated };
}

/** npm takes a deprecation back by sending an empty message. */
export function readDeprecation(value: unknown): string | undefined {
  if (value === true) return "This version is deprecated.";
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A declared digest that does not fit the bytes that arrived means that something changed them on the way. */
export function checkDeclaredDist(
  manifest: Json,
  digests: { readonly sha1: string; readonly sha512: string },
): void {
  const dist = isObject(manifest["dist"]) ? manifest["dist"] : {};
  const shasum = dist["shasum"];
  if (typeof shasum === "string" && shasum.toLowerCase() !== digests.sha1) {
    throw invalid(`The tarball's SHA-1 is ${digests.sha1}, but the manifest's dist.shasum declares another.`);
  }
  const integrity = dist["integrity"];
  const sha512 = Buffer.from(digests.sha512, "hex").toString("base64");
  const declared =
    typeof integrity === "string" ? integrity.split(/\s+/).filter((part) => part.startsWith("sha512-")) : [];
  if (declared.length > 0 && !declared.some((part) => part.split("?")[0] === `sha512-${sha512}`)) {
    throw invalid(
      `The tarball's integrity is sha512-${sha512}, but the manifest's dist.integrity declares another.`,
    );
  }
}

/** What DescribePackageVersion tells of a manifest (spec 1.6.1, 1.6.5). */
export function describe(manifest: Json, name: string): VersionMetadata {
  const summary = text(manifest["description"]);
  const homePage = text(manifest["homepage"]);
  const repository = manifest["repository"];
  const source = text(isObject(repository) ? repository["url"] : repository);
  const licenses = readLicenses(manifest);
  return {
    displayName: name,
    ...(summary === undefined ? {} : { summary }),
    ...(homePage === undefined ? {} : { homePage }),
    ...(source === undefined ? {} : { sourceCodeRepository: source }),
    ...(licenses.length === 0 ? {} : { licenses }),
  };
}

function readLicenses(manifest: Json): { name?: string; url?: string }[] {
  const value = manifest["license"] ?? manifest["licenses"];
  return (Array.isArray(value) ? value : [value]).flatMap((license: unknown) => {
    const name = text(isObject(license) ? (license["type"] ?? license["name"]) : license);
    const url = isObject(license) ? text(license["url"]) : undefined;
    if (name === undefined && url === undefined) return [];
    return [{ ...(name === undefined ? {} : { name }), ...(url === undefined ? {} : { url }) }];
  });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
