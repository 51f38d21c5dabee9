// AWS Signature Version 4, the server's side: did the holder of this secret send exactly this request, now?
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import { Fault, invalid } from "../core/faults.ts";

/** A request as it came over the wire; nothing in it has been normalised. */
export interface SignedRequest {
  readonly method: string;
  /** The raw request target, e.g. `/v1/domain?domain=d`. */
  readonly target: string;
  /** Node's `rawHeaders`: name, value, name, value … */
  readonly headers: readonly string[];
  /**
   * Reads the body and hashes it (lower-case hex); called once, after everything cheaper has passed. Absent when the
   * body is a stream that is read later: then `x-amz-content-sha256` must say its hash, and the reader must check it.
   */
  readonly bodySha256?: () => Promise<string>;
}

export interface SecretKey {
  readonly secretAccessKey: string;
}

export interface SigV4Options<K extends SecretKey> {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The key of that id, or undefined when there is none or the session token does not belong to it. */
  readonly lookupSecret: (accessKeyId: string, sessionToken: string | undefined) => Promise<K | undefined>;
  /** Signing names accepted in the credential scope, e.g. `codeartifact`. */
  readonly services: readonly string[];
  /** Accepts `UNSIGNED-PAYLOAD`; only sensible where TLS protects the body. */
  readonly allowUnsignedPayload?: boolean;
}

export interface SigV4Proof<K extends SecretKey> {
  readonly accessKeyId: string;
  /** What `lookupSecret` returned. */
  readonly key: K;
  readonly service: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly presigned: boolean;
  /** Hash the body was signed with; already checked if `bodySha256` was given. Undefined: UNSIGNED-PAYLOAD. */
  readonly payloadSha256: string | undefined;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const SKEW_MS = 15 * 60_000;
const PRESIGNED_SKEW_MS = 5 * 60_000;
const EXPIRES_MAX_SECONDS = 604_800;
const CACHED_SIGNING_KEYS = 1000;
const PAYLOAD_HEADER = "x-amz-content-sha256";

/**
 * Makes the verifier; it keeps derived signing keys (one a key, day, region and service). The verifier throws
 * Unauthenticated with AWS's exception name and wording when anything is wrong.
 */
export function createSigV4Verifier<K extends SecretKey>(
  options: SigV4Options<K>,
): (request: SignedRequest) => Promise<SigV4Proof<K>> {
  const signingKeys = new LRUCache<string, { secret: string; key: Buffer }>({ max: CACHED_SIGNING_KEYS });
  return async (request) => {
    const headers = collectHeaders(request.headers);
    const query = queryPairs(request.target);
    const claim = readClaim(headers, query);
    checkScope(claim, options.services);
    checkClock(claim, options.now());
    const key = await options.lookupSecret(claim.accessKeyId, claim.sessionToken);
    if (key === undefined) {
      throw refuse("UnrecognizedClientException", "The security token included in the request is invalid.");
    }
    const payload = await payloadLine(headers, query, request, options.allowUnsignedPayload === true);
    const canonical = canonicalRequest(request, headers, query, claim, payload);
    const expected = hmac(
      signingKey(signingKeys, claim, key.secretAccessKey),
      stringToSign(claim, canonical),
    );
    if (!timingSafeEqual(expected, Buffer.from(claim.signature, "hex"))) throw mismatch();
    const { accessKeyId, service, region, signedHeaders, presigned } = claim;
    const payloadSha256 = payload === "UNSIGNED-PAYLOAD" ? undefined : payload;
    return { accessKeyId, key, service, region, signedHeaders, presigned, payloadSha256 };
  };
}

type Headers = ReadonlyMap<string, readonly string[]>;
type Query = readonly (readonly [name: string, value: string])[];

/** What the request says about its own signature. */
interface Claim {
  readonly accessKeyId: string;
  readonly scopeDate: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hex digits. */
  readonly signature: string;
  /** `20261122T120000Z` */
  readonly date: string;
  readonly sessionToken: string | undefined;
  readonly presigned: boolean;
  readonly expiresSeconds: number;
}

/**
 * A query's pairs, percent-decoded once; `+` is a plus sign, as the signature takes it. The one reading of a query
 * that both the signature and the operation's input are made from. Throws CANNOT_PARSE on bad percent-encoding.
 */
export function queryPairs(target: string): Query {
  const mark = target.indexOf("?");
  if (mark < 0 || mark === target.length - 1) return [];
  return target
    .slice(mark + 1)
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const equals = part.indexOf("=");
      return equals < 0
        ? [decodePart(part), ""]
        : [decodePart(part.slice(0, equals)), decodePart(part.slice(equals + 1))];
    });
}

