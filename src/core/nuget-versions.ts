// NuGet's version numbers: their one stored form and their order (spec 1.5.6); pure.

const VERSION =
  /^(\d{1,10})(?:\.(\d{1,10}))?(?:\.(\d{1,10}))?(?:\.(\d{1,10}))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;
const PART_MAX = 2_147_483_647;

export interface NugetVersion {
  /** Four numbers: a missing one is 0. */
  readonly parts: readonly number[];
  /** In the spelling given; "" for a release. */
  readonly prerelease: string;
  /** Behind the `+`; "" for none. */
  readonly build: string;
}

/** Undefined for what is no version: one to four numbers, and what SemVer 2 lets follow them. */
export function parseNugetVersion(text: string): NugetVersion | undefined {
  const match = VERSION.exec(text.trim());
  if (match === null || text.length > 255) return undefined;
  const parts = [1, 2, 3, 4].map((i) => Number(match[i] ?? "0"));
  if (parts.some((part) => part > PART_MAX)) return undefined;
  return { parts, prerelease: match[5] ?? "", build: match[6] ?? "" };
}

/**
 * The form that versions are stored and compared under: no leading zeros, three numbers or four where the fourth says
 * something, no build metadata, and the prerelease in lower case, since NuGet takes its spellings for one.
 */
export function normalizeNugetVersion(text: string): string | undefined {
  const version = parseNugetVersion(text);
  return version === undefined ? undefined : written({ ...version, build: "" }).toLowerCase();
}

/** As clients are shown it: normalised, in the publisher's spelling and with the build metadata. */
export function written({ parts, prerelease, build }: NugetVersion): string {
  const numbers = parts[3] === 0 ? parts.slice(0, 3) : parts;
  return `${numbers.join(".")}${prerelease === "" ? "" : `-${prerelease}`}${build === "" ? "" : `+${build}`}`;
}

/** Negative when `a` comes first: SemVer 2 with a fourth number; the prerelease regardless of case. What is no version comes first. */
export function compareNugetVersions(a: string, b: string): number {
  const left = parseNugetVersion(a);
  const right = parseNugetVersion(b);
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? -1 : 1;
  for (let i = 0; i < 4; i++) {
    const order = (left.parts[i] ?? 0) - (right.parts[i] ?? 0);
    if (order !== 0) return order;
  }
  return comparePrereleases(left.prerelease.toLowerCase(), right.prerelease.toLowerCase());
}

function comparePrereleases(a: string, b: string): number {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = compareLabels(left[i], right[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers come before words, and fewer labels before more. */
function compareLabels(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  const numeric = [a, b].map((label) => /^\d+$/.test(label));
  if (numeric[0] === true && numeric[1] === true) {
    const [x, y] = [BigInt(a), BigInt(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
