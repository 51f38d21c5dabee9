// Core metadata (METADATA, PKG-INFO): read as the packaging specification has it, and what it tells of a version; pure.
import type { Dependency, VersionMetadata } from "../../registry/registry.ts";
import { normalizeName } from "./names.ts";

/** Headers in lower case with `_` for `-`, as the upload form and the JSON view spell them; each may be there several times. */
export interface CoreMetadata {
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** The description: the body, else the field of that name. */
  readonly description: string | undefined;
}

/** Fields that may be there once only: two names or two versions are two readings (threats D). */
const SINGLE = ["metadata_version", "name", "version", "requires_python", "summary", "license_expression"];

export class MetadataError extends Error {}

/** Throws MetadataError for what two readers could read two ways. */
export function parseMetadata(text: string): CoreMetadata {
  const { head, body } = split(text);
  const fields = new Map<string, string[]>();
  for (const line of unfold(head)) {
    const colon = line.indexOf(":");
    if (colon <= 0 || /[^\x21-\x7e]/.test(line.slice(0, colon)))
      throw new MetadataError(`the line '${line.slice(0, 80)}' is no header`);
    const name = line.slice(0, colon).toLowerCase().replaceAll("-", "_");
    const value = line.slice(colon + 1).trim();
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  for (const name of SINGLE)
    if ((fields.get(name)?.length ?? 0) > 1) throw new MetadataError(`the field ${name} is there twice`);
  const inline = fields.get("description")?.[0];
  return { fields, description: body === "" ? inline?.replace(/\n {7}\|/g, "\n") : body };
}

function split(text: string): { head: string; body: string } {
  const plain = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const end = plain.indexOf("\n\n");
  return end < 0
    ? { head: plain, body: "" }
    : { head: plain.slice(0, end), body: plain.slice(end + 2).trim() === "" ? "" : plain.slice(end + 2) };
}

/** A line that starts with white space goes on the one before. */
function* unfold(head: string): Generator<string> {
  let pending: string | undefined;
  for (const line of head.split("\n")) {
    if (/^[ \t]/.test(line) && pending !== undefined) pending += `\n${line}`;
    else {
      if (pending !== undefined && pending !== "") yield pending;
      pending = line;
    }
  }
  if (pending !== undefined && pending !== "") yield pending;
}

/** A field's only or first value; undefined when it says nothing. */
export function field({ fields }: CoreMetadata, name: string): string | undefined {
  const value = fields.get(name)?.[0];
  return value === undefined || value === "" || value === "UNKNOWN" ? undefined : value;
}

/** What is kept of a version, as text: everything but the description, which stays in the file it came in. */
export function keep(metadata: CoreMetadata): string {
  const kept = [...metadata.fields].filter(([name]) => name !== "description");
  return JSON.stringify(Object.fromEntries(kept));
}

/** What `keep` kept; empty for a version of which nothing is known. */
export function kept(document: string): CoreMetadata {
  const fields = new Map<string, readonly string[]>();
  if (document !== "")
    for (const [name, values] of Object.entries(JSON.parse(document) as Record<string, unknown>))
      if (Array.isArray(values))
        fields.set(
          name,
          values.filter((value) => typeof value === "string"),
        );
  return { fields, description: undefined };
}

/** What DescribePackageVersion tells (spec 1.6.1). */
export function describe(metadata: CoreMetadata, name: string): VersionMetadata {
  const urls = projectUrls(metadata);
  const homePage = field(metadata, "home_page") ?? pick(urls, /^home-?page$/);
  const sourceCodeRepository = pick(urls, /^(source|sourcecode|repository|code|github|gitlab)$/);
  const license = licenseOf(metadata);
  const summary = field(metadata, "summary")?.replace(/\s+/g, " ");
  return {
    displayName: name,
    ...(summary === undefined ? {} : { summary }),
    ...(homePage !== undefined && isWebAddress(homePage) ? { homePage } : {}),
    ...(sourceCodeRepository === undefined ? {} : { sourceCodeRepository }),
    ...(license === undefined ? {} : { licenses: [{ name: license }] }),
  };
}

/** Project-URL is `Label, address`; labels are compared as PEP 753 says, without punctuation and white space. */
export function projectUrls({ fields }: CoreMetadata): ReadonlyMap<string, string> {
  const urls = new Map<string, string>();
  for (const line of fields.get("project_url") ?? []) {
    const comma = line.indexOf(",");
    if (comma > 0) urls.set(line.slice(0, comma).trim(), line.slice(comma + 1).trim());
  }
  return urls;
}

function pick(urls: ReadonlyMap<string, string>, label: RegExp): string | undefined {
  for (const [name, url] of urls)
    if (label.test(name.toLowerCase().replace(/[^a-z-]/g, "")) && isWebAddress(url)) return url;
  return undefined;
}

function isWebAddress(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url);
}

const LICENSE_LENGTH_MAX = 200;

/** License-Expression says it exactly (PEP 639); then the classifiers; then the free text, if it is a name and no whole licence. */
function licenseOf(metadata: CoreMetadata): string | undefined {
  const expression = field(metadata, "license_expression");
  if (expression !== undefined) return expression;
  const classified = (metadata.fields.get("classifier") ?? [])
    .filter((text) => text.startsWith("License ::"))
    .map((text) => text.split("::").at(-1)?.trim() ?? "")
    .filter((text) => text !== "" && text !== "OSI Approved");
  const free = field(metadata, "license");
  if (free !== undefined && free.length <= LICENSE_LENGTH_MAX && !free.includes("\n")) return free;
  return classified[0];
}

/** Requires-Dist as ListPackageVersionDependencies tells it (spec 5.8.4): the name as a package's, the rest as written. */
export function dependenciesOf({ fields }: CoreMetadata): readonly Dependency[] {
  return (fields.get("requires_dist") ?? []).flatMap((line) => {
    const name = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]|[A-Za-z0-9])/.exec(line)?.[1];
    if (name === undefined) return [];
    const requirement = line.trim().slice(name.length).trim();
    return [{ name: normalizeName(name), type: "Requires-Dist", requirement }];
  });
}
