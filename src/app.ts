// The only place that constructs anything; reads as a list.
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Authenticate } from "./aws/dispatch.ts";
import { createAwsDoor } from "./aws/dispatch.ts";
import { operations } from "./aws/operations/index.ts";
import { createStsDoor } from "./aws/sts.ts";
import type { Seat } from "./cluster/seat.ts";
import type { Config } from "./config.ts";
import { type Connections, createConnections } from "./connections.ts";
import type { PackageFormat } from "./core/coordinates.ts";
import type { Log } from "./core/log.ts";
import { createDoors } from "./doors.ts";
import { startAuditRecorder } from "./events/audit-recorder.ts";
import type { Dispatcher } from "./events/dispatcher.ts";
import { startDispatcher } from "./events/dispatcher.ts";
import { cargo } from "./formats/cargo/index.ts";
import type { Format } from "./formats/format.ts";
import { generic } from "./formats/generic/index.ts";
import { maven } from "./formats/maven/index.ts";
import { npm } from "./formats/npm/index.ts";
import { nuget } from "./formats/nuget/index.ts";
import { pypi } from "./formats/pypi/index.ts";
import { ruby } from "./formats/ruby/index.ts";
import { swift } from "./formats/swift/index.ts";
import { createClientAddress } from "./http/client-address.ts";
import { createLog } from "./http/log.ts";
import type { Metrics } from "./http/metrics.ts";
import { createMetrics } from "./http/metrics.ts";
import { createHttpServer } from "./http/server.ts";
import { ensureAdministrator } from "./identity/first-start.ts";
import type { Identities } from "./identity/identify.ts";
import { createIdentities } from "./identity/identify.ts";
import { createSigV4Verifier } from "./identity/sigv4.ts";
import { openServedBlobs, openStoredBlobs } from "./open-blobs.ts";
import { createCatalog } from "./registry/catalog.ts";
import { createRegistry } from "./registry/create.ts";
import type { RegistryDeps } from "./registry/deps.ts";
import { Generations } from "./registry/generations.ts";
import type { Database } from "./store/database.ts";
import { openDatabase } from "./store/database.ts";
import { createDomainBytes } from "./store/domain-bytes.ts";
import { deleteExpiredTokens } from "./store/identities.ts";
import { settingOnce } from "./store/settings.ts";
import type { Upkeep } from "./upkeep/upkeep.ts";
import { startUpkeep } from "./upkeep/upkeep.ts";
import { discoverByAsking, discoverQuickly } from "./upstream/discovery.ts";
import { createUpstream } from "./upstream/index.ts";
import { createIssuers } from "./upstream/issuers.ts";

export interface App {
  readonly address: { readonly host: string; readonly port: number };
  close(graceMs: number): Promise<void>;
}

const FORMATS: readonly Format[] = [npm, generic, swift, pypi, maven, cargo, ruby, nuget];

/** How long a view that has something to show waits for a public registry. */
const UPSTREAM_PATIENCE_MS = 2_000;
const SMALL_ASSET_BYTES_MAX = 2 * 1024 * 1024;
/** Long enough to spare registries a build's repeated questions, short enough that a first publish outside is seen soon. */
const UPSTREAM_ABSENT_TTL_MS = 15_000;
/** Shorter than the ten seconds after which a registry that has recovered must be in use again (contract, Refusals). */
const UPSTREAM_FAILURE_TTL_MS = 4_000;
const READY_TIMEOUT_MS = 5_000;

/**
 * Starts everything; resolves once requests are served. Rejects, with nothing left open, when something cannot be had.
 * `seat` is this process's among several that serve together; the first of them alone does what must be done once.
 */
