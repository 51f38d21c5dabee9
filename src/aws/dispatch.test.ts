// The door as a whole, over HTTP: routing, order of checks, wire errors, streams; driven raw and by the official client.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import {
  CodeartifactClient,
  CreateDomainCommand,
  DescribeRepositoryCommand,
  GetPackageVersionAssetCommand,
  ListDomainsCommand,
  PublishPackageVersionCommand,
} from "@aws-sdk/client-codeartifact";
import { afterEach, describe, expect, test } from "vitest";
import type { Caller } from "../core/caller.ts";
import { Fault, notFound } from "../core/faults.ts";
import { createSigV4Verifier } from "../identity/sigv4.ts";
import { type Authenticate, createAwsDoor, type OperationTable } from "./dispatch.ts";
import { loadModel } from "./model/model.ts";

const KEY = { accessKeyId: "AKID", secretAccessKey: "secret" };
const CALLER: Caller = {
  account: "000000000000",
  arn: "arn:aws:iam::000000000000:user/admin",
  name: "admin",
  credential: "AKID",
  policies: [],
};

interface Deps {
  readonly greeting: string;
}

const verify = createSigV4Verifier({
  now: Date.now,
  services: ["codeartifact"],
  lookupSecret: (id) => Promise.resolve(id === KEY.accessKeyId ? KEY : undefined),
});
const bySignature: Authenticate = async (request) => {
  await verify(request);
  return CALLER;
};
const anyone: Authenticate = async (request) => {
  await request.bodySha256?.();
  return CALLER;
};

const running: Server[] = [];
const logged: object[] = [];
const log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields: object) => void logged.push(fields),
};

afterEach(() => {
  for (const server of running.splice(0)) server.close().closeAllConnections();
  logged.length = 0;
});

/** Starts a server with only the door in it. */
async function open(
  operations: OperationTable<Deps>,
  authenticate: Authenticate = anyone,
  bodyBytesMax?: number,
) {
  const door = createAwsDoor<Deps>({
    operations,
    deps: { greeting: "hi" },
    authenticate,
    log,
    checkOutputs: true,
    ...(bodyBytesMax === undefined ? {} : { bodyBytesMax }),
  });
  const server = createServer((req, res) => void door(req, res, "req-1")).listen(0, "127.0.0.1");
  running.push(server);
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new CodeartifactClient({ endpoint, region: "us-east-1", credentials: KEY, maxAttempts: 1 });
  return {
    endpoint,
    client,
    call: (method: string, path: string, init: RequestInit = {}) =>
      callRaw(`${endpoint}${path}`, { method, ...init }),
  };
}

async function callRaw(url: string, init: RequestInit) {
  const response = await fetch(url, init);
  const body = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body,
    json: body.startsWith("{") ? (JSON.parse(body) as Record<string, unknown>) : {},
  };
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

describe("routing", () => {
  test("404 UNKNOWN_OPERATION: paths the API does not have, however close", async () => {
    const { call } = await open({});
    for (const path of [
      "/v1/nothing",
      "/v1/domain/",
      "/v1/domai%6e",
      "/v1//domain",
      "/v1/domain%3Fx",
      "/v1/__proto__",
      "/v1/",
    ]) {
      const { status, json, headers } = await call("GET", path);
      expect([path, status, json["reason"]]).toEqual([path, 404, "UNKNOWN_OPERATION"]);
      expect(headers.get("x-amzn-errortype")).toBe("ValidationException");
    }
  });

  test("405 with Allow: a known path, another method", async () => {
    const { call } = await open({});
    const { status, headers } = await call("PATCH", "/v1/domain?domain=d1");
    expect([status, headers.get("allow")]).toEqual([405, "DELETE, GET, POST"]);
    expect((await call("HEAD", "/v1/domain")).status).toBe(405);
  });

  test("501: every operation of the model is known, checked and honest about not being there", async () => {
    const { call } = await open({});
    const query = new URLSearchParams({
      domain: "d1",
      repository: "r1",
      format: "npm",
      package: "p",
      version: "1",
      asset: "a",
      "external-connection": "public:npmjs",
      "package-group": "/*",
      "source-repository": "r1",
      "destination-repository": "r2",
      originRestrictionType: "PUBLISH",
      resourceArn: "arn:x",
    });
    const body = JSON.stringify({
      domain: "d1",
      versions: ["1"],
      packageGroup: "/*",
      policyDocument: "{}",
      restrictions: { publish: "ALLOW", upstream: "ALLOW" },
      tags: [],
      tagKeys: [],
      targetStatus: "Archived",
    });
    for (const { name, http } of Object.values(loadModel().operations)) {
      const usesBody = http.method !== "GET";
      const restrictions = name === "UpdatePackageGroupOriginConfiguration" ? { restrictions: {} } : {};
      const headers = { "content-type": "application/json", "x-amz-content-sha256": "0".repeat(64) };
      const init = usesBody
        ? { body: JSON.stringify({ ...(JSON.parse(body) as object), ...restrictions }), headers }
        : { headers };
      const answer = await call(http.method, `${http.requestUri}?${query.toString()}`, init);
      expect([name, answer.status, answer.json["__type"], answer.json["message"]]).toEqual([
        name,
        501,
        "NotImplementedException",
        expect.stringContaining(name),
      ]);
    }
  });
});

