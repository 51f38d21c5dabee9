// Puts a package's document together from stored version texts and public documents; pure, runs on either thread.
import semver from "semver";
import type { PackageKey } from "../../core/coordinates.ts";
import { isObject, type Json } from "./documents.ts";
import { highest, nameOf, tarballName } from "./names.ts";
import { type PublicDocument, type PublicVersion, publicTexts } from "./public-document.ts";
import { withoutReadme, withTarball } from "./version-text.ts";

/** `full` is application/json, `brief` is npm's abbreviated form. */
export type Form = "full" | "brief";

export interface StoredVersion {
  readonly version: string;
  /** The stored document or brief, as the form wants it. */
  readonly text: string;
  /** Epoch ms; the public registry's own time where it is known (spec 8.0.6). */
  readonly time: number;
}

/** All that a document depends on besides public documents. Plain data: it is sent to the worker. */
export interface PackumentFacts {
  readonly key: PackageKey;
  readonly form: Form;
  /** The repository's address, ending in `/`. */
  readonly base: string;
  readonly rev: string;
  readonly stored: readonly StoredVersion[];
  /** Held here but not to be listed, nor taken from a public document (spec 4.3.9). */
  readonly withheld: readonly string[];
  /** The tags of each local source, in search order. */
  readonly tags: readonly (readonly (readonly [tag: string, version: string])[])[];
  readonly tagsPrefer: "upstream" | "downstream";
}

interface Shown {
  readonly version: string;
  readonly time: number | undefined;
  readonly stored?: StoredVersion;
  readonly external?: PublicVersion;
}

/** Top-level members of the full form that come from one version or from the public document; nothing else gets through. */
const TOP_LEVEL = [
  "description",
  "maintainers",
  "author",
  "license",
  "keywords",
  "repository",
  "homepage",
  "bugs",
  "readme",
  "readmeFilename",
];
const README_CHARACTERS_MAX = 256 * 1024;

/** The package's document, or undefined when no version is visible. */
export function renderPackument(
  facts: PackumentFacts,
  documents: readonly PublicDocument[],
): string | undefined {
  const shown = mergeVersions(facts, documents);
  if (shown.size === 0) return undefined;
  const tags = mergeTags(facts, documents, shown);
  const name = JSON.stringify(nameOf(facts.key));
  const versions = sorted(shown).map((one) => `${JSON.stringify(one.version)}:${versionText(facts, one)}`);
  const body = `"dist-tags":${JSON.stringify(tags)},"versions":{${versions.join(",")}}`;
  const times = timesOf(shown, documents);
  if (facts.form === "brief")
    return `{"name":${name},${body},"modified":${JSON.stringify(times["modified"])}}`;
  const top = JSON.stringify(topLevel(documents, shown, tags["latest"])).slice(1, -1);
  return `{"_id":${name},"_rev":${JSON.stringify(facts.rev)},"name":${name},${body},"time":${JSON.stringify(times)}${top === "" ? "" : `,${top}`}}`;
}

/** All dist-tags a client may see, or undefined when no version is visible. */
export function renderTags(
  facts: PackumentFacts,
  documents: readonly PublicDocument[],
): Readonly<Record<string, string>> | undefined {
  const shown = mergeVersions(facts, documents);
  return shown.size === 0 ? undefined : mergeTags(facts, documents, shown);
}

/** One version's manifest by version number or tag, or undefined when it is not visible. Needs facts of form `full`. */
export function renderVersion(
  facts: PackumentFacts,
  documents: readonly PublicDocument[],
  wanted: string,
): string | undefined {
  const shown = mergeVersions(facts, documents);
  if (shown.size === 0) return undefined;
  const tagged = mergeTags(facts, documents, shown)[wanted];
  const one =
    shown.get(tagged ?? "") ?? shown.get(wanted) ?? shown.get(semver.clean(wanted, { loose: true }) ?? "");
  return one === undefined ? undefined : versionText(facts, one, true);
}

