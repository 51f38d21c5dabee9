// One asset of a version: held here, kept from an upstream repository, or taken in from a public registry on the way out.
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { Reason } from "../core/origin.ts";
import { explain, ruleText } from "../core/origin.ts";
import type { ExternalVersion } from "../formats/format.ts";
import type { AssetRecord, VersionRecord } from "../store/versions.ts";
import { findAssets, findVersionIn } from "../store/versions.ts";
import type { Index } from "../upstream/upstream.ts";
import { recordRefusal } from "./admit.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import type { Lookup } from "./find.ts";
import { isReadable, look, sameSource } from "./find.ts";
import { Generations } from "./generations.ts";
import type { Ingestion } from "./ingest.ts";
import { retain } from "./ingest.ts";
import type { AssetSource, RepositoryRecord, RequestContext } from "./registry.ts";
import { noteVersion } from "./request-note.ts";

export interface AssetQuestion {
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  readonly version: string;
  readonly asset: string;
  readonly context: RequestContext;
}

/** First hit in search order ends the search, whatever its status (spec 4.2.1, 4.3.9). */
export async function findAsset(
  deps: RegistryDeps,
  external: External,
  ingestion: Ingestion,
  question: AssetQuestion,
): Promise<AssetSource> {
  noteVersion(question.version);
  const lookup = await look(deps, question.repository, question.key);
  const holding = await holdings(deps, lookup, question.version);
  try {
    const held = await fromHeld(deps, lookup, question, holding);
    return held ?? (await fromOutside(deps, external, ingestion, lookup, question, holding[0]));
  } catch (error) {
    // The gate closed between the look and the record: to a reader that is an absent version with a reason.
    if (error instanceof Fault && error.code === "AccessDeniedException" && error.detail.rule !== undefined) {
      throw absent(question, error.message, error.detail.rule);
    }
    throw error;
  }
}

/** The version's rows in search order. */
async function holdings(
  deps: RegistryDeps,
  { packages }: Lookup,
  version: string,
): Promise<readonly VersionRecord[]> {
  const rows = await findVersionIn(
    deps.database.read,
    packages.map(({ id }) => id),
    version,
  );
  const byPackage = new Map(rows.map((row) => [row.packageId, row]));
  return packages.map(({ id }) => byPackage.get(id)).filter((row) => row !== undefined);
}

/** Undefined when the asset is not held and may still be looked for outside. */
async function fromHeld(
  deps: RegistryDeps,
  lookup: Lookup,
  question: AssetQuestion,
  holding: readonly VersionRecord[],
): Promise<AssetSource | undefined> {
  const [first] = holding;
  if (first === undefined) return undefined;
  if (!isReadable(first)) {
    throw absent(
      question,
      `Version ${first.version} of ${packagePath(question.key)} is ${first.status}.`,
      `version status ${first.status}`,
    );
  }
  const found = await findIn(
    deps,
    question,
    holding.filter((row) => row === first || mayShare(deps, question, first, row)),
  );
  if (found === undefined) {
    if (grows(deps, question, first)) return undefined;
    throw absent(question);
  }
  const { held, asset } = found;
  if (held.packageId !== lookup.own?.id) await retain(deps, lookup.snapshot, question, held);
  const packageName = Generations.packageName(question.repository.domain.id, question.key);
  const { md5, sha1, sha256, sha512 } = asset.digests;
  return {
    kind: "held",
    current: () => deps.generations.of(question.repository.domain.id, packageName) <= lookup.moment,
    asset: {
      name: asset.name,
      size: asset.size,
      md5,
      sha1,
      sha256,
      sha512,
      publishedAt: held.upstreamPublishedAt ?? held.publishedAt,
    },
  };
}

/** Versions of public registries may be held file by file (spec 4.3.5). */
function grows(deps: RegistryDeps, { key }: AssetQuestion, { origin }: VersionRecord): boolean {
  return origin.type === "EXTERNAL" && deps.formats.get(key.format)?.lateAssets === true;
}

function mayShare(
  deps: RegistryDeps,
  question: AssetQuestion,
  first: VersionRecord,
  other: VersionRecord,
): boolean {
  return grows(deps, question, first) && sameSource(first, other) && isReadable(other);
}

