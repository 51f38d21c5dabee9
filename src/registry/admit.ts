// THE GATE: gathers the facts, lets core/origin decide, and records. Every new package version passes here.
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { Decision, GroupChain, Reason, WayIn } from "../core/origin.ts";
import { decideEntry, explain, firstArrivalSettings, ruleText } from "../core/origin.ts";
import type { Queries } from "../store/database.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import type { JournalEvent, VersionChange } from "../store/journal.ts";
import { appendJournal } from "../store/journal.ts";
import type { PackageRecord } from "../store/packages.ts";
import { findPackage, insertPackage, touchPackage } from "../store/packages.ts";
import type { AssetRecord, NewVersion, VersionRecord } from "../store/versions.ts";
import { insertAssets, insertVersion, updateVersion } from "../store/versions.ts";
import { refuseGone } from "./catalog.ts";
import type { RegistryDeps } from "./deps.ts";
import type { RepositoryRecord, RequestContext, VersionTexts } from "./registry.ts";

/** The package's groups, most specific first, and how it belongs to the first of them (spec 3.3, 3.4). */
export function chainOf(snapshot: DomainSnapshot, key: PackageKey): GroupChain {
  return snapshot.groups.associate(key);
}

/** One version on its way into one repository. */
export interface Arrival {
  readonly way: WayIn;
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
}

/** Asks without writing: the early question, before bytes or network are spent. */
export async function consider(
  db: Queries,
  snapshot: DomainSnapshot,
  arrival: Arrival,
): Promise<{ decision: Decision; record: PackageRecord | undefined }> {
  const record = await findPackage(db, arrival.repository.id, arrival.key);
  const decision = decideEntry({
    way: arrival.way,
    key: arrival.key,
    repository: arrival.repository.name,
    settings: record?.settings,
    chain: chainOf(snapshot, arrival.key),
  });
  return { decision, record };
}

/** A repository's record of a package that something may enter. */
export interface Admission {
  readonly package: PackageRecord;
  /** The record was made just now: nothing is held under it yet. */
  readonly first: boolean;
}

/**
 * The true question, inside the recording transaction and under the package's lock. Returns the package's record,
 * made with its first-arrival settings when this is the first arrival (spec 2.2); throws `refusal` otherwise, and 404
 * when the repository is gone.
 */
export async function admit(
  tx: Queries,
  snapshot: DomainSnapshot,
  arrival: Arrival,
  origin: "INTERNAL" | "EXTERNAL",
  at: number,
): Promise<Admission> {
  refuseGone(snapshot, arrival.repository);
  const { decision, record } = await consider(tx, snapshot, arrival);
  if (!decision.allowed) throw refusal(arrival, decision.reasons);
  if (record !== undefined) return { package: record, first: false };
  const settings = firstArrivalSettings(arrival.way, origin, chainOf(snapshot, arrival.key));
  return { package: await insertPackage(tx, arrival.repository.id, arrival.key, settings, at), first: true };
}

/** Writes the version, its assets and the journal line, and marks the package as changed. */
export async function record(
  deps: RegistryDeps,
  tx: Queries,
  into: Admission & { readonly repository: RepositoryRecord },
  version: NewVersion,
  assets: readonly AssetRecord[],
  told: {
    readonly event: "published" | "ingested" | "retained" | "copied";
    readonly context: RequestContext;
    readonly detail?: Readonly<Record<string, unknown>>;
    /** It takes the place of another version of this number. */
    readonly replaces?: boolean;
  },
): Promise<VersionRecord> {
  const id = await insertVersion(tx, into.package.id, version, assets);
  if (!into.first) await touchPackage(tx, into.package.id, deps.now());
  await tell(deps, tx, into, version, assets, told, {
    operation: told.replaces === true ? "Updated" : "Created",
    assetsAdded: assets.length,
    metadataUpdated: true,
    statusChanged: true,
  });
  return { ...version, id, packageId: into.package.id };
}

