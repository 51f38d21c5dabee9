// A crate as it arrives: one folder name-version and in it exactly one Cargo.toml, read in memory without writing a file.
import { ARCHIVE_LIMITS, ArchiveError, type ArchiveLimits, archiveFault } from "../../archives/archive.ts";
import type { TarSink } from "../../archives/tar.ts";
import { createTgzReader } from "../../archives/tgz.ts";
import { documentWorker } from "./document-worker.ts";
import type { CrateManifest } from "./manifest.ts";
import { readManifest } from "./manifest.ts";

export interface CrateReader {
  /** Resolves when more may be written; rejects with the refusal as soon as something is wrong. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more bytes. Rejects with a 400 that says what is wrong with the crate. */
  finish(): Promise<CrateManifest>;
  /** Frees what is held; safe at any time. */
  destroy(): void;
}

export const MANIFEST_BYTES_MAX = 1024 * 1024;
/** A larger one can take a second to parse, when it was made for that: then other requests do not wait for it. */
const INLINE_BYTES_MAX = 64 * 1024;
const WHAT = "The crate";

/** `folder` is what everything must lie in. Memory: the decompressor's, the manifest, and the members' names. */
export function createCrateReader(folder: string, limits: ArchiveLimits = ARCHIVE_LIMITS): CrateReader {
  const pieces: Buffer[] = [];
  const reader = createTgzReader(scan(folder, pieces), limits, WHAT);
  return {
    write: (chunk) => reader.write(chunk),
    async finish() {
      await reader.finish();
      try {
        if (pieces.length === 0) throw new ArchiveError(`it holds no ${folder}/Cargo.toml`);
        const bytes = Buffer.concat(pieces);
        if (bytes.length > INLINE_BYTES_MAX)
          return await documentWorker.ask("manifest", { bytes, what: WHAT });
        return readManifest(bytes);
      } catch (error) {
        throw archiveFault(error, WHAT);
      }
    },
    destroy: () => reader.destroy(),
  };
}

function scan(folder: string, pieces: Buffer[]): TarSink {
  const seen = new Set<string>();
  return {
    entry({ path, kind, size }) {
      const plain = kind === "directory" ? path.replace(/\/$/, "") : path;
      if (plain !== folder && !plain.startsWith(`${folder}/`))
        throw new ArchiveError(`${JSON.stringify(path.slice(0, 200))} does not lie in the folder ${folder}`);
      if (plain === folder && kind !== "directory") throw new ArchiveError(`${folder} is no folder`);
      if (kind === "directory") return false;
      if (seen.has(plain)) throw new ArchiveError(`it holds ${JSON.stringify(path.slice(0, 200))} twice`);
      seen.add(plain);
      return isManifest(plain.slice(folder.length + 1), size);
    },
    data(bytes) {
      pieces.push(Buffer.from(bytes));
    },
  };
}

/** Cargo unpacks on file systems that ignore case too, where another spelling would be a second manifest. */
function isManifest(path: string, size: number): boolean {
  const lower = path.toLowerCase();
  // Cargo's own mark that unpacking is done: one that came along would be believed.
  if (lower === ".cargo-ok") throw new ArchiveError("it holds cargo's own mark .cargo-ok");
  if (lower !== "cargo.toml") return false;
  if (path !== "Cargo.toml")
    throw new ArchiveError(`it holds a manifest named '${path}'; there is one, and it is named 'Cargo.toml'`);
  if (size === 0) throw new ArchiveError("its Cargo.toml is empty");
  if (size > MANIFEST_BYTES_MAX) throw new ArchiveError("its Cargo.toml is too large");
  return true;
}