export async function startApp(
  config: Config,
  known: readonly Format[] = FORMATS,
  seat?: Pick<Seat, "index" | "first" | "metrics">,
): Promise<App> {
  const now = Date.now;
  const log = createLog(config.logLevel, seat && { worker: seat.index });
  const leads = seat === undefined || seat.index === 0;
  await mkdir(config.data, { recursive: true, mode: 0o700 });

  const database = await openRows(config, log);
  if (await ensureAdministrator(database, config.account, join(config.data, "credentials"), now())) {
    log.info({ file: join(config.data, "credentials") }, "first start: wrote the administrator's access key");
  }
  if (config.identities !== undefined && leads && seat?.first !== false)
    await applyIdentities(database, config.identities, config, log);
  await database.write((tx) => deleteExpiredTokens(tx, now()));
  const pagingKey = Buffer.from(
    await settingOnce(database, "paging-key", () => randomBytes(32).toString("base64")),
    "base64",
  );

  const { deps: parts, connections } = await openParts(config, database, log, {
    known,
    leads,
    shared: seat !== undefined,
  });
  const cache = await openServedBlobs(config, parts.blobs, log);
  const deps: RegistryDeps = { ...parts, blobs: cache.served };
  const { blobs, upstream, generations, formats } = deps;
  const registry = createRegistry(deps);
  const limits = {
    requestBytesMax: config.npmRequestBytesMax,
    assetBytesMax: config.assetBytesMax,
    documentCacheBytes: config.documentCacheBytes,
  };
  const doors = new Map(
    [...formats].map(([name, format]) => [name, format.open({ registry, limits, now })] as const),
  );

  const identities = createIdentities(database, now, {
    secure: config.publicUrl?.startsWith("https:") ?? false,
    organization: await settingOnce(database, "organization-id", newOrganizationId),
  });
  database.observe((change) => {
    generations.apply(change);
    if (change.of === "everything" || change.of === "identities") identities.forget();
  });
  const addressOf = createClientAddress(config.trustedProxies);
  const api = createAwsDoor({
    operations,
    addressOf,
    deps: {
      ...deps,
      registry,
      publicUrl: config.publicUrl,
      pagingKey,
      assetBytesMax: config.assetBytesMax,
      domainBytes: createDomainBytes(database, now),
    },
    authenticate: bySignature(identities, "codeartifact", now),
    log,
  });
  const issuers = createIssuers({ now });
  const sts = createStsDoor({
    addressOf,
    authenticate: bySignature(identities, "sts", now),
    deps: { ...deps, secure: config.publicUrl?.startsWith("https:") ?? false, issuers },
    log,
  });
  const metrics = createMetrics(seat?.metrics);
  const audit =
    config.audit === "off"
      ? undefined
      : startAuditRecorder({ database, log, now, which: config.audit, keepMs: config.auditDays * DAY_MS });
  metrics.counter(
    "portcullis_audit_dropped_total",
    "Requests that are missing from the audit",
    () => audit?.counts().dropped ?? 0,
  );
  const server = createHttpServer(
    createDoors({
      api,
      sts,
      formats: doors,
      registry,
      identities,
      refresh: () => database.barrier(),
      ready: () => withDeadline(Promise.all([database.probe(), blobs.probe()])),
      metrics,
      audit: audit?.record,
      log,
      publicUrl: config.publicUrl,
      addressOf,
      newRequestId: createRequestIds(),
    }),
    { idleTimeoutMs: config.idleTimeoutMs },
  );
  await connections.ready;
  const address = await server.listen(config.listen.host, config.listen.port);
  const upkeep = leads
    ? startUpkeep({ ...deps, blobs: cache.stored, scrubDays: config.scrubDays })
    : undefined;
  if (upkeep !== undefined) tellUpkeep(metrics, upkeep);
  metrics.counter(
    "portcullis_blob_cache_hits_total",
    "Blobs read from the local copy",
    () => cache.counts.hits,
  );
  metrics.counter("portcullis_blob_cache_misses_total", "Blobs read from S3", () => cache.counts.misses);
  const useRecord = startRecordingUse(deps, identities);
  const giveUpMs = config.webhookDays * DAY_MS;
  const dispatcher = leads
    ? startDispatcher({ database, region: config.region, log, now, giveUpMs })
    : undefined;
  if (dispatcher !== undefined) tellDeliveries(metrics, dispatcher);
  log.info({ address, pid: process.pid, data: config.data, database: database.engine }, "serving");

  return {
    address,
    async close(graceMs) {
      clearInterval(useRecord);
      await Promise.all([
        server.close(graceMs),
        dispatcher?.close(Math.min(graceMs, DELIVERY_GRACE_MS)),
        upkeep?.close(),
      ]);
      await connections.close();
      await registry.settled();
      await audit?.close();
      await identities.recordUse();
      await Promise.all([...doors.values()].map((door) => door.close?.()));
      await upstream.close();
      await issuers.close();
      await blobs.close();
      await database.close();
    },
  };
}

/** The database as the configuration says; brought to this version's schema. */
export function openRows(config: Config, log: Log): Promise<Database> {
  return openDatabase(config.database ?? join(config.data, "portcullis.sqlite"), {
    ...config.databaseOptions,
    stalenessMs: config.stalenessMs,
    log,
  });
}

export interface PartsOptions {
  readonly known?: readonly Format[];
  /** Whether this process does what must be done once: trims caches, writes upstreams.json. */
  readonly leads: boolean;
  /** Whether other processes use the same data folder. */
  readonly shared: boolean;
}

/**
 * What the registry's verbs work with: for the server, and for commands that work beside one. Whoever opens them closes
 * the connections, the upstream and the blobs, and the database.
 */