async function findIn(
  deps: RegistryDeps,
  question: AssetQuestion,
  holding: readonly VersionRecord[],
): Promise<{ readonly held: VersionRecord; readonly asset: AssetRecord } | undefined> {
  for (const held of holding) {
    const asset = (await findAssets(deps.database.read, held.id)).find(({ name }) => name === question.asset);
    if (asset !== undefined) return { held, asset };
  }
  return undefined;
}

async function fromOutside(
  deps: RegistryDeps,
  external: External,
  ingestion: Ingestion,
  lookup: Lookup,
  question: AssetQuestion,
  held: VersionRecord | undefined,
): Promise<AssetSource> {
  const { key } = question;
  let trouble: Fault | undefined;
  for (const { holder, connection } of lookup.reach.connections) {
    if (!deps.formats.get(key.format)?.connections.includes(connection)) continue;
    // A late file must come from where the version came from (spec 4.3.7).
    if (held !== undefined && held.origin.entryPoint !== connection) continue;
    try {
      const version = await describedOutside(deps, external, connection, question);
      if (version !== undefined && version.assets.length === 0) throw uncheckable(question, connection);
      const asset = version?.assets.find(({ name }) => name === question.asset);
      if (version === undefined || asset === undefined) continue;
      const holding = lookup.snapshot.repositories.get(holder.id) as RepositoryRecord;
      const arriving = await ingestion.ingest({
        ...question,
        snapshot: lookup.snapshot,
        holder: holding,
        connection,
        version,
        asset,
      });
      return arriving === undefined
        ? await findAsset(deps, external, ingestion, question)
        : { kind: "arriving", ...arriving };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "UpstreamFault") throw error;
      trouble ??= error;
    }
  }
  if (trouble !== undefined) throw trouble;
  throw await hiddenOrAbsent(deps, question, lookup.reach.hidden);
}

/** A document younger than this is not asked for again on behalf of a file that it does not list, ms. */
const RECHECK_MS = 2_000;

/**
 * The version as the connection's registry describes it. A file that the document kept here does not list is looked for
 * in the newest one: another node may keep a newer document than this one, and have shown it to the client.
 */
async function describedOutside(
  deps: RegistryDeps,
  external: External,
  connection: string,
  { key, version, asset }: AssetQuestion,
): Promise<ExternalVersion | undefined> {
  if (external.format(key).versionByFile !== undefined)
    return external.version(connection, undefined, key, version, asset);
  const describe = async (index: Index) =>
    index.state === "absent" ? undefined : external.version(connection, index, key, version, asset);
  const index = await external.index(connection, key);
  const found = await describe(index);
  const lists = found?.assets.some(({ name }) => name === asset) ?? false;
  if (lists || deps.now() - index.checkedAt < RECHECK_MS) return found;
  const options = { revalidate: true, patienceMs: deps.limits.upstreamPatienceMs };
  const newest = await external.index(connection, key, options).catch(() => index);
  return newest === index ? found : describe(newest);
}

/** Bytes that cannot be checked do not enter (threats, design rule 3). */
function uncheckable(question: AssetQuestion, connection: string): Fault {
  return absent(
    question,
    `'${connection}' lists it without a digest that its bytes could be checked with.`,
    `no digest at ${connection}`,
  );
}

/** Refusals of the same rule for the same file are journalled once a minute: reading must not be a way to fill a disk. */
const refusedLately = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });

async function hiddenOrAbsent(
  deps: RegistryDeps,
  question: AssetQuestion,
  hidden: readonly Reason[],
): Promise<Fault> {
  if (hidden.length === 0) return absent(question);
  const rule = hidden.map(ruleText).join(", ");
  const mark = `${question.repository.id} ${question.version} ${question.asset} ${rule}`;
  if (!refusedLately.has(mark)) {
    refusedLately.set(mark, true);
    await recordRefusal(
      deps,
      { way: "INTERNAL_UPSTREAM", ...question },
      question.version,
      hidden,
      question.context,
    );
  }
  return absent(question, hidden.map(explain).join(" "), rule);
}

function absent({ repository, key, version, asset }: AssetQuestion, why?: string, rule?: string): Fault {
  const what = `${asset} (${packagePath(key)} ${version}) was not found in repository '${repository.name}' or anything upstream of it that it may take it from.`;
  return new Fault("ResourceNotFoundException", why === undefined ? what : `${what} ${why}`, {
    resourceType: "asset",
    ...(rule === undefined ? {} : { rule }),
  });
}
