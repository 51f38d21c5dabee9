// What cargo calls things: crate names, their place in the index, versions and file names; pure.
import semver from "semver";
import { isName, type PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";

/** The public registry's rule for names; cargo itself lets more through, which other registries and tools refuse. */
const CRATE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/** Files of these names cannot be made on Windows, where an index or a vendored folder has one per crate. */
const DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/** Undefined when it cannot be the name of a crate. */
export function parseName(text: string): PackageKey | undefined {
  return CRATE_NAME.test(text) ? { format: "cargo", namespace: "", name: text } : undefined;
}

/** As parseName, for names that are published. */
export function checkPublishedName(name: string): PackageKey {
  const key = parseName(name);
  if (key === undefined)
    throw invalid(
      `'${name.slice(0, 100)}' cannot be the name of a crate: it starts with a letter, goes on with ASCII letters, digits, '-' and '_', and has at most 64 characters.`,
    );
  if (DEVICES.test(name)) throw invalid(`'${name}' cannot be the name of a crate: Windows reserves it.`);
  return key;
}

/** Names that differ only by case, or by `-` for `_`, are one crate's (the public registry's rule). */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

/** The folders of a crate's index file: `1`, `2`, `3/a`, `ab/cd`. Keeps the case it is given. */
export function prefixOf(name: string): string {
  if (name.length <= 2) return String(name.length);
  return name.length === 3 ? `3/${name.slice(0, 1)}` : `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}

/** Where a crate's index file is, below the index: names are in lower case there. */
export function indexPath(name: string): string {
  const lower = name.toLowerCase();
  return `${prefixOf(lower)}/${lower}`;
}

/** Versions are strict SemVer, build metadata included. */
export function isVersion(version: string): boolean {
  if (!isName(version)) return false;
  const parsed = semver.parse(version);
  if (parsed === null) return false;
  const build = parsed.build.length === 0 ? "" : `+${parsed.build.join(".")}`;
  return `${parsed.version}${build}` === version;
}

export function checkPublishedVersion(version: string): void {
  if (isVersion(version)) return;
  throw invalid(
    `'${version.slice(0, 100)}' is not a version in SemVer's form (MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD]).`,
  );
}

/** Build metadata does not tell versions apart (SemVer 10): `1.0.0+a` and `1.0.0+b` are one number. */
export function withoutBuild(version: string): string {
  return version.replace(/\+.*$/s, "");
}

/** Oldest first; equal numbers by their build metadata. */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(a, b);
}

/** The newest stable version, else the newest of all; undefined of none. */
export function highest(versions: readonly string[]): string | undefined {
  const sorted = [...versions].sort(compareVersions);
  return sorted.findLast((version) => semver.prerelease(version) === null) ?? sorted.at(-1);
}

/** What a version's one file is called, here and where cargo unpacks it. */
export function assetName(name: string, version: string): string {
  return `${name}-${version}.crate`;
}
