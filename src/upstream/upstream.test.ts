// The outbound room against registries that answer well, badly, late or not at all.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "../core/faults.ts";
import {
  type Answer,
  drip,
  type FaultServer,
  freePort,
  json,
  partial,
  silence,
  startFaultServer,
  status,
} from "./fault-server.ts";
import { createUpstream, type UpstreamOptions } from "./index.ts";
import type { Connection, Index, Upstream } from "./upstream.ts";

let directory: string;
let server: FaultServer;
let upstream: Upstream;
let connection: Connection;
let clock: number;

const LIMITS = { timeoutMs: 400, connectTimeoutMs: 300, idleTimeoutMs: 150, paceMs: 150, paceBytesMin: 1000 };

function open(options: Partial<UpstreamOptions> = {}): Upstream {
  return createUpstream({ directory, version: "test", env: {}, now: () => clock, ...LIMITS, ...options });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-upstream-"));
  server = await startFaultServer(json('{"name":"ui"}'));
  connection = { name: "public:npmjs", url: server.url };
  clock = 1_800_000_000_000;
  upstream = open();
});
afterEach(async () => {
  await upstream.close();
  await server.close();
  const staging = await readdir(join(directory, "staging")).catch(() => []);
  await rm(directory, { recursive: true });
  expect(staging, "a half document was left").toEqual([]);
});

const ask = (more: { path?: string; accept?: string; revalidate?: boolean } = {}) =>
  upstream.index({ connection, path: "ui", accept: "application/json", ...more });

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw new Error(`expected a Fault, got ${String(error)}`);
  expect(error.code).toBe("UpstreamFault");
  expect(error.message).toContain("'public:npmjs'");
  return error;
}

async function textOf(index: Index): Promise<string> {
  if (index.state !== "present") throw new Error("absent");
  return await readFile(index.file, "utf8");
}

describe("a document", () => {
  test("is kept in a file with its digest and used while it is fresh", async () => {
    const first = await ask();
    const digest = createHash("sha256").update('{"name":"ui"}').digest("hex");
    expect(first).toMatchObject({
      state: "present",
      gzip: false,
      digest,
      checkedAt: clock,
      freshUntil: clock + 300_000,
    });
    expect(await textOf(first)).toBe('{"name":"ui"}');
    clock += 299_999;
    expect(await ask()).toEqual(first);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers).toMatchObject({
      accept: "application/json",
      "user-agent": "portcullis/test",
    });
  });

  test("is asked for once, however many callers wait", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map((answer) => answer.state === "present" && answer.digest)).size).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  test("is revalidated with its ETag once stale, and the same document serves on after a 304", async () => {
    server.answer = json('{"v":1}', { etag: '"one"' });
    const first = await ask();
    server.answer = status(304);
    clock += 300_000;
    const second = await ask();
    expect(server.requests[1]?.headers["if-none-match"]).toBe('"one"');
    expect(second).toEqual({ ...first, checkedAt: clock, freshUntil: clock + 300_000 });
    server.answer = json('{"v":2}');
    clock += 300_000;
    const third = await ask();
    expect([await textOf(third), await textOf(first)]).toEqual(['{"v":2}', '{"v":1}']);
  });

  test("is revalidated with its date where there is no ETag", async () => {
    server.answer = json("{}", { "last-modified": "Mon, 23 Nov 2026 00:00:00 GMT" });
    await ask();
    await ask({ revalidate: true });
    expect(server.requests[1]?.headers["if-modified-since"]).toBe("Mon, 23 Nov 2026 00:00:00 GMT");
  });

  test("is asked for now, however fresh, when the caller says so", async () => {
    await ask();
    server.answer = json('{"new":true}');
    expect(await textOf(await ask({ revalidate: true }))).toBe('{"new":true}');
  });

  test("is kept as received when it comes as gzip", async () => {
    const packed = gzipSync('{"name":"ui"}');
    server.answer = (req, res) => {
      expect(req.headers["accept-encoding"]).toBe("gzip");
      res.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(packed);
    };
    const index = await ask();
    if (index.state !== "present") throw new Error("absent");
    expect([index.gzip, (await readFile(index.file)).equals(packed)]).toEqual([true, true]);
  });

  test("differs by what was accepted", async () => {
    await ask();
    server.answer = json("{}", { "content-type": "application/vnd.npm.install-v1+json; charset=utf-8" });
    await ask({ accept: "application/vnd.npm.install-v1+json, application/json;q=0.5" });
    expect(server.requests).toHaveLength(2);
  });

  test("below a folder is asked for there, with its encoding untouched", async () => {
    connection = { ...connection, url: `${server.url}mirror/npm/` };
    await ask({ path: "@acme%2fui" });
    expect(server.requests[0]?.url).toBe("/mirror/npm/@acme%2fui");
  });

  test.each(["../secret", "a/../../secret", "%2e%2e/secret", "..\\secret"])(
    "%s does not lead out of the connection's folder",
    async (path) => {
      connection = { ...connection, url: `${server.url}mirror/` };
      await faultOf(ask({ path }));
      expect(server.requests).toHaveLength(0);
    },
  );

  test.each(["//other.example/x", "http://other.example/x"])(
    "%s stays on the connection's host",
    async (path) => {
      await ask({ path });
      expect(server.requests[0]?.url).toMatch(/^\/(other|http)/);
    },
  );
});

