// What a held gem says beyond its installation: its dependencies and its readme (spec 5.8.4, 5.8.5).
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { createTarReader } from "../../archives/tar.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import type { Dependency, VersionRow } from "../../registry/registry.ts";
import type { HeldAssets } from "../format.ts";
import type { GemFacts } from "./gem-facts.ts";

export function dependencies({ document }: Pick<VersionRow, "document">): readonly Dependency[] {
  const { dependencies: runtime, development } = JSON.parse(document) as GemFacts;
  return [
    ...runtime.map(({ name, requirement }) => ({ name, type: "runtime", requirement })),
    ...development.map(({ name, requirement }) => ({ name, type: "development", requirement })),
  ];
}

const README_BYTES_MAX = 1024 * 1024;

/** The file in the gem's own folder; of the gem for any platform where there is one. */
export async function readme(_version: VersionRow, held: HeldAssets): Promise<string | undefined> {
  const gem = held.assets
    .toSorted((a, b) => a.name.length - b.name.length)
    .find(({ name }) => name.endsWith(".gem"));
  if (gem === undefined) return undefined;
  const found = new Map<string, Buffer[]>();
  let pieces: Buffer[] = [];
  const data = createTgzReader(
    {
      entry({ path, size, kind }) {
        if (kind !== "file" || size > README_BYTES_MAX || !/^readme(\.[a-z]+)?$/i.test(path)) return false;
        pieces = [];
        found.set(path.toLowerCase(), pieces);
        return true;
      },
      data: (bytes) => void pieces.push(Buffer.from(bytes)),
    },
    ARCHIVE_LIMITS,
    "The gem's data",
  );
  const pending: Buffer[] = [];
  const outer = createTarReader({
    entry: ({ path }) => path === "data.tar.gz",
    data: (bytes) => void pending.push(Buffer.from(bytes)),
  });
  try {
    for await (const chunk of await held.open(gem)) {
      outer.push(chunk as Uint8Array);
      for (const bytes of pending.splice(0)) await data.write(bytes);
    }
    await data.finish();
  } finally {
    data.destroy();
  }
  const name = ["readme.md", "readme.markdown", "readme", ...[...found.keys()].toSorted()].find((n) =>
    found.has(n),
  );
  return name === undefined ? undefined : Buffer.concat(found.get(name) ?? []).toString("utf8");
}
