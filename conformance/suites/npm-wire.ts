// What clients rely on in the answers of npm's door: revalidation, gzip, ranges, addresses, tags, large tarballs.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import { createDomain, type Domain } from "../api.ts";
import type { Registry } from "../clients/client.ts";
import { publishBody } from "../packages.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";
import { bearer, tagsOf } from "./npm-clients.ts";

const abbreviated = "application/vnd.npm.install-v1+json";
const largeBytes = 200_000_000;

interface Scene {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly registry: Registry;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>;
}

export async function npmWire(stage: Stage): Promise<void> {
  const target = await stage.target();
  const domain = await createDomain(target);
  await domain.createRepository({ name: "base" });
  await domain.createRepository({ name: "team", upstreams: ["base"] });
  const registry = await domain.registry("team");
  const get: Scene["get"] = (path, headers = {}) =>
    send(registry.url + path, { headers: { ...bearer(registry), ...headers } });
  const scene = { stage, domain, registry, get };
  for (const version of ["1.0.0", "1.1.0"]) await put(registry, "@acme/wire", version);
  await documents(scene);
  await tarballs(scene);
  await tagsOfTwo(scene);
  await large(scene, "pid" in target ? Number(target.pid) : undefined);
}

async function put(registry: Registry, name: string, version: string, tag = "latest"): Promise<Buffer> {
  const { body, tarball } = await publishBody({ name, version }, registry.url, tag);
  const headers = { ...bearer(registry), "content-type": "application/json" };
  const answer = await send(registry.url + name.replace("/", "%2f"), { method: "PUT", headers, body });
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  return tarball;
}

async function documents({ stage: { checks }, registry, get }: Scene): Promise<void> {
  for (const accept of ["application/json", abbreviated]) {
    await checks.check(`${accept}: ETag, 304, gzip, HEAD`, async () => {
      const plain = await get("@acme%2fwire", { accept });
      assert.equal(plain.status, 200);
      assert.ok(String(plain.headers["content-type"]).startsWith(accept), plain.headers["content-type"]);
      assert.match(String(plain.headers.vary).toLowerCase(), /accept/);
      const etag = String(plain.headers.etag);
      const unchanged = await get("@acme%2fwire", { accept, "if-none-match": etag });
      assert.deepEqual([unchanged.status, unchanged.body.length, unchanged.headers.etag], [304, 0, etag]);
      assert.equal((await get("@acme%2fwire", { accept, "if-none-match": '"another"' })).status, 200);
      const zipped = await get("@acme%2fwire", { accept, "accept-encoding": "gzip" });
      assert.equal(zipped.headers["content-encoding"], "gzip");
      assert.equal(gunzipSync(zipped.body).toString(), plain.text);
      const again = await get("@acme%2fwire", {
        accept,
        "accept-encoding": "gzip",
        "if-none-match": String(zipped.headers.etag),
      });
      assert.equal(again.status, 304);
      const head = await send(`${registry.url}@acme%2fwire`, {
        method: "HEAD",
        headers: { ...bearer(registry), accept },
      });
      assert.deepEqual([head.status, head.headers.etag, head.body.length], [200, etag, 0]);
    });
  }
  await checks.check("a publish changes the ETag at once", async () => {
    const before = await get("@acme%2fwire");
    await put(registry, "@acme/wire", "1.2.0");
    const after = await get("@acme%2fwire", { "if-none-match": String(before.headers.etag) });
    assert.equal(after.status, 200);
    assert.ok(JSON.parse(after.text).versions["1.2.0"]);
  });
  await checks.check(
    "each spelling of a scoped name is the same package, and one version can be asked for",
    async () => {
      const wanted = (await get("@acme%2fwire")).text;
      for (const path of ["@acme%2Fwire", "@acme/wire", "%40acme%2fwire"])
        assert.equal((await get(path)).text, wanted, path);
      for (const path of ["@acme%2fwire/1.0.0", "@acme%2fwire/latest"])
        assert.equal((await get(path)).status, 200, path);
    },
  );
  await checks.check("abbreviated documents have what installers read, and little else", async () => {
    const document = JSON.parse((await get("@acme%2fwire", { accept: abbreviated })).text);
    assert.ok(document.modified && document["dist-tags"].latest);
    const { name, version, dist, readme, scripts } = document.versions["1.0.0"];
    assert.deepEqual([name, version, readme, scripts], ["@acme/wire", "1.0.0", undefined, undefined]);
    assert.match(dist.integrity, /^sha512-/);
    assert.match(dist.shasum, /^[0-9a-f]{40}$/);
  });
}

