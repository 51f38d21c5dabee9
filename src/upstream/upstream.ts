// OUTBOUND: the contract of everything that leaves this machine for a public registry.
import type { Readable } from "node:stream";

/** An external connection as configured: its name in the API and where its registry is reached. */
export interface Connection {
  /** Such as `public:npmjs`. */
  readonly name: string;
  /** Ends in `/`. May carry credentials as user info; they go to this scheme, host and port only, and never to a log. */
  readonly url: string;
  /** Sent as the Authorization header, to this scheme, host and port only; never logged. */
  readonly authorization?: string;
}

export interface IndexRequest {
  readonly connection: Connection;
  /** Relative to the connection's URL, already percent-encoded, e.g. `@acme%2fui`. */
  readonly path: string;
  /** Absolute, instead of `path`: a document that the registry's own index named; guarded as in `open`. */
  readonly url?: string;
  readonly accept: string;
  /** Ask the registry now, however fresh the copy here is (a client's `Cache-Control: no-cache`). */
  readonly revalidate?: boolean;
}

/** What a registry says about a package, kept in a local file. */
export type Index =
  | {
      readonly state: "present";
      /** The document as received, decompressed or not as `gzip` says. Stays readable until replaced and unused. */
      readonly file: string;
      readonly gzip: boolean;
      /** Where it came from after all redirects, without user info and query: relative addresses in it start there. */
      readonly url: string;
      /** SHA-256 of the document's bytes; equal digests mean equal documents. */
      readonly digest: string;
      /** When the registry last confirmed it, epoch milliseconds. */
      readonly checkedAt: number;
      /** Until when it may be used without asking again, epoch milliseconds. */
      readonly freshUntil: number;
    }
  | { readonly state: "absent"; readonly checkedAt: number; readonly freshUntil: number };

export interface UpstreamBody {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes in the content's own coding (never a transfer or content encoding). Destroy it to stop. */
  readonly body: Readable;
}

export interface Upstream {
  /**
   * One request however many callers wait for the same document. Present and absent answers are kept for the
   * freshness time; a stale one is revalidated with its ETag. Rejects with an `UpstreamFault` that names the
   * connection: 502 for a bad answer or a refused address, 503 with Retry-After for a 429 or 503, 504 for a time-out.
   * After a failure the registry is not asked again for a few seconds (`failureTtlMs`), and callers fail at once.
   */
  index(request: IndexRequest): Promise<Index>;
  /** The copy here, however old, without asking anyone; undefined when there is none. */
  cachedIndex(request: IndexRequest): Promise<Index | undefined>;
  /**
   * Opens a file at an absolute URL that the registry named. Credentials go along only to the connection's own
   * scheme, host and port. Private, loopback and link-local addresses are refused on every hop unless that very
   * host and port is the connection's. A 404 or 410 comes back as status 404; other failures reject as in `index`.
   */
  open(connection: Connection, url: string): Promise<UpstreamBody>;
  /** Sends a small request on (audits): whole body in, whole body out, capped at `bytesMax`. */
  relay(
    connection: Connection,
    request: {
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: Uint8Array;
    },
    bytesMax: number,
  ): Promise<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  }>;
  close(): Promise<void>;
}
