// Files and small requests outside: sent at once, watched while the answer comes, never kept here.
import { Readable, Transform } from "node:stream";
import { urlBelow } from "./address.ts";
import { dropBody, type FetchedResponse, type Fetcher } from "./fetch.ts";
import type { Pauses } from "./pauses.ts";
import { BadAnswer, Refusal, TimeLimit, troubleOf, troubleOfStatus } from "./trouble.ts";
import type { Connection, Upstream } from "./upstream.ts";

export interface AssetOptions {
  /** Until the headers of a file, or the whole answer to a relayed request, are here. */
  readonly timeoutMs: number;
  /** In every such span a file must bring `paceBytesMin`, or it is given up: no server may hold a transfer open for ever. */
  readonly paceMs: number;
  readonly paceBytesMin: number;
  readonly now: () => number;
}

/** Of the headers that come back, what is passed on (threats C: never the rest). */
const FILE_HEADERS = ["content-length", "content-type", "etag", "last-modified"];
const RELAY_HEADERS = ["content-type"];
/** Of the headers of a relayed request, what never leaves. */
const PRIVATE_HEADERS = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
]);

export function createAssets(
  options: AssetOptions,
  fetcher: Fetcher,
  pauses: Pauses,
): Pick<Upstream, "open" | "relay"> {
  /** Runs a request within the time limit, which ends once `work` has resolved. */
  const attempt = async <T>(
    connection: Connection,
    url: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const host = `${connection.name} ${URL.canParse(url) ? new URL(url).origin : ""}`;
    pauses.check(host);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new TimeLimit("no answer in time")), options.timeoutMs);
    try {
      return await work(limit.signal);
    } catch (error) {
      const trouble = troubleOf(error, connection, url);
      pauses.start(trouble, host);
      throw trouble.fault;
    } finally {
      clearTimeout(timer);
    }
  };

  const refuse = (connection: Connection, { status, headers, url, body }: FetchedResponse): never => {
    dropBody(body);
    throw new Refusal(troubleOfStatus(status, headers, connection, url, options.now()));
  };

  return {
    open: (connection, url) =>
      attempt(connection, url, async (signal) => {
        if (!URL.canParse(url)) throw new BadAnswer("its document names a file by something that is no URL");
        // Whatever the server says of the coding: the bytes as sent are what the index's digest is about.
        const headers = { accept: "*/*", "accept-encoding": "identity" };
        const response = await fetcher.fetch({ connection, url, headers, signal });
        if (response.status === 200)
          return {
            status: 200,
            headers: pick(response.headers, FILE_HEADERS),
            body: watch(response, connection, options),
          };
        if (response.status !== 404 && response.status !== 410) return refuse(connection, response);
        dropBody(response.body);
        return { status: 404, headers: {}, body: Readable.from([]) };
      }),

    async relay(connection, { method, path, headers, body }, bytesMax) {
      const url = urlBelow(connection, path);
      return await attempt(connection, url, async (signal) => {
        const sent = { ...withoutPrivate(headers), "accept-encoding": "identity" };
        const response = await fetcher.fetch({
          connection,
          url,
          method,
          headers: sent,
          ...(body === undefined ? {} : { body }),
          signal,
        });
        if (response.status === 429 || response.status >= 500) return refuse(connection, response);
        const received = await readCapped(response.body, bytesMax);
        return { status: response.status, headers: pick(response.headers, RELAY_HEADERS), body: received };
      });
    },
  };
}

/** Passes a file on; a transfer that breaks, stalls or drips ends with a worded fault. */
function watch(
  { body, url }: FetchedResponse,
  connection: Connection,
  { paceMs, paceBytesMin }: AssetOptions,
): Readable {
  let bytes = 0;
  const passage = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const timer = setInterval(() => {
    const waitingForUs = passage.readableLength >= passage.readableHighWaterMark;
    if (bytes < paceBytesMin && !waitingForUs)
      passage.destroy(troubleOf(new TimeLimit("too slow"), connection, url).fault);
    bytes = 0;
  }, paceMs).unref();
  passage.once("close", () => {
    clearInterval(timer);
    body.destroy();
  });
  body.on("error", (error) => passage.destroy(troubleOf(error, connection, url).fault));
  return body.pipe(passage);
}

async function readCapped(body: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw new BadAnswer(`its answer is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

function withoutPrivate(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !PRIVATE_HEADERS.has(name.toLowerCase())),
  );
}