function decodePart(text: string): string {
  // eslint-disable-next-line no-control-regex -- anything but printable ASCII must be percent-encoded
  if (/[^\u0021-\u007e]/.test(text))
    throw invalid("The query string must be percent-encoded ASCII.", "CANNOT_PARSE");
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(
      `The query string part '${text.slice(0, 100)}' is not valid percent-encoded UTF-8.`,
      "CANNOT_PARSE",
    );
  }
}

function collectHeaders(raw: readonly string[]): Headers {
  const headers = new Map<string, string[]>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const known = headers.get(name);
    if (known === undefined) headers.set(name, [raw[i + 1] as string]);
    else known.push(raw[i + 1] as string);
  }
  return headers;
}

function readClaim(headers: Headers, query: Query): Claim {
  const authorization = headers.get("authorization") ?? [];
  const inQuery = query.some(([name]) => name === "X-Amz-Algorithm" || name === "X-Amz-Signature");
  if (authorization.length + (inQuery ? 1 : 0) > 1) {
    throw refuse(
      "IncompleteSignatureException",
      "Only one signature may be given: one Authorization header, or the query string.",
    );
  }
  if (inQuery) return readPresigned(query);
  if (authorization[0] === undefined) {
    throw refuse(
      "MissingAuthenticationTokenException",
      "Missing Authentication Token: the request has no AWS Signature Version 4, neither in an Authorization header nor in the query string.",
    );
  }
  return readAuthorization(authorization[0].trim(), headers);
}

