// Flags, environment, file, default → one Config, once; every setting with its unit; unknown keys refused by name.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import * as v from "valibot";
import { ACCOUNT_ID, EXTERNAL_CONNECTIONS } from "./core/coordinates.ts";
import type { CidrRange } from "./core/ip-address.ts";
import { parseCidr } from "./core/ip-address.ts";

export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  /** Absolute. */
  readonly data: string;
  /** `postgres://…`, or undefined for SQLite in the data folder. */
  readonly database: string | undefined;
  /** How PostgreSQL is used; SQLite has no use for it. */
  readonly databaseOptions: {
    readonly poolMax: number;
    readonly connectTimeoutMs: number;
    /** 0: no limit; so with the next. */
    readonly statementTimeoutMs: number;
    readonly lockTimeoutMs: number;
    readonly prepare: boolean;
    readonly replica: string | undefined;
    readonly session: string | undefined;
  };
  /** PostgreSQL: how old what a node knows may be; 0: every request sees all that was committed before it came. */
  readonly stalenessMs: number;
  /** `s3://bucket/prefix`, or undefined for the data folder. */
  readonly blobs: string | undefined;
  /** A blob store in S3 from which nothing has come for so long does not answer. */
  readonly blobTimeoutMs: number;
  /** Local disk for copies of blobs in S3; 0: none. */
  readonly blobCacheBytes: number;
  /** Assets of at least so many bytes are answered with an address in S3; undefined: none is. */
  readonly blobRedirectBytesMin: number | undefined;
  /** Processes that serve; 1: this one alone. */
  readonly workers: number;
  readonly account: string;
  readonly region: string;
  /** Without a trailing slash; undefined: as the request's Host says. */
  readonly publicUrl: string | undefined;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly CidrRange[];
  /** External connection name → URL, as configured here (not what was discovered). */
  readonly upstreams: Readonly<Record<string, string>>;
  /** Absolute: the file of identities that is applied at start. */
  readonly identities: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly assetBytesMax: number;
  readonly npmRequestBytesMax: number;
  readonly upstreamFreshnessMs: number;
  readonly upstreamTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly documentCacheBytes: number;
  readonly assetCacheBytes: number;
  readonly upstreamCacheBytes: number;
  /** Which requests are kept for audit; `changes`: without the reads that succeed. */
  readonly audit: "all" | "changes" | "off";
  readonly auditDays: number;
  /** An event that a webhook has not taken for so long is given up. */
  readonly webhookDays: number;
  /** Each stored blob is read again about once in so many days; 0: never. */
  readonly scrubDays: number;
}

/** A setting as the command line knows it. The flag is `--name`, the variable PORTCULLIS_NAME, the file's key `name` or its camel case. */
interface Setting {
  readonly name: string;
  readonly argument: string;
  readonly help: string;
}

