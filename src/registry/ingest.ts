// Taking a version in from outside this repository: from a public registry (bytes and row) or from an upstream repository (row only).
import type { Readable } from "node:stream";
import type { BlobWriter, Digests, StagedBlob } from "../blobs/blob-store.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { Fault, notFound } from "../core/faults.ts";
import type { ExternalAsset, ExternalVersion, InsideAsset } from "../formats/format.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import { appendJournal } from "../store/journal.ts";
import { findPackage } from "../store/packages.ts";
import { readSightings } from "../store/sightings.ts";
import type { AssetRecord, NewVersion, VersionRecord } from "../store/versions.ts";
import { findAssets, findVersion } from "../store/versions.ts";
import { admit, extend, record } from "./admit.ts";
import { keepBlobs } from "./collect.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { isReadable } from "./find.ts";
import type { RepositoryRecord, RequestContext } from "./registry.ts";

/** A public version on its way to the repository that was asked for it. */
export interface Wanted {
  readonly snapshot: DomainSnapshot;
  /** The repository that has the connection. */
  readonly holder: RepositoryRecord;
  readonly connection: string;
  /** The repository that was asked; it keeps the version too (spec 4.3.2). */
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  readonly version: ExternalVersion;
  readonly asset: ExternalAsset;
  readonly context: RequestContext;
}

/** An ingestion under way: the bytes as they come, and who will keep the version. */
interface Flight {
  readonly writer: BlobWriter;
  readonly size: number | undefined;
  /** The file's Last-Modified, epoch ms. */
  readonly modifiedAt: number | undefined;
  /** Repositories that asked while the bytes were coming, with the request that asked. */
  readonly receivers: Map<number, Wanted>;
  /** No receiver can join any more: the rows are being written. */
  sealed: boolean;
  readonly done: Promise<void>;
}

export interface Ingestion {
  /**
   * Starts or joins the one transfer of this asset (per repository that holds the connection). The returned stream
   * ends only after the digest was checked and the version recorded; a mismatch breaks it (threats C). Undefined when
   * a transfer ended just now, too late to join: look again, the holder has it.
   */
  ingest(
    wanted: Wanted,
  ): Promise<{ readonly size: number | undefined; readonly follow: () => Readable } | undefined>;
  /** Resolves when no transfer is under way and what was refused is journalled; for shutdown. */
  settled(): Promise<void>;
}

export function createIngestion(deps: RegistryDeps, external: External): Ingestion {
  const flights = new Map<string, Promise<Flight>>();
  const telling = new Set<Promise<void>>();

  const start = async (wanted: Wanted, leave: () => void): Promise<Flight> => {
    const body = await openUpstream(deps, external, wanted);
    const writer = await deps.blobs.create(body.size === undefined ? {} : { size: body.size });
    const flight: Flight = {
      writer,
      size: body.size,
      modifiedAt: body.modifiedAt,
      receivers: new Map([[wanted.repository.id, wanted]]),
      sealed: false,
      done: Promise.resolve(),
    };
    const done = transfer(deps, external, flight, body.stream, wanted).finally(leave);
    const told = done
      .catch((error: unknown) => tellFailure(deps, wanted, error))
      .catch((error: unknown) =>
        deps.log.error({ error: String(error) }, "a refusal could not be journalled"),
      )
      .finally(() => telling.delete(told));
    telling.add(told);
    return Object.assign(flight, { done });
  };

  const begin = (name: string, wanted: Wanted): Promise<Flight> => {
    const starting = start(wanted, () => flights.delete(name));
    flights.set(name, starting);
    starting.catch(() => flights.delete(name));
    return starting;
  };

  return {
    async ingest(wanted) {
      const name = `${wanted.holder.id} ${wanted.connection} ${packagePath(wanted.key)} ${wanted.version.version} ${wanted.asset.name}`;
      const pending = flights.get(name); // not awaited before the look and the start: nothing may come in between
      const flight = await (pending ?? begin(name, wanted));
      if (flight.sealed) {
        await flight.done;
        return undefined;
      }
      if (!flight.receivers.has(wanted.repository.id)) flight.receivers.set(wanted.repository.id, wanted);
      return { size: flight.size, follow: () => flight.writer.follow() };
    },
    async settled() {
      const open = await Promise.allSettled(flights.values());
      await Promise.allSettled(open.map((o) => (o.status === "fulfilled" ? o.value.done : undefined)));
      await Promise.all(telling);
    },
  };
}

