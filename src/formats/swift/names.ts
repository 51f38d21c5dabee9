// Swift identifiers and versions: which there can be, and how they are stored (registry specification 3.6; spec 1.5.6, 8.7.3).
import semver from "semver";
import type { PackageKey } from "../../core/coordinates.ts";

const SCOPE = /^[a-zA-Z0-9](?:[a-zA-Z0-9]|-(?=[a-zA-Z0-9])){0,38}$/;
const NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9]|[-_](?=[a-zA-Z0-9])){0,99}$/;

/** The package that `scope` and `name` mean in any case of letters; undefined when there can be none. */
export function parseIdentifier(scope: string, name: string): PackageKey | undefined {
  if (!SCOPE.test(scope) || !NAME.test(name)) return undefined;
  return { format: "swift", namespace: scope.toLowerCase(), name: name.toLowerCase() };
}

/** As SwiftPM writes it: `mona.LinkedList`. */
export function identifierOf({ namespace, name }: PackageKey): string {
  return `${namespace}.${name}`;
}

/** SemVer 2.0.0 to the letter, build metadata and all; `v1.0.0` and ` 1.0.0` are none. */
export function isVersion(text: string): boolean {
  const parsed = semver.parse(text);
  if (parsed === null) return false;
  const build = parsed.build.length === 0 ? "" : `+${parsed.build.join(".")}`;
  return `${parsed.version}${build}` === text;
}

/** Highest precedence first; of versions that differ in build metadata only, the order of their texts. */
export function byPrecedence(a: string, b: string): number {
  return semver.compareBuild(b, a);
}

/** The version that `Link: rel="latest-version"` names: the highest that is no pre-release, else the highest. */
export function latestOf(sorted: readonly string[]): string | undefined {
  return sorted.find((version) => semver.prerelease(version) === null) ?? sorted[0];
}