/** What `serve` understands; cli/serve.ts makes flags of it. `upstream` may be repeated. */
export const SETTINGS: readonly Setting[] = [
  {
    name: "listen",
    argument: "HOST:PORT",
    help: "address to serve on; port 0 picks a free one (default 127.0.0.1:8484)",
  },
  {
    name: "data",
    argument: "DIR",
    help: "folder of the embedded database, blobs, credentials and caches (default ./data)",
  },
  {
    name: "upstream",
    argument: "NAME=URL",
    help: "where an external connection's public registry is reached, e.g. public:npmjs=URL; repeatable",
  },
  { name: "database", argument: "URL", help: "postgres://… instead of the embedded SQLite" },
  {
    name: "staleness-ms",
    argument: "MS",
    help: "with PostgreSQL: how long a node may miss what another one changed; 0 asks the database before each request (default 0)",
  },
  {
    name: "database-pool-max",
    argument: "COUNT",
    help: "PostgreSQL connections of each worker, besides one for notices (default 16)",
  },
  {
    name: "database-connect-timeout-ms",
    argument: "MS",
    help: "longest wait for a database connection, a free one or a new one (default 5000)",
  },
  {
    name: "database-statement-timeout-ms",
    argument: "MS",
    help: "longest database statement of a request; 0: no limit (default 30000)",
  },
  {
    name: "database-lock-timeout-ms",
    argument: "MS",
    help: "longest wait for a lock in the database; 0: no limit (default 10000)",
  },
  {
    name: "database-prepare",
    argument: "WHETHER",
    help: "on or off: prepare the statements that come often; off behind a transaction pooler (default on)",
  },
  {
    name: "database-replica",
    argument: "URL",
    help: "postgres://… of a read replica, for searches, lists and audit, which may be a little old",
  },
  {
    name: "database-session",
    argument: "URL",
    help: "postgres://… of the same database past a transaction pooler, for notices and migrations",
  },
  { name: "blobs", argument: "URL", help: "s3://bucket/prefix instead of the data folder" },
  {
    name: "blob-timeout-ms",
    argument: "MS",
    help: "a blob store in S3 that is silent for so long does not answer (default 20000)",
  },
  {
    name: "blob-cache-bytes",
    argument: "BYTES",
    help: "local disk for copies of blobs in S3; 0: none (default 10 GiB)",
  },
  {
    name: "blob-redirects",
    argument: "WHETHER",
    help: "off, on, or the size in bytes from which assets in S3 are answered with a redirect to a short-lived address there (default off)",
  },
  {
    name: "workers",
    argument: "N|auto",
    help: "processes that serve, auto: one per core; memory for caches is divided among them (default 1)",
  },
  {
    name: "account",
    argument: "ID",
    help: "the account this server is, twelve digits (default 000000000000)",
  },
  { name: "region", argument: "NAME", help: "the region in ARNs (default us-east-1)" },
  {
    name: "public-url",
    argument: "URL",
    help: "how clients reach this server, where a proxy stands in front",
  },
  {
    name: "trusted-proxies",
    argument: "CIDR,…",
    help: "proxies whose X-Forwarded-For is believed, for the audit and aws:SourceIp (default: none)",
  },
  {
    name: "identities",
    argument: "FILE",
    help: "YAML or JSON file of users, groups, roles, policies and OIDC issuers, applied at every start",
  },
  { name: "log-level", argument: "LEVEL", help: "debug, info, warn or error (default info)" },
  { name: "asset-bytes-max", argument: "BYTES", help: "largest asset (default 5 GiB)" },
  { name: "npm-request-bytes-max", argument: "BYTES", help: "largest npm publish request (default 2 GiB)" },
  {
    name: "upstream-freshness-ms",
    argument: "MS",
    help: "how long a public registry's document is used without asking again (default 300000)",
  },
  {
    name: "upstream-timeout-ms",
    argument: "MS",
    help: "longest wait for a public registry's document (default 30000)",
  },
  {
    name: "idle-timeout-ms",
    argument: "MS",
    help: "a connection on which nothing moves for so long is closed (default 60000)",
  },
  { name: "document-cache-bytes", argument: "BYTES", help: "memory for finished documents (default 64 MiB)" },
  { name: "asset-cache-bytes", argument: "BYTES", help: "memory for small assets (default 32 MiB)" },
  {
    name: "upstream-cache-bytes",
    argument: "BYTES",
    help: "disk for public registries' documents (default 2 GiB)",
  },
  {
    name: "audit",
    argument: "WHICH",
    help: "requests kept for audit: all, changes (without reads that succeed) or off (default all)",
  },
  { name: "audit-days", argument: "DAYS", help: "how long requests are kept for audit (default 90)" },
  {
    name: "webhook-days",
    argument: "DAYS",
    help: "an event that a webhook has not taken for so long is given up (default 3)",
  },
  {
    name: "scrub-days",
    argument: "DAYS",
    help: "each stored file is read and checked about once in so many days; 0: never (default 30)",
  },
];

/** A setting that cannot be used; the message names it and says what would do. */
export class ConfigError extends Error {}

/** Flags as given: `upstream` a list, everything else text. */
export type Flags = Readonly<Record<string, string | readonly string[] | undefined>>;

