// Package ids, versions and file names of NuGet; pure.
import type { PackageKey } from "../../core/coordinates.ts";
import { notFound } from "../../core/faults.ts";
import { normalizeNugetVersion } from "../../core/nuget-versions.ts";

const ID = /^[A-Za-z0-9_]+(?:[._-]+[A-Za-z0-9_]+)*$/;
const ID_CHARACTERS_MAX = 100;

/** The package of this id in any spelling; undefined when no package can have it. ASCII only: ids compare without case. */
export function parseId(id: string): PackageKey | undefined {
  if (id.length > ID_CHARACTERS_MAX || !ID.test(id)) return undefined;
  return { format: "nuget", namespace: "", name: id.toLowerCase() };
}

/** Throws a 404 for what no package can be called. */
export function keyOf(id: string): PackageKey {
  const key = parseId(id);
  if (key === undefined)
    throw notFound(`'${id.slice(0, 200)}' cannot be the id of a NuGet package.`, "package", id.slice(0, 200));
  return key;
}

/** The stored form of a version in an address (spec 1.5.6); 404 for what is none. */
export function versionOf(text: string): string {
  const version = normalizeNugetVersion(text);
  if (version === undefined)
    throw notFound(`'${text.slice(0, 200)}' is not a version of NuGet's.`, "package-version");
  return version;
}

/** Rebuilt from the normalised id and version (spec 1.5.6). */
export function packageAsset(name: string, version: string): string {
  return `${name}.${version}.nupkg`;
}

export function symbolAsset(name: string, version: string): string {
  return `${name}.${version}.snupkg`;
}
