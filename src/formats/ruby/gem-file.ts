// A .gem file as it arrives: an archive of a few members, its specification read and its parts held against its own checksums.
import { createHash, type Hash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { ArchiveError, archiveFault, checkEntry } from "../../archives/archive.ts";
import { createTarReader } from "../../archives/tar.ts";
import { type GemFacts, readGemspec } from "./gem-facts.ts";
import { parseYaml } from "./yaml-text.ts";

export interface GemReader {
  /** Throws a 400 as soon as something is wrong. */
  write(chunk: Uint8Array): void;
  finish(): GemFacts;
}

const WHAT = "The gem";
const METADATA = "metadata.gz";
const DATA = "data.tar.gz";
const CHECKSUMS = "checksums.yaml.gz";
const SMALL_BYTES_MAX = 4 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 16 * 1024 * 1024;
const MEMBERS_MAX = 20;

interface Member {
  readonly pieces: Buffer[];
  readonly sha256: Hash;
  readonly sha512: Hash;
}

/** Memory: the metadata and the checksums; the data is only hashed. */
export function createGemReader(): GemReader {
  const members = new Map<string, Member>();
  let current: Member | undefined;
  let keeps = false;
  const tar = createTarReader({
    entry(entry) {
      checkEntry(entry);
      if (members.has(entry.path)) throw new ArchiveError(`it holds ${entry.path} twice`);
      if (members.size >= MEMBERS_MAX || !isMember(entry.path))
        throw new ArchiveError(
          `it holds ${JSON.stringify(entry.path.slice(0, 100))}, which is no part of a gem`,
        );
      keeps = entry.path === METADATA || entry.path === CHECKSUMS;
      if (keeps && entry.size > SMALL_BYTES_MAX) throw new ArchiveError(`its ${entry.path} is too large`);
      current = { pieces: [], sha256: createHash("sha256"), sha512: createHash("sha512") };
      members.set(entry.path, current);
      return true;
    },
    data(bytes) {
      current?.sha256.update(bytes);
      current?.sha512.update(bytes);
      if (keeps) current?.pieces.push(Buffer.from(bytes));
    },
  });

  return {
    write: (chunk) => refuse(() => tar.push(chunk)),
    finish: () =>
      refuse(() => {
        tar.end();
        const metadata = members.get(METADATA);
        if (metadata === undefined || !members.has(DATA))
          throw new ArchiveError(`it does not hold ${METADATA} and ${DATA}`);
        checkChecksums(members);
        return readGemspec(unpack(metadata));
      }),
  };
}

function refuse<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw archiveFault(error, WHAT);
  }
}

/** With their signatures, where a gem is signed. */
function isMember(path: string): boolean {
  return [METADATA, DATA, CHECKSUMS].includes(path.replace(/\.sig$/, ""));
}

function unpack({ pieces }: Member): string {
  try {
    return gunzipSync(Buffer.concat(pieces), { maxOutputLength: UNPACKED_BYTES_MAX }).toString("utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
      throw new ArchiveError("it unpacks to too much");
    throw error;
  }
}

/** The gem's own checksums, where it has them, are promises of its publisher's tool about its parts. */
function checkChecksums(members: ReadonlyMap<string, Member>): void {
  const listed = members.get(CHECKSUMS);
  if (listed === undefined) return;
  let checksums: unknown;
  try {
    checksums = parseYaml(unpack(listed));
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw new ArchiveError("its checksums cannot be read");
  }
  for (const [algorithm, digest] of [
    ["SHA256", "sha256"],
    ["SHA512", "sha512"],
  ] as const) {
    const of = (checksums as Readonly<Record<string, unknown>> | null)?.[algorithm];
    if (typeof of !== "object" || of === null) continue;
    for (const [path, expected] of Object.entries(of)) {
      const member = members.get(path);
      if (member === undefined) continue;
      // Copied: a hash can be read only once, and both lists may name the part.
      if (member[digest].copy().digest("hex") !== expected)
        throw new ArchiveError(`its ${path} does not have the ${algorithm} that its checksums say`);
    }
  }
}
