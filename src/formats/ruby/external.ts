// How a public gem registry is read: the compact index's lines of one gem, and the gem itself for what the lines do not tell.
import type { ExternalAsset, ExternalFormat, IndexFile } from "../format.ts";
import type { InfoLine } from "./compact-index.ts";
import { describeGem, type GemFacts } from "./gem-facts.ts";
import { createGemReader } from "./gem-file.ts";
import { readInfo } from "./gems.ts";
import { fileName } from "./names.ts";

const READ_BYTES = 256 * 1024;

export const external: ExternalFormat = {
  indexRequest: ({ name }) => ({ path: `info/${encodeURIComponent(name)}`, accept: "text/plain, */*;q=0.1" }),
  async versions(file) {
    return new Map((await readInfo(file)).map(({ number }) => [number, {}]));
  },
  async version(file, { name }, version) {
    const lines = (await readInfo(file)).filter(({ number }) => number === version);
    const [first] = lines;
    if (first === undefined) return undefined;
    const facts = factsOf(name, first);
    return {
      version,
      assets: lines.map((line) => assetOf(file, name, line)),
      metadata: describeGem(facts),
      document: JSON.stringify(facts),
      brief: "",
    };
  },
  async inside(_version, _asset, { size, readAt }) {
    const reader = createGemReader();
    try {
      for (let at = 0; at < size; at += READ_BYTES)
        reader.write(await readAt(at, Math.min(READ_BYTES, size - at)));
      const facts = reader.finish();
      const document = JSON.stringify(facts);
      return { document, texts: { metadata: describeGem(facts), document, brief: "" } };
    } catch {
      return {}; // it is what its index promised; what cannot be read of it stays unsaid
    }
  },
};

function assetOf(file: IndexFile, name: string, line: InfoLine): ExternalAsset {
  const asset = fileName(name, line.number, line.platform);
  return {
    name: asset,
    url: new URL(`../gems/${encodeURIComponent(asset)}`, file.url).href,
    digests: { sha256: line.sha256 },
    document: JSON.stringify(factsOf(name, line)),
  };
}

/** What a line tells; the rest is unknown until the gem is here. */
export function factsOf(name: string, line: InfoLine): GemFacts {
  const { number, platform, dependencies, ruby, rubygems } = line;
  return {
    name,
    number,
    platform,
    dependencies,
    ruby,
    rubygems,
    development: [],
    summary: "",
    description: "",
    authors: [],
    email: [],
    homepage: "",
    licenses: [],
    metadata: {},
    date: "",
  };
}
