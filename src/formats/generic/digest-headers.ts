// The headers in which HTTP clients say what a body must hash to; pure.
import type { IncomingHttpHeaders } from "node:http";
import { type Fault, invalid } from "../../core/faults.ts";
import type { DigestClaim } from "../format.ts";

type Algorithm = DigestClaim["algorithm"];

const BYTES: Readonly<Record<Algorithm, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };

/** Plain hexadecimal. */
const HEX_HEADERS: Readonly<Record<string, Algorithm>> = {
  "x-amz-content-sha256": "sha256",
  "x-checksum-sha256": "sha256",
  "x-checksum-sha512": "sha512",
  "x-checksum-sha1": "sha1",
  "x-checksum-md5": "md5",
};

/** `name=value` lists: RFC 3230's Digest, and RFC 9530's two, whose values stand between colons. */
const LIST_HEADERS = ["digest", "content-digest", "repr-digest"];

const LISTED: Readonly<Record<string, Algorithm>> = {
  "sha-256": "sha256",
  "sha-512": "sha512",
  sha: "sha1",
  md5: "md5",
};

/**
 * Every digest the headers claim. Throws ValidationException for one that cannot be read, and for a header that asks
 * only for algorithms that are not computed here: a check that is asked for is made or refused, never forgotten.
 */
export function readClaims(headers: IncomingHttpHeaders): DigestClaim[] {
  const claims: DigestClaim[] = [];
  for (const [where, algorithm] of Object.entries(HEX_HEADERS)) {
    const text = headers[where];
    if (text === undefined) continue;
    const hex = String(text).trim().toLowerCase();
    if (!/^[0-9a-f]*$/.test(hex) || hex.length !== BYTES[algorithm] * 2) throw unreadable(where);
    claims.push({ where, algorithm, hex });
  }
  const md5 = headers["content-md5"];
  if (md5 !== undefined) claims.push(fromBase64("content-md5", "md5", String(md5).trim()));
  for (const where of LIST_HEADERS) {
    const text = headers[where];
    if (text !== undefined) claims.push(...readList(where, String(text)));
  }
  return claims;
}

function readList(where: string, text: string): DigestClaim[] {
  const claims: DigestClaim[] = [];
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw unreadable(where);
    const algorithm = LISTED[part.slice(0, equals).trim().toLowerCase()];
    if (algorithm === undefined) continue;
    const value = part.slice(equals + 1).trim();
    const inner = where === "digest" ? value : /^:(.*):$/.exec(value)?.[1];
    if (inner === undefined) throw unreadable(where);
    claims.push(fromBase64(where, algorithm, inner));
  }
  if (claims.length > 0) return claims;
  throw invalid(
    `The header ${where} names no digest that is checked here; use ${Object.keys(LISTED).join(", ")}.`,
  );
}

function fromBase64(where: string, algorithm: Algorithm, text: string): DigestClaim {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== BYTES[algorithm] || bytes.toString("base64") !== text) throw unreadable(where);
  return { where, algorithm, hex: bytes.toString("hex") };
}

function unreadable(where: string): Fault {
  return invalid(`The header ${where} cannot be read as the digest it should be.`);
}
