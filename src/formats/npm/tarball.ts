// What an npm tarball says of itself: unpacks it as a stream, in memory and without writing a file, for its package.json.
import { createGunzip, gunzipSync } from "node:zlib";
import { invalid } from "../../core/faults.ts";
import { nestsTooDeeply } from "./nesting.ts";
import { createTarReader, type TarEntry, TarError } from "../../archives/tar.ts";

export interface TarballLimits {
  /** Members of the archive. */
  readonly entriesMax: number;
  /** Bytes of package.json. */
  readonly manifestBytesMax: number;
  /** Unpacked bytes per packed byte, once more than `ratioFreeBytes` are unpacked. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
}

export const TARBALL_LIMITS: TarballLimits = {
  entriesMax: 200_000,
  manifestBytesMax: 4 * 1024 * 1024,
  ratioMax: 200,
  ratioFreeBytes: 64 * 1024 * 1024,
};

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

/** Up to this size a tarball is unpacked at once: handing it to zlib's threads and back costs more than unpacking it. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
const AT_ONCE_UNPACKED_BYTES_MAX = 4 * 1024 * 1024;

/** Reads a gzipped tar as it arrives. Memory: the decompressor's and `manifestBytesMax`. */
export function createTarballReader(limits: TarballLimits = TARBALL_LIMITS): TarballReader {
  const scan = createScan(limits);
  const first: Uint8Array[] = [];
  let packedBytes = 0;
  let stream: TarballStream | undefined;

  const begin = async (): Promise<TarballStream> => {
    stream = openStream(scan, limits);
    await stream.write(Buffer.concat(first.splice(0)));
    return stream;
  };

  return {
    async write(chunk) {
      packedBytes += chunk.length;
      if (stream === undefined && packedBytes <= AT_ONCE_BYTES_MAX)
        return void first.push(Uint8Array.from(chunk));
      await (stream ?? (await begin())).write(chunk);
    },
    async finish() {
      let unpackedBytes = stream === undefined ? unpackAtOnce(scan, limits, Buffer.concat(first)) : undefined;
      unpackedBytes ??= await (stream ?? (await begin())).finish();
      return conclude(() => {
        scan.reader.end();
        return { ...scan.result(), unpackedBytes };
      });
    },
    destroy: () => stream?.destroy(),
  };
}

type Scan = ReturnType<typeof createScan>;

function conclude<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw refusal(error);
  }
}

/** Undefined when it unpacks to more than should be held at once. */
function unpackAtOnce(scan: Scan, limits: TarballLimits, packed: Buffer): number | undefined {
  return conclude(() => {
    let unpacked: Buffer;
    try {
      unpacked = gunzipSync(packed, { maxOutputLength: AT_ONCE_UNPACKED_BYTES_MAX });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
      throw error;
    }
    checkRatio(limits, packed.length, unpacked.length);
    scan.reader.push(unpacked);
    return unpacked.length;
  });
}

function checkRatio(limits: TarballLimits, packedBytes: number, unpackedBytes: number): void {
  if (unpackedBytes > limits.ratioFreeBytes && unpackedBytes > packedBytes * limits.ratioMax) {
    throw new TarError(`it unpacks to more than ${limits.ratioMax} times its size`);
  }
}

interface TarballStream {
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves with the unpacked size once everything was scanned. */
  finish(): Promise<number>;
  destroy(): void;
}

function openStream(scan: Scan, limits: TarballLimits): TarballStream {
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  let packedBytes = 0;
  let unpackedBytes = 0;
  let failure: { readonly error: unknown } | undefined;
  let release: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => gunzip.once("close", resolve));
  void closed.then(() => release());
  const fail = (error: unknown): void => {
    failure ??= { error };
    gunzip.destroy();
  };
  const check = (): void => {
    if (failure !== undefined) throw refusal(failure.error);
  };
  gunzip.on("error", fail);
  gunzip.on("data", (chunk: Buffer) => {
    unpackedBytes += chunk.length;
    try {
      checkRatio(limits, packedBytes, unpackedBytes);
      scan.reader.push(chunk);
    } catch (error) {
      fail(error);
    }
  });

  return {
    async write(chunk) {
      check();
      packedBytes += chunk.length;
      // The callback comes when these bytes are unpacked and scanned: that is the back-pressure.
      await new Promise<void>((resolve) => {
        release = resolve;
        gunzip.write(chunk, () => resolve());
      });
      check();
    },
    async finish() {
      if (!gunzip.destroyed) gunzip.end();
      await closed;
      check();
      return unpackedBytes;
    },
    destroy: () => void gunzip.destroy(),
  };
}

/** The part that knows what an npm tarball may hold. */
function createScan(limits: TarballLimits) {
  const pieces: Buffer[] = [];
  const beside = new Set<string>();
  let manifests = 0;
  let entries = 0;
  let fileCount = 0;

  const reader = createTarReader({
    entry(entry) {
      entries++;
      if (entries > limits.entriesMax) throw new TarError(`it holds more than ${limits.entriesMax} files`);
      checkEntry(entry);
      if (entry.kind === "directory") return false;
      fileCount++;
      const rootFile = /^[^/]+\/([^/]+)$/.exec(entry.path)?.[1];
      if (rootFile === "binding.gyp" || rootFile === "server.js") beside.add(rootFile);
      // Clients drop the first folder whatever its name, some on file systems that ignore case.
      if (rootFile?.toLowerCase() !== "package.json") return false;
      manifests++;
      if (manifests > 1) throw new TarError("it holds more than one package.json");
      if (rootFile !== "package.json")
        throw new TarError(`its manifest is named '${rootFile}' instead of 'package.json'`);
      if (entry.size > limits.manifestBytesMax) throw new TarError("its package.json is too large");
      return true;
    },
    data(bytes) {
      pieces.push(Buffer.from(bytes));
    },
  });

  return {
    reader,
    result(): Omit<Packed, "unpackedBytes"> {
      if (manifests === 0) throw new TarError("it holds no package.json in its first folder");
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

/** Links, devices and paths that could leave the package's folder, or that two clients could place differently. */
function checkEntry({ path, kind }: TarEntry): void {
  const shown = JSON.stringify(path.slice(0, 200));
  if (kind === "other") throw new TarError(`${shown} is a link or a device`);
  const parts = (kind === "directory" ? path.replace(/\/$/, "") : path).split("/");
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(path))
    throw new TarError(`the path ${shown} holds a control character or a backslash`);
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) throw new TarError(`the path ${shown} is absolute`);
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new TarError(`the path ${shown} holds an empty or dotted part`);
  }
}

function parseManifest(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (nestsTooDeeply(bytes)) throw new TarError("its package.json is nested too deeply");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new TarError("its package.json is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TarError("its package.json is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** What the publisher is told; an error that is not about the tarball is a bug and passes through. */
function refusal(error: unknown): unknown {
  if (error instanceof TarError) return invalid(`The tarball is refused: ${error.message}.`);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "Z_BUF_ERROR") return invalid("The tarball is refused: its gzip stream is cut short.");
  if (code.startsWith("Z_")) return invalid("The tarball is refused: it is not a valid gzip stream.");
  return error;
}