/** First flags, then the environment, then the file, then defaults. Throws ConfigError. */
export function loadConfig(flags: Flags, env: NodeJS.ProcessEnv, cwd: string): Config {
  const fileName = (flags.config as string | undefined) ?? env.PORTCULLIS_CONFIG;
  const file = fileName === undefined ? {} : readConfigFile(resolve(cwd, fileName));
  const text = (name: string): string | undefined =>
    (flags[name] as string | undefined) ??
    nonEmpty(env[`PORTCULLIS_${constantCase(name)}`]) ??
    (file[name] as string | undefined);
  const read = <T>(name: string, schema: v.GenericSchema<unknown, T>, fallback: T): T => {
    const given = text(name);
    if (given === undefined) return fallback;
    const result = v.safeParse(schema, given);
    if (!result.success)
      throw new ConfigError(`${name}: '${given}' ${result.issues[0]?.message ?? "is not usable"}`);
    return result.output;
  };
  return {
    listen: read("listen", LISTEN, { host: "127.0.0.1", port: 8484 }),
    data: resolve(cwd, text("data") ?? "data"),
    database: read("database", POSTGRES_URL, undefined),
    databaseOptions: {
      poolMax: read("database-pool-max", AT_LEAST_ONE, 16),
      connectTimeoutMs: read("database-connect-timeout-ms", AT_LEAST_ONE, 5_000),
      statementTimeoutMs: read("database-statement-timeout-ms", COUNT, 30_000),
      lockTimeoutMs: read("database-lock-timeout-ms", COUNT, 10_000),
      prepare: read("database-prepare", v.picklist(["on", "off"], "must be on or off"), "on") === "on",
      replica: read("database-replica", POSTGRES_URL, undefined),
      session: read("database-session", POSTGRES_URL, undefined),
    },
    stalenessMs: read("staleness-ms", COUNT, 0),
    blobs: read(
      "blobs",
      optionalUrl(/^s3:\/\/[^/]+/, "must be s3://bucket or s3://bucket/prefix"),
      undefined,
    ),
    blobTimeoutMs: read("blob-timeout-ms", AT_LEAST_ONE, 20_000),
    blobCacheBytes: read("blob-cache-bytes", COUNT, 10 * 1024 ** 3),
    blobRedirectBytesMin: read("blob-redirects", REDIRECTS, undefined),
    workers: read("workers", WORKERS, 1),
    account: read(
      "account",
      v.pipe(v.string(), v.regex(ACCOUNT_ID, "must be twelve digits")),
      "000000000000",
    ),
    region: read(
      "region",
      v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/, "must be a region name such as us-east-1")),
      "us-east-1",
    ),
    publicUrl: read("public-url", PUBLIC_URL, undefined),
    trustedProxies: read("trusted-proxies", RANGES, []),
    upstreams: {
      ...file.upstreams,
      ...upstreamsFromEnv(env),
      ...pairs((flags.upstream ?? []) as readonly string[]),
    },
    identities: text("identities") === undefined ? undefined : resolve(cwd, text("identities") as string),
    logLevel: read(
      "log-level",
      v.picklist(["debug", "info", "warn", "error"], "must be debug, info, warn or error"),
      "info",
    ),
    assetBytesMax: read("asset-bytes-max", COUNT, 5 * 1024 ** 3),
    npmRequestBytesMax: read("npm-request-bytes-max", COUNT, 2 * 1024 ** 3),
    upstreamFreshnessMs: read("upstream-freshness-ms", COUNT, 300_000),
    upstreamTimeoutMs: read("upstream-timeout-ms", COUNT, 30_000),
    idleTimeoutMs: read("idle-timeout-ms", COUNT, 60_000),
    documentCacheBytes: read("document-cache-bytes", COUNT, 64 * 1024 ** 2),
    assetCacheBytes: read("asset-cache-bytes", COUNT, 32 * 1024 ** 2),
    upstreamCacheBytes: read("upstream-cache-bytes", COUNT, 2 * 1024 ** 3),
    audit: read(
      "audit",
      v.picklist(["all", "changes", "off"] as const, "must be all, changes or off"),
      "all",
    ),
    auditDays: read("audit-days", COUNT, 90),
    webhookDays: read("webhook-days", COUNT, 3),
    scrubDays: read("scrub-days", COUNT, 30),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function constantCase(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

const COUNT = v.pipe(v.string(), v.regex(/^[0-9]{1,15}$/, "must be a whole number"), v.transform(Number));

const REDIRECTS = v.pipe(
  v.string(),
  v.regex(/^(on|off|[0-9]{1,15})$/, "must be on, off or a number of bytes"),
  v.transform((text) => (text === "off" ? undefined : text === "on" ? 0 : Number(text))),
);

const WORKERS_MAX = 256;

const WORKERS = v.pipe(
  v.string(),
  v.regex(/^(auto|[1-9][0-9]{0,2})$/, `must be a number from 1 to ${WORKERS_MAX}, or auto`),
  v.transform((text) => Math.min(text === "auto" ? availableParallelism() : Number(text), WORKERS_MAX)),
);

const AT_LEAST_ONE = v.pipe(
  v.string(),
  v.regex(/^[1-9][0-9]{0,8}$/, "must be a whole number from 1"),
  v.transform(Number),
);

const LISTEN = v.pipe(
  v.string(),
  v.regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):[0-9]{1,5}$/, "must be HOST:PORT, e.g. 127.0.0.1:8484"),
  v.transform((text) => {
    const colon = text.lastIndexOf(":");
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
  }),
  v.check(({ port }) => port < 65_536, "must have a port below 65536"),
);

