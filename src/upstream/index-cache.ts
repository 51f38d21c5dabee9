// Registries' documents as the rest of the server sees them: fresh for a while, revalidated afterwards, asked for once at a time.
import { showUrl, urlBelow } from "./address.ts";
import type { FetchedResponse, Fetcher } from "./fetch.ts";
import { dropBody } from "./fetch.ts";
import { type IndexNote, type IndexStore, indexKey } from "./index-store.ts";
import type { Pauses } from "./pauses.ts";
import { createSingleFlight } from "./single-flight.ts";
import { BadAnswer, isReset, Refusal, TimeLimit, troubleOf, troubleOfStatus } from "./trouble.ts";
import type { Index, IndexRequest, Upstream } from "./upstream.ts";

export interface IndexCacheOptions {
  readonly freshnessMs: number;
  /** How long an answer that there is no such document is believed. */
  readonly absentTtlMs: number;
  /** From the first byte sent to the last received, with all redirects and a second try. */
  readonly timeoutMs: number;
  readonly indexBytesMax: number;
  readonly now: () => number;
}

interface Parts {
  readonly fetcher: Fetcher;
  readonly store: () => Promise<IndexStore>;
  readonly pauses: Pauses;
}

type Cache = Pick<Upstream, "index" | "cachedIndex"> & { settled(): Promise<void> };

const ABSENT_MAX = 20_000;

export function createIndexCache(
  options: IndexCacheOptions,
  { fetcher, store: openStore, pauses }: Parts,
): Cache {
  const flights = createSingleFlight<Index>();
  /** Answers that there is nothing; kept in memory only, unless they replace a document. */
  const absent = new Map<string, number>();

  const indexOf = (store: IndexStore, key: string, { checkedAt, document, source }: IndexNote): Index => {
    if (document === undefined) return absentIndex(checkedAt);
    const { gzip, digest } = document;
    return {
      state: "present",
      file: store.fileOf(key, document),
      gzip,
      digest,
      url: source.slice(source.indexOf(" ") + 1),
      checkedAt,
      freshUntil: checkedAt + options.freshnessMs,
    };
  };

  const isFresh = ({ checkedAt }: IndexNote) => options.now() < checkedAt + options.freshnessMs;

  const absentIndex = (checkedAt: number): Index => ({
    state: "absent",
    checkedAt,
    freshUntil: checkedAt + options.absentTtlMs,
  });

  const findCopy = async (key: string): Promise<Index | undefined> => {
    const checkedAt = absent.get(key);
    if (checkedAt !== undefined) return absentIndex(checkedAt);
    const store = await openStore();
    const note = await store.find(key);
    return note && indexOf(store, key, note);
  };

  const ask = async (request: IndexRequest, url: string, key: string): Promise<Index> => {
    const registry = `${request.connection.name} ${new URL(url).origin}`;
    pauses.check(registry, key);
    try {
      return await refresh(request, url, key);
    } catch (error) {
      const trouble = troubleOf(error, request.connection, url);
      pauses.start(trouble, registry, key);
      throw trouble.fault;
    }
  };

  const refresh = async (request: IndexRequest, url: string, key: string): Promise<Index> => {
    const store = await openStore();
    const note = await store.recheck(key);
    // Another process may have asked meanwhile.
    if (note?.document !== undefined && request.revalidate !== true && isFresh(note))
      return indexOf(store, key, note);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new TimeLimit("a document took too long")), options.timeoutMs);
    const receive = async () => {
      const headers = { accept: request.accept, "accept-encoding": "gzip", ...validators(note) };
      const response = await fetcher.fetch({
        connection: request.connection,
        url,
        headers,
        signal: limit.signal,
      });
      return await take(response, request, store, key, note);
    };
    try {
      return await receive().catch((error: unknown) => (isReset(error) ? receive() : Promise.reject(error)));
    } finally {
      clearTimeout(timer);
    }
  };

  const take = async (
    response: FetchedResponse,
    request: IndexRequest,
    store: IndexStore,
    key: string,
    note: IndexNote | undefined,
  ): Promise<Index> => {
    const { status, headers, body, url } = response;
    const checkedAt = options.now();
    if (status !== 200) dropBody(body);
    if (status === 404 || status === 410) return await noteAbsence(store, key, note, checkedAt, url);
    const renewed = status === 304 && note !== undefined ? { ...note, checkedAt } : undefined;
    if (renewed === undefined && status !== 200) {
      throw new Refusal(troubleOfStatus(status, headers, request.connection, url, checkedAt));
    }
    const kept = renewed ?? (await receiveNote(response, request, store, key, checkedAt));
    await store.keep(key, kept);
    absent.delete(key);
    return indexOf(store, key, kept);
  };

  const receiveNote = async (
    { headers, body, url }: FetchedResponse,
    request: IndexRequest,
    store: IndexStore,
    key: string,
    checkedAt: number,
  ): Promise<IndexNote> => {
    try {
      checkContentType(headers["content-type"], request.accept);
      const document = await store.receive(
        key,
        body,
        isGzip(headers["content-encoding"]),
        options.indexBytesMax,
      );
      return {
        source: `${request.connection.name} ${showUrl(url)}`,
        checkedAt,
        document,
        ...(headers.etag === undefined ? {} : { etag: headers.etag }),
        ...(headers["last-modified"] === undefined ? {} : { lastModified: headers["last-modified"] }),
      };
    } catch (error) {
      body.on("error", () => {}).destroy();
      throw error;
    }
  };

  const noteAbsence = async (
    store: IndexStore,
    key: string,
    note: IndexNote | undefined,
    checkedAt: number,
    url: string,
  ): Promise<Index> => {
    if (absent.size >= ABSENT_MAX) absent.clear();
    absent.set(key, checkedAt);
    if (note?.document !== undefined) await store.keep(key, { checkedAt, source: showUrl(url) });
    return absentIndex(checkedAt);
  };

  return {
    async index(request) {
      const url = request.url ?? urlBelow(request.connection, request.path);
      const key = keyOf(request);
      const copy = request.revalidate === true ? undefined : await findCopy(key);
      if (copy !== undefined && options.now() < copy.freshUntil) return copy;
      return await flights.run(key, () => ask(request, url, key));
    },
    async cachedIndex(request) {
      return await findCopy(keyOf(request));
    },
    settled: () => flights.settled(),
  };
}

