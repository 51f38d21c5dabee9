// The verifier against three independent signers: aws4, @smithy/signature-v4 and the official JavaScript client.
import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CodeartifactClient,
  CreateDomainCommand,
  ListPackagesCommand,
  PublishPackageVersionCommand,
} from "@aws-sdk/client-codeartifact";
import { SignatureV4 } from "@smithy/signature-v4";
import aws4 from "aws4";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault } from "../core/faults.ts";
import { createSigV4Verifier, type SignedRequest } from "./sigv4.ts";
import { queryPairs } from "./wire.ts";

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
const DATE = "20261122T120000Z";
const KEY = { accessKeyId: "AKIDPORTCULLIS", secretAccessKey: "s3cr3t/+=x" };

const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

function verifier(over: { now?: number; allowUnsignedPayload?: boolean; sessionToken?: string } = {}) {
  return createSigV4Verifier({
    now: () => over.now ?? NOW,
    lookupSecret: (id, token) =>
      Promise.resolve(id === KEY.accessKeyId && token === over.sessionToken ? KEY : undefined),
    services: ["codeartifact", "sts"],
    ...(over.allowUnsignedPayload === undefined ? {} : { allowUnsignedPayload: over.allowUnsignedPayload }),
  });
}

interface Parts {
  method?: string;
  path?: string;
  body?: string;
  headers?: Record<string, string>;
  service?: string;
  date?: string;
  region?: string;
}

/** Signs with aws4 and gives the request as the server would see it. */
function signed(parts: Parts = {}): SignedRequest & { body: string } {
  const {
    method = "GET",
    path = "/v1/domain?domain=d1",
    body = "",
    headers = {},
    service = "codeartifact",
    date = DATE,
    region = "eu-north-1",
  } = parts;
  const out = aws4.sign(
    {
      method,
      path,
      body,
      service,
      region,
      host: "registry.example",
      headers: { "X-Amz-Date": date, ...headers },
    },
    KEY,
  );
  return {
    method,
    target: out.path,
    headers: flatten(out.headers as Record<string, string>),
    body,
    bodySha256: () => Promise.resolve(sha256(body)),
  };
}