const PUBLIC_URL = v.optional(
  v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      "must be an http or https URL",
    ),
    v.transform((text) => text.replace(/\/+$/, "")),
  ),
);

const POSTGRES_URL = optionalUrl(/^postgres(ql)?:\/\//, "must be a postgres:// URL");

/** Addresses and CIDR ranges, separated by commas. */
const RANGES = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((range) => parseCidr(range.trim()))),
  v.check(
    (ranges) => !ranges.includes(undefined),
    "must be addresses or ranges such as 10.0.0.0/8, separated by commas",
  ),
  v.transform((ranges) => ranges.filter((range) => range !== undefined)),
);

function optionalUrl(form: RegExp, message: string) {
  return v.optional(v.pipe(v.string(), v.regex(form, message)));
}

/** NAME=URL pairs. The name must be one the API knows; the URL is kept with a trailing slash. */
function pairs(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const equals = pair.indexOf("=");
      return upstream(pair.slice(0, Math.max(equals, 0)), pair.slice(equals + 1));
    }),
  );
}

function upstream(name: string, url: string): [string, string] {
  if (!EXTERNAL_CONNECTIONS.has(name)) {
    throw new ConfigError(
      `upstream: '${name}' is not an external connection; known are ${[...EXTERNAL_CONNECTIONS.keys()].join(", ")}`,
    );
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new ConfigError(`upstream: ${name} needs an http or https URL`);
  return [name, url.endsWith("/") ? url : `${url}/`];
}

function upstreamsFromEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const list = pairs((nonEmpty(env.PORTCULLIS_UPSTREAM) ?? "").split(/[\s,]+/).filter((pair) => pair !== ""));
  for (const name of EXTERNAL_CONNECTIONS.keys()) {
    const url = nonEmpty(env[`PORTCULLIS_UPSTREAM_${constantCase(name)}`]);
    if (url !== undefined) list[name] = upstream(name, url)[1];
  }
  return list;
}

type FileConfig = Readonly<Record<string, unknown>> & { readonly upstreams?: Record<string, string> };

/** JSON: setting names (or their camel case) as keys; `upstream` or `upstreams` an object of name → URL, or a list of NAME=URL. */
function readConfigFile(path: string): FileConfig {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigError(`config: ${path} cannot be read as JSON: ${(error as Error).message}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new ConfigError(`config: ${path} must hold a JSON object`);
  const known = new Set(SETTINGS.map(({ name }) => name));
  const settings: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(content)) {
    const name =
      key === "upstreams" ? "upstream" : key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
    if (!known.has(name)) throw new ConfigError(`config: ${path} has the unknown key '${key}'`);
    if (name === "upstream") settings.upstreams = fileUpstreams(path, value);
    else if (typeof value === "string" || typeof value === "number") settings[name] = String(value);
    else throw new ConfigError(`config: ${path}: '${key}' must be text or a number`);
  }
  return settings;
}

function fileUpstreams(path: string, value: unknown): Record<string, string> {
  if (Array.isArray(value)) return pairs(value.map(String));
  if (typeof value !== "object" || value === null)
    throw new ConfigError(`config: ${path}: 'upstreams' must be an object of name and URL`);
  return Object.fromEntries(Object.entries(value).map(([name, url]) => upstream(name, String(url))));
}
