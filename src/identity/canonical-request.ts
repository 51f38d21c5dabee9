// The canonical request: the text whose hash a client signed, rebuilt from the bytes that arrived.
import type { Claim } from "./signature-claim.ts";
import type { Headers, Query } from "./wire.ts";
import { refuse } from "./wire.ts";

const PAYLOAD_HEADER = "x-amz-content-sha256";

/** The last line of the canonical request: what the client says its body hashes to, held against the body where it is here. */
export async function payloadLine(
  headers: Headers,
  query: Query,
  bodySha256: (() => Promise<string>) | undefined,
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
  if (bodySha256 === undefined) {
    if (payload === undefined)
      throw refuse(
        "InvalidSignatureException",
        `A streamed body needs its SHA-256 in the header ${PAYLOAD_HEADER}.`,
      );
    return payload;
  }
  const actual = await bodySha256();
  if (payload !== undefined && payload !== actual) {
    throw refuse(
      "InvalidSignatureException",
      `The body does not match the signed ${PAYLOAD_HEADER}: its SHA-256 is ${actual}.`,
    );
  }
  return actual;
}

/** Throws Unauthenticated when a signed header is missing. */
export function canonicalRequest(
  request: { readonly method: string; readonly target: string },
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
