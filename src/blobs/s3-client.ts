// The connection to an S3-compatible store: where it is, how it is asked, and what its errors mean to a caller.
import type { S3Client, S3ClientConfig, ServiceInputTypes, ServiceOutputTypes } from "@aws-sdk/client-s3";
import { Fault, unavailable } from "../core/faults.ts";
import { type Attempt, persist, Silence } from "./persist.ts";

/** Where the blobs are. */
export interface S3Place {
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
  /** Undefined: as the standard AWS variables and files say. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Undefined: the bucket is part of the path where an endpoint of one's own is given, else of the host. */
  readonly pathStyle?: boolean;
}

/**
 * Reads `s3://bucket/prefix?endpoint=https://…&region=…&path-style=on|off`; all but the bucket may be left out. Throws
 * on anything else in the query.
 */
export function parseS3Url(url: string): S3Place {
  const { hostname: bucket, pathname, searchParams } = new URL(url);
  const unknown = [...searchParams.keys()].find((key) => !["endpoint", "region", "path-style"].includes(key));
  if (unknown !== undefined)
    throw new Error(`'${unknown}' in ${url} is none of endpoint, region and path-style`);
  const style = searchParams.get("path-style");
  if (style !== null && style !== "on" && style !== "off")
    throw new Error(`path-style in ${url} must be on or off`);
  const folder = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, "");
  const endpoint = searchParams.get("endpoint");
  const region = searchParams.get("region");
  return {
    bucket,
    prefix: folder === "" ? "" : `${folder}/`,
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...(style === null ? {} : { pathStyle: style === "on" }),
  };
}

export type Sdk = Awaited<ReturnType<typeof loadSdk>>;

/** The SDK's command, as far as it is needed here. */
type Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<
  typeof S3Client.prototype.send<Input, Output>
>[0];

/** A store that can be asked. */
export interface S3 {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly bucket: string;
  readonly silenceMs: number;
  /** Whether the store is known not to understand conditional creation. */
  unconditional: boolean;
  /** Sends the command until it is answered or asking further is no use. Rejects as the SDK does; see `troubleOf`. */
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    make: (attempt: Attempt) => Command<Input, Output>,
  ): Promise<Output>;
}

/** What goes wrong is told where it matters, not on the console: the SDK would warn of each part that is sent again. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Each reader of a large blob holds one while it reads. */
const SOCKETS_MAX = 500;

/** Loads the client and makes one. Asks nothing yet. Rejects when the optional package is not installed. */
export async function openS3(place: S3Place, silenceMs: number): Promise<S3> {
  const sdk = await loadSdk();
  const { env } = process;
  const own = place.endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  const config: S3ClientConfig = {
    ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint }),
    forcePathStyle: place.pathStyle ?? own !== undefined,
    region: place.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? "us-east-1",
    // Many servers that speak S3 lack the newer checksums; what is put here carries its MD5, which all check.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // `persist` asks again, and knows what moved meanwhile.
    maxAttempts: 1,
    expectContinueHeader: false,
    logger: SILENT,
    requestHandler: {
      connectionTimeout: Math.ceil(silenceMs / 2),
      // Silence is bounded where it is waited for: a reader that takes its time must not lose its connection.
      socketTimeout: 0,
      requestTimeout: 0,
      httpAgent: { maxSockets: SOCKETS_MAX },
      httpsAgent: { maxSockets: SOCKETS_MAX },
    },
  };
  const client = new sdk.S3Client(config);
  return {
    sdk,
    client,
    bucket: place.bucket,
    silenceMs,
    unconditional: false,
    send: (make) =>
      persist(silenceMs, isPassing, (attempt) => client.send(make(attempt), { abortSignal: attempt.signal })),
  };
}

async function loadSdk() {
  try {
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    throw new Error("Blobs in S3 need the optional package @aws-sdk/client-s3.", { cause: error });
  }
}

const CONNECTION =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOST|ENET|EADDRNOTAVAIL|EMFILE|ERR_STREAM|ERR_SSL)/;
const PASSING_NAMES = new Set([
  "TimeoutError",
  "SlowDown",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "ConditionalRequestConflict",
  "OperationAborted",
]);

/** Whether asking again may help: no answer, a broken one, or one that says so. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Silence) return true;
  if (!(error instanceof Error)) return false;
  const status = statusOf(error);
  if (PASSING_NAMES.has(error.name)) return true;
  if (status !== undefined) return (status >= 500 && status !== 501) || status === 429 || status === 408;
  return CONNECTION.test(codeOf(error));
}

/**
 * The error as a caller is told of it: a 503 for whatever the store or the way to it failed at. Anything else is given
 * back as it is.
 */
export function troubleOf(error: unknown, { bucket }: { readonly bucket: string }): unknown {
  if (error instanceof Fault || !(error instanceof Error)) return error;
  if (error instanceof Silence) return told("The blob store does not answer.", error);
  const status = statusOf(error);
  if (error.name === "NoSuchBucket")
    return told(`The blob store has no bucket '${bucket}': this server's setup must be mended.`, error, 30);
  if (isRefusal(error, status))
    return told(
      `The blob store refuses this server (${error.name}): its credentials or their permissions must be mended.`,
      error,
      30,
    );
  if (status !== undefined) return told(`The blob store failed (${status} ${error.name}).`, error);
  return isPassing(error) ? told("The blob store cannot be reached.", error) : error;
}

function isRefusal(error: Error, status: number | undefined): boolean {
  if (error.name === "CredentialsProviderError") return true;
  if (status === 401 || status === 403) return error.name !== "QuotaExceeded";
  return /^(InvalidAccessKeyId|SignatureDoesNotMatch|AuthorizationHeaderMalformed|ExpiredToken|InvalidToken)$/.test(
    error.name,
  );
}

function told(what: string, error: Error, retryAfterSeconds = 5): Fault {
  return unavailable(`${what} The request may be sent again.`, retryAfterSeconds, error);
}

/** The HTTP status of an answer that the SDK took for an error. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

export function isAbsence(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && error.name !== "NoSuchBucket";
}