function flatten(headers: Record<string, string | number>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error("accepted"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw error;
  expect(error.code).toBe("Unauthenticated");
  return `${error.detail.exception}: ${error.message}`;
}

describe("accepts what real signers send", () => {
  test("aws4: header signature, any region, the payload hash in the proof", async () => {
    const proof = await verifier()(signed({ body: '{"a":1}', method: "POST" }));
    expect(proof).toMatchObject({
      accessKeyId: KEY.accessKeyId,
      key: KEY,
      region: "eu-north-1",
      service: "codeartifact",
      presigned: false,
    });
    expect(proof.payloadSha256).toBe(sha256('{"a":1}'));
  });

  test("aws4: a second service of the list", async () => {
    expect((await verifier()(signed({ service: "sts", method: "POST", path: "/" }))).service).toBe("sts");
  });

  test("by hand: a query name that both signers' plain objects lose", async () => {
    const date = DATE.slice(0, 8);
    const scope = `${date}/eu-north-1/codeartifact/aws4_request`;
    const headers = `host:registry.example\nx-amz-date:${DATE}\n`;
    const canonical = `GET\n/v1/packages\n__proto__=a&z=b\n${headers}\nhost;x-amz-date\n${sha256("")}`;
    const text = `AWS4-HMAC-SHA256\n${DATE}\n${scope}\n${sha256(canonical)}`;
    const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
    const key = [date, "eu-north-1", "codeartifact", "aws4_request"].reduce<string | Buffer>(
      hmac,
      `AWS4${KEY.secretAccessKey}`,
    );
    const signature = hmac(key, text).toString("hex");
    const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
    await verifier()({
      method: "GET",
      target: "/v1/packages?z=b&__proto__=a",
      headers: flatten({ host: "registry.example", "x-amz-date": DATE, authorization }),
      bodySha256: () => Promise.resolve(sha256("")),
    });
  });

  test("property: any query name and value, encoded by smithy's signer", async () => {
    const smithy = new SignatureV4({
      credentials: KEY,
      region: "us-east-1",
      service: "codeartifact",
      sha256: Sha256,
      applyChecksum: false,
    });
    const text = fc.string({ unit: "binary", maxLength: 12 }).filter((value) => value.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          // Smithy's own canonical query is put together in a plain object, where `__proto__` is lost: no oracle for it.
          text.filter((name) => name !== "" && name !== "__proto__" && !/^x-amz-/i.test(name)),
          text,
          { noNullPrototype: true },
        ),
        async (query) => {
          const request = {
            method: "GET",
            protocol: "http:",
            hostname: "registry.example",
            path: "/v1/packages",
            query,
            headers: { host: "registry.example" },
          };
          const out = await smithy.sign(request, { signingDate: new Date(NOW) });
          const pairs = Object.entries(query).map(
            ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
          );
          const target = `/v1/packages?${pairs.toReversed().join("&")}`;
          await verifier()({
            method: "GET",
            target,
            headers: flatten(out.headers),
            bodySha256: () => Promise.resolve(sha256("")),
          });
          expect(new Map(queryPairs(target))).toEqual(new Map(Object.entries(query)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("header values: runs of spaces, outer spaces, a repeated name joined by a comma", async () => {
    const request = signed({ headers: { "x-note": "a b", "x-two": "1,2" } });
    const headers = request.headers.flatMap((item, i, all) => {
      if (i % 2 === 1) return [];
      if (item === "x-note") return ["X-Note", "  a   b "];
      return item === "x-two" ? ["x-two", " 1 ", "X-TWO", "2"] : [item, all[i + 1] as string];
    });
    await verifier()({ ...request, headers });
  });

  test("header bytes outside ASCII are the bytes the client signed", async () => {
    const request = signed({ headers: { "x-note": "é" } });
    const headers = request.headers.map((item) =>
      item === "é" ? Buffer.from("é").toString("latin1") : item,
    );
    await verifier()({ ...request, headers });
  });

  test("presigned by smithy and by aws4, for as long as it says", async () => {
    const smithy = new SignatureV4({
      credentials: KEY,
      region: "us-east-1",
      service: "codeartifact",
      sha256: Sha256,
    });
    const out = await smithy.presign(
      {
        method: "GET",
        protocol: "http:",
        hostname: "registry.example",
        path: "/v1/domain",
        query: { domain: "d(1)é" },
        headers: { host: "registry.example" },
      },
      { signingDate: new Date(NOW), expiresIn: 600 },
    );
    const query = Object.entries(out.query as Record<string, string>).map(
      ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    );
    const request = {
      method: "GET",
      target: `/v1/domain?${query.join("&")}`,
      headers: ["Host", "registry.example"],
      bodySha256: () => Promise.resolve(sha256("")),
    };
    expect((await verifier({ now: NOW + 599_000 })(request)).presigned).toBe(true);
    expect(await refusal(verifier({ now: NOW + 601_000 })(request))).toMatch(
      /^InvalidSignatureException: Signature expired/,
    );
    await verifier({ now: NOW - 299_000 })(request);
    expect(await refusal(verifier({ now: NOW - 301_000 })(request))).toMatch(
      /^InvalidSignatureException: Signature not yet current/,
    );
    expect(
      await refusal(verifier()({ ...request, target: request.target.replace("Expires=600", "Expires=900") })),
    ).toMatch(/does not match/);
    for (const seconds of ["0", "604801", "1e3", "-5"]) {
      expect(
        await refusal(
          verifier()({ ...request, target: request.target.replace("Expires=600", `Expires=${seconds}`) }),
        ),
      ).toMatch(/X-Amz-Expires/);
    }
    const other = aws4.sign(
      {
        method: "GET",
        path: `/v1/domain?domain=d1&X-Amz-Date=${DATE}&X-Amz-Expires=60`,
        service: "codeartifact",
        region: "us-east-1",
        host: "registry.example",
        signQuery: true,
      },
      KEY,
    );
    await verifier()({
      method: "GET",
      target: other.path,
      headers: ["Host", "registry.example"],
      bodySha256: () => Promise.resolve(sha256("")),
    });
  });

  test("a session token reaches the look-up, from the header", async () => {
    const out = aws4.sign(
      {
        method: "GET",
        path: "/v1/domain?domain=d1",
        service: "codeartifact",
        region: "us-east-1",
        host: "registry.example",
        headers: { "X-Amz-Date": DATE },
      },
      { ...KEY, sessionToken: "tok/en==" },
    );
    const request = {
      method: "GET",
      target: "/v1/domain?domain=d1",
      headers: flatten(out.headers as Record<string, string>),
      bodySha256: () => Promise.resolve(sha256("")),
    };
    await verifier({ sessionToken: "tok/en==" })(request);
    expect(await refusal(verifier()(request))).toMatch(/^UnrecognizedClientException/);
  });

  test("the official client: JSON body, odd query characters, a streamed asset", async () => {
    const seen = await recordSdkRequests(async (client) => {
      await client.send(
        new CreateDomainCommand({ domain: "d1", tags: [{ key: "kéy", value: "'()*! &=+" }] }),
      );
      await client.send(
        new ListPackagesCommand({ domain: "d1", repository: "r1", packagePrefix: "a'()*!&=+ é%2F/~b" }),
      );
      const body = Buffer.alloc(300_000, 7);
      await client.send(
        new PublishPackageVersionCommand({
          domain: "d1",
          repository: "r1",
          format: "generic",
          namespace: "n",
          package: "p",
          packageVersion: "1+2",
          assetName: "a b.bin",
          assetContent: body,
          assetSHA256: sha256(body),
        }),
      );
    });
    expect(seen).toHaveLength(3);
    const verify = verifier({ now: Date.now() });
    for (const request of seen) await verify(request);
    const { bodySha256: _unread, ...streamed } = seen[2] as SignedRequest;
    expect((await verify(streamed)).payloadSha256).toBe(sha256(Buffer.alloc(300_000, 7)));
  });
});

describe("refuses anything that was changed on the way", () => {
  const request = signed({
    method: "POST",
    path: "/v1/packages?domain=d1&repository=r1",
    body: '{"a":1}',
    headers: { "x-note": "n" },
  });
  const changes: Record<string, Partial<SignedRequest>> = {
    method: { method: "PUT" },
    path: { target: request.target.replace("packages", "package") },
    "encoded path": { target: request.target.replace("/v1/packages", "/v1/%70ackages") },
    "query value": { target: request.target.replace("r1", "r2") },
    "added query parameter": { target: `${request.target}&x=1` },
    "doubled query parameter": { target: `${request.target}&domain=d1` },
    header: { headers: request.headers.map((item) => (item === "n" ? "m" : item)) },
    host: { headers: request.headers.map((item) => (item === "registry.example" ? "evil.example" : item)) },
    date: { headers: request.headers.map((item) => (item === DATE ? "20261122T120001Z" : item)) },
    body: { bodySha256: () => Promise.resolve(sha256('{"a":2}')) },
    signature: {
      headers: request.headers.map((item) =>
        item.replace(/Signature=[0-9a-f]/, (found) => (found.endsWith("0") ? "Signature=1" : "Signature=0")),
      ),
    },
    region: { headers: request.headers.map((item) => item.replace("eu-north-1", "eu-north-2")) },
  };
  test.each(Object.keys(changes))("%s", async (what) => {
    await verifier()(request);
    expect(await refusal(verifier()({ ...request, ...changes[what] }))).toMatch(
      /^InvalidSignatureException: The request signature we calculated/,
    );
  });

  test("a signed payload hash that is not the body's", async () => {
    const body = '{"a":1}';
    const tampered = signed({ method: "POST", body, headers: { "X-Amz-Content-Sha256": sha256(body) } });
    await verifier()(tampered);
    expect(
      await refusal(verifier()({ ...tampered, bodySha256: () => Promise.resolve(sha256("x")) })),
    ).toMatch(/body does not match/);
  });
});

describe("refuses what should not have been signed so", () => {
  test("no signature at all", async () => {
    expect(
      await refusal(
        verifier()({ method: "GET", target: "/v1/domain", headers: ["Host", "registry.example"] }),
      ),
    ).toMatch(/^MissingAuthenticationTokenException: Missing Authentication Token/);
  });

  test("another scheme, another algorithm, missing parts, a malformed credential", async () => {
    const base = signed();
    const at = base.headers.indexOf("Authorization") + 1;
    const authorization = base.headers[at] as string;
    for (const text of [
      "Bearer abc",
      "Basic YTpi",
      "",
      authorization.replace("HMAC-SHA256", "ECDSA-P256-SHA256"),
      authorization.replace(/, Signature=.*/, ""),
      authorization.replace(/SignedHeaders=[^,]*,/, ""),
      authorization.replace("/aws4_request", "/aws3_request"),
      authorization.replace(KEY.accessKeyId, ""),
    ]) {
      expect(await refusal(verifier()({ ...base, headers: base.headers.with(at, text) }))).toMatch(
        /^IncompleteSignatureException/,
      );
    }
    expect(
      await refusal(verifier()({ ...base, headers: [...base.headers, "Authorization", authorization] })),
    ).toMatch(/Only one signature/);
    expect(await refusal(verifier()({ ...base, target: `${base.target}&X-Amz-Signature=00` }))).toMatch(
      /Only one signature/,
    );
    expect(
      await refusal(
        verifier()({
          ...base,
          headers: base.headers.with(at, authorization.replace(/Signature=.*/, "Signature=zz")),
        }),
      ),
    ).toMatch(/does not match/);
  });

  test("an unknown access key and a wrong secret", async () => {
    const verify = createSigV4Verifier({
      now: () => NOW,
      services: ["codeartifact"],
      lookupSecret: (id) => Promise.resolve(id === "other" ? undefined : { secretAccessKey: "wrong" }),
    });
    expect(await refusal(verify(signed()))).toMatch(/^InvalidSignatureException/);
    const unknown = createSigV4Verifier({
      now: () => NOW,
      services: ["codeartifact"],
      lookupSecret: () => Promise.resolve(undefined),
    });
    expect(await refusal(unknown(signed()))).toMatch(
      /^UnrecognizedClientException: The security token included/,
    );
  });

  test("a changed secret is not served from the signing-key cache", async () => {
    let secret = KEY.secretAccessKey;
    const verify = createSigV4Verifier({
      now: () => NOW,
      services: ["codeartifact"],
      lookupSecret: () => Promise.resolve({ secretAccessKey: secret }),
    });
    await verify(signed());
    secret = "changed";
    expect(await refusal(verify(signed()))).toMatch(/^InvalidSignatureException/);
  });

  test("fifteen minutes of clock difference and no more", async () => {
    for (const now of [NOW - 900_000, NOW + 900_000]) await verifier({ now })(signed());
    expect(await refusal(verifier({ now: NOW + 901_000 })(signed()))).toMatch(
      /^InvalidSignatureException: Signature expired: 20261122T120000Z/,
    );
    expect(await refusal(verifier({ now: NOW - 901_000 })(signed()))).toMatch(
      /^InvalidSignatureException: Signature not yet current/,
    );
  });

  test("a date that is none, a scope of another day or service", async () => {
    const base = signed();
    expect(
      await refusal(
        verifier()({
          ...base,
          headers: base.headers.map((item) => (item === DATE ? "20261122T250000Z" : item)),
        }),
      ),
    ).toMatch(/X-Amz-Date must be/);
    expect(
      await refusal(
        verifier()({
          ...base,
          headers: base.headers.filter(
            (item, i, all) => item !== "X-Amz-Date" && all[i - 1] !== "X-Amz-Date",
          ),
        }),
      ),
    ).toMatch(/requires 'X-Amz-Date'/);
    expect(
      await refusal(
        verifier()({
          ...base,
          headers: base.headers.map((item) => item.replace("/20261122/", "/20261121/")),
        }),
      ),
    ).toMatch(/Date in Credential scope/);
    expect(await refusal(verifier()(signed({ service: "s3" })))).toMatch(
      /correct service: 'codeartifact' or 'sts'/,
    );
  });

  test("a host that is not signed, a signed header that is not there", async () => {
    const base = signed({ headers: { "x-note": "n" } });
    const at = base.headers.indexOf("Authorization") + 1;
    const authorization = base.headers[at] as string;
    expect(
      await refusal(
        verifier()({ ...base, headers: base.headers.with(at, authorization.replace("host;", "")) }),
      ),
    ).toMatch(/'Host'/);
    expect(
      await refusal(
        verifier()({ ...base, headers: base.headers.filter((item) => item !== "x-note" && item !== "n") }),
      ),
    ).toMatch(/signed header 'x-note' is not in the request/);
  });

  test("unsigned and chunked payloads, unless unsigned ones are allowed", async () => {
    const unsigned = signed({ method: "POST", headers: { "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD" } });
    expect(await refusal(verifier()(unsigned))).toMatch(
      /payload signing mode 'UNSIGNED-PAYLOAD' is not supported/,
    );
    expect((await verifier({ allowUnsignedPayload: true })(unsigned)).payloadSha256).toBeUndefined();
    const chunked = signed({
      method: "POST",
      headers: { "X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" },
    });
    expect(await refusal(verifier({ allowUnsignedPayload: true })(chunked))).toMatch(
      /STREAMING-AWS4-HMAC-SHA256-PAYLOAD/,
    );
    const { bodySha256: _unread, ...streamed } = signed({ method: "POST" });
    expect(await refusal(verifier()(streamed))).toMatch(/streamed body needs its SHA-256/);
  });

  test("cheap checks come first: the body of a stranger is never read", async () => {
    let read = 0;
    const request = { ...signed(), bodySha256: () => Promise.resolve(sha256(String(read++))) };
    await refusal(verifier({ now: NOW + 1e9 })(request));
    await refusal(verifier({ sessionToken: "t" })(request));
    expect(read).toBe(0);
  });

  test("a query with bad percent-encoding or raw bytes is a 400, not a guess", () => {
    for (const target of ["/v1/domain?a=%zz", "/v1/domain?a=%ff", "/v1/domain?a=é"]) {
      expect(() => queryPairs(target)).toThrow(expect.objectContaining({ code: "ValidationException" }));
    }
    expect(queryPairs("/v1/domain?a=1+2&b&c=x=y&")).toEqual([
      ["a", "1+2"],
      ["b", ""],
      ["c", "x=y"],
    ]);
  });
});

/** What smithy wants of a hash. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string | Uint8Array);
  }
  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

async function recordSdkRequests(
  send: (client: CodeartifactClient) => Promise<void>,
): Promise<SignedRequest[]> {
  const seen: SignedRequest[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const hash = sha256(Buffer.concat(chunks));
      seen.push({
        method: req.method as string,
        target: req.url as string,
        headers: req.rawHeaders,
        bodySha256: () => Promise.resolve(hash),
      });
      res.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new CodeartifactClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: KEY,
  });
  try {
    await send(client);
  } finally {
    client.destroy();
    server.close();
  }
  return seen;
}
