// Names of gems, their versions, platforms and files; pure.
import type { PackageKey } from "../../core/coordinates.ts";

const NAME = /^[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NUMBER = /^[0-9]+(\.[0-9A-Za-z]+)*$/;
const PLATFORM = /^[A-Za-z][A-Za-z0-9_.-]*$/;

/** What a gem without native code is for. */
export const ANY_PLATFORM = "ruby";

/** The package of this name; undefined when no gem can have it. Case counts (spec 1.5.6). */
export function parseName(name: string): PackageKey | undefined {
  if (name.length > 255 || !NAME.test(name) || /^[.-]/.test(name)) return undefined;
  return { format: "ruby", namespace: "", name };
}

/** A version number as RubyGems writes it: `1.0.0`, `2.0.0.rc1`; never with a hyphen, which begins a platform. */
export function isNumber(text: string): boolean {
  return text.length <= 255 && NUMBER.test(text);
}

export function isPlatform(text: string): boolean {
  return text.length <= 100 && PLATFORM.test(text);
}

/** Letters make a version a prerelease. */
export function isPrerelease(number: string): boolean {
  return /[A-Za-z]/.test(number);
}

/** `1.0.0`, or `1.0.0-java`. */
export function numberAndPlatform(number: string, platform: string): string {
  return platform === ANY_PLATFORM ? number : `${number}-${platform}`;
}

/** A gem's file, which is its asset's name. */
export function fileName(name: string, number: string, platform: string): string {
  return `${name}-${numberAndPlatform(number, platform)}.gem`;
}

export interface FileParts {
  readonly key: PackageKey;
  readonly number: string;
  readonly platform: string;
}

/**
 * What a file's full name (`nokogiri-1.15.0-x86_64-linux`) may mean, likeliest first: names may hold hyphens and digits
 * themselves, so that only what is there decides.
 */
export function readFullName(fullName: string): readonly FileParts[] {
  const found: FileParts[] = [];
  for (let at = fullName.lastIndexOf("-"); at > 0; at = fullName.lastIndexOf("-", at - 1)) {
    const rest = fullName.slice(at + 1);
    const hyphen = rest.indexOf("-");
    const number = hyphen < 0 ? rest : rest.slice(0, hyphen);
    const platform = hyphen < 0 ? ANY_PLATFORM : rest.slice(hyphen + 1);
    const key = parseName(fullName.slice(0, at));
    if (key !== undefined && isNumber(number) && isPlatform(platform)) found.push({ key, number, platform });
  }
  return found;
}
