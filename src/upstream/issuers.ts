// The public keys of OpenID Connect issuers: found by discovery, kept, and asked for anew when a token names one that is not known.
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type { JWK } from "jose";
import { createFetcher, dropBody, type Fetcher } from "./fetch.ts";
import { authoritiesOf, ownVersion } from "./index.ts";
import { BadAnswer, TimeLimit } from "./trouble.ts";

export interface Issuer {
  /** As tokens have it in `iss`. */
  readonly url: string;
  /** PEM of certificate authorities to trust for it besides the usual ones. */
  readonly authorities: string | undefined;
}

export interface Issuers {
  /**
   * The issuer's keys. `renewed`: the ones it has now, unless they were asked for only seconds ago. Everybody who asks
   * meanwhile gets the same answer. Rejects with IssuerTrouble; keys that are known outlive trouble for a day.
   */
  keys(issuer: Issuer, renewed: boolean): Promise<readonly JWK[]>;
  close(): Promise<void>;
}

/** The issuer cannot be asked. `refused`: it answered that it does not want to be. */
export class IssuerTrouble extends Error {
  readonly refused: boolean;
  constructor(message: string, refused = false) {
    super(message);
    this.refused = refused;
  }
}

export interface IssuersOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly timeoutMs?: number;
  /** Where HTTP_PROXY and the like are read; default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

const TIMEOUT_MS = 5_000;
const FRESH_MS = 10 * 60_000;
const STALE_MS = 24 * 60 * 60_000;
/** Tokens are sent by anybody: however many name keys that nobody knows, the issuer is asked so often at most. */
const ASK_EVERY_MS = 5_000;
const ISSUERS_MAX = 1_000;
const DOCUMENT_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100;

interface Known {
  keys: readonly JWK[] | undefined;
  /** When the keys were had. */
  at: number;
  /** When the issuer was asked last, whatever came of it. */
  askedAt: number;
  trouble: IssuerTrouble | undefined;
  asking: Promise<void> | undefined;
}

export function createIssuers(options: IssuersOptions): Issuers {
  const { now, timeoutMs = TIMEOUT_MS, env = process.env } = options;
  const issuers = new Map<string, Known>();
  const fetchers = new Map<string, Fetcher>();

  const fetcherOf = (authorities: string | undefined): Fetcher => {
    const name = authorities === undefined ? "" : createHash("sha256").update(authorities).digest("hex");
    let fetcher = fetchers.get(name);
    if (fetcher === undefined) {
      fetcher = createFetcher({
        userAgent: () => `portcullis/${ownVersion()}`,
        connectTimeoutMs: timeoutMs,
        idleTimeoutMs: timeoutMs,
        connectionsMax: 2,
        caFile: authoritiesOf(env),
        ...(authorities === undefined ? {} : { authorities }),
        env,
      });
      fetchers.set(name, fetcher);
    }
    return fetcher;
  };

  const ask = async (issuer: Issuer, known: Known): Promise<void> => {
    known.askedAt = now();
    try {
      known.keys = await fetchKeys(fetcherOf(issuer.authorities), issuer, timeoutMs);
      known.at = now();
      known.trouble = undefined;
    } catch (error) {
      known.trouble = troubleOf(error, issuer);
    }
  };

  return {
    async keys(issuer, renewed) {
      const name = `${issuer.url}\n${issuer.authorities ?? ""}`;
      let known = issuers.get(name);
      if (known === undefined) {
        if (issuers.size >= ISSUERS_MAX) issuers.clear();
        known = { keys: undefined, at: 0, askedAt: 0, trouble: undefined, asking: undefined };
        issuers.set(name, known);
      }
      const moment = now();
      const wanted = renewed || known.keys === undefined || moment - known.at >= FRESH_MS;
      if (wanted && known.asking === undefined && moment - known.askedAt >= ASK_EVERY_MS) {
        const asked = known;
        asked.asking = ask(issuer, asked).finally(() => {
          asked.asking = undefined;
        });
      }
      if (wanted) await known.asking;
      if (known.keys !== undefined && moment - known.at < STALE_MS) return known.keys;
      throw known.trouble ?? new IssuerTrouble(`${issuer.url} could not be asked for its keys`);
    },
    async close() {
      await Promise.all([...fetchers.values()].map((fetcher) => fetcher.close()));
    },
  };
}

/** OpenID Connect Discovery 1.0, 4: the configuration says where the keys are, and must be the issuer's own. */
async function fetchKeys(fetcher: Fetcher, issuer: Issuer, timeoutMs: number): Promise<readonly JWK[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const where = `${issuer.url.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const configuration = await fetchObject(fetcher, issuer, where, signal);
  if (configuration.issuer !== issuer.url)
    throw new BadAnswer(`its configuration is of another issuer, ${quote(configuration.issuer)}`);
  const { jwks_uri: address } = configuration;
  if (typeof address !== "string" || !URL.canParse(address))
    throw new BadAnswer("its configuration has no jwks_uri");
  if (issuer.url.startsWith("https:") && !address.startsWith("https:"))
    throw new BadAnswer("its jwks_uri is not https");
  const { keys } = await fetchObject(fetcher, issuer, address, signal);
  if (!Array.isArray(keys) || keys.length > KEYS_MAX)
    throw new BadAnswer("its jwks_uri gives no list of keys");
  return keys.filter((key): key is JWK => typeof key === "object" && key !== null);
}

async function fetchObject(
  fetcher: Fetcher,
  issuer: Issuer,
  url: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const connection = { name: issuer.url, url: issuer.url };
  const response = await fetcher.fetch({ connection, url, headers: { accept: "application/json" }, signal });
  const { status, body } = response;
  if (status !== 200) {
    dropBody(body);
    const trouble = `${url} answered with status ${status}`;
    throw new IssuerTrouble(trouble, status === 401 || status === 403);
  }
  let value: unknown;
  try {
    value = JSON.parse(await readText(body, DOCUMENT_BYTES_MAX));
  } catch (error) {
    if (error instanceof SyntaxError) throw new BadAnswer(`${url} is not JSON`);
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new BadAnswer(`${url} is not a JSON object`);
  return value as Record<string, unknown>;
}

async function readText(body: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw new BadAnswer(`it sends more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function troubleOf(error: unknown, issuer: Issuer): IssuerTrouble {
  if (error instanceof IssuerTrouble) return error;
  if (error instanceof Error && (error.name === "TimeoutError" || error instanceof TimeLimit))
    return new IssuerTrouble(`${issuer.url} did not answer in time`);
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_BAD_ANSWER" || code === "ERR_ADDRESS_REFUSED")
    return new IssuerTrouble(`${issuer.url}: ${message}`);
  return new IssuerTrouble(`${issuer.url} could not be reached (${code ?? "unknown cause"})`);
}

function quote(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 200) ?? "none";
}
