// Which gem files a repository may show: of one name, with what public registries list; or of every name that is held.
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import type {
  AssetRow,
  PackageView,
  Registry,
  RepositoryRecord,
  VersionRow,
} from "../../registry/registry.ts";
import type { IndexFile } from "../format.ts";
import { readIndexFile } from "../index-files.ts";
import { type InfoLine, parseInfo, renderInfo } from "./compact-index.ts";
import type { GemFacts } from "./gem-facts.ts";
import { fileName } from "./names.ts";

/** One gem file that may be shown; `facts` are what is known of it beyond its line, for files that are held. */
export interface ShownGem {
  readonly line: InfoLine;
  readonly facts: GemFacts | undefined;
  readonly publishedAt: number | undefined;
}

export interface HeldGems {
  readonly key: PackageKey;
  readonly gems: readonly ShownGem[];
  /** MD5 of its `/info` document, or of nothing that was ever sent where public files may belong to it too. */
  readonly md5: string;
}

export interface Gems {
  /** Everything of one name that the view may show, in the order it came. */
  shown(view: PackageView): Promise<readonly ShownGem[]>;
  /** Name after name, of what is held only: public registries are not asked for every name there is. */
  held(repository: RepositoryRecord): AsyncGenerator<HeldGems>;
}

const PAGE = 500;
const KNOWN_MAX = 50_000;
const INFO_BYTES_MAX = 64 * 1024 * 1024;

export function createGems(registry: Registry): Gems {
  const known = new LRUCache<string, Omit<HeldGems, "key">>({ max: KNOWN_MAX });

  async function localGems(view: PackageView): Promise<{
    readonly gems: ShownGem[];
    readonly rows: readonly VersionRow[];
    readonly files: Set<string>;
  }> {
    const rows = view.local.length === 0 ? [] : await registry.listedVersions(view);
    const assets = await registry.listedAssets(view, rows);
    const files = new Set<string>();
    const gems: ShownGem[] = [];
    for (const row of rows) {
      for (const asset of assets.get(row.version) ?? []) {
        files.add(asset.name);
        const gem = heldGem(row, asset);
        if (gem?.facts?.yanked !== true && gem !== undefined) gems.push(gem);
      }
    }
    return { gems, rows, files };
  }

  async function shown(view: PackageView): Promise<readonly ShownGem[]> {
    const { gems, rows, files } = await localGems(view);
    if (view.external.length === 0) return gems;
    const taken = new Map(rows.map((row) => [row.version, row]));
    const withheld = new Set(view.local.length === 0 ? [] : await registry.withheldVersions(view));
    for (const { connection, index } of view.external) {
      for (const line of await readInfo(index)) {
        const row = taken.get(line.number);
        const file = fileName(view.key.name, line.number, line.platform);
        const late = row !== undefined && registry.mayGrow(view, row, connection);
        if (withheld.has(line.number) || (row !== undefined && !late) || files.has(file)) continue;
        files.add(file);
        gems.push({ line, facts: undefined, publishedAt: undefined });
      }
    }
    return gems;
  }

  async function* held(repository: RepositoryRecord): AsyncGenerator<HeldGems> {
    let after: PackageKey | undefined;
    for (;;) {
      const keys = await registry.packageNames(repository, "ruby", after, PAGE);
      const outside = new Set((await registry.mayAskOutside(repository, keys)).map(({ name }) => name));
      for (const key of keys) {
        const { gems, md5 } = await heldOf(repository, key);
        if (gems.length > 0) yield { key, gems, md5: outside.has(key.name) ? unknownMd5() : md5 };
      }
      after = keys.at(-1);
      if (keys.length < PAGE) return;
    }
  }

  async function heldOf(repository: RepositoryRecord, key: PackageKey): Promise<Omit<HeldGems, "key">> {
    const view = await registry.view(repository, key, { heldOnly: true });
    const found = known.get(view.stamp);
    if (found !== undefined) return found;
    const { gems } = await localGems(view);
    const info = renderInfo(gems.map(({ line }) => line));
    const made = { gems, md5: createHash("md5").update(info).digest("hex") };
    known.set(view.stamp, made);
    return made;
  }

  return { shown, held };
}

/** Clients fetch a gem's `/info` again when this differs from their copy's: it always does. */
function unknownMd5(): string {
  return createHash("md5").update(`${process.hrtime.bigint()}`).digest("hex");
}

function heldGem(row: VersionRow, { document, digests }: AssetRow): ShownGem | undefined {
  if (document === "") return undefined;
  const facts = JSON.parse(document) as GemFacts;
  const { number, platform, dependencies, ruby, rubygems } = facts;
  const line = { number, platform, dependencies, ruby, rubygems, sha256: digests.sha256 };
  return { line, facts, publishedAt: row.upstreamPublishedAt ?? row.publishedAt };
}

/** The lines of a public registry's `/info` document. */
export async function readInfo(index: Pick<IndexFile, "file" | "gzip">): Promise<readonly InfoLine[]> {
  return parseInfo((await readIndexFile(index, INFO_BYTES_MAX)).toString("utf8"));
}
