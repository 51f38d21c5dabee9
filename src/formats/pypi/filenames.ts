// Distribution files' names: which version a file is of, and what kind it is (PEP 427, 491, 625); pure.
import { isVersion, normalizeName } from "./names.ts";

export interface FileName {
  readonly kind: "wheel" | "sdist" | "egg";
  /** As the name spells it. */
  readonly version: string;
  /** What stands before the version, as spelled. */
  readonly project: string;
}

const SDIST = /^(.+?)\.(?:tar\.gz|tgz|tar\.bz2|zip)$/i;
/** One path segment of printable ASCII that cannot be taken for anything else. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._+!~-]{0,250}$/;

/**
 * Undefined for a name that is not of this project, or of no kind that is kept here (installers for Windows, RPMs).
 * `known` are version numbers to try before guessing where an old name's version starts, longest first.
 */
export function parseFileName(
  file: string,
  project: string,
  known: readonly string[] = [],
): FileName | undefined {
  if (!PLAIN.test(file)) return undefined;
  if (file.endsWith(".whl")) return parseWheel(file, project);
  if (file.endsWith(".egg")) return parseEgg(file, project, known);
  const stem = SDIST.exec(file)?.[1];
  return stem === undefined ? undefined : parseSdist(stem, project, known);
}

/** The wheel's five or six parts: name, version, build, Python, ABI, platform. */
export function wheelParts(file: string): readonly string[] | undefined {
  const parts = file.replace(/\.whl$/, "").split("-");
  if (parts.length < 5 || parts.length > 6 || parts.includes("")) return undefined;
  return parts.length === 6 && !/^\d/.test(parts[2] as string) ? undefined : parts;
}

function parseWheel(file: string, project: string): FileName | undefined {
  const [name = "", version = ""] = wheelParts(file) ?? [];
  const spelled = version.replaceAll("_", "-");
  if (normalizeName(name) !== project || !isVersion(spelled)) return undefined;
  return { kind: "wheel", version: spelled, project: name };
}

function parseEgg(file: string, project: string, known: readonly string[]): FileName | undefined {
  const [name = "", version = ""] = file.replace(/\.egg$/, "").split("-");
  const spelled = version.replaceAll("_", "-");
  if (normalizeName(name) !== project || !(isVersion(spelled) || known.includes(spelled))) return undefined;
  return { kind: "egg", version: spelled, project: name };
}

/** A project's name may hold dashes, and so may an old version's: the name is known, so what follows it is the version. */
function parseSdist(stem: string, project: string, known: readonly string[]): FileName | undefined {
  let old: FileName | undefined;
  for (let at = stem.indexOf("-"); at > 0; at = stem.indexOf("-", at + 1)) {
    const name = stem.slice(0, at);
    const version = stem.slice(at + 1);
    if (normalizeName(name) !== project) continue;
    if (isVersion(version) || known.includes(version)) return { kind: "sdist", version, project: name };
    if (version !== "") old ??= { kind: "sdist", version, project: name };
  }
  return old;
}

/** The project that a file name tells by itself; of an sdist, up to the first dash with a version behind it. */
export function guessProject(file: string): string | undefined {
  if (file.endsWith(".whl")) return wheelParts(file)?.[0];
  const stem = SDIST.exec(file)?.[1] ?? "";
  for (let at = stem.indexOf("-"); at > 0; at = stem.indexOf("-", at + 1))
    if (isVersion(stem.slice(at + 1))) return stem.slice(0, at);
  return undefined;
}