describe("absence", () => {
  test.each([404, 410])("told by a %i is believed for a minute", async (code) => {
    server.answer = status(code);
    const absent = { state: "absent", checkedAt: clock, freshUntil: clock + 60_000 };
    expect(await ask()).toEqual(absent);
    clock += 59_999;
    expect(await ask()).toEqual(absent);
    server.answer = json("{}");
    clock += 1;
    expect(await ask()).toMatchObject({ state: "present" });
    expect(server.requests).toHaveLength(2);
  });

  test("replaces the copy of what was there, here and after a restart", async () => {
    await ask();
    server.answer = status(404);
    await ask({ revalidate: true });
    const request = { connection, path: "ui", accept: "application/json" };
    expect(await upstream.cachedIndex(request)).toMatchObject({ state: "absent" });
    await upstream.close();
    upstream = open();
    expect(await upstream.cachedIndex(request)).toMatchObject({ state: "absent" });
  });
});

describe("the copy on disk", () => {
  const request = () => ({ connection, path: "ui", accept: "application/json" });
  const documentFile = async () => {
    const index = await upstream.cachedIndex(request());
    if (index?.state !== "present") throw new Error("absent");
    return index.file;
  };

  test("outlives the process, however old, without a question to anyone", async () => {
    expect(await upstream.cachedIndex(request())).toBeUndefined();
    const index = await ask();
    await upstream.close();
    clock += 1e9;
    upstream = open();
    expect(await upstream.cachedIndex(request())).toEqual(index);
    expect(server.requests).toHaveLength(1);
  });

  test("is not used when a crash cut it short; it is asked for again, without its ETag", async () => {
    server.answer = json('{"long":"document"}', { etag: '"x"' });
    await ask();
    await truncate(await documentFile(), 5);
    await upstream.close();
    upstream = open();
    expect(await upstream.cachedIndex(request())).toBeUndefined();
    expect(await textOf(await ask())).toBe('{"long":"document"}');
    expect(server.requests[1]?.headers["if-none-match"]).toBeUndefined();
  });

  test("is asked for anew, without its ETag, when someone removed it", async () => {
    server.answer = json('{"long":"document"}', { etag: '"x"' });
    await ask();
    await rm(await documentFile());
    expect(await textOf(await ask({ revalidate: true }))).toBe('{"long":"document"}');
    expect(server.requests[1]?.headers["if-none-match"]).toBeUndefined();
  });

  test("is not used when its note is half written", async () => {
    await ask();
    await writeFile((await documentFile()).replace(/-[0-9a-f]+$/, ".json"), '{"checkedAt"');
    await upstream.close();
    upstream = open();
    expect(await upstream.cachedIndex(request())).toBeUndefined();
  });

  test("what a crash left half received is removed at the next start", async () => {
    await ask();
    await writeFile(join(directory, "staging", "1-1"), "half");
    await upstream.close();
    upstream = open();
    await ask();
    expect(await readdir(join(directory, "staging"))).toEqual([]);
  });

  test("makes room by what was checked longest ago", async () => {
    await upstream.close();
    upstream = open({ cacheBytesMax: 250 });
    server.answer = json(`{"a":"${"x".repeat(90)}"}`);
    for (const path of ["one", "two"]) await ask({ path });
    await ask({ path: "one", revalidate: true });
    await ask({ path: "three" });
    const found = await Promise.all(
      ["one", "two", "three"].map((path) => upstream.cachedIndex({ ...request(), path })),
    );
    expect(found.map((index) => index?.state)).toEqual(["present", undefined, "present"]);
  });

  test("never holds a credential", async () => {
    connection = {
      name: "public:npmjs",
      url: server.url.replace("//", "//robot:s3cret@"),
      authorization: "Bearer t0ken",
    };
    await ask();
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        expect(await readFile(join(entry.parentPath, entry.name), "utf8")).not.toMatch(/s3cret|t0ken|robot/);
    }
  });
});

