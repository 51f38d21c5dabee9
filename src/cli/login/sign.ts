// AWS Signature Version 4, the client's side: just enough for requests without a streamed body.
import { createHash, createHmac } from "node:crypto";

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface ToSign {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly contentType?: string;
  readonly service: string;
  readonly region: string;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The headers to send, Authorization among them. `now` is epoch milliseconds. */
export function sign(request: ToSign, keys: AwsKeys, now: number): Record<string, string> {
  const { method, url, body, service, region } = request;
  const date = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const headers: Record<string, string> = { host: url.host, "x-amz-date": date };
  if (request.contentType !== undefined) headers["content-type"] = request.contentType;
  if (keys.sessionToken !== undefined) headers["x-amz-security-token"] = keys.sessionToken;
  const names = Object.keys(headers).sort();
  const query = [...url.searchParams]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    // By name, not by the whole pair: `domain` stands before `domain-owner`.
    .sort(([one, first], [two, second]) => compare(one, two) || compare(first, second))
    .map((pair) => pair.join("="));
  // The path is signed encoded once more than it is sent.
  const path = url.pathname.split("/").map(encode).join("/");
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join("");
  const canonical = [method, path, query.join("&"), lines, names.join(";"), sha256(body)].join("\n");
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const key = [date.slice(0, 8), region, service, "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${keys.secretAccessKey}`,
  );
  const signature = hmac(key, text).toString("hex");
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  delete headers.host; // the URL says it
  return headers;
}