/** The bytes of an asset at its public registry. Throws ResourceNotFoundException where they are not to be had. */
export async function openUpstream(
  deps: RegistryDeps,
  external: External,
  { connection, asset, version, key }: Pick<Wanted, "connection" | "asset" | "version" | "key">,
): Promise<{ stream: Readable; size: number | undefined; modifiedAt: number | undefined }> {
  if (Object.keys(asset.digests).length === 0) {
    throw notFound(
      `${packagePath(key)} ${version.version} is not taken in from '${connection}': its index names no digest for ${asset.name}, so its bytes cannot be checked.`,
      "asset",
    );
  }
  const { status, headers, body } = await deps.upstream.open(
    await external.connection(connection),
    asset.url,
  );
  if (status === 404) {
    throw notFound(
      `'${connection}' lists ${asset.name} of ${packagePath(key)} ${version.version} but does not have the file.`,
      "asset",
    );
  }
  const length = Number(headers["content-length"]);
  const modifiedAt = Date.parse(headers["last-modified"] ?? "");
  return {
    stream: body,
    modifiedAt: Number.isNaN(modifiedAt) ? undefined : modifiedAt,
    size:
      Number.isSafeInteger(length) && length >= 0 && headers["content-length"] !== undefined
        ? length
        : undefined,
  };
}

async function transfer(
  deps: RegistryDeps,
  external: External,
  flight: Flight,
  stream: Readable,
  wanted: Wanted,
): Promise<void> {
  try {
    for await (const chunk of stream) await flight.writer.write(chunk as Uint8Array);
    const staged = await flight.writer.finish();
    checkDigests(wanted, flight.size, staged);
    const inside = await lookInside(external, wanted, flight.writer, staged);
    await keepBlobs(deps, [{ writer: flight.writer, staged }]);
    flight.sealed = true;
    await recordIngested(deps, flight, staged, inside);
    flight.writer.release();
  } catch (error) {
    flight.sealed = true;
    await flight.writer.discard(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

function lookInside(
  external: External,
  { key, version, asset }: Wanted,
  writer: BlobWriter,
  { size }: StagedBlob,
): Promise<InsideAsset> | undefined {
  const readAt = (position: number, length: number) => writer.readAt(position, length);
  return external.format(key).inside?.(version, asset, { size, readAt });
}

/** What the index promised, all of it (threats C: bytes differ from the digest, or end early). */
function checkDigests(
  { asset, connection, key, version }: Wanted,
  size: number | undefined,
  staged: StagedBlob,
): void {
  for (const [algorithm, expected] of Object.entries(asset.digests) as [keyof Digests, string][]) {
    if (staged.digests[algorithm] === expected) continue;
    throw new Fault(
      "UpstreamFault",
      `The bytes of ${asset.name} (${packagePath(key)} ${version.version}) from '${connection}' have ${algorithm} ${staged.digests[algorithm]}, its index says ${expected}; nothing was kept.`,
    );
  }
  if (size !== undefined && size !== staged.size) {
    throw new Fault(
      "UpstreamFault",
      `'${connection}' sent ${staged.size} of ${size} bytes of ${asset.name}; nothing was kept.`,
    );
  }
}

/** Bytes that were not what the index promised were kept out: the journal says so, as of every refusal. */
async function tellFailure(
  deps: RegistryDeps,
  { connection, holder, key, version, context }: Wanted,
  error: unknown,
): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  deps.log.warn(
    { connection, package: packagePath(key), version: version.version, reason },
    "a public version was not taken in",
  );
  await deps.database.write((tx) =>
    appendJournal(tx, [
      {
        at: deps.now(),
        event: "refused",
        domainId: holder.domain.id,
        repository: holder.name,
        key,
        version: version.version,
        actor: context.caller.arn,
        requestId: context.requestId,
        detail: { way: "EXTERNAL_UPSTREAM", connection, reason },
      },
    ]),
  );
}

async function recordIngested(
  deps: RegistryDeps,
  flight: Flight,
  staged: StagedBlob,
  inside: InsideAsset = {},
): Promise<void> {
  const [first] = flight.receivers.values();
  if (first === undefined) return;
  const { domain } = first.holder;
  const seen = await readSightings(deps.database.read, first.connection, first.key);
  const dated = first.asset.datesVersion === true ? flight.modifiedAt : undefined;
  const told = ingestedVersion(deps, first, seen.get(first.version.version), dated);
  const version = { ...told, ...inside.texts };
  const { name } = first.asset;
  const document = inside.document ?? first.asset.document ?? "";
  const assets = [{ name, size: staged.size, digests: staged.digests, document }];
  await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, domain.id, first.key);
    const snapshot = await deps.catalog.confirm(tx, first.snapshot);
    await keep(
      deps,
      tx,
      snapshot,
      { ...first, repository: first.holder },
      "EXTERNAL_UPSTREAM",
      version,
      assets,
      "ingested",
    );
    for (const receiver of flight.receivers.values()) {
      if (receiver.repository.id === first.holder.id) continue;
      await keep(deps, tx, snapshot, receiver, "INTERNAL_UPSTREAM", version, assets, "retained");
    }
  });
  deps.generations.touchPackage(domain.id, first.key);
}

