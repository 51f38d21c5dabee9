// Addresses at which anyone may read one object for a short while, as SigV4 signs them in the query.
import { createHash, createHmac } from "node:crypto";

export interface Presigning {
  /** As the SDK would send it: path already encoded. */
  readonly protocol: string;
  readonly host: string;
  readonly path: string;
  /** Goes into the address as it is: `response-content-type` and the like. */
  readonly query: Readonly<Record<string, string>>;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  };
  readonly now: Date;
  readonly lifeSeconds: number;
}

/**
 * The address for a GET. (The SDK has a package for it, whose versions must be the client's own; not every mirror has
 * that pair, and the store's answer is the same.)
 */
export function presign({ protocol, host, path, credentials, region, ...rest }: Presigning): string {
  const time = rest.now.toISOString().replace(/[:-]|\.\d{3}/g, "");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const query = canonicalQuery({
    ...rest.query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${credentials.accessKeyId}/${scope}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": String(rest.lifeSeconds),
    "X-Amz-SignedHeaders": "host",
    ...(credentials.sessionToken === undefined ? {} : { "X-Amz-Security-Token": credentials.sessionToken }),
  });
  const request = ["GET", path, query, `host:${host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(request).digest("hex")];
  const key = scope
    .split("/")
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  return `${protocol}//${host}${path}?${query}&X-Amz-Signature=${hmac(key, toSign.join("\n")).toString("hex")}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
