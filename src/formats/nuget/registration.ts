// Registration documents: a package's versions with what clients choose by, in pages; pure.
import {
  catalogUrl,
  contentUrl,
  type Hive,
  leafUrl,
  pageUrl,
  registrationUrl,
  showsSemVer2,
} from "./addresses.ts";
import { type Facts, isSemVer2, shownVersion } from "./facts.ts";
import { packageAsset } from "./names.ts";
import { normalRange } from "./ranges.ts";
import type { ShownVersion } from "./shown.ts";

/** As the public feed has them: this many versions to a page, and pages in the index itself up to twice that. */
const PAGE_VERSIONS = 64;
const INLINE_VERSIONS_MAX = 128;

interface Place {
  readonly base: string;
  readonly hive: Hive;
  readonly name: string;
}

export function versionsIn(hive: Hive, versions: readonly ShownVersion[]): readonly ShownVersion[] {
  return showsSemVer2(hive) ? versions : versions.filter(({ facts }) => !isSemVer2(facts));
}

/** Undefined where the hive has none of the versions. */
export function renderIndex(place: Place, all: readonly ShownVersion[]): unknown {
  const versions = versionsIn(place.hive, all);
  if (versions.length === 0) return undefined;
  const inline = versions.length <= INLINE_VERSIONS_MAX;
  const pages = pagesOf(versions).map((page) =>
    inline ? fullPage(place, page, false) : pageHead(place, page),
  );
  return {
    "@id": registrationUrl(place.base, place.hive, place.name),
    "@type": ["catalog:CatalogRoot", "PackageRegistration", "catalog:Permalink"],
    ...stamp(versions),
    count: pages.length,
    items: pages,
  };
}

/** Undefined for bounds that are no page's. */
export function renderPage(
  place: Place,
  all: readonly ShownVersion[],
  lower: string,
  upper: string,
): unknown {
  const page = pagesOf(versionsIn(place.hive, all)).find(
    (versions) => versions[0]?.version === lower && versions.at(-1)?.version === upper,
  );
  return page && { ...fullPage(place, page, true) };
}

export function renderLeaf(place: Place, shown: ShownVersion): unknown {
  const { base, hive, name } = place;
  return {
    "@id": leafUrl(base, hive, name, shown.version),
    "@type": "Package",
    catalogEntry: catalogUrl(base, name, shown.version),
    listed: shown.listed,
    ...published(shown),
    packageContent: contentUrl(base, name, shown.version, packageAsset(name, shown.version)),
    registration: registrationUrl(base, hive, name),
  };
}

/** What a catalogue leaf tells: the entry, and the digest that mirrors check the file by; SHA-512 in hex, undefined where nobody knows it. */
export function renderCatalogLeaf(
  base: string,
  name: string,
  shown: ShownVersion,
  sha512: string | undefined,
): unknown {
  const { asset } = shown;
  return {
    ...catalogEntry(base, name, shown),
    "@type": ["PackageDetails", "catalog:Permalink"],
    ...(asset === undefined ? {} : { packageSize: asset.size }),
    ...(sha512 === undefined ? {} : hashOf(sha512)),
  };
}

function hashOf(sha512: string) {
  return { packageHash: Buffer.from(sha512, "hex").toString("base64"), packageHashAlgorithm: "SHA512" };
}

function pagesOf(versions: readonly ShownVersion[]): readonly (readonly ShownVersion[])[] {
  const pages: (readonly ShownVersion[])[] = [];
  for (let at = 0; at < versions.length; at += PAGE_VERSIONS)
    pages.push(versions.slice(at, at + PAGE_VERSIONS));
  return pages;
}

function pageHead({ base, hive, name }: Place, versions: readonly ShownVersion[]) {
  const lower = versions[0]?.version ?? "";
  const upper = versions.at(-1)?.version ?? "";
  return {
    "@id": pageUrl(base, hive, name, lower, upper),
    "@type": "catalog:CatalogPage",
    ...stamp(versions),
    count: versions.length,
    parent: registrationUrl(base, hive, name),
    lower,
    upper,
  };
}

