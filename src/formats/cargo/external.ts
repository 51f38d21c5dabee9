// How a public cargo registry is read: one file of lines per crate, and where the files are in its config.json.
import { Fault } from "../../core/faults.ts";
import type {
  AssetBytes,
  ExternalAsset,
  ExternalFormat,
  ExternalVersion,
  InsideAsset,
  ReadOutside,
} from "../format.ts";
import { plainIndex, readIndexFile } from "../index-files.ts";
import { describe } from "./contents.ts";
import { createCrateReader } from "./crate-reader.ts";
import { documentWorker } from "./document-worker.ts";
import { assetName, indexPath } from "./names.ts";
import { fileUrl } from "./public-index.ts";
import { yankNote } from "./yank-note.ts";

export const external: ExternalFormat = {
  indexRequest: ({ name }) => ({ path: indexPath(name), accept: "text/plain, */*;q=0.1" }),
  versions: (file, { name }) => documentWorker.ask("versions", { name, file: plainIndex(file) }),
  async version(file, { name }, version, { read }) {
    const found = await documentWorker.ask("version", { name, file: plainIndex(file), version });
    if (found === undefined) return undefined;
    // Listed but not to be checked: the registry says so instead of "unknown".
    if (found === null) return { version, assets: [], metadata: {}, document: "", brief: "" };
    const config = await readConfig(read, file.connection);
    const url = fileUrl(config, found);
    if (url === undefined)
      throw new Fault(
        "UpstreamFault",
        `The config.json of '${file.connection}' does not say where crates are ('dl').`,
      );
    return {
      version,
      ...(found.publishedAt === undefined ? {} : { publishedAt: found.publishedAt }),
      assets: [
        {
          name: assetName(name, version),
          url,
          digests: { sha256: found.line.cksum },
          document: yankNote(found.yanked),
        },
      ],
      metadata: { displayName: name },
      document: "",
      brief: JSON.stringify(found.line),
    };
  },
  inside: lookInside,
};

/** A whole crate's bytes are read in pieces of this size. */
const PIECE_BYTES = 256 * 1024;

/** What the index does not tell: description, licence, addresses. A crate that is not what it should be tells nothing. */
async function lookInside(
  { version, brief }: ExternalVersion,
  { name: file }: ExternalAsset,
  { size, readAt }: AssetBytes,
): Promise<InsideAsset> {
  const folder = file.slice(0, -".crate".length);
  const reader = createCrateReader(folder);
  try {
    for (let at = 0; at < size; at += PIECE_BYTES)
      await reader.write(await readAt(at, Math.min(PIECE_BYTES, size - at)));
    const { about, ...manifest } = await reader.finish();
    if (assetName(manifest.name, manifest.version) !== file || manifest.version !== version) return {};
    const metadata = describe(about, manifest.name);
    return { texts: { metadata, document: JSON.stringify(about), brief } };
  } catch (error) {
    if (error instanceof Fault) return {};
    throw error;
  } finally {
    reader.destroy();
  }
}

const CONFIG_BYTES_MAX = 1024 * 1024;

async function readConfig(read: ReadOutside, connection: string): Promise<string> {
  const config = await read({ path: "config.json", accept: "application/json, */*;q=0.1" });
  if (config === undefined)
    throw new Fault(
      "UpstreamFault",
      `The external connection '${connection}' has no config.json where its sparse index should be; its address must be that of a sparse index.`,
    );
  try {
    return (await readIndexFile(config, CONFIG_BYTES_MAX)).toString("utf8");
  } catch {
    throw new Fault("UpstreamFault", `The config.json of '${connection}' cannot be read.`);
  }
}
