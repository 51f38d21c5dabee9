// One request outside with every hop checked: addresses, credentials, redirects, time and size limits.
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createSecureContext, getCACertificates } from "node:tls";
import type * as Undici from "undici";
import { checkUrl, guardedLookup } from "./guard.ts";
import { BadAnswer, isReset, TimeLimit } from "./trouble.ts";
import type { Connection } from "./upstream.ts";

export interface FetcherOptions {
  /** `portcullis/<version>`. */
  readonly userAgent: () => string;
  /** Until a connection stands, ms. */
  readonly connectTimeoutMs: number;
  /** Longest silence within a body, ms. */
  readonly idleTimeoutMs: number;
  /** Connections to one host at a time. */
  readonly connectionsMax: number;
  /** PEM file of certificate authorities to trust besides Node's own. */
  readonly caFile: string | undefined;
  /** PEM of more such authorities. */
  readonly authorities?: string;
  /** Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read. */
  readonly env: NodeJS.ProcessEnv;
}

export interface FetchRequest {
  readonly connection: Connection;
  /** Absolute. User info in it is never sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: Uint8Array;
  /** Ends the request and its body. Its reason is what the caller sees. */
  readonly signal: AbortSignal;
}

export interface FetchedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
  /** Where the last hop led. */
  readonly url: string;
}

export interface Fetcher {
  /**
   * Sends a request and follows up to five redirects of a GET. Rejects with AddressRefused, BadAnswer, the signal's
   * reason or an error of the network. Whoever gets the response reads its body or destroys it.
   */
  fetch(request: FetchRequest): Promise<FetchedResponse>;
  close(): Promise<void>;
}

const REDIRECTS_MAX = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Two ways out: `own` to the very scheme, host and port a connection is configured with, `guarded` to all others. */
interface Agents {
  readonly request: typeof Undici.request;
  readonly own: Undici.Dispatcher;
  readonly guarded: Undici.Dispatcher;
  readonly userAgent: string;
}

export function createFetcher(options: FetcherOptions): Fetcher {
  let agents: Promise<Agents> | undefined;
  return {
    async fetch(request) {
      agents ??= openAgents(options);
      const { own, guarded, userAgent, request: send } = await agents;
      return await followRedirects(request, (url, atHome, headers) =>
        send(`${url.origin}${url.pathname}${url.search}`, {
          dispatcher: atHome ? own : guarded,
          method: request.method ?? "GET",
          headers: { ...request.headers, ...headers, "user-agent": userAgent },
          ...(request.body === undefined ? {} : { body: request.body }),
          signal: request.signal,
          headersTimeout: 0, // the signal limits the wait for headers: the agent's own timer starts anew with every byte
          bodyTimeout: options.idleTimeoutMs,
        }),
      );
    },
    async close() {
      if (agents === undefined) return;
      const { own, guarded } = await agents;
      await Promise.all([own.destroy(), guarded.destroy()]);
    },
  };
}

type Send = (
  url: URL,
  atHome: boolean,
  headers: Readonly<Record<string, string>>,
) => Promise<Undici.Dispatcher.ResponseData>;

async function followRedirects(request: FetchRequest, send: Send): Promise<FetchedResponse> {
  const method = request.method ?? "GET";
  const own = new URL(request.connection.url);
  let url = new URL(request.url);
  let trusted = true;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const atHome = url.origin === own.origin;
    if (!atHome) checkUrl(url);
    trusted &&= atHome; // once led elsewhere, no credentials any more, not even on the way back
    const headers = trusted ? credentials(request.connection, own) : {};
    const { statusCode, headers: received, body } = await sendTwice(method, () => send(url, atHome, headers));
    if (!REDIRECTS.has(statusCode))
      return { status: statusCode, headers: flatten(received), body, url: url.href };
    dropBody(body);
    if (method !== "GET") throw new BadAnswer(`it redirects a ${method} request, which is not followed`);
    url = nextHop(url, flatten(received).location);
  }
  throw new BadAnswer(`it redirects more than ${REDIRECTS_MAX} times`);
}

function nextHop(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href))
    throw new BadAnswer("it redirects to nowhere");
  const to = new URL(location, from);
  if (from.protocol === "https:" && to.protocol !== "https:")
    throw new BadAnswer("it redirects from https to http, which is not followed");
  return to;
}

/** A kept-alive connection may be cut just when it is used again: what changes nothing is asked once more. */
async function sendTwice<T>(method: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (method !== "GET" || !isReset(error)) throw error;
    return await send();
  }
}

/** What is configured for the connection, else the user info of its URL. */
function credentials(connection: Connection, own: URL): Readonly<Record<string, string>> {
  if (connection.authorization !== undefined) return { authorization: connection.authorization };
  if (own.username === "" && own.password === "") return {};
  const pair = [own.username, own.password].map(decodeUserInfo).join(":");
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function decodeUserInfo(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign is meant as it stands
  }
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

/** Reads a small rest so that the connection can be used again; gives up the connection otherwise. */
export function dropBody(body: Readable): void {
  body.on("error", () => {});
  const timer = setTimeout(() => body.destroy(new TimeLimit("a body that nobody wants")), 2_000).unref();
  body.once("close", () => clearTimeout(timer));
  let rest = 64 * 1024;
  body.on("data", (chunk: Buffer) => {
    rest -= chunk.length;
    if (rest < 0) body.destroy();
  });
}

async function openAgents(options: FetcherOptions): Promise<Agents> {
  const { Agent, EnvHttpProxyAgent, buildConnector, request } = await import("undici");
  const secureContext = createSecureContext(await readAuthorities(options));
  const tls = { timeout: options.connectTimeoutMs, allowH2: false, secureContext };
  const { env } = options;
  const proxies = {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? "",
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? env.http_proxy ?? env.HTTP_PROXY ?? "",
    noProxy: env.no_proxy ?? env.NO_PROXY ?? "",
  };
  const open = (lookup?: typeof guardedLookup) => {
    const connect = buildConnector({ ...tls, ...(lookup === undefined ? {} : { lookup }) });
    const shared = { connections: options.connectionsMax, allowH2: false, connect };
    if (proxies.httpProxy === "" && proxies.httpsProxy === "") return new Agent(shared);
    // A proxy may stand in the private network: only what is asked of it is guarded, by the address as written.
    return new EnvHttpProxyAgent({ ...shared, ...proxies, requestTls: tls, proxyTls: tls });
  };
  return { request, own: open(), guarded: open(guardedLookup), userAgent: options.userAgent() };
}

async function readAuthorities({ caFile, authorities }: FetcherOptions): Promise<{ ca?: string[] }> {
  const more = caFile === undefined ? [] : [await readFile(caFile, "utf8")];
  if (authorities !== undefined) more.push(authorities);
  return more.length === 0 ? {} : { ca: [...getCACertificates("default"), ...more] };
}