function keyOf({ connection, path, url, accept }: IndexRequest): string {
  return indexKey(connection.name, showUrl(connection.url), url ?? path, accept);
}

function validators(note: IndexNote | undefined): Record<string, string> {
  if (note?.document === undefined) return {};
  if (note.etag !== undefined) return { "if-none-match": note.etag };
  return note.lastModified === undefined ? {} : { "if-modified-since": note.lastModified };
}

/** What servers of plain files say of anything. */
const UNSAID = new Set(["", "text/plain", "application/octet-stream", "binary/octet-stream"]);

/** A page with status 200 that was not asked for comes from something in between (a sign-in page): never a document. */
function checkContentType(contentType: string | undefined, accept: string): void {
  const type = (contentType ?? "").replace(/;.*$/s, "").trim().toLowerCase();
  const accepted = accept.split(",").map((range) => range.replace(/;.*$/s, "").trim().toLowerCase());
  const fits = accepted.some((range) => range === type || range === "*/*" || (isJson(range) && isJson(type)));
  if (!fits && !UNSAID.has(type))
    throw new BadAnswer(
      `it sent ${JSON.stringify(type)} instead of ${accept}: is a proxy or a sign-in page in between?`,
    );
}

function isJson(type: string): boolean {
  return /[/+]json$/.test(type);
}

function isGzip(encoding: string | undefined): boolean {
  const coding = (encoding ?? "identity").trim().toLowerCase();
  if (coding === "gzip" || coding === "x-gzip") return true;
  if (coding === "identity" || coding === "") return false;
  throw new BadAnswer(`it sent the content encoding ${JSON.stringify(coding)}, which was not asked for`);
}
