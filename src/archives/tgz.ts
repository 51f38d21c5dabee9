// Gzipped tar archives as they arrive: unpacked in memory, without writing a file, and held to what every archive is held to.
import { createGunzip, gunzipSync } from "node:zlib";
import { type ArchiveLimits, archiveFault, checkCount, checkEntry, checkRatio } from "./archive.ts";
import { createTarReader, type TarReader, type TarSink } from "./tar.ts";

export interface TgzReader {
  /** Resolves when more may be written; rejects with the refusal as soon as something is wrong. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more bytes. Rejects with a 400 that says what is wrong with the archive. */
  finish(): Promise<{ readonly unpackedBytes: number }>;
  /** Frees what is held; safe at any time. */
  destroy(): void;
}

/** Up to this size an archive is unpacked at once: handing it to zlib's threads and back costs more than unpacking it. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
const AT_ONCE_UNPACKED_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads a gzipped tar. Every member is checked (checkEntry, limits) before the sink sees it. `what` begins refusals:
 * "The tarball". Memory: the decompressor's, and what the sink keeps.
 */
export function createTgzReader(sink: TarSink, limits: ArchiveLimits, what: string): TgzReader {
  const reader = createTarReader(checked(sink, limits));
  const first: Uint8Array[] = [];
  let packedBytes = 0;
  let stream: TgzStream | undefined;

  const conclude = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw archiveFault(error, what);
    }
  };
  const begin = async (): Promise<TgzStream> => {
    stream = openStream(reader, limits, what);
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
      let unpackedBytes =
        stream === undefined ? conclude(() => unpackAtOnce(reader, limits, Buffer.concat(first))) : undefined;
      unpackedBytes ??= await (stream ?? (await begin())).finish();
      conclude(() => reader.end());
      return { unpackedBytes };
    },
    destroy: () => stream?.destroy(),
  };
}

function checked(sink: TarSink, limits: ArchiveLimits): TarSink {
  let entries = 0;
  return {
    entry(entry) {
      checkCount(limits, ++entries);
      checkEntry(entry);
      return sink.entry(entry);
    },
    data: (bytes) => sink.data(bytes),
  };
}

/** Undefined when it unpacks to more than should be held at once. */
function unpackAtOnce(reader: TarReader, limits: ArchiveLimits, packed: Buffer): number | undefined {
  let unpacked: Buffer;
  try {
    unpacked = gunzipSync(packed, { maxOutputLength: AT_ONCE_UNPACKED_BYTES_MAX });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw error;
  }
  checkRatio(limits, packed.length, unpacked.length);
  reader.push(unpacked);
  return unpacked.length;
}

interface TgzStream {
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves with the unpacked size once everything was scanned. */
  finish(): Promise<number>;
  destroy(): void;
}

function openStream(reader: TarReader, limits: ArchiveLimits, what: string): TgzStream {
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
    if (failure !== undefined) throw archiveFault(failure.error, what);
  };
  gunzip.on("error", fail);
  gunzip.on("data", (chunk: Buffer) => {
    unpackedBytes += chunk.length;
    try {
      checkRatio(limits, packedBytes, unpackedBytes);
      reader.push(chunk);
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
