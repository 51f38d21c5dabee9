// A crate's documents, made of what is held and what public indexes list: the index file, and the API's two; pure.
import type { IndexLine } from "./index-line.ts";
import { showLine } from "./index-line.ts";
import type { About } from "./manifest.ts";
import { compareVersions, highest } from "./names.ts";
import type { PublicCrate } from "./public-index.ts";

export type Form = "index" | "crate" | "versions";

/** A version that is held and may be listed. */
export interface HeldRow {
  readonly version: string;
  /** Its index line (VersionRow.brief). */
  readonly line: string;
  /** What people read of it (VersionRow.document). */
  readonly about: string;
  readonly yanked: boolean;
  /** Epoch ms; undefined when the public registry did not tell: the time it came here says nothing of its age. */
  readonly publishedAt: number | undefined;
  /** Connections whose word on whether it is yanked counts (Registry.mayGrow). */
  readonly follows: readonly string[];
}

export interface CrateFacts {
  readonly name: string;
  readonly form: Form;
  readonly rows: readonly HeldRow[];
  /** Numbers held without being listed: no later source may show them (spec 4.3.9). */
  readonly withheld: readonly string[];
}

export interface PublicSource {
  readonly connection: string;
  readonly crate: PublicCrate;
}

export interface Rendered {
  readonly text: string;
  /** Held versions that a public index has yanked, or restored, since. */
  readonly changes: readonly { readonly version: string; readonly yanked: boolean }[];
}

interface Shown {
  readonly version: string;
  readonly line: string;
  readonly about: string | undefined;
  readonly yanked: boolean;
  readonly publishedAt: number | undefined;
}

/** Undefined when there is no version to show. What is held comes before what public registries list. */
export function renderCrate(facts: CrateFacts, sources: readonly PublicSource[]): Rendered | undefined {
  const changes: { version: string; yanked: boolean }[] = [];
  const shown = new Map<string, Shown>();
  for (const row of facts.rows) {
    const yanked = yankedOutside(row, sources) ?? row.yanked;
    if (yanked !== row.yanked) changes.push({ version: row.version, yanked });
    shown.set(row.version, { ...row, yanked });
  }
  const withheld = new Set(facts.withheld);
  for (const { crate } of sources)
    for (const [version, { line, yanked, publishedAt }] of crate.lines)
      if (!shown.has(version) && !withheld.has(version))
        shown.set(version, { version, line: JSON.stringify(line), about: undefined, yanked, publishedAt });
  if (shown.size === 0) return undefined;
  const sorted = [...shown.values()].sort((a, b) => compareVersions(a.version, b.version));
  return { text: textOf(facts, sorted), changes };
}

/** A public version follows its own registry, wherever it is held (spec 4.3.6, by analogy). */
function yankedOutside({ version, follows }: HeldRow, sources: readonly PublicSource[]): boolean | undefined {
  const source = sources.find(({ connection }) => follows.includes(connection));
  return source?.crate.lines.get(version)?.yanked;
}

function textOf({ name, form }: CrateFacts, sorted: readonly Shown[]): string {
  if (form === "index")
    return sorted.map(({ line, yanked, publishedAt }) => `${showLine(line, yanked, publishedAt)}\n`).join("");
  const versions = sorted.toReversed().map((shown) => describeVersion(name, shown));
  if (form === "versions") return JSON.stringify({ versions, meta: { total: versions.length } });
  return JSON.stringify({ crate: describeCrate(name, sorted), versions, keywords: [], categories: [] });
}

/** In the public registry's words, as far as there is something to say (spec 8.8.3). */
function describeVersion(name: string, { version, line, about, yanked, publishedAt }: Shown) {
  const { cksum, features, features2, links, rust_version: rust } = JSON.parse(line) as IndexLine;
  const { license } = readAbout(about);
  const created = timeText(publishedAt);
  return {
    id: `${name}@${version}`,
    crate: name,
    num: version,
    checksum: cksum,
    created_at: created,
    updated_at: created,
    yanked,
    features: { ...features, ...features2 },
    license: license ?? null,
    links: links ?? null,
    rust_version: rust ?? null,
    dl_path: `/api/v1/crates/${name}/${version}/download`,
  };
}

function describeCrate(name: string, sorted: readonly Shown[]) {
  const usable = sorted.filter(({ yanked }) => !yanked);
  const numbers = (usable.length > 0 ? usable : sorted).map(({ version }) => version);
  const best = highest(numbers);
  const about = readAbout(sorted.find(({ version }) => version === best)?.about);
  const times = sorted.map(({ publishedAt }) => publishedAt).filter((time) => time !== undefined);
  return {
    id: name,
    name,
    description: about.description ?? null,
    homepage: about.homepage ?? null,
    documentation: about.documentation ?? null,
    repository: about.repository ?? null,
    max_version: best,
    max_stable_version: best === undefined || best.includes("-") ? null : best,
    newest_version: numbers.at(-1),
    created_at: timeText(times.length === sorted.length ? Math.min(...times) : undefined),
    updated_at: timeText(times.length === 0 ? undefined : Math.max(...times)),
    keywords: about.keywords ?? [],
    categories: about.categories ?? [],
    versions: null,
  };
}

export function readAbout(document: string | undefined): About {
  return document === undefined || document === "" ? {} : (JSON.parse(document) as About);
}

function timeText(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString();
}
