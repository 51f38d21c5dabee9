// What a held crate says beyond its installation: its direct dependencies and its readme (spec 5.8.4, 5.8.5).
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import type { Dependency, VersionMetadata, VersionRow } from "../../registry/registry.ts";
import type { HeldAssets } from "../format.ts";
import { readAbout } from "./crate-text.ts";
import { isLine } from "./index-line.ts";
import type { About } from "./manifest.ts";

/** In the index's own order; the type is cargo's kind: `normal`, `build`, `dev`. A renamed one goes by its own name. */
export function dependencies({ brief }: Pick<VersionRow, "brief">): readonly Dependency[] {
  const line: unknown = brief === "" ? undefined : JSON.parse(brief);
  if (!isLine(line)) return [];
  return line.deps.map(({ name, package: original, kind, req }) => ({
    name: original ?? name,
    type: kind,
    requirement: req,
  }));
}

const README_BYTES_MAX = 1024 * 1024;

/** The file that the manifest names, else the one beside it. */
export async function readme(
  { document }: Pick<VersionRow, "document">,
  held: HeldAssets,
): Promise<string | undefined> {
  const named = readAbout(document).readme;
  const [crate] = held.assets;
  if (named === false || crate === undefined) return undefined;
  const wanted = named?.replace(/^\.\//, "");
  const found = new Map<string, Buffer[]>();
  let current: Buffer[] = [];
  const reader = createTgzReader(
    {
      entry({ path, size, kind }) {
        const file = path.slice(path.indexOf("/") + 1);
        const isWanted = wanted === undefined ? /^readme(\.(md|txt))?$/i.test(file) : file === wanted;
        if (kind !== "file" || !isWanted || size > README_BYTES_MAX) return false;
        current = [];
        found.set(file.toLowerCase(), current);
        return true;
      },
      data: (bytes) => void current.push(Buffer.from(bytes)),
    },
    ARCHIVE_LIMITS,
    "The crate",
  );
  try {
    for await (const chunk of await held.open(crate)) await reader.write(chunk as Uint8Array);
    await reader.finish();
  } finally {
    reader.destroy();
  }
  const [best] = [...found.keys()].toSorted(); // readme.md comes before readme.txt
  return best === undefined ? undefined : Buffer.concat(found.get(best) ?? []).toString("utf8");
}

/** What DescribePackageVersion tells (spec 1.6.1, 1.6.5). A licence expression is one licence's name. */
export function describe(about: About, name: string): VersionMetadata {
  const license = about.license ?? about.licenseFile;
  return {
    displayName: name,
    ...(about.description === undefined ? {} : { summary: about.description.trim() }),
    ...(about.homepage === undefined ? {} : { homePage: about.homepage }),
    ...(about.repository === undefined ? {} : { sourceCodeRepository: about.repository }),
    ...(license === undefined ? {} : { licenses: [{ name: license }] }),
  };
}
