// A public registry that lies, stalls, fails and recovers: what clients see, and what is kept (threats C and F; contract, Refusals).
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DOMAIN, makeTarball, startServer, type TestServer } from "./server.ts";

/** The part of a registry that real ones will not play on demand. */
interface Registry {
  readonly url: string;
  /** Requests by path, in order. */
  readonly seen: string[];
  /** Replaces the answer to everything, e.g. to hang or fail; undefined: behave. */
  misbehave: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  /** Lists a version; `dist` overrides what the document says of the tarball, `bytes` what is sent. */
  add(name: string, version: string, dist?: object, bytes?: Buffer): Promise<Buffer>;
  close(): void;
}

async function startRegistry(): Promise<Registry> {
  const documents = new Map<string, { name: string; versions: Record<string, object> }>();
  const files = new Map<string, Buffer>();
  const server = createServer((req, res) => {
    registry.seen.push(req.url ?? "");
    if (registry.misbehave !== undefined) return registry.misbehave(req, res);
    const file = files.get(req.url ?? "");
    const document = documents.get((req.url ?? "").slice(1));
    if (file !== undefined) return void res.writeHead(200, { "content-length": file.length }).end(file);
    if (document === undefined) return void res.writeHead(404).end("{}");
    res.writeHead(200, { "content-type": "application/json" });
    res.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const registry: Registry = {
    url,
    seen: [],
    misbehave: undefined,
    async add(name, version, dist = {}, bytes) {
      const tarball = await makeTarball({ name, version });
      const path = `/${name}/-/${name}-${version}.tgz`;
      files.set(path, bytes ?? tarball);
      const document = documents.get(name) ?? { name, versions: {} };
      const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
      document.versions[version] = {
        name,
        version,
        dist: { tarball: `${url.slice(0, -1)}${path}`, integrity, ...dist },
      };
      documents.set(name, Object.assign(document, { "dist-tags": { latest: version } }));
      return tarball;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return registry;
}

const R = "repo";

let registry: Registry;
let server: TestServer;
beforeEach(async () => {
  registry = await startRegistry();
  server = await startServer({
    upstream: [`public:npmjs=${registry.url}`],
    "upstream-freshness-ms": "0",
    "upstream-timeout-ms": "3000",
  });
  await server.repository(R, ["public:npmjs"]);
});
afterEach(async () => {
  await server.close();
  registry.close();
});

const held = async (name: string): Promise<string[]> =>
  (
    await server.client
      .listPackageVersions({ domain: DOMAIN, repository: R, format: "npm", package: name })
      .catch(() => ({ versions: [] }))
  ).versions?.map((v) => v.version as string) ?? [];
const body = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());

test("one upstream request however many clients wait, for the document and for the tarball", async () => {
  const tarball = await registry.add("p", "1.0.0");
  const documents = await Promise.all(Array.from({ length: 20 }, () => server.versions(R, "p")));
  expect(documents).toEqual(Array.from({ length: 20 }, () => ["1.0.0"]));
  const files = await Promise.all(
    Array.from({ length: 20 }, () => server.tarball(R, "p", "1.0.0").then(body)),
  );
  expect(files.every((file) => file.equals(tarball))).toBe(true);
  expect(registry.seen.filter((path) => path.endsWith(".tgz"))).toHaveLength(1);
});

test("bytes that differ from the index's digest never arrive whole, nothing is kept, and the next try asks again", async () => {
  await registry.add("p", "1.0.0", {}, Buffer.alloc(50_000, "poison"));
  await expect(server.tarball(R, "p", "1.0.0").then(body)).rejects.toThrow();
  expect(await held("p")).toEqual([]);
  const good = await registry.add("p", "1.0.0");
  expect((await server.tarball(R, "p", "1.0.0").then(body)).equals(good)).toBe(true);
  expect(await held("p")).toEqual(["1.0.0"]);
});

test.each([true, false])("a tarball cut short is not kept (length declared: %s)", async (declared) => {
  const tarball = await registry.add("p", "1.0.0");
  await server.versions(R, "p");
  registry.misbehave = (req, res) => {
    if (!req.url?.endsWith(".tgz")) return void res.writeHead(304).end();
    res.writeHead(200, declared ? { "content-length": tarball.length } : {});
    res.write(tarball.subarray(0, 50));
    setTimeout(() => (declared ? res.destroy() : res.end()), 20);
  };
  const arrived = await server
    .tarball(R, "p", "1.0.0")
    .then(async (answer) => (answer.ok ? body(answer) : undefined))
    .catch(() => undefined);
  expect(arrived).toBeUndefined();
  expect(await held("p")).toEqual([]);
});

test("a version without any digest is not taken in: an unknown fails closed", async () => {
  await registry.add("p", "1.0.0", { integrity: undefined });
  const answer = await server.tarball(R, "p", "1.0.0");
  expect(answer.status).toBe(404);
  expect(await answer.text()).toMatch(/digest/);
});

type Misbehaviour = NonNullable<Registry["misbehave"]>;

test.each<[string, Misbehaviour, number]>([
  ["refuses with 500", (_: IncomingMessage, res: ServerResponse) => void res.writeHead(500).end(), 502],
  [
    "is throttling",
    (_: IncomingMessage, res: ServerResponse) => void res.writeHead(429, { "retry-after": "7" }).end(),
    503,
  ],
  ["never answers", () => undefined, 504],
  ["hangs up", (req: IncomingMessage) => void req.socket.destroy(), 502],
  [
    "answers HTML",
    (_: IncomingMessage, res: ServerResponse) =>
      void res.writeHead(200, { "content-type": "text/html" }).end("<html>login</html>"),
    502,
  ],
  [
    "answers JSON that is no document",
    (_: IncomingMessage, res: ServerResponse) =>
      void res.writeHead(200, { "content-type": "application/json" }).end("[]"),
    502,
  ],
])("a registry that %s: the answer names the connection", async (_, misbehave, status) => {
  registry.misbehave = misbehave;
  const answer = await server.npm(R, "p");
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain("public:npmjs");
  if (status === 503) expect(answer.headers.get("retry-after")).toBe("7");
});

test("while the registry is down, what is retained is listed and served, the rest says why; afterwards it is used again", async () => {
  await registry.add("p", "1.0.0");
  const kept = await server.tarball(R, "p", "1.0.0").then(body);
  await registry.add("p", "2.0.0");
  expect(await server.versions(R, "p")).toEqual(["1.0.0", "2.0.0"]);

  registry.misbehave = (req) => void req.socket.destroy();
  expect(await server.versions(R, "p")).toEqual(["1.0.0"]);
  expect((await server.tarball(R, "p", "1.0.0").then(body)).equals(kept)).toBe(true);
  const absent = await server.tarball(R, "p", "2.0.0");
  expect([absent.status, await absent.text()]).toEqual([502, expect.stringContaining("public:npmjs")]);

  registry.misbehave = undefined;
  await expect
    .poll(() => server.versions(R, "p"), { timeout: 10_000, interval: 250 })
    .toEqual(["1.0.0", "2.0.0"]);
}, 20_000);

test("what is retained does not wait for a registry that hangs", async () => {
  await registry.add("p", "1.0.0");
  await server.tarball(R, "p", "1.0.0").then(body);
  registry.misbehave = () => undefined;
  expect((await server.tarball(R, "p", "1.0.0").then(body)).length).toBeGreaterThan(0);
  expect(await server.versions(R, "p")).toEqual(["1.0.0"]);
});

test("a tarball address that leads to a private address is refused, and named", async () => {
  const other = await startRegistry();
  try {
    for (const target of [
      `${other.url}p.tgz`,
      "http://169.254.169.254/latest",
      "http://[::ffff:127.0.0.1]:1/x",
      "http://2130706433:1/x",
    ]) {
      await registry.add("p", "1.0.0", { tarball: target });
      const answer = await server.tarball(R, "p", "1.0.0");
      expect([502, 403, 404]).toContain(answer.status);
      expect(await answer.text()).toMatch(/private|loopback|link-local|not allowed|refused/i);
    }
    expect(other.seen).toEqual([]);
  } finally {
    other.close();
  }
});

test("a publish is refused while it cannot be known whether the version exists outside; the own package is not affected", async () => {
  expect((await server.publish(R, { name: "mine", version: "1.0.0" })).status).toBe(201);
  registry.misbehave = (req) => void req.socket.destroy();
  const answer = await server.publish(R, { name: "other", version: "1.0.0" });
  expect([answer.status, await answer.text()]).toEqual([502, expect.stringMatching(/upstream=BLOCK/)]);
  expect((await server.publish(R, { name: "mine", version: "1.0.1" })).status).toBe(201);
  expect(await server.versions(R, "mine")).toEqual(["1.0.0", "1.0.1"]);
});

test("a connection without an address can be associated; a look-up names the setting to add", async () => {
  await server.repository("python", ["public:pypi"]);
  await server.client.disassociateExternalConnection({
    domain: DOMAIN,
    repository: R,
    externalConnection: "public:npmjs",
  });
  const data = await mkdtemp(join(tmpdir(), "portcullis-test-"));
  await writeFile(join(data, "upstreams.json"), "{}");
  const bare = await startServer({}, data);
  try {
    await bare.repository(R, ["public:npmjs"]);
    const answer = await bare.npm(R, "p");
    expect(answer.status).toBe(502);
    expect(await answer.text()).toMatch(/public:npmjs.*PORTCULLIS_UPSTREAM_PUBLIC_NPMJS/);
  } finally {
    await bare.close();
    await rm(data, { recursive: true });
  }
});

test("names of the registry's document are data: __proto__ and constructor change nothing", async () => {
  registry.misbehave = (_req, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    res.end(
      '{"name":"p","__proto__":{"polluted":true},"dist-tags":{"__proto__":"1.0.0","latest":"1.0.0"},"versions":{"__proto__":{"name":"p"},"constructor":{},"1.0.0":{"name":"p","version":"1.0.0","dist":{"tarball":"http://registry.example/x","shasum":"0000000000000000000000000000000000000000"}}}}',
    );
  };
  expect(await server.versions(R, "p")).toContain("1.0.0");
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
