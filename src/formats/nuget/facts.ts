// What is kept of a package version, be it read from its .nuspec or from a public feed; and what the API is told of it. Pure.
import { parseNugetVersion, written } from "../../core/nuget-versions.ts";
import type { Dependency, VersionMetadata, VersionRow } from "../../registry/registry.ts";
import { needsSemVer2, rangeNeedsSemVer2 } from "./ranges.ts";

/** Texts are "" where nothing is said. Kept as the version's document. */
export interface Facts {
  /** In the publisher's spelling. */
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly description: string;
  readonly summary: string;
  readonly authors: string;
  readonly tags: readonly string[];
  readonly projectUrl: string;
  readonly iconUrl: string;
  /** Files within the package. */
  readonly icon: string;
  readonly readme: string;
  readonly licenseFile: string;
  /** SPDX. */
  readonly licenseExpression: string;
  readonly licenseUrl: string;
  readonly requireLicenseAcceptance: boolean;
  readonly language: string;
  readonly releaseNotes: string;
  readonly copyright: string;
  readonly minClientVersion: string;
  readonly repositoryUrl: string;
  readonly packageTypes: readonly string[];
  readonly groups: readonly DependencyGroup[];
}

export interface DependencyGroup {
  /** "" for any. */
  readonly framework: string;
  readonly dependencies: readonly { readonly id: string; readonly range: string }[];
}

export const NO_FACTS: Omit<Facts, "id" | "version"> = {
  title: "",
  description: "",
  summary: "",
  authors: "",
  tags: [],
  projectUrl: "",
  iconUrl: "",
  icon: "",
  readme: "",
  licenseFile: "",
  licenseExpression: "",
  licenseUrl: "",
  requireLicenseAcceptance: false,
  language: "",
  releaseNotes: "",
  copyright: "",
  minClientVersion: "",
  repositoryUrl: "",
  packageTypes: [],
  groups: [],
};

/** As clients are shown it. */
export function shownVersion({ version }: Facts): string {
  const parsed = parseNugetVersion(version);
  return parsed === undefined ? version : written(parsed);
}

export function isPrerelease(version: string): boolean {
  return parseNugetVersion(version)?.prerelease !== "";
}

/** Such a version, or one that depends on such: hidden from clients that would stumble over it. */
export function isSemVer2({ version, groups }: Facts): boolean {
  return (
    needsSemVer2(version) ||
    groups.some(({ dependencies }) => dependencies.some(({ range }) => rangeNeedsSemVer2(range)))
  );
}

/** Empty lists of types mean an ordinary dependency. */
export function typesOf({ packageTypes }: Facts): readonly string[] {
  return packageTypes.length === 0 ? ["Dependency"] : packageTypes;
}

const SUMMARY_CHARACTERS_MAX = 2_000;

/** What the API tells of any format's version (spec 1.6.1, 1.5.6: the original spelling is the display name). */
export function describeFacts(facts: Facts): VersionMetadata {
  const { id, projectUrl, repositoryUrl, licenseExpression, licenseUrl } = facts;
  const summary = (facts.summary === "" ? facts.description : facts.summary).slice(0, SUMMARY_CHARACTERS_MAX);
  const license = {
    ...(licenseExpression === "" ? {} : { name: licenseExpression }),
    ...(licenseUrl === "" ? {} : { url: licenseUrl }),
  };
  return {
    displayName: id,
    ...(summary === "" ? {} : { summary }),
    ...(projectUrl === "" ? {} : { homePage: projectUrl }),
    ...(repositoryUrl === "" ? {} : { sourceCodeRepository: repositoryUrl }),
    ...(Object.keys(license).length === 0 ? {} : { licenses: [license] }),
  };
}

/** Each once, whatever frameworks it is for; without a type, as documented (spec 5.8.4). */
export function dependencies({ document }: Pick<VersionRow, "document">): readonly Dependency[] {
  const { groups } = JSON.parse(document) as Facts;
  const found = new Map<string, Dependency>();
  for (const { id, range } of groups.flatMap((group) => group.dependencies)) {
    const name = id.toLowerCase();
    found.set(`${name} ${range}`, { name, requirement: range });
  }
  return [...found.values()];
}
