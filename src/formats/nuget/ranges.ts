// Version ranges of dependencies, in the one form that registrations have them in; pure.
import { parseNugetVersion, written } from "../../core/nuget-versions.ts";

const INTERVAL = /^([[(])\s*([^,\s]*)\s*(?:(,)\s*([^,\s]*)\s*)?([\])])$/;

/** `1.0` → `[1.0.0, )`, `[1.0,2)` → `[1.0.0, 2.0.0)`; "" → `(, )`. What cannot be read stays as it is. */
export function normalRange(text: string): string {
  const range = text.trim();
  if (range === "") return "(, )";
  const plain = parseNugetVersion(range);
  if (plain !== undefined) return `[${written(plain)}, )`;
  const [, open, low = "", comma, high = "", close] = INTERVAL.exec(range) ?? [];
  if (open === undefined) return range;
  if (comma === undefined) return `[${bound(low)}]`;
  return `${open}${bound(low)}, ${bound(high)}${close}`;
}

function bound(text: string): string {
  const version = parseNugetVersion(text);
  return version === undefined ? text : written(version);
}

/** Only clients since 4.3 read these: a prerelease with dots, or build metadata. */
export function needsSemVer2(text: string): boolean {
  const version = parseNugetVersion(text);
  return version !== undefined && (version.build !== "" || version.prerelease.includes("."));
}

/** A range names such a version. */
export function rangeNeedsSemVer2(range: string): boolean {
  return range
    .replace(/[[\]()\s]/g, "")
    .split(",")
    .some(needsSemVer2);
}