describe("a registry in trouble", () => {
  const cases: readonly (readonly [string, Answer, number])[] = [
    ["that never answers", silence, 504],
    ["that sends headers for ever", drip("HTTP/1.1 200 OK\r\nX-Long: "), 504],
    [
      "that sends a body for ever, byte by byte",
      drip("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"),
      504,
    ],
    ["that falls silent within the body", partial("silence"), 504],
    ["that ends before the length it promised", partial("cut"), 502],
    ["that cuts the connection at once", (req) => void req.socket.destroy(), 502],
    ["that does not speak HTTP", (req) => void req.socket.end("SSH-2.0-hello\r\n"), 502],
    ["that answers 500", status(500), 502],
    ["that answers 502", status(502), 502],
    ["that answers 403", status(403), 502],
    ["that answers 204", (_, res) => void res.writeHead(204).end(), 502],
    ["that answers 304 to a first question", status(304), 502],
    [
      "that sends a sign-in page",
      (_, res) => void res.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      502,
    ],
    ["that sends an encoding nobody asked for", json("{}", { "content-encoding": "br" }), 502],
    [
      "that redirects in a circle",
      (req, res) => void res.writeHead(302, { location: req.url ?? "" }).end(),
      502,
    ],
    ["that redirects without a goal", status(302), 502],
    ["that redirects to another scheme", status(302, { location: "file:///etc/passwd" }), 502],
    [
      "that redirects to a cloud's metadata",
      status(302, { location: "http://169.254.169.254/latest/meta-data/" }),
      502,
    ],
    ["that redirects to another port of this machine", status(307, { location: "http://127.0.0.1:1/" }), 502],
    ["that redirects to this machine by name", status(307, { location: "http://localhost:8080/" }), 502],
    ["that redirects to a private network", status(301, { location: "//10.0.0.1/" }), 502],
  ];

  test.each(cases)("%s is a clear fault, and nothing of it is kept", async (_, answer, expected) => {
    server.answer = answer;
    expect((await faultOf(ask())).status).toBe(expected);
    expect(
      await upstream.cachedIndex({ connection, path: "ui", accept: "application/json" }),
    ).toBeUndefined();
  });

  test("that sends more than may be taken in is a fault, whether it says so or not", async () => {
    await upstream.close();
    upstream = open({ indexBytesMax: 100_000 });
    server.answer = json("x".repeat(200_000));
    expect((await faultOf(ask())).message).toContain("larger than 100000 bytes");
  });

  test("leaves the copy here as it was", async () => {
    const index = await ask();
    server.answer = partial("cut");
    await faultOf(ask({ revalidate: true }));
    expect(await upstream.cachedIndex({ connection, path: "ui", accept: "application/json" })).toEqual(index);
  });

  test("that is not there is a 502 that says what to do, and is used again when it is back", async () => {
    const port = await freePort();
    connection = { ...connection, url: `http://127.0.0.1:${port}/` };
    const fault = await faultOf(ask());
    expect(fault.message).toMatch(/ECONNREFUSED.*--upstream public:npmjs=URL/);
    const back = await startFaultServer(json("{}"), port);
    expect(await faultOf(ask({ path: "another" })), "left alone for some seconds").toBe(fault);
    clock += 5_000;
    expect(await ask()).toMatchObject({ state: "present" });
    await back.close();
  });

  test("that cuts a kept-alive connection is asked once more", async () => {
    await ask();
    let cuts = 0;
    server.answer = (req, res) => (cuts++ === 0 ? req.socket.destroy() : json('{"second":true}')(req, res));
    expect(await textOf(await ask({ revalidate: true }))).toBe('{"second":true}');
    expect(server.requests).toHaveLength(3);
  });

  test.each([429, 503])(
    "that answers %i asks for a pause: 503 with its Retry-After, for everyone, at once",
    async (code) => {
      server.answer = status(code, { "retry-after": "7" });
      const fault = await faultOf(ask());
      expect([fault.status, fault.detail.retryAfterSeconds]).toEqual([503, 7]);
      clock += 6_999;
      expect(await faultOf(ask({ path: "another" }))).toBe(fault);
      expect(server.requests).toHaveLength(1);
      server.answer = json("{}");
      clock += 1;
      expect(await ask()).toMatchObject({ state: "present" });
    },
  );

  test("is used again after ten seconds, however long a pause it asked for", async () => {
    server.answer = status(503, { "retry-after": new Date(clock + 1_800_000).toUTCString() });
    expect((await faultOf(ask())).detail.retryAfterSeconds).toBe(1_800);
    server.answer = json("{}");
    clock += 10_000;
    expect(await ask()).toMatchObject({ state: "present" });
  });

  test("over one document is not asked for that one for some seconds, and for others at once", async () => {
    server.answer = (req, res) => (req.url === "/ui" ? status(500) : json("{}"))(req, res);
    const fault = await faultOf(ask());
    expect(await faultOf(ask())).toBe(fault);
    expect(await ask({ path: "other" })).toMatchObject({ state: "present" });
    expect(server.requests).toHaveLength(2);
    clock += 5_000;
    await faultOf(ask());
    expect(server.requests).toHaveLength(3);
  });
});

