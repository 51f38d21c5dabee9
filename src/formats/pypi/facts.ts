// What a project's documents depend on besides public indexes, gathered from the registry.
import type { AssetRow, PackageView, Registry, VersionRow } from "../../registry/registry.ts";
import type { HeldVersion, ProjectFacts } from "./project.ts";
import { readNote } from "./project.ts";

/** What is kept beside a file, and no file to install. */
const BESIDE = /\.provenance$/;

/** With the rows they were made of, for what must be changed or read. */
export interface Facts extends ProjectFacts {
  readonly rows: readonly VersionRow[];
  readonly assets: ReadonlyMap<string, readonly AssetRow[]>;
}

export async function factsOf(registry: Registry, view: PackageView): Promise<Facts> {
  const project = view.key.name;
  if (view.local.length === 0) return { project, held: [], withheld: [], rows: [], assets: new Map() };
  const rows = await registry.listedVersions(view);
  const assets = await registry.listedAssets(view, rows);
  const withheld = await registry.withheldVersions(view);
  const held = rows.map((row) => heldVersion(registry, view, row, assets.get(row.version) ?? []));
  return { project, held, withheld, rows, assets };
}

function heldVersion(
  registry: Registry,
  view: PackageView,
  row: VersionRow,
  assets: readonly AssetRow[],
): HeldVersion {
  const { entryPoint } = row.origin;
  return {
    version: row.version,
    time: row.upstreamPublishedAt ?? row.publishedAt,
    follows: registry.mayGrow(view, row, entryPoint) ? entryPoint : undefined,
    files: assets
      .filter(({ name }) => !BESIDE.test(name))
      .map(({ name, size, digests, document }) => ({
        filename: name,
        size,
        sha256: digests.sha256,
        md5: digests.md5,
        note: readNote(document),
      })),
  };
}

/** What can be sent to the document thread. */
export function plainFacts({ project, held, withheld }: ProjectFacts): ProjectFacts {
  return { project, held, withheld };
}