async function tarballs({ stage: { checks }, registry, get }: Scene): Promise<void> {
  const path = "@acme/wire/-/wire-1.0.0.tgz";
  await checks.check("tarball addresses are conventional, absolute, on this registry (8.1.1)", async () => {
    const { versions } = JSON.parse((await get("@acme%2fwire")).text);
    assert.equal(versions["1.0.0"].dist.tarball, registry.url + path);
  });
  await checks.check("tarballs: whole, HEAD, 304, ranges, a range that cannot be had", async () => {
    const whole = await get(path);
    const { integrity } = JSON.parse((await get("@acme%2fwire")).text).versions["1.0.0"].dist;
    assert.equal(`sha512-${createHash("sha512").update(whole.body).digest("base64")}`, integrity);
    const size = whole.body.length;
    assert.equal(whole.headers["content-length"], String(size));
    const head = await send(registry.url + path, { method: "HEAD", headers: bearer(registry) });
    assert.deepEqual([head.status, head.headers["content-length"]], [200, String(size)]);
    assert.equal((await get(path, { "if-none-match": String(whole.headers.etag) })).status, 304);
    for (const [range, from, to] of [
      ["bytes=0-9", 0, 10],
      ["bytes=10-", 10, size],
      ["bytes=-5", size - 5, size],
    ] as const) {
      const part = await get(path, { range });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers["content-range"], `bytes ${from}-${to - 1}/${size}`);
      assert.deepEqual(part.body, whole.body.subarray(from, to));
    }
    const beyond = await get(path, { range: `bytes=${size}-` });
    assert.deepEqual([beyond.status, beyond.headers["content-range"]], [416, `bytes */${size}`]);
  });
  await checks.check("the host form serves the same (contract, Addresses)", async () => {
    const { port, pathname } = new URL(registry.url);
    const [, format, , domainAndOwner, repository] = pathname.split("/");
    const origin = `http://127.0.0.1:${port}`;
    const host = `${domainAndOwner}.d.127.0.0.1:${port}`;
    const answer = await send(origin, {
      rawPath: `/${format}/${repository}/${path}`,
      headers: { ...bearer(registry), host },
    });
    assert.equal(answer.status, 200, answer.text.slice(0, 300));
  });
}

async function tagsOfTwo({ stage: { checks }, domain, registry }: Scene): Promise<void> {
  await checks.check(
    "dist-tags of a repository and its upstream are merged; on the same tag the upstream wins (8.1.5)",
    async () => {
      const base = await domain.registry("base");
      await put(base, "tagged", "1.0.0");
      await put(base, "tagged", "1.1.0-beta.1", "theirs");
      await domain.origin("team", "tagged", "ALLOW", "ALLOW");
      await put(registry, "tagged", "2.0.0");
      await put(registry, "tagged", "2.1.0-beta.1", "ours");
      assert.deepEqual(await tagsOf(registry, "tagged"), {
        latest: "1.0.0",
        ours: "2.1.0-beta.1",
        theirs: "1.1.0-beta.1",
      });
      await domain.origin("team", "tagged", "ALLOW", "BLOCK");
      assert.deepEqual(await tagsOf(registry, "tagged"), { latest: "2.0.0", ours: "2.1.0-beta.1" });
    },
  );
}

/** Publishes and reads 200 MB, and looks at the most memory that the server ever had. */
async function large({ stage: { checks }, registry }: Scene, pid: number | undefined): Promise<void> {
  const before = peakMb(pid);
  await checks.check(`a tarball of ${largeBytes / 1e6} MB is published and read back`, async () => {
    const { body, integrity } = await publishBody(
      { name: "large", version: "1.0.0", payload: randomBytes(largeBytes) },
      registry.url,
    );
    const headers = { ...bearer(registry), "content-type": "application/json" };
    const answer = await send(`${registry.url}large`, { method: "PUT", headers, body, timeoutMs: 120_000 });
    assert.ok(answer.status === 200 || answer.status === 201, answer.text);
    assert.equal(`sha512-${await digestOf(`${registry.url}large/-/large-1.0.0.tgz`, registry)}`, integrity);
  });
  if (before === undefined)
    return checks.skip("its memory stays bounded", "only known of a server started here, on Linux");
  await checks.check("its memory stays bounded: at most 150 MB more", async () => {
    const grown = (peakMb(pid) ?? 0) - before;
    assert.ok(grown < 150, `it grew by ${grown.toFixed(0)} MB, from ${before.toFixed(0)} MB`);
  });
}

async function digestOf(url: string, registry: Registry): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const hash = createHash("sha512");
  request(url, { headers: bearer(registry), agent: false }, (response) => {
    response.on("data", (chunk: Buffer) => hash.update(chunk));
    response.on("end", () => resolve(hash.digest("base64")));
    response.on("error", reject);
  })
    .on("error", reject)
    .end();
  return promise;
}

/** The most resident memory so far. */
function peakMb(pid: number | undefined): number | undefined {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1000;
  } catch {
    return undefined;
  }
}