describe("order of checks", () => {
  test("403 before 400: a stranger's input is not judged", async () => {
    const { call } = await open({}, bySignature);
    const { status, json } = await call("GET", "/v1/domain?domain=Bad_D");
    expect([status, json["__type"]]).toEqual([403, "MissingAuthenticationTokenException"]);
  });

  test("400 before 501", async () => {
    const { call } = await open({});
    const { status, json, headers } = await call("GET", "/v1/package-group?domain=Bad_D&package-group=%2F*");
    expect([status, json["reason"], headers.get("x-amzn-errortype")]).toEqual([
      400,
      "FIELD_VALIDATION_FAILED",
      "ValidationException",
    ]);
  });
});

describe("the official client", () => {
  test("200: input arrives bound, output comes back typed, the request id on it", async () => {
    let seen: unknown;
    const { client } = await open(
      {
        CreateDomain: (input, call, deps) => {
          seen = {
            input,
            caller: call.caller.name,
            host: call.host.startsWith("127.0.0.1:"),
            greeting: deps.greeting,
          };
          return { domain: { name: input.domain, createdTime: new Date(1_583_075_193_861) } };
        },
      },
      bySignature,
    );
    const { domain, $metadata } = await client.send(
      new CreateDomainCommand({ domain: "d1", tags: [{ key: "kéy", value: "'()*! &=+" }] }),
    );
    expect(seen).toEqual({
      input: { domain: "d1", tags: [{ key: "kéy", value: "'()*! &=+" }] },
      caller: "admin",
      host: true,
      greeting: "hi",
    });
    expect(domain).toEqual({ name: "d1", createdTime: new Date(1_583_075_193_861) });
    expect($metadata.requestId).toBe("req-1");
  });

  test("404, 400 and 429 come out as typed exceptions with their members", async () => {
    const { client } = await open(
      {
        DescribeRepository: () => Promise.reject(notFound("no such repository", "repository", "d1/r1")),
        ListDomains: () => {
          throw new Fault("ThrottlingException", "slow down", { retryAfterSeconds: 7 });
        },
      },
      bySignature,
    );
    await expect(
      client.send(new DescribeRepositoryCommand({ domain: "d1", repository: "r1" })),
    ).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "no such repository",
      resourceType: "repository",
      resourceId: "d1/r1",
      $metadata: { httpStatusCode: 404, requestId: "req-1" },
    });
    await expect(client.send(new ListDomainsCommand({}))).rejects.toMatchObject({
      name: "ThrottlingException",
      retryAfterSeconds: 7,
    });
    await expect(
      client.send(new DescribeRepositoryCommand({ domain: "D", repository: "r1" })),
    ).rejects.toMatchObject({ name: "ValidationException", reason: "FIELD_VALIDATION_FAILED" });
  });

  test("403: a wrong secret, an unknown key", async () => {
    const { endpoint } = await open({}, bySignature);
    const send = (credentials: typeof KEY) =>
      new CodeartifactClient({ endpoint, region: "eu-west-1", credentials, maxAttempts: 1 }).send(
        new ListDomainsCommand({}),
      );
    await expect(send({ ...KEY, secretAccessKey: "wrong" })).rejects.toMatchObject({
      name: "InvalidSignatureException",
      $metadata: { httpStatusCode: 403 },
    });
    await expect(send({ ...KEY, accessKeyId: "AKOTHER" })).rejects.toMatchObject({
      name: "UnrecognizedClientException",
      $metadata: { httpStatusCode: 403 },
    });
  });

  test("assets stream in unread and out with their headers", async () => {
    const bytes = Buffer.alloc(3_000_000, 5);
    const { client } = await open(
      {
        PublishPackageVersion: async (input) => {
          expect(input.assetContent).toBeInstanceOf(Readable);
          const content = await buffer(input.assetContent);
          return {
            version: input.packageVersion,
            asset: { name: input.assetName, size: content.length, hashes: { "SHA-256": sha256(content) } },
          };
        },
        GetPackageVersionAsset: (input) => ({
          asset: { stream: Readable.from([bytes]), sizeBytes: bytes.length },
          assetName: input.asset,
          packageVersion: "1",
          packageVersionRevision: "rev=",
        }),
      },
      bySignature,
    );
    const key = {
      domain: "d1",
      repository: "r1",
      format: "generic",
      namespace: "n",
      package: "p",
      packageVersion: "1",
    } as const;
    const published = await client.send(
      new PublishPackageVersionCommand({
        ...key,
        assetName: "a.bin",
        assetContent: bytes,
        assetSHA256: sha256(bytes),
      }),
    );
    expect(published.asset).toEqual({
      name: "a.bin",
      size: bytes.length,
      hashes: { "SHA-256": sha256(bytes) },
    });
    const fetched = await client.send(new GetPackageVersionAssetCommand({ ...key, asset: "a.bin" }));
    expect(
      sha256(
        await (
          fetched.asset as unknown as { transformToByteArray(): Promise<Uint8Array> }
        ).transformToByteArray(),
      ),
    ).toBe(sha256(bytes));
    expect(fetched).toMatchObject({
      assetName: "a.bin",
      packageVersion: "1",
      packageVersionRevision: "rev=",
    });
  });
});

