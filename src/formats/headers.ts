// Request headers that decide which representation is sent, or whether one is; pure, with answers remembered where clients repeat themselves.
import type { IncomingHttpHeaders } from "node:http";
import type { ByteRange } from "../blobs/blob-store.ts";

/** Clients send a handful of different values; hostile ones must not fill memory. */
const REMEMBERED_MAX = 200;

/** Decides once per value of a header. */
export function remembered<T>(decide: (header: string) => T): (header: string) => T {
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

const gzipOf = remembered((encodings: string): boolean => {
  const qualities = parseQualities(encodings);
  return (qualities.get("gzip") ?? qualities.get("x-gzip") ?? qualities.get("*") ?? 0) > 0;
});

export function wantsGzip(encodings: string | string[] | undefined): boolean {
  return encodings !== undefined && gzipOf(String(encodings));
}

/** The members of an Accept-like header and how much each is liked, 0 to 1; names in lower case (RFC 9110, 12.4.2). */
export function parseQualities(header: string): Map<string, number> {
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

/** One range of bytes. Several, other units and what cannot be read are ignored, as HTTP allows: then the whole is sent. */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (match === null || (first === "" && last === "")) return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