describe("a file", () => {
  const dripping = drip("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n");
  const fetchFile = (path = "ui-1.0.0.tgz") => upstream.open(connection, new URL(path, server.url).href);

  test("comes as it is, with few of its headers", async () => {
    server.answer = (req, res) => {
      expect(req.headers["accept-encoding"]).toBe("identity");
      res
        .writeHead(200, {
          "content-length": "5",
          "content-type": "application/gzip",
          "set-cookie": "a=b",
          "x-frame-options": "x",
        })
        .end("bytes");
    };
    const { status: code, headers, body } = await fetchFile();
    expect([code, headers, String(await buffer(body))]).toEqual([
      200,
      { "content-length": "5", "content-type": "application/gzip" },
      "bytes",
    ]);
  });

  test.each([404, 410])("that answers %i is a 404", async (code) => {
    server.answer = status(code);
    expect((await fetchFile()).status).toBe(404);
  });

  test.each([
    ["never answers", silence, 504],
    ["sends headers for ever", drip("HTTP/1.1 200 OK\r\nX-Long: "), 504],
    ["is refused", status(403), 502],
    ["fails", status(500), 502],
    ["may not be asked for so often", status(429), 503],
    ["redirects to a private address", status(302, { location: "http://192.168.1.1/x" }), 502],
    ["cuts the connection", (req) => void req.socket.destroy(), 502],
  ] satisfies [string, Answer, number][])("whose server %s is a clear fault", async (_, answer, expected) => {
    server.answer = answer;
    expect((await faultOf(fetchFile())).status).toBe(expected);
  });

  test.each([
    ["is cut short", partial("cut"), 502],
    ["falls silent", partial("silence"), 504],
    ["drips", dripping, 504],
  ] satisfies [string, Answer, number][])(
    "that %s breaks with a clear fault",
    async (_, answer, expected) => {
      server.answer = answer;
      await upstream.close();
      upstream = open(answer === dripping ? { idleTimeoutMs: 60_000 } : { paceMs: 60_000 });
      const { body } = await fetchFile();
      expect((await faultOf(buffer(body))).status).toBe(expected);
    },
  );

  test("that nobody reads any more is given up", async () => {
    server.answer = (_, res) =>
      void res.writeHead(200, { "content-length": "1000000000" }).write("x".repeat(1_000_000));
    const { body } = await fetchFile();
    const closed = new Promise((resolve) => server.requests[0]?.socket.once("close", resolve));
    body.destroy();
    await closed;
  });

  test.each([
    "http://127.0.0.1:1/x",
    "http://localhost/x",
    "http://[::1]/x",
    "http://0x7f.1/x",
    "file:///etc/passwd",
    "no url",
  ])("at %s is not fetched, though the registry names it", async (url) => {
    expect((await faultOf(upstream.open(connection, url))).status).toBe(502);
  });
});