function fullPage(place: Place, versions: readonly ShownVersion[], alone: boolean) {
  const head = pageHead(place, versions);
  const index = registrationUrl(place.base, place.hive, place.name);
  const id = alone ? head["@id"] : `${index}#page/${head.lower}/${head.upper}`;
  return { ...head, "@id": id, items: versions.map((version) => pageLeaf(place, version)) };
}

function pageLeaf({ base, hive, name }: Place, shown: ShownVersion) {
  return {
    "@id": leafUrl(base, hive, name, shown.version),
    "@type": "Package",
    ...stamp([shown]),
    catalogEntry: catalogEntry(base, name, shown),
    packageContent: contentUrl(base, name, shown.version, packageAsset(name, shown.version)),
    registration: registrationUrl(base, hive, name),
  };
}

/** Texts that say nothing are left out, but for those that clients expect to be there. */
function catalogEntry(base: string, name: string, shown: ShownVersion) {
  const { facts, version, listed, deprecation, vulnerabilities } = shown;
  const { id, description, authors, title, summary, tags, projectUrl, language, minClientVersion } = facts;
  const file = (path: string): string => contentUrl(base, name, version, path);
  return {
    "@id": catalogUrl(base, name, version),
    "@type": "PackageDetails",
    id,
    version: shownVersion(facts),
    authors,
    description,
    listed,
    ...published(shown),
    packageContent: file(packageAsset(name, version)),
    requireLicenseAcceptance: facts.requireLicenseAcceptance,
    tags,
    ...said({ title, summary, projectUrl, language, minClientVersion }),
    ...said({
      iconUrl: facts.icon === "" ? facts.iconUrl : file("icon"),
      licenseUrl: facts.licenseFile === "" ? facts.licenseUrl : file("license"),
      licenseExpression: facts.licenseExpression,
      readmeUrl: facts.readme === "" ? "" : file("readme"),
      releaseNotes: facts.releaseNotes,
      copyright: facts.copyright,
    }),
    ...(facts.groups.length === 0 ? {} : { dependencyGroups: dependencyGroups(base, name, version, facts) }),
    ...(facts.packageTypes.length === 0
      ? {}
      : { packageTypes: facts.packageTypes.map((type) => ({ name: type })) }),
    ...(deprecation === undefined ? {} : { deprecation }),
    ...(vulnerabilities === undefined ? {} : { vulnerabilities }),
  };
}

function said(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
}

function dependencyGroups(base: string, name: string, version: string, { groups }: Facts) {
  const at = `${catalogUrl(base, name, version)}#dependencygroup`;
  return groups.map(({ framework, dependencies }) => ({
    "@id": `${at}/${framework.toLowerCase()}`,
    "@type": "PackageDependencyGroup",
    ...(framework === "" ? {} : { targetFramework: framework }),
    ...(dependencies.length === 0
      ? {}
      : {
          dependencies: dependencies.map(({ id, range }) => ({
            "@id": `${at}/${framework.toLowerCase()}/${id.toLowerCase()}`,
            "@type": "PackageDependency",
            id,
            range: normalRange(range),
            registration: registrationUrl(base, "registration4-gz-semver2", id.toLowerCase()),
          })),
        }),
  }));
}

/** The time of publication upstream where it is known (spec 8.0.6). */
function published({ publishedAt }: ShownVersion) {
  return publishedAt === undefined ? {} : { published: new Date(publishedAt).toISOString() };
}

function stamp(versions: readonly ShownVersion[]) {
  const newest = Math.max(0, ...versions.map(({ publishedAt }) => publishedAt ?? 0));
  return newest === 0 ? {} : { commitTimeStamp: new Date(newest).toISOString() };
}