function ingestedVersion(
  deps: RegistryDeps,
  { version, connection }: Wanted,
  firstSeenAt: number | undefined,
  modifiedAt: number | undefined,
): NewVersion {
  const now = deps.now();
  return {
    version: version.version,
    status: "Published",
    revision: deps.newRevision(),
    origin: { type: "EXTERNAL", entryPoint: connection },
    publishedAt: now,
    upstreamPublishedAt: version.publishedAt ?? modifiedAt,
    firstSeenAt: firstSeenAt ?? now,
    storedAt: now,
    metadata: version.metadata,
    document: version.document,
    brief: version.brief,
  };
}

interface Keeping {
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  readonly context: RequestContext;
}

/**
 * Adds the version to one repository. A number that is there already, in whatever state, stays as it is; where the
 * format's versions grow (spec 4.3.5), files of the same origin join it, each judged like the version's first (4.3.7).
 */
async function keep(
  deps: RegistryDeps,
  tx: Queries,
  snapshot: DomainSnapshot,
  { repository, key, context }: Keeping,
  way: "EXTERNAL_UPSTREAM" | "INTERNAL_UPSTREAM",
  version: NewVersion,
  assets: readonly AssetRecord[],
  event: "ingested" | "retained",
): Promise<void> {
  if (!snapshot.repositories.has(repository.id)) return; // deleted meanwhile
  const held = await findPackage(tx, repository.id, key);
  const existing = held === undefined ? undefined : await findVersion(tx, held.id, version.version);
  const added = existing === undefined ? assets : await lateAssets(deps, tx, key, existing, version, assets);
  if (added.length === 0) return;
  const admission = await admit(tx, snapshot, { way, repository, key }, version.origin.type, deps.now());
  const into = { repository, ...admission };
  if (existing === undefined) await record(deps, tx, into, version, added, { event, context });
  else await extend(deps, tx, into, existing, added, { event: "assets-added", context });
}

async function lateAssets(
  deps: RegistryDeps,
  tx: Queries,
  key: PackageKey,
  existing: VersionRecord,
  { origin }: NewVersion,
  assets: readonly AssetRecord[],
): Promise<readonly AssetRecord[]> {
  const grows =
    deps.formats.get(key.format)?.lateAssets === true &&
    isReadable(existing) &&
    origin.type === "EXTERNAL" &&
    existing.origin.type === "EXTERNAL" &&
    existing.origin.entryPoint === origin.entryPoint;
  if (!grows) return [];
  const names = new Set((await findAssets(tx, existing.id)).map(({ name }) => name));
  return assets.filter(({ name }) => !names.has(name));
}

/**
 * Keeps in the asked repository a version that an upstream repository holds: a row, no bytes (spec 4.3.1).
 * The revision travels along, since nothing of the version changes.
 */
export async function retain(
  deps: RegistryDeps,
  snapshot: DomainSnapshot,
  into: Keeping,
  source: VersionRecord,
): Promise<void> {
  await deps.database.write(async (tx) => {
    await deps.database.lockPackage(tx, snapshot.domain.id, into.key);
    const confirmed = await deps.catalog.confirm(tx, snapshot);
    const { id, packageId: _, ...version } = source;
    const assets = await findAssets(tx, id);
    if (assets.length === 0) return; // deleted there meanwhile: nothing is left to keep
    await keep(
      deps,
      tx,
      confirmed,
      into,
      "INTERNAL_UPSTREAM",
      { ...version, publishedAt: deps.now(), storedAt: deps.now() },
      assets,
      "retained",
    );
  });
  deps.generations.touchPackage(snapshot.domain.id, into.key);
}
