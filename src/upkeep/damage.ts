// What is done about a damaged blob: noted, told with what it affects, taken away from its readers, got back where that is possible.
import type { BlobStore } from "../blobs/blob-store.ts";
import type { PackageKey } from "../core/coordinates.ts";
import type { Log } from "../core/log.ts";
import { removeBlobs } from "../registry/collect.ts";
import type { ContentUse } from "../store/contents.ts";
import { findUses, noteDamaged, noteSound } from "../store/contents.ts";
import type { Database } from "../store/database.ts";
import type { Inspected } from "./inspect.ts";

export interface DamageDeps {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly now: () => number;
  readonly log: Log;
}

/** An asset that cannot be served, as reports name it. */
export interface Affected {
  readonly domain: string;
  readonly repository: string;
  /** As in `npm/@acme/ui`. */
  readonly package: string;
  readonly version: string;
  readonly asset: string;
  readonly origin: string;
}

const USES_MAX = 1_000;

export function findAffected({ database }: DamageDeps, sha256: string): Promise<readonly ContentUse[]> {
  return findUses(database.read, sha256, USES_MAX);
}

export function printUse(use: ContentUse): Affected {
  const { domain, repository, version, asset, origin } = use;
  const came = `${origin.type} ${origin.entryPoint}`;
  return { domain, repository, package: nameOf(use.key), version, asset, origin: came };
}

/** As their clients write them. */
function nameOf({ format, namespace, name }: PackageKey): string {
  const scope = namespace === "" ? "" : `${format === "npm" ? "@" : ""}${namespace}/`;
  return `${format}/${scope}${name}`;
}

/** Keeps the list of known damage up to date with what an inspection found. */
export async function noteInspected(
  { database, now }: DamageDeps,
  { sha256, problem, recorded }: Inspected,
  known: ReadonlySet<string>,
): Promise<void> {
  if (recorded && (problem === "corrupt" || problem === "missing"))
    await database.write((tx) => noteDamaged(tx, sha256, problem, now()));
  else if (known.has(sha256)) await database.write((tx) => noteSound(tx, sha256));
}

/**
 * Takes a corrupt blob out of reach, so that nobody is served its bytes; they are kept beside the store. Safe beside
 * publishes of the right bytes, as a sweep is. Tells where they are, undefined when they stayed where they were.
 */
export async function setAside(deps: DamageDeps, sha256: string): Promise<string | undefined> {
  let place: string | undefined;
  const aside = async (): Promise<void> => {
    place = await deps.blobs.setAside(sha256);
  };
  await removeBlobs(deps, [sha256], aside, { sparesReferenced: false });
  return place;
}