export async function openParts(
  config: Config,
  database: Database,
  log: Log,
  { known = FORMATS, leads, shared }: PartsOptions,
): Promise<{ readonly deps: RegistryDeps; readonly connections: Connections }> {
  const blobs = await openStoredBlobs(config, leads).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const upstream = createUpstream({
    directory: join(config.data, "cache", "upstream"),
    freshnessMs: config.upstreamFreshnessMs,
    absentTtlMs: Math.min(config.upstreamFreshnessMs, UPSTREAM_ABSENT_TTL_MS),
    timeoutMs: config.upstreamTimeoutMs,
    failureTtlMs: UPSTREAM_FAILURE_TTL_MS,
    cacheBytesMax: config.upstreamCacheBytes,
    shared,
    trims: leads,
    log,
  });
  const connections = createConnections({
    configured: config.upstreams,
    file: join(config.data, "upstreams.json"),
    discoverQuickly,
    discoverByAsking,
    leads,
    log,
  });

  const generations = new Generations();
  const formats = new Map<PackageFormat, Format>(known.map((format) => [format.name, format]));
  const deps: RegistryDeps = {
    database,
    blobs,
    upstream,
    connection: (name) => connections.find(name),
    formats,
    catalog: createCatalog(database, generations),
    generations,
    region: config.region,
    now: Date.now,
    newRevision: () => randomBytes(32).toString("base64"),
    log,
    limits: {
      upstreamPatienceMs: UPSTREAM_PATIENCE_MS,
      smallAssetBytesMax: SMALL_ASSET_BYTES_MAX,
      smallAssetCacheBytes: config.assetCacheBytes,
      redirectBytesMin: config.blobRedirectBytesMin,
    },
  };
  return { deps, connections };
}

/** A file that cannot be applied stops the start: identities that are half as wanted would be found out too late. */
async function applyIdentities(database: Database, file: string, config: Config, log: Log): Promise<void> {
  const { applyManifest } = await import("./identity/apply.ts");
  const { readManifest } = await import("./identity/manifest.ts");
  try {
    const manifest = readManifest(await readFile(file, "utf8"), file, config.account);
    const changes = await applyManifest(database, manifest, { actor: "server", now: Date.now() });
    for (const change of changes) log.info(change, "identities: changed as the file says");
  } catch (error) {
    await database.close();
    throw error;
  }
}

const DAY_MS = 24 * 60 * 60_000;
/** A receiver that has not answered by then is told again after the next start. */
const DELIVERY_GRACE_MS = 5_000;

function tellDeliveries(metrics: Metrics, dispatcher: Dispatcher): void {
  const { gauge, counter } = metrics;
  const { counts } = dispatcher;
  gauge("portcullis_webhook_events_pending", "Events still to be delivered", () => counts().pending);
  counter("portcullis_webhook_deliveries_total", "Events delivered", () => counts().delivered);
  counter("portcullis_webhook_failures_total", "Attempts that failed", () => counts().failed);
  counter("portcullis_webhook_given_up_total", "Events given up", () => counts().givenUp);
}

function tellUpkeep({ gauge, counter }: Metrics, { counts }: Upkeep): void {
  counter("portcullis_sweep_blobs_total", "Unused blobs deleted", () => counts.sweep.blobs);
  counter("portcullis_sweep_bytes_total", "Bytes of unused blobs deleted", () => counts.sweep.bytes);
  counter(
    "portcullis_scrub_blobs_total",
    "Blobs read again to see whether they are sound",
    () => counts.scrub.blobs,
  );
  counter("portcullis_scrub_bytes_total", "Bytes of blobs read again", () => counts.scrub.bytes);
  gauge(
    "portcullis_damaged_blobs",
    "Contents in use whose bytes are corrupt or missing",
    () => counts.damaged,
  );
  gauge(
    "portcullis_scrub_last_completed_timestamp_seconds",
    "When the last whole round ended; 0: none has",
    () => counts.scrubCompletedAt,
  );
}

/** The API's and STS's way to find out who asks. */
function bySignature(identities: Identities, service: string, now: () => number): Authenticate {
  const verify = createSigV4Verifier({ now, services: [service], lookupSecret: identities.fromKey });
  return async (request, address) => (await verify(request)).key.from(address);
}

/** AWS's form of an organization's id. */
function newOrganizationId(): string {
  return `o-${randomBytes(5).toString("hex")}`;
}

/** How old the last use that a token list shows may be. */
const USE_EVERY_MS = 30_000;

function startRecordingUse({ log }: RegistryDeps, identities: Identities): NodeJS.Timeout {
  const record = (): void => {
    identities
      .recordUse()
      .catch((error: unknown) => log.warn({ error: String(error) }, "the tokens' last use was not recorded"));
  };
  return setInterval(record, USE_EVERY_MS).unref();
}

/** Unique within and between runs, and cheap: a random prefix and a counter. */
function createRequestIds(): () => string {
  const prefix = randomBytes(6).toString("hex");
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}

async function withDeadline(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${READY_TIMEOUT_MS} ms`)), READY_TIMEOUT_MS);
  });
  await Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
