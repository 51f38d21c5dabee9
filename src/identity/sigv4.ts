// AWS Signature Version 4, the server's side: did the holder of this secret send exactly this request, now?
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import { canonicalRequest, payloadLine } from "./canonical-request.ts";
import type { Claim } from "./signature-claim.ts";
import { ALGORITHM, checkClock, checkScope, readClaim } from "./signature-claim.ts";
import { collectHeaders, mismatch, queryPairs, refuse } from "./wire.ts";

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

const CACHED_SIGNING_KEYS = 1000;

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
    const payload = await payloadLine(
      headers,
      query,
      request.bodySha256,
      options.allowUnsignedPayload === true,
    );
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