function readAuthorization(text: string, headers: Headers): Claim {
  const space = text.indexOf(" ");
  checkAlgorithm(space < 0 ? text : text.slice(0, space));
  const fields = new Map<string, string>();
  for (const part of text.slice(space + 1).split(",")) {
    const equals = part.indexOf("=");
    if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const date = headers.get("x-amz-date");
  return {
    ...readCredential(need(fields.get("Credential"), "Credential")),
    signedHeaders: need(fields.get("SignedHeaders"), "SignedHeaders").split(";"),
    signature: readSignature(need(fields.get("Signature"), "Signature")),
    date: date?.length === 1 ? (date[0] as string).trim() : need(undefined, "X-Amz-Date"),
    sessionToken: headers.get("x-amz-security-token")?.join(","),
    presigned: false,
    expiresSeconds: 0,
  };
}

function readPresigned(query: Query): Claim {
  const one = (name: string): string | undefined => {
    const values = query.filter(([key]) => key === name);
    if (values.length > 1) throw refuse("IncompleteSignatureException", `'${name}' is given more than once.`);
    return values[0]?.[1];
  };
  checkAlgorithm(need(one("X-Amz-Algorithm"), "X-Amz-Algorithm"));
  const expires = need(one("X-Amz-Expires"), "X-Amz-Expires");
  const expiresSeconds = /^[0-9]{1,6}$/.test(expires) ? Number(expires) : 0;
  if (expiresSeconds < 1 || expiresSeconds > EXPIRES_MAX_SECONDS) {
    throw refuse(
      "InvalidSignatureException",
      `X-Amz-Expires must be a whole number of seconds from 1 to ${EXPIRES_MAX_SECONDS}.`,
    );
  }
  return {
    ...readCredential(need(one("X-Amz-Credential"), "X-Amz-Credential")),
    signedHeaders: need(one("X-Amz-SignedHeaders"), "X-Amz-SignedHeaders").split(";"),
    signature: readSignature(need(one("X-Amz-Signature"), "X-Amz-Signature")),
    date: need(one("X-Amz-Date"), "X-Amz-Date"),
    sessionToken: one("X-Amz-Security-Token"),
    presigned: true,
    expiresSeconds,
  };
}

function checkAlgorithm(algorithm: string): void {
  if (algorithm === ALGORITHM) return;
  throw refuse(
    "IncompleteSignatureException",
    `The signing algorithm '${algorithm.slice(0, 50)}' is not supported here; sign with ${ALGORITHM}.`,
  );
}

function need(value: string | undefined, name: string): string {
  if (value) return value;
  throw refuse("IncompleteSignatureException", `The request's signature requires '${name}'.`);
}

function readCredential(text: string): Pick<Claim, "accessKeyId" | "scopeDate" | "region" | "service"> {
  const [, accessKeyId, scopeDate, region, service] =
    /^([A-Za-z0-9_]{1,128})\/([0-9]{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request$/.exec(text) ??
    [];
  if (!accessKeyId || !scopeDate || !region || !service) {
    throw refuse(
      "IncompleteSignatureException",
      "Credential must have five parts: <access key id>/<YYYYMMDD>/<region>/<service>/aws4_request.",
    );
  }
  return { accessKeyId, scopeDate, region, service };
}

function readSignature(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw mismatch();
  return text;
}

function checkScope(claim: Claim, services: readonly string[]): void {
  if (!claim.signedHeaders.includes("host")) {
    throw refuse(
      "InvalidSignatureException",
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  }
  if (!services.includes(claim.service)) {
    const names = services.map((name) => `'${name}'`).join(" or ");
    throw refuse("InvalidSignatureException", `Credential should be scoped to correct service: ${names}.`);
  }
  if (claim.scopeDate !== claim.date.slice(0, 8)) {
    throw refuse(
      "InvalidSignatureException",
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.scopeDate}' != '${claim.date.slice(0, 8)}'.`,
    );
  }
}

/** Fifteen minutes either way; a presigned request may start five minutes early and lasts as long as it says. */
function checkClock({ date, presigned, expiresSeconds }: Claim, now: number): void {
  const signedAt = parseDate(date);
  const earliestMs = signedAt - (presigned ? PRESIGNED_SKEW_MS : SKEW_MS);
  const latestMs = signedAt + (presigned ? expiresSeconds * 1000 : SKEW_MS);
  if (now >= earliestMs && now <= latestMs) return;
  const message =
    now > latestMs
      ? `Signature expired: ${date} was valid until ${formatDate(latestMs)} and it is now ${formatDate(now)}. Check the clock of the client.`
      : `Signature not yet current: ${date} is valid from ${formatDate(earliestMs)} and it is now ${formatDate(now)}. Check the clock of the client.`;
  throw refuse("InvalidSignatureException", message);
}

function parseDate(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const time = Date.parse(iso);
  if (iso === text || Number.isNaN(time) || formatDate(time) !== text) {
    throw refuse(
      "IncompleteSignatureException",
      "X-Amz-Date must be in ISO 8601 basic form, e.g. 20260131T235959Z.",
    );
  }
  return time;
}

function formatDate(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** The last line of the canonical request: what the client says its body hashes to, held against the body where it is here. */
async function payloadLine(
  headers: Headers,
  query: Query,
  request: SignedRequest,
  allowUnsigned: boolean,
): Promise<string> {
  const stated =
    headers.get(PAYLOAD_HEADER) ??
    query.filter(([name]) => name.toLowerCase() === PAYLOAD_HEADER).map(([, value]) => value);
  const payload = stated.length > 1 ? "" : stated[0]?.trim();
  if (payload === "UNSIGNED-PAYLOAD" && allowUnsigned) return payload;
  if (payload === "UNSIGNED-PAYLOAD" || payload?.startsWith("STREAMING-")) {
    throw refuse(
      "InvalidSignatureException",
      `The payload signing mode '${payload.slice(0, 60)}' is not supported here; sign the SHA-256 of the body.`,
    );
  }
  if (payload !== undefined && !/^[0-9a-f]{64}$/.test(payload)) {
    throw refuse(
      "InvalidSignatureException",
      `${PAYLOAD_HEADER} must be the SHA-256 of the body: 64 lower-case hex digits.`,
    );
  }
  if (request.bodySha256 === undefined) {
    if (payload === undefined)
      throw refuse(
        "InvalidSignatureException",
        `A streamed body needs its SHA-256 in the header ${PAYLOAD_HEADER}.`,
      );
    return payload;
  }
  const actual = await request.bodySha256();
  if (payload !== undefined && payload !== actual) {
    throw refuse(
      "InvalidSignatureException",
      `The body does not match the signed ${PAYLOAD_HEADER}: its SHA-256 is ${actual}.`,
    );
  }
  return actual;
}

function canonicalRequest(
  request: SignedRequest,
  headers: Headers,
  query: Query,
  claim: Claim,
  payload: string,
): string {
  const mark = request.target.indexOf("?");
  const path = mark < 0 ? request.target : request.target.slice(0, mark);
  const headerLines = claim.signedHeaders
    .map((name) => `${name}:${canonicalValue(headers, name)}\n`)
    .join("");
  return [
    request.method,
    // Every service but S3 signs the path encoded once more; nothing is normalised, so only the path sent can be signed.
    path.split("/").map(encodePart).join("/"),
    canonicalQuery(query, claim.presigned),
    headerLines,
    claim.signedHeaders.join(";"),
    payload,
  ].join("\n");
}

function canonicalValue(headers: Headers, name: string): string {
  const values = headers.get(name);
  if (values === undefined) {
    throw refuse(
      "InvalidSignatureException",
      `The signed header '${name.slice(0, 100)}' is not in the request; a proxy may have removed it.`,
    );
  }
  return values.map((value) => value.trim().replace(/\s+/g, " ")).join(",");
}

function canonicalQuery(query: Query, presigned: boolean): string {
  return query
    .filter(([name]) => !(presigned && name === "X-Amz-Signature"))
    .map(([name, value]) => [encodePart(name), encodePart(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 3986's unreserved characters stay, everything else is encoded. */
function encodePart(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function stringToSign(claim: Claim, canonical: string): string {
  // Header bytes arrive as latin1 characters; hashing them as latin1 gives back the bytes the client signed.
  const hash = createHash("sha256").update(canonical, "latin1").digest("hex");
  return `${ALGORITHM}\n${claim.date}\n${claim.scopeDate}/${claim.region}/${claim.service}/aws4_request\n${hash}`;
}

function signingKey(
  cache: LRUCache<string, { secret: string; key: Buffer }>,
  { accessKeyId, scopeDate, region, service }: Claim,
  secret: string,
): Buffer {
  const name = `${accessKeyId}/${scopeDate}/${region}/${service}`;
  const known = cache.get(name);
  if (known !== undefined && known.secret === secret) return known.key;
  const key = [scopeDate, region, service, "aws4_request"].reduce<string | Buffer>(
    (parent, part) => hmac(parent, part),
    `AWS4${secret}`,
  ) as Buffer;
  cache.set(name, { secret, key });
  return key;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function mismatch(): Fault {
  return refuse(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
}

function refuse(exception: string, message: string): Fault {
  return new Fault("Unauthenticated", message, { exception });
}
