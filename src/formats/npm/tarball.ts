// What an npm tarball says of itself: unpacks it as a stream, in memory and without writing a file, for its package.json.
import { ARCHIVE_LIMITS, ArchiveError, type ArchiveLimits, archiveFault } from "../../archives/archive.ts";
import type { TarSink } from "../../archives/tar.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import { nestsTooDeeply } from "../nesting.ts";

export interface TarballLimits extends ArchiveLimits {
  /** Bytes of package.json. */
  readonly manifestBytesMax: number;
}

export const TARBALL_LIMITS: TarballLimits = { ...ARCHIVE_LIMITS, manifestBytesMax: 4 * 1024 * 1024 };

/** What was found in a tarball that nothing was wrong with. */
export interface Packed {
  /** package.json, parsed; an object. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** Files beside package.json that make npm add scripts: `binding.gyp`, `server.js`. */
  readonly beside: ReadonlySet<string>;
  /** npm would run node-gyp on install although no script says so. */
  readonly builds: boolean;
  readonly fileCount: number;
  readonly unpackedBytes: number;
}

export interface TarballReader {
  /** Resolves when more may be written; rejects with the refusal as soon as something is wrong. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more bytes. Rejects with a 400 that says what is wrong with the tarball. */
  finish(): Promise<Packed>;
  /** Frees what is held; safe at any time. */
  destroy(): void;
}

const WHAT = "The tarball";

/** Reads a gzipped tar as it arrives. Memory: the decompressor's and `manifestBytesMax`. */
export function createTarballReader(limits: TarballLimits = TARBALL_LIMITS): TarballReader {
  const scan = createScan(limits);
  const reader = createTgzReader(scan.sink, limits, WHAT);
  return {
    write: (chunk) => reader.write(chunk),
    async finish() {
      const { unpackedBytes } = await reader.finish();
      try {
        return { ...scan.result(), unpackedBytes };
      } catch (error) {
        throw archiveFault(error, WHAT);
      }
    },
    destroy: () => reader.destroy(),
  };
}

/** The part that knows what an npm tarball may hold. */
function createScan(limits: TarballLimits) {
  const pieces: Buffer[] = [];
  const beside = new Set<string>();
  let manifests = 0;
  let fileCount = 0;

  const sink: TarSink = {
    entry(entry) {
      if (entry.kind === "directory") return false;
      fileCount++;
      const rootFile = /^[^/]+\/([^/]+)$/.exec(entry.path)?.[1];
      if (rootFile === "binding.gyp" || rootFile === "server.js") beside.add(rootFile);
      // Clients drop the first folder whatever its name, some on file systems that ignore case.
      if (rootFile?.toLowerCase() !== "package.json") return false;
      manifests++;
      if (manifests > 1) throw new ArchiveError("it holds more than one package.json");
      if (rootFile !== "package.json")
        throw new ArchiveError(`its manifest is named '${rootFile}' instead of 'package.json'`);
      if (entry.size > limits.manifestBytesMax) throw new ArchiveError("its package.json is too large");
      return true;
    },
    data(bytes) {
      pieces.push(Buffer.from(bytes));
    },
  };

  return {
    sink,
    result(): Omit<Packed, "unpackedBytes"> {
      if (manifests === 0) throw new ArchiveError("it holds no package.json in its first folder");
      const manifest = parseManifest(Buffer.concat(pieces));
      return {
        manifest,
        beside,
        builds: beside.has("binding.gyp") && manifest["gypfile"] !== false,
        fileCount,
      };
    },
  };
}

function parseManifest(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (nestsTooDeeply(bytes)) throw new ArchiveError("its package.json is nested too deeply");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new ArchiveError("its package.json is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ArchiveError("its package.json is not a JSON object");
  }
  return value as Record<string, unknown>;
}