describe("credentials", () => {
  test.each([
    ["user info", { url: "http://robot:p%40ss@" }, `Basic ${Buffer.from("robot:p@ss").toString("base64")}`],
    ["an authorization", { url: "http://", authorization: "Bearer t0ken" }, "Bearer t0ken"],
  ])(
    "given as %s go to the registry, with documents, files and relayed requests",
    async (_, given, expected) => {
      connection = { ...connection, ...given, url: server.url.replace("http://", given.url) };
      await ask();
      await buffer((await upstream.open(connection, `${server.url}file`)).body);
      await upstream.relay(
        connection,
        { method: "POST", path: "audit", headers: { authorization: "Bearer a-client's" } },
        1000,
      );
      expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
        expected,
        expected,
        expected,
      ]);
    },
  );

  test("stay out of every fault", async () => {
    connection = {
      ...connection,
      url: server.url.replace("//", "//robot:s3cret@"),
      authorization: "Bearer t0ken",
    };
    for (const answer of [
      status(401),
      silence,
      status(302, { location: "http://robot:s3cret@10.0.0.1/?t0ken" }),
    ]) {
      server.answer = answer;
      expect((await faultOf(ask())).message).not.toMatch(/s3cret|t0ken|robot/);
      clock += 10_000;
    }
  });

  test("do not follow a redirect to another host, nor come back with one; a proxy sees what is asked", async () => {
    await upstream.close();
    const proxy = await startFaultServer((req, res) => {
      const home = req.url === "http://files.example/back";
      if (home) res.writeHead(302, { location: `${server.url}final` }).end();
      else json('{"from":"elsewhere"}')(req, res);
    });
    upstream = open({ env: { HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" } });
    connection = { ...connection, authorization: "Bearer t0ken" };
    server.answer = status(302, { location: "http://files.example/ui" });
    expect(await textOf(await ask())).toBe('{"from":"elsewhere"}');
    server.answer = (req, res) =>
      (req.url === "/final" ? json("{}") : status(302, { location: "http://files.example/back" }))(req, res);
    await ask({ path: "round-trip" });
    await buffer((await upstream.open(connection, "http://user:pw@files.example/ui.tgz")).body);
    expect(proxy.requests.map(({ url }) => url)).toEqual([
      "http://files.example/ui",
      "http://files.example/back",
      "http://files.example/ui.tgz",
    ]);
    expect(proxy.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ["/ui", "Bearer t0ken"],
      ["/round-trip", "Bearer t0ken"],
      ["/final", undefined],
    ]);
    await faultOf(upstream.open(connection, "http://169.254.169.254/"));
    expect(proxy.requests).toHaveLength(3);
    await proxy.close();
  });
});

describe("a relayed request", () => {
  const relay = (bytesMax = 1000) =>
    upstream.relay(
      connection,
      {
        method: "POST",
        path: "-/npm/v1/audit",
        headers: { "content-type": "application/json", cookie: "c", Host: "h" },
        body: Buffer.from('{"a":["1"]}'),
      },
      bytesMax,
    );

  test("goes whole and its answer comes whole, client errors too", async () => {
    server.answer = (req, res) =>
      void buffer(req).then((body) =>
        res
          .writeHead(400, { "content-type": "application/json", "set-cookie": "x=y" })
          .end(`[${body.toString()}]`),
      );
    expect(await relay()).toEqual({
      status: 400,
      headers: { "content-type": "application/json" },
      body: Buffer.from('[{"a":["1"]}]'),
    });
    const [request] = server.requests;
    expect([request?.method, request?.url, request?.headers.cookie, request?.headers.host]).toEqual([
      "POST",
      "/-/npm/v1/audit",
      undefined,
      new URL(server.url).host,
    ]);
  });

  test.each([
    ["that is answered with more than asked for", json("x".repeat(2000)), 502],
    ["that is redirected", status(307, { location: "/elsewhere" }), 502],
    ["that is not answered", silence, 504],
    ["that is cut off, and not sent twice", (req) => void req.socket.destroy(), 502],
    ["that comes too often", status(429), 503],
    ["that fails", status(500), 502],
  ] satisfies [string, Answer, number][])("%s is a clear fault", async (_, answer, expected) => {
    server.answer = answer;
    expect((await faultOf(relay())).status).toBe(expected);
    expect(server.requests).toHaveLength(1);
  });
});

const openssl = (() => {
  try {
    return execFileSync("openssl", ["version"], { encoding: "utf8" }) !== "";
  } catch {
    return false;
  }
})();

test.skipIf(!openssl)(
  "TLS: an unknown authority is a 502 that names the cause; one from `caFile` is trusted (needs openssl)",
  async () => {
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
        ...subject,
      ],
      { stdio: "ignore" },
    );
    const tls = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, json("{}"));
    await once(tls.listen(0, "127.0.0.1"), "listening");
    const address = tls.address();
    connection = {
      ...connection,
      url: `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`,
    };
    expect((await faultOf(ask())).message).toMatch(/SELF_SIGNED/);
    await upstream.close();
    upstream = open({ caFile: cert });
    expect(await ask()).toMatchObject({ state: "present" });
    tls.close();
    tls.closeAllConnections();
  },
);
