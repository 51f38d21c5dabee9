// OUTBOUND, put together: the one object through which this server reaches public registries.
import { readFileSync } from "node:fs";
import type { Log } from "../core/log.ts";
import { createAssets } from "./assets.ts";
import { createFetcher } from "./fetch.ts";
import { createIndexCache } from "./index-cache.ts";
import { createIndexStore, type IndexStore } from "./index-store.ts";
import { createPauses } from "./pauses.ts";
import type { Upstream } from "./upstream.ts";

export interface UpstreamOptions {
  /** Where registries' documents are kept; made when it is needed. */
  readonly directory: string;
  /** Of Portcullis, for the User-Agent. Default: what package.json says. */
  readonly version?: string;
  /** How long a document is used without asking again. Default 300000. */
  readonly freshnessMs?: number;
  /** How long an answer that there is no such package is believed. Default 60000. */
  readonly absentTtlMs?: number;
  /** How long a registry that failed is left alone. Default 5000; never more than 10000 in effect. */
  readonly failureTtlMs?: number;
  /** Longest wait for a document, whole, or for the headers of a file. Default 30000, at most 60000. */
  readonly timeoutMs?: number;
  /** Longest wait for a connection to stand. Default 10000. */
  readonly connectTimeoutMs?: number;
  /** Longest silence within a body. Default 20000. */
  readonly idleTimeoutMs?: number;
  /** A file must bring `paceBytesMin` (default 16 KiB) in each span of `paceMs` (default 60000). */
  readonly paceMs?: number;
  readonly paceBytesMin?: number;
  /** Connections to one host at a time. Default 32. */
  readonly connectionsMax?: number;
  /** Largest document as it comes over the wire. Default 256 MiB. */
  readonly indexBytesMax?: number;
  /** All documents on disk together. Default 2 GiB. */
  readonly cacheBytesMax?: number;
  /** Whether other processes use the directory at the same time. Default false. */
  readonly shared?: boolean;
  /** Whether this one keeps it within its bytes. Default true. */
  readonly trims?: boolean;
  /** PEM file of authorities to trust besides Node's own and NODE_EXTRA_CA_CERTS. Default: SSL_CERT_FILE. */
  readonly caFile?: string;
  /** For proxies and SSL_CERT_FILE. Default: the process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly now?: () => number;
  readonly log?: Log;
}

const TIMEOUT_MS_MAX = 60_000;

/** Starts nothing by itself: the network, the disk and the HTTP client are touched with the first request. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const env = options.env ?? process.env;
  const now = options.now ?? Date.now;
  const timeoutMs = Math.min(options.timeoutMs ?? 30_000, TIMEOUT_MS_MAX);
  const fetcher = createFetcher({
    userAgent: () => `portcullis/${options.version ?? ownVersion()}`,
    connectTimeoutMs: Math.min(options.connectTimeoutMs ?? 10_000, timeoutMs),
    idleTimeoutMs: options.idleTimeoutMs ?? 20_000,
    connectionsMax: options.connectionsMax ?? 32,
    caFile: options.caFile ?? authoritiesOf(env),
    env,
  });
  const pauses = createPauses(options.failureTtlMs ?? 5_000, now, options.log);
  let store: Promise<IndexStore> | undefined;
  const openStore = () =>
    (store ??= createIndexStore(options.directory, options.cacheBytesMax ?? 2 * 1024 ** 3, {
      shared: options.shared ?? false,
      trims: options.trims ?? true,
    }));
  const cache = createIndexCache(
    {
      freshnessMs: options.freshnessMs ?? 300_000,
      absentTtlMs: options.absentTtlMs ?? 60_000,
      timeoutMs,
      indexBytesMax: options.indexBytesMax ?? 256 * 1024 ** 2,
      now,
    },
    { fetcher, store: openStore, pauses },
  );
  const paceMs = options.paceMs ?? 60_000;
  const assets = createAssets(
    { timeoutMs, paceMs, paceBytesMin: options.paceBytesMin ?? 16 * 1024, now },
    fetcher,
    pauses,
  );
  return {
    index: cache.index,
    cachedIndex: cache.cachedIndex,
    open: assets.open,
    relay: assets.relay,
    async close() {
      await fetcher.close();
      await cache.settled();
      await (await store)?.close();
    },
  };
}

/** Node has read NODE_EXTRA_CA_CERTS already: reading the same bundle again would only cost time. */
export function authoritiesOf({ SSL_CERT_FILE, NODE_EXTRA_CA_CERTS }: NodeJS.ProcessEnv): string | undefined {
  return SSL_CERT_FILE === NODE_EXTRA_CA_CERTS || SSL_CERT_FILE === "" ? undefined : SSL_CERT_FILE;
}

export function ownVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const version =
    typeof content === "object" && content !== null && "version" in content ? content.version : undefined;
  return typeof version === "string" ? version : "0";
}
