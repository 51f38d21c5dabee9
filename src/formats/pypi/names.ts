// What Python projects and versions are called: one name for every spelling (PEP 503), one release for every spelling of its version (PEP 440); pure.
import { compare } from "@renovatebot/pep440";
import type { PackageKey } from "../../core/coordinates.ts";
import { isName } from "../../core/coordinates.ts";

const PROJECT = /^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/i;
const LENGTH_MAX = 255;

/** PEP 503: lower case, and each run of `.`, `-` and `_` is one `-`. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

/** The key that any spelling of a project's name leads to; undefined for what PEP 508 does not allow as a name. */
export function parseName(name: string): PackageKey | undefined {
  if (name.length > LENGTH_MAX || !PROJECT.test(name)) return undefined;
  return { format: "pypi", namespace: "", name: normalizeName(name) };
}

/** PEP 440, appendix B. */
const VERSION =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|rc|c)[-_.]?(\d+)?)?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d+)?)?(?:[-_.]?(dev)[-_.]?(\d+)?)?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/i;

const PRE: Readonly<Record<string, string>> = { alpha: "a", beta: "b", c: "rc", pre: "rc", preview: "rc" };

/** A version as PEP 440 allows it to be written, and as a package version can be called (spec 1.1). */
export function isVersion(version: string): boolean {
  return version.length <= LENGTH_MAX && isName(version) && VERSION.test(version);
}

/** PEP 440's normal form, which keeps trailing zeros; what is no version comes back as it is. */
export function cleanVersion(version: string): string {
  return spell(version, false) ?? version;
}

/** Equal for equal versions: `1.0` and `1.0.0`, `1.0-beta1` and `1.0b1`. Old public versions that are not PEP 440 equal themselves only. */
export function versionKey(version: string): string {
  return spell(version, true) ?? `?${version}`;
}

/** Digits stay text: versions made of dates are longer than a number can hold. */
function spell(version: string, withoutZeros: boolean): string | undefined {
  const match = VERSION.exec(version);
  if (match === null || version.length > LENGTH_MAX) return undefined;
  const [, epoch = "0", release = "", pre, preN, postOnly, post, postN, dev, devN, local] = match;
  const numbers = release.split(".").map(digits);
  if (withoutZeros) while (numbers.length > 1 && numbers.at(-1) === "0") numbers.pop();
  const stage = pre?.toLowerCase() ?? "";
  return [
    digits(epoch) === "0" ? "" : `${digits(epoch)}!`,
    numbers.join("."),
    pre === undefined ? "" : `${PRE[stage] ?? stage}${digits(preN)}`,
    post === undefined && postOnly === undefined ? "" : `.post${digits(postOnly ?? postN)}`,
    dev === undefined ? "" : `.dev${digits(devN)}`,
    local === undefined ? "" : `+${local.toLowerCase().split(/[-_.]/).map(localPart).join(".")}`,
  ].join("");
}

function digits(text = "0"): string {
  return text.replace(/^0+(?=\d)/, "");
}

function localPart(text: string): string {
  return /^\d+$/.test(text) ? digits(text) : text;
}

/** Oldest first; what is not PEP 440 comes before everything that is. */
export function compareVersions(a: string, b: string): number {
  const [validA, validB] = [VERSION.test(a), VERSION.test(b)];
  if (validA && validB) return compare(a, b);
  if (validA !== validB) return validA ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A pre-release or a development release, which installers pass over unless asked. */
export function isPrerelease(version: string): boolean {
  const match = VERSION.exec(version);
  return match === null || match[3] !== undefined || match[8] !== undefined;
}
