// What public registries say, for views and ingestion: asked only about names that may enter, waited for only as long as it pays.

import type { PackageKey } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { ExternalFormat, ExternalVersion, ReadOutside, WantedAsset } from "../formats/format.ts";
import { recordSightings } from "../store/sightings.ts";
import type { Connection, Index } from "../upstream/upstream.ts";
import type { RegistryDeps } from "./deps.ts";
import type { OutsideRequest } from "./registry.ts";

export type PresentIndex = Extract<Index, { state: "present" }>;

/** A connection that did not answer in time is not waited for again for this long, ms. */
const SLOW_PAUSE_MS = 5_000;

/** Public packages are no domain's. */
const NO_DOMAIN = 0;

export interface External {
  /**
   * The document of a package at a connection; undefined when the registry does not know it. With `patience` the
   * caller has something to show without it: after that many ms, or at once while the connection is known to be slow,
   * it gets a 504 while the request goes on in the background.
   */
  index(
    connection: string,
    key: PackageKey,
    options?: { readonly revalidate?: boolean; readonly patienceMs?: number },
  ): Promise<Index>;
  /** Any other document of a connection, cached and revalidated as indexes are. */
  document(connection: string, request: OutsideRequest): Promise<Index>;
  /** One version as its registry describes it, see ExternalFormat.version; without an index, see versionByFile. */
  version(
    connection: string,
    index: PresentIndex | undefined,
    key: PackageKey,
    version: string,
    asset: string,
  ): Promise<ExternalVersion | undefined>;
  /** Every version that a package's document lists, see ExternalFormat.versions. */
  versions(connection: string, index: PresentIndex, key: PackageKey): ReturnType<ExternalFormat["versions"]>;
  format(key: PackageKey): ExternalFormat;
  connection(name: string): Promise<Connection>;
}

export function createExternal(deps: RegistryDeps): External {
  const slowUntil = new Map<string, number>();
  /** Digests whose versions are already in the sightings table. */
  const sighted = new Map<string, string>();

  const format = (key: PackageKey): ExternalFormat => {
    const external = deps.formats.get(key.format)?.external;
    if (external === undefined) throw new Error(`format ${key.format} has no public registries`);
    return external;
  };

  const connection = async (name: string): Promise<Connection> => {
    const found = await deps.connection(name);
    if (found !== undefined) return found;
    const variable = `PORTCULLIS_UPSTREAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
    throw new Fault(
      "UpstreamFault",
      `The external connection '${name}' has no address. Say where its registry is: --upstream ${name}=URL, or ${variable}=URL, or "upstreams" in the config file, or upstreams.json in the data folder.`,
      { status: 502 },
    );
  };

  const readerOf =
    (name: string): ReadOutside =>
    async (request) => {
      const found = await document(name, request);
      return found.state === "present" ? { ...found, connection: name } : undefined;
    };

  const versionsOf: External["versions"] = (name, index, key) =>
    format(key).versions({ ...index, connection: name }, key, readerOf(name));

  const noteSightings = async (name: string, key: PackageKey, index: PresentIndex): Promise<void> => {
    const mark = `${name} ${key.format}/${key.namespace}/${key.name}`;
    if (sighted.get(mark) === index.digest) return;
    const versions = await versionsOf(name, index, key);
    await deps.database.write(async (tx) => {
      await deps.database.lockPackage(tx, NO_DOMAIN, key); // another node may have seen the same just now
      await recordSightings(tx, name, key, versions.keys(), deps.now());
    });
    if (sighted.size >= 10_000) sighted.clear();
    sighted.set(mark, index.digest);
  };

  const ask = async (name: string, key: PackageKey, revalidate: boolean): Promise<Index> => {
    const at = await connection(name);
    const place = { url: withoutUser(at.url), read: readerOf(name) };
    const request = await (format(key).locateIndex?.(key, place) ?? format(key).indexRequest(key));
    const index = await deps.upstream.index({ connection: at, ...request, revalidate });
    if (index.state === "present" && format(key).indexInPieces === true) await versionsOf(name, index, key);
    slowUntil.delete(name);
    if (index.state === "present") {
      noteSightings(name, key, index).catch((error: unknown) =>
        deps.log.warn({ connection: name, error: String(error) }, "first sightings could not be recorded"),
      );
    }
    return index;
  };

  const document: External["document"] = async (name, request) =>
    deps.upstream.index({ connection: await connection(name), ...request });

  return {
    format,
    connection,
    document,
    versions: versionsOf,
    async version(name, index, key, version, asset) {
      const wanted: WantedAsset = {
        asset,
        url: withoutUser((await connection(name)).url),
        read: readerOf(name),
      };
      return index === undefined
        ? format(key).versionByFile?.(key, version, wanted)
        : format(key).version({ ...index, connection: name }, key, version, wanted);
    },
    async index(name, key, { revalidate = false, patienceMs } = {}) {
      const answer = ask(name, key, revalidate);
      if (patienceMs === undefined) return answer;
      answer.catch(() => undefined); // when nobody waits for it any more, its failure is not an unhandled one
      const waitMs = (slowUntil.get(name) ?? 0) > deps.now() ? 0 : patienceMs;
      const patience = losePatience(name, waitMs, () => slowUntil.set(name, deps.now() + SLOW_PAUSE_MS));
      return Promise.race([answer, patience.lost]).finally(patience.end);
    },
  };
}

/** What is kept and told of a file's address must not carry credentials. */
function withoutUser(url: string): string {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
}

/** `end` it once there is an answer, or a connection that answered in time would be noted as slow all the same. */
function losePatience(
  connection: string,
  waitMs: number,
  onSlow: () => void,
): { readonly lost: Promise<never>; readonly end: () => void } {
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    if (waitMs > 0) onSlow();
    reject(
      new Fault(
        "UpstreamFault",
        `The external connection '${connection}' did not answer in time; only what is held here is shown.`,
        { status: 504 },
      ),
    );
  }, waitMs);
  timer.unref();
  return { lost, end: () => clearTimeout(timer) };
}
