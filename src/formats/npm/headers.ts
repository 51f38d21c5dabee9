// Request headers that decide which representation is sent, or whether one is; pure, with answers remembered where clients repeat themselves.
import type { IncomingHttpHeaders } from "node:http";
import type { Form } from "./packument-text.ts";

export const BRIEF_TYPE = "application/vnd.npm.install-v1+json";

/** Clients send a handful of different values; hostile ones must not fill memory. */
const REMEMBERED_MAX = 200;

function remembered<T>(decide: (header: string) => T): (header: string) => T {
  const known = new Map<string, T>();
  return (header) => {
    let answer = known.get(header);
    if (answer === undefined) {
      answer = decide(header);
      if (known.size >= REMEMBERED_MAX) known.clear();
      known.set(header, answer);
    }
    return answer;
  };
}

/** The abbreviated form only for who names it, and likes it no less than plain JSON (RFC 9110, 12.5.1). */
const formOf = remembered((accept: string): Form => {
  const qualities = parseQualities(accept);
  const brief = qualities.get(BRIEF_TYPE) ?? 0;
  const full = qualities.get("application/json") ?? 0;
  return brief > 0 && brief >= full ? "brief" : "full";
});

export function wantsForm(accept: string | undefined): Form {
  return accept === undefined ? "full" : formOf(accept);
}

const gzipOf = remembered((encodings: string): boolean => {
  const qualities = parseQualities(encodings);
  return (qualities.get("gzip") ?? qualities.get("x-gzip") ?? qualities.get("*") ?? 0) > 0;
});

export function wantsGzip(encodings: string | string[] | undefined): boolean {
  return encodings !== undefined && gzipOf(String(encodings));
}

function parseQualities(header: string): Map<string, number> {
  const qualities = new Map<string, number>();
  for (const part of header.split(",")) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const quality = q === undefined ? 1 : Number(q);
    if (name !== "") qualities.set(name, Number.isNaN(quality) ? 0 : quality);
  }
  return qualities;
}

/** If-None-Match against one ETag, by the weak comparison that the header asks for; `*` is not taken up, and gets the whole. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag) return true;
  return header.split(",").some((part) => {
    const tag = part.trim();
    return tag === etag || tag === `W/${etag}`;
  });
}

/** A client that wants the public registry asked now. */
export function asksFresh(headers: IncomingHttpHeaders): boolean {
  return headers["cache-control"]?.includes("no-cache") === true;
}
