// What a request says about its own signature: read strictly, then held against the clock and the accepted services.
import type { Headers, Query } from "./wire.ts";
import { mismatch, refuse } from "./wire.ts";

export const ALGORITHM = "AWS4-HMAC-SHA256";
const SKEW_MS = 15 * 60_000;
const PRESIGNED_SKEW_MS = 5 * 60_000;
const EXPIRES_MAX_SECONDS = 604_800;

/** What the request says about its own signature. */
export interface Claim {
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

/** From the Authorization header or the query string; exactly one of them. Throws Unauthenticated. */
export function readClaim(headers: Headers, query: Query): Claim {
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

/** The host is signed, the service is one of ours, the key is of the day of the request; any region. */
export function checkScope(claim: Claim, services: readonly string[]): void {
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
export function checkClock({ date, presigned, expiresSeconds }: Claim, now: number): void {
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