/** Adds assets to a version that is there, under a new revision (spec 1.6.3), with what else changes of it. */
export async function extend(
  deps: RegistryDeps,
  tx: Queries,
  into: Admission & { readonly repository: RepositoryRecord },
  version: VersionRecord,
  assets: readonly AssetRecord[],
  told: {
    readonly event: "assets-added";
    readonly context: RequestContext;
    readonly texts?: VersionTexts;
    /** The version is no longer Unfinished. */
    readonly status?: "Published";
  },
): Promise<void> {
  const { texts, status } = told;
  const revision = deps.newRevision();
  await insertAssets(tx, version.id, assets);
  await updateVersion(tx, version.id, {
    revision,
    ...texts,
    ...(status === undefined ? {} : { status, publishedAt: deps.now() }),
  });
  await touchPackage(tx, into.package.id, deps.now());
  const now = { ...version, revision, status: status ?? version.status };
  await tell(deps, tx, into, now, assets, told, {
    operation: "Updated",
    assetsAdded: assets.length,
    metadataUpdated: texts !== undefined,
    statusChanged: status !== undefined,
  });
}

/** The journal's line of a version that came or grew, which is its package-version event as well (spec 10.3). */
async function tell(
  deps: RegistryDeps,
  tx: Queries,
  into: Admission & { readonly repository: RepositoryRecord },
  version: Pick<NewVersion, "version" | "origin" | "status" | "revision">,
  assets: readonly AssetRecord[],
  told: {
    readonly event: JournalEvent;
    readonly context: RequestContext;
    readonly detail?: Readonly<Record<string, unknown>>;
  },
  change: Pick<VersionChange, "operation" | "assetsAdded" | "metadataUpdated" | "statusChanged">,
): Promise<void> {
  await appendJournal(tx, [
    {
      at: deps.now(),
      event: told.event,
      domainId: into.repository.domain.id,
      repository: into.repository.name,
      key: into.package.key,
      version: version.version,
      actor: told.context.caller.arn,
      requestId: told.context.requestId,
      detail: {
        origin: version.origin,
        settings: into.package.settings,
        assets: assets.map(({ name, digests }) => ({ name, sha256: digests.sha256 })),
        ...told.detail,
      },
      change: {
        ...change,
        state: version.status,
        revision: version.revision,
        assetsRemoved: 0,
        assetsUpdated: 0,
      },
    },
  ]);
}

/** 403 that names every rule that refused, the repository, and the call that would change it (contract, Refusals). */
export function refusal({ way, repository, key }: Arrival, reasons: readonly Reason[]): Fault {
  const verb = way === "PUBLISH" ? "Publishing" : way === "COPY" ? "Copying" : "Taking in";
  return new Fault(
    "AccessDeniedException",
    `${verb} ${packagePath(key)} into repository '${repository.name}' is refused by origin control. ${reasons.map(explain).join(" ")}`,
    { rule: reasons.map(ruleText).join(", ") },
  );
}

/** Keeps a refusal in the journal, in its own transaction since the refused one rolls back. */
export async function recordRefusal(
  deps: RegistryDeps,
  arrival: Arrival,
  version: string,
  reasons: readonly Reason[],
  context: RequestContext,
): Promise<void> {
  deps.log.info(
    {
      repository: arrival.repository.name,
      package: packagePath(arrival.key),
      version,
      way: arrival.way,
      rules: reasons.map(ruleText),
      requestId: context.requestId,
    },
    "origin control refused a version",
  );
  await deps.database.write((tx) =>
    appendJournal(tx, [
      {
        at: deps.now(),
        event: "refused",
        domainId: arrival.repository.domain.id,
        repository: arrival.repository.name,
        key: arrival.key,
        version,
        actor: context.caller.arn,
        requestId: context.requestId,
        detail: { way: arrival.way, reasons: reasons.map(({ effect, rule }) => ({ effect, rule })) },
      },
    ]),
  );
}