describe("faults of ours stay ours", () => {
  test("500: a thrown bug is logged under the request id and never shown", async () => {
    const { call } = await open({
      ListDomains: () => Promise.reject(new TypeError("secret detail at /etc/x")),
    });
    const { status, body, headers } = await call("POST", "/v1/domains");
    expect([status, headers.get("x-amzn-requestid")]).toEqual([500, "req-1"]);
    expect(body).toContain("req-1");
    expect(body).not.toContain("secret");
    expect(logged).toEqual([
      expect.objectContaining({
        requestId: "req-1",
        path: "/v1/domains",
        err: expect.objectContaining({ message: "secret detail at /etc/x" }),
      }),
    ]);
  });

  test("500: an output the model does not allow", async () => {
    const { call } = await open({ ListDomains: () => ({ domains: [{ owner: "not an account" }] }) });
    expect((await call("POST", "/v1/domains")).status).toBe(500);
    expect(String((logged[0] as { err: Error }).err)).toContain(
      "ListDomains returned what the model does not allow",
    );
  });

  test("a stream that fails midway breaks the connection, so that no client takes it for whole", async () => {
    const failing = () =>
      Readable.from(
        (async function* () {
          yield Buffer.alloc(10);
          await new Promise((resolve) => setImmediate(resolve));
          throw new Error("disk gone");
        })(),
      );
    const { endpoint } = await open({
      GetPackageVersionAsset: () => ({ asset: { stream: failing(), sizeBytes: 20 } }),
    });
    const url = `${endpoint}/v1/package/version/asset?domain=d1&repository=r1&format=npm&package=p&version=1&asset=a`;
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
    expect(logged).toHaveLength(1);
  });
});

describe("bodies", () => {
  test("413: declared too large, or growing too large", async () => {
    const { call, endpoint } = await open({}, anyone, 1000);
    const { status, json } = await call("POST", "/v1/domain?domain=d1", { body: "x".repeat(1001) });
    expect([status, json["__type"]]).toEqual([413, "RequestEntityTooLargeException"]);
    const chunked = httpRequest(`${endpoint}/v1/domain?domain=d1`, { method: "POST" });
    chunked.write("x".repeat(600));
    chunked.end("x".repeat(600));
    const [response] = (await once(chunked, "response")) as [import("node:http").IncomingMessage];
    expect(response.statusCode).toBe(413);
    await text(response);
  });

  test("403: a stranger's endless upload gets its answer and is cut off", async () => {
    const { endpoint } = await open({}, bySignature, 1000);
    const upload = httpRequest(`${endpoint}/v1/package/version/publish?domain=d1`, { method: "POST" });
    upload.on("error", () => undefined);
    const feed = setInterval(() => upload.write(Buffer.alloc(1024 * 1024)), 1);
    const [response] = (await once(upload, "response")) as [import("node:http").IncomingMessage];
    expect(response.statusCode).toBe(403);
    expect(await text(response)).toContain("MissingAuthenticationTokenException");
    await new Promise((resolve) => upload.once("close", resolve));
    clearInterval(feed);
  });

  test("415: a compressed body is refused rather than misread", async () => {
    const { call } = await open({});
    expect(
      (await call("POST", "/v1/domain?domain=d1", { body: "x", headers: { "content-encoding": "gzip" } }))
        .status,
    ).toBe(415);
  });

  test("a client that hangs up in the middle of its body is nobody's error", async () => {
    const { endpoint, call } = await open({});
    const socket = connect(Number(new URL(endpoint).port), "127.0.0.1");
    socket.write("POST /v1/domain?domain=d1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await call("POST", "/v1/domain?domain=d1")).status).toBe(501);
    expect(logged).toEqual([]);
  });
});
