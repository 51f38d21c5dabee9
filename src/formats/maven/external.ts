// How a public Maven registry is read: versions from maven-metadata.xml, a file by its path and the checksum files beside it.
import { stat } from "node:fs/promises";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { ExternalAsset, ExternalFormat, ExternalVersion, IndexFile, ReadOutside } from "../format.ts";
import { readIndexFile } from "../index-files.ts";
import { type Algorithm, folderOf, isMoving, METADATA_FILE } from "./layout.ts";
import { METADATA_BYTES_MAX, type Metadata, parseMetadata } from "./metadata-text.ts";
import { POM_BYTES_MAX, type Pom, parsePom } from "./pom.ts";
import { textsOf } from "./version-document.ts";

const ANY = "*/*";
const XML = "application/xml, text/xml;q=0.9, */*;q=0.5";

export const external: ExternalFormat = {
  indexRequest: (key) => ({ path: encodePath(`${folderOf(key)}${METADATA_FILE}`), accept: XML }),
  async versions(file, key) {
    const { versions } = await readMetadata(file, `${key.namespace}:${key.name}`);
    // Snapshots are never taken from public registries (spec 4.5.6).
    return new Map(versions.filter((version) => !isMoving(version)).map((version) => [version, {}]));
  },
  version: (_, key, version, wanted) => versionByFile(key, version, wanted),
  versionByFile,
};

/**
 * Versions exist that no index lists, and indexes are missing: a version is there when its POM is, or the file that is
 * asked for with a checksum beside it.
 */
export async function versionByFile(
  key: PackageKey,
  version: string,
  { asset, url, read }: { readonly asset: string; readonly url: string; readonly read: ReadOutside },
): Promise<ExternalVersion | undefined> {
  if (isMoving(version)) return undefined;
  const folder = `${folderOf(key)}${version}/`;
  const path = encodePath(folder + asset);
  const [pom, digests] = await Promise.all([
    readPom(read, `${folder}${key.name}-${version}.pom`),
    asset === "" ? {} : readDigests(read, path),
  ]);
  // Nothing of that name; an empty list would say that it is there and cannot be checked.
  if (digests === "none" || (asset === "" && pom === undefined)) return undefined;
  const file = { name: asset, url: new URL(path, url).href, datesVersion: true };
  const assets = asset === "" || digests === "weak" ? [] : [{ ...file, digests }];
  return { version, assets, ...textsOf(undefined, pom?.read) };
}

/** Undefined when there is none; `read` is undefined when it is there and cannot be understood. */
async function readPom(
  read: ReadOutside,
  path: string,
): Promise<{ readonly read: Pom | undefined } | undefined> {
  const file = await read({ path: encodePath(path), accept: XML });
  if (file === undefined) return undefined;
  try {
    return { read: parsePom(await readIndex(file, POM_BYTES_MAX)) };
  } catch (error) {
    if (error instanceof Fault) return { read: undefined }; // its bytes are served all the same; only its facts are missing
    throw error;
  }
}

const HEX_LENGTH: Readonly<Record<Algorithm, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };
const CHECKSUM_BYTES_MAX = 64 * 1024;

/**
 * The best that the registry has: SHA-512 with SHA-1, which every registry has; else SHA-256. MD5 alone is "weak": bytes
 * that were made to have a given MD5 are within anyone's reach.
 */
async function readDigests(
  read: ReadOutside,
  path: string,
): Promise<ExternalAsset["digests"] | "weak" | "none"> {
  const best = await readEach(read, path, ["sha512", "sha1"]);
  if (best.found !== undefined) return best.found;
  const other = await readEach(read, path, ["sha256", "md5"]);
  if (other.found?.sha256 !== undefined) return { sha256: other.found.sha256 };
  const trouble = best.trouble ?? other.trouble;
  if (trouble !== undefined) throw trouble;
  return other.found === undefined ? "none" : "weak";
}

/** Some registries refuse what they do not have instead of saying so: that is trouble only where nothing else is found. */
async function readEach(
  read: ReadOutside,
  path: string,
  algorithms: readonly Algorithm[],
): Promise<{ readonly found: ExternalAsset["digests"] | undefined; readonly trouble: Fault | undefined }> {
  const found: Partial<Record<Algorithm, string>> = {};
  let trouble: Fault | undefined;
  await Promise.all(
    algorithms.map(async (algorithm) => {
      try {
        const digest = await readDigest(read, path, algorithm);
        if (digest !== undefined) found[algorithm] = digest;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        trouble ??= error;
      }
    }),
  );
  return { found: Object.keys(found).length === 0 ? undefined : found, trouble };
}

/** The hex of the right length, wherever in the file it stands: some write the file's name before it, some behind. */
async function readDigest(
  read: ReadOutside,
  path: string,
  algorithm: Algorithm,
): Promise<string | undefined> {
  const file = await read({ path: `${path}.${algorithm}`, accept: ANY });
  if (file === undefined) return undefined;
  const text = (await readIndex(file, CHECKSUM_BYTES_MAX)).toString("latin1");
  const hex = new RegExp(`(?<![0-9a-fA-F])[0-9a-fA-F]{${HEX_LENGTH[algorithm]}}(?![0-9a-fA-F])`).exec(
    text,
  )?.[0];
  return hex?.toLowerCase();
}

/** A public maven-metadata.xml; an UpstreamFault when it cannot be understood. `about` is whose it is, for messages. */
export async function readMetadata(file: IndexFile, about: string): Promise<Metadata> {
  try {
    return parseMetadata(await readIndex(file, METADATA_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      "UpstreamFault",
      `What '${file.connection}' answers for ${about} cannot be read: ${error.message}`,
    );
  }
}

async function readIndex({ file, gzip }: IndexFile, bytesMax: number): Promise<Buffer> {
  const { size } = await stat(file);
  if (size > bytesMax) throw tooLarge(bytesMax);
  return readIndexFile({ file, gzip }, bytesMax).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw error;
    throw tooLarge(bytesMax);
  });
}

function tooLarge(bytesMax: number): Fault {
  return new Fault("PayloadTooLarge", `it is larger than ${bytesMax} bytes, or broken`);
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/").replaceAll("%2B", "+");
}
