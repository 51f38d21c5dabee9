// A version's two finished JSON texts, full and abbreviated, and the splices that make them part of a document; pure.
import { isObject, type Json, readDeprecation } from "./documents.ts";

/** What `dist` holds besides the tarball's address, which depends on who asks. */
export interface Dist {
  readonly integrity?: string;
  readonly shasum?: string;
  readonly fileCount?: number;
  readonly unpackedSize?: number;
  readonly signatures?: unknown;
  readonly attestations?: unknown;
}

export interface VersionTexts {
  readonly document: string;
  readonly brief: string;
}

/** Members of the abbreviated form: what installing needs, and nothing else. */
const BRIEF = [
  "name",
  "version",
  "deprecated",
  "dependencies",
  "optionalDependencies",
  "devDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "bundleDependencies",
  "bundledDependencies",
  "acceptDependencies",
  "bin",
  "directories",
  "engines",
  "os",
  "cpu",
  "libc",
  "funding",
  "_hasShrinkwrap",
] as const;

/** Written by us, or a client's or another registry's own bookkeeping. */
const LEFT_OUT = new Set([
  "dist",
  "readme",
  "readmeFilename",
  "deprecated",
  "_id",
  "_rev",
  "_attachments",
  "_from",
  "_resolved",
  "_integrity",
  "_shasum",
  "_where",
  "_args",
  "_requested",
  "_cached",
  "_npmOperationalInternal",
]);

const DIST_OPEN = '{"dist":{';
const README = ',"readme":"';

/**
 * Both texts begin with `{"dist":{` and hold at least one member there, so that the tarball's address (which holds the
 * host a client used) is spliced in behind those nine characters; and the full text ends with `,"readme":"…"}`, which
 * packuments cut off again, since in escaped JSON no string can contain that comma and those quotes. So a packument of
 * any number of versions is put together without parsing one of them.
 */
export function makeVersionTexts(
  manifest: Json,
  dist: Dist,
  options: { readonly readme?: string; readonly builds?: boolean } = {},
): VersionTexts {
  const name = String(manifest["name"]);
  const full = record();
  full["name"] = name;
  full["version"] = manifest["version"];
  full["_id"] = `${name}@${String(manifest["version"])}`;
  for (const [member, value] of Object.entries(manifest)) if (!LEFT_OUT.has(member)) full[member] = value;
  const deprecated = readDeprecation(manifest["deprecated"]);
  if (deprecated !== undefined) full["deprecated"] = deprecated;
  if (typeof manifest["readmeFilename"] === "string") full["readmeFilename"] = manifest["readmeFilename"];
  if (options.builds === true || hasInstallScript(manifest)) full["hasInstallScript"] = true;

  const brief = record();
  for (const member of BRIEF) if (Object.hasOwn(full, member)) brief[member] = full[member];
  if (full["hasInstallScript"] === true) brief["hasInstallScript"] = true;
  const opening = `{"dist":${JSON.stringify(dist)},`;
  return {
    document: `${opening}${JSON.stringify(full).slice(1, -1)},"readme":${JSON.stringify(options.readme ?? "")}}`,
    brief: opening + JSON.stringify(brief).slice(1),
  };
}

/** Without a prototype: `__proto__` is a member like any other (threats D). */
function record(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function hasInstallScript(manifest: Json): boolean {
  const scripts = isObject(manifest["scripts"]) ? manifest["scripts"] : {};
  return (
    manifest["hasInstallScript"] === true ||
    ["preinstall", "install", "postinstall"].some(
      (name) => Object.hasOwn(scripts, name) && Boolean(scripts[name]),
    )
  );
}

/** The text with its tarball's absolute address. */
export function withTarball(text: string, url: string): string {
  return `${DIST_OPEN}"tarball":${JSON.stringify(url)},${text.slice(DIST_OPEN.length)}`;
}

/** A full text without its readme, as packuments show versions. */
export function withoutReadme(document: string): string {
  const at = document.lastIndexOf(README);
  return at < 0 ? document : `${document.slice(0, at)}}`;
}

/** Both texts with `deprecated` set or taken away and everything else as it was; undefined when that changes nothing. */
export function withDeprecation(document: string, message: string | undefined): VersionTexts | undefined {
  // Most versions are not deprecated and stay so: seen without parsing.
  if (message === undefined && !document.includes('"deprecated":')) return undefined;
  const { dist, readme, ...manifest } = JSON.parse(document) as Record<string, unknown>;
  if (readDeprecation(manifest["deprecated"]) === message) return undefined;
  const changed = { ...manifest, deprecated: message };
  return makeVersionTexts(changed, dist as Dist, {
    readme: String(readme),
    builds: manifest["hasInstallScript"] === true,
  });
}