/** Each version once: what is held here comes first (spec 4.2.1), withheld numbers not at all. */
function mergeVersions(facts: PackumentFacts, documents: readonly PublicDocument[]): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  const withheld = new Set(facts.withheld);
  for (const stored of facts.stored) {
    if (!shown.has(stored.version))
      shown.set(stored.version, { version: stored.version, time: stored.time, stored });
  }
  for (const { versions } of documents) {
    for (const [version, external] of versions) {
      if (!shown.has(version) && !withheld.has(version))
        shown.set(version, { version, time: external.publishedAt, external });
    }
  }
  return shown;
}

/**
 * Tags of all sources on versions that are visible. On the same tag the source further upstream wins, or the nearest
 * one where the repository says so (spec 8.1.5). `latest` is always there.
 */
function mergeTags(
  facts: PackumentFacts,
  documents: readonly PublicDocument[],
  shown: ReadonlyMap<string, Shown>,
): Record<string, string> {
  const sources = [...facts.tags, ...documents.map(({ tags }) => [...tags])];
  const merged = Object.create(null) as Record<string, string>;
  for (const source of facts.tagsPrefer === "upstream" ? sources : sources.toReversed()) {
    for (const [tag, version] of source) if (shown.has(version)) merged[tag] = version;
  }
  const fallback = merged["latest"] ?? highest(shown.keys());
  if (fallback !== undefined) merged["latest"] = fallback;
  return merged;
}

function sorted(shown: ReadonlyMap<string, Shown>): Shown[] {
  // Parsed once each: comparing texts would parse them again at every comparison.
  const ordered = [...shown.values()].map((one) => ({
    one,
    order: semver.parse(one.version, { loose: true }),
  }));
  ordered.sort(({ order: a }, { order: b }) =>
    a === null || b === null ? 0 : a.compare(b) || a.compareBuild(b),
  );
  return ordered.map(({ one }) => one);
}

function versionText({ key, form, base }: PackumentFacts, one: Shown, readme = false): string {
  const text = textOf(form, one);
  const url = base + encodeURI(`${nameOf(key)}/-/${tarballName(key, one.version)}`);
  return withTarball(form === "full" && !readme ? withoutReadme(text) : text, url);
}

function textOf(form: Form, { stored, external }: Shown): string {
  if (stored !== undefined) return stored.text;
  const texts = publicTexts(external as PublicVersion);
  return form === "full" ? texts.document : texts.brief;
}

function timesOf(
  shown: ReadonlyMap<string, Shown>,
  documents: readonly PublicDocument[],
): Record<string, string> {
  const known = [...shown.values()].flatMap(({ time }) => (time === undefined ? [] : [time]));
  const created = [...known, ...documents.flatMap(({ createdAt }) => createdAt ?? [])];
  const modified = [...known, ...documents.flatMap(({ modifiedAt }) => modifiedAt ?? [])];
  const times = Object.create(null) as Record<string, string>;
  times["created"] = iso(least(created));
  times["modified"] = iso(-least(modified.map((time) => -time)));
  for (const { version, time } of shown.values()) if (time !== undefined) times[version] = iso(time);
  return times;
}

function least(times: readonly number[]): number {
  return times.reduce((a, b) => Math.min(a, b), times[0] ?? 0);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function topLevel(
  documents: readonly PublicDocument[],
  shown: ReadonlyMap<string, Shown>,
  latest = "",
): Json {
  const held = shown.get(latest)?.stored;
  const from = held === undefined ? (documents[0]?.top ?? {}) : (JSON.parse(held.text) as Json);
  const top: Record<string, unknown> = {};
  for (const member of TOP_LEVEL) if (Object.hasOwn(from, member)) top[member] = from[member];
  if (typeof top["readme"] === "string") top["readme"] = top["readme"].slice(0, README_CHARACTERS_MAX);
  if (!isObject(top["author"]) && typeof top["author"] !== "string") delete top["author"];
  if (!Array.isArray(top["maintainers"])) delete top["maintainers"];
  return top;
}
