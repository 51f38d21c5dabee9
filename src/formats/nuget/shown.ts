// Which versions of a package a repository may show, held here or listed by a public feed, in one form.

import { compareNugetVersions } from "../../core/nuget-versions.ts";
import type { AssetRow, PackageView, Registry, VersionRow } from "../../registry/registry.ts";
import type { IndexFile, ReadOutside } from "../format.ts";
import { type Facts, NO_FACTS } from "./facts.ts";
import { packageAsset } from "./names.ts";
import { type PublicVersion, publicVersions } from "./public-feed.ts";

export interface ShownVersion {
  /** Normalised. */
  readonly version: string;
  readonly facts: Facts;
  readonly listed: boolean;
  /** Epoch ms; the public feed's own time where it has one (spec 8.0.6). */
  readonly publishedAt: number | undefined;
  /** Of the package's file, where it is held. */
  readonly asset: AssetRow | undefined;
  /** As a public feed lists it, where it is not. */
  readonly outside: PublicVersion | undefined;
  readonly deprecation: unknown;
  readonly vulnerabilities: unknown;
}

/** In order of version. Unlisted ones are among them, marked: an exact version must be found to be installed (spec 5.1). */
export async function shownVersions(registry: Registry, view: PackageView): Promise<readonly ShownVersion[]> {
  const rows = view.local.length === 0 ? [] : await registry.listedVersions(view, true);
  const assets = await registry.listedAssets(view, rows);
  const outside = await outsideVersions(registry, view);
  const found = new Map<string, ShownVersion>();
  for (const row of rows) {
    const live = row.origin.type === "EXTERNAL" ? outside.get(row.version) : undefined;
    found.set(row.version, heldVersion(view.key.name, row, assets.get(row.version) ?? [], live));
  }
  const withheld = new Set(view.local.length === 0 ? [] : await registry.withheldVersions(view));
  for (const [version, told] of outside)
    if (!withheld.has(version) && !found.has(version))
      found.set(version, { ...told, asset: undefined, outside: told });
  return [...found.values()].sort((a, b) => compareNugetVersions(a.version, b.version));
}

/** What a feed says of a version later, such as that it is deprecated, is shown beside what came in. */
function heldVersion(
  name: string,
  row: VersionRow,
  assets: readonly AssetRow[],
  live: PublicVersion | undefined,
): ShownVersion {
  return {
    version: row.version,
    facts: factsOf(name, row),
    listed: row.status === "Published" && live?.listed !== false,
    publishedAt: row.upstreamPublishedAt ?? row.publishedAt,
    asset: assets.find((asset) => asset.name === packageAsset(name, row.version)),
    outside: undefined,
    deprecation: live?.deprecation,
    vulnerabilities: live?.vulnerabilities,
  };
}

function factsOf(name: string, { document, version }: Pick<VersionRow, "document" | "version">): Facts {
  return document === "" ? { ...NO_FACTS, id: name, version } : (JSON.parse(document) as Facts);
}

async function outsideVersions(
  registry: Registry,
  view: PackageView,
): Promise<ReadonlyMap<string, PublicVersion>> {
  const found = new Map<string, PublicVersion>();
  for (const { connection, index } of view.external) {
    const file: IndexFile = { ...index, connection };
    const versions = await publicVersions(file, view.key.name, readerOf(registry, view));
    for (const [version, told] of versions) if (!found.has(version)) found.set(version, told);
  }
  return found;
}

/** Reads further documents of the view's public feed. */
export function readerOf(registry: Registry, { repository, key }: PackageView): ReadOutside {
  return async (request) => {
    const document = await registry.outsideDocument(repository, key, request);
    return document && { ...document.index, connection: document.connection };
  };
}
