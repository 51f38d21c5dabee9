// What npm calls things: package names with scopes, versions, tags and tarball file names; pure.
import semver from "semver";
import { isName, type PackageKey } from "../../core/coordinates.ts";
import { invalid, notFound } from "../../core/faults.ts";

/** npm's limit for a whole name, scope and `@` included. */
const PUBLISHED_NAME_MAX = 214;
const RESERVED = new Set(["node_modules", "favicon.ico"]);

/** `@acme/ui` → namespace `acme`, name `ui` (spec 1.5.2); undefined when it cannot be the name of a package. */
export function parseName(text: string): PackageKey | undefined {
  const scoped = /^@([^/@]+)\/([^/]+)$/u.exec(text);
  const namespace = scoped?.[1] ?? "";
  const name = scoped?.[2] ?? text;
  if (scoped === null && (text.startsWith("@") || text.includes("/"))) return undefined;
  if (!isName(name) || (namespace !== "" && !isName(namespace))) return undefined;
  return { format: "npm", namespace, name };
}

/** As npm writes it: `@acme/ui`. */
export function nameOf(key: PackageKey): string {
  return key.namespace === "" ? key.name : `@${key.namespace}/${key.name}`;
}

/** Refuses names npm itself would refuse for a new package, loosely: `_x`, upper case and core modules are let through. */
export function checkPublishedName(name: string): void {
  const bare = name.slice(name.indexOf("/") + 1);
  const parts = name.startsWith("@") ? name.slice(1).split("/") : [name];
  if (name.length > PUBLISHED_NAME_MAX)
    throw invalid(`The package name is longer than ${PUBLISHED_NAME_MAX} characters.`);
  if (RESERVED.has(bare.toLowerCase())) throw invalid(`'${name}' is not a possible package name.`);
  if (parts.some((part) => part.startsWith(".") || part.startsWith("-"))) {
    throw invalid(`The package name '${name}' must not start with a dot or a hyphen.`);
  }
  if (parts.some((part) => encodeURIComponent(part) !== part)) {
    throw invalid(`The package name '${name}' may only hold characters that need no escaping in a URL.`);
  }
}

/** Published versions are strict SemVer in normal form (spec 8.1.7): what is sent is what is stored. */
export function checkPublishedVersion(version: string): void {
  const normal = semver.valid(version);
  if (normal === version && isName(version)) return;
  const hint = normal === null ? "" : `; its normal form is '${normal}'`;
  throw invalid(
    `'${version.slice(0, 100)}' is not a version in SemVer's normal form${hint} (MAJOR.MINOR.PATCH[-PRERELEASE], without build metadata).`,
  );
}

/** Versions of a public document may be looser than those published here: very old ones are. */
export function isListableVersion(version: string): boolean {
  return isName(version) && semver.valid(version, { loose: true }) !== null;
}

/** A tag is any name that cannot be read as a version range, which is npm's own rule; `__proto__` is just a tag. */
export function checkTag(tag: string): void {
  if (!isName(tag)) throw invalid("A dist-tag is 1 to 255 characters without white space, '#' or '/'.");
  if (semver.validRange(tag, { loose: true }) !== null) {
    throw invalid(`'${tag}' cannot be a dist-tag, because it reads as a version range.`);
  }
}

/** What an npm version's one asset is called in the API, whatever the file is called in npm's addresses; scripts rely on it. */
export const ASSET_NAME = "package.tgz";

/** The conventional name: the unscoped part and the version (spec 8.1.1, I2). */
export function tarballName(key: PackageKey, version: string): string {
  return `${key.name}-${version}.tgz`;
}

/** The version a tarball's conventional file name speaks of; a 404 when it is not a name this package's tarballs have. */
export function versionOfTarball(key: PackageKey, file: string): string {
  const prefix = `${key.name}-`;
  const version = file.slice(prefix.length, -".tgz".length);
  if (!file.startsWith(prefix) || !file.endsWith(".tgz") || !isName(version)) {
    throw notFound(
      `'${file.slice(0, 200)}' is not the name of a tarball of ${nameOf(key)}; they are named ${key.name}-VERSION.tgz.`,
      "asset",
      file,
    );
  }
  return version;
}

/** Oldest first; loose, so that versions of old public packages have a place too. */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(a, b, { loose: true });
}

/** The version `latest` falls back to: the highest stable one, else the highest of all. */
export function highest(versions: Iterable<string>): string | undefined {
  let stable: string | undefined;
  let any: string | undefined;
  for (const version of versions) {
    if (any === undefined || compareVersions(version, any) > 0) any = version;
    if (semver.prerelease(version, { loose: true }) !== null) continue;
    if (stable === undefined || compareVersions(version, stable) > 0) stable = version;
  }
  return stable ?? any;
}
