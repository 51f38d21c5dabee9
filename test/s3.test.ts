// A whole server whose blobs are in S3: publishes, installs, ranges, deletions, redirects, its cache, and what clients see when the store is in trouble.
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeletePackageVersionsCommand } from "@aws-sdk/client-codeartifact";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { Flags } from "../src/config.ts";
import { makeWheel, uploadForm } from "./python.ts";
import { startRgw } from "./rgw.ts";
import { ACCOUNT, DOMAIN, makeTarball, publishBody, startServer, type TestServer } from "./server.ts";

const rgw = await startRgw();
if (rgw !== undefined) Object.assign(process.env, rgw.env);
const bucket = (await rgw?.bucket()) ?? "";
afterAll(() => rgw?.stop());

const R = "repo";
const SMALL = { name: "small", version: "1.0.0" };
const LARGE = { name: "large", version: "1.0.0" };
/** Too large to be kept in memory, and of no use to gzip. */
const CONTENT = randomBytes(2_300_000).toString("base64");

let prefixes = 0;
let server: TestServer;
let folders: string[] = [];

async function start(settings: Flags = {}, data?: string): Promise<TestServer> {
  const blobs = `${bucket}/server-${++prefixes}`;
  server = await startServer({ blobs, "blob-timeout-ms": "3000", ...settings }, data);
  await server.repository(R).catch(() => {});
  return server;
}

/** A folder that outlives a server. */
async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-s3-"));
  folders.push(folder);
  await writeFile(join(folder, "upstreams.json"), "{}");
  return folder;
}

afterEach(async () => {
  rgw?.resume();
  await server?.close();
  server = undefined as unknown as TestServer;
  for (const folder of folders) await rm(folder, { recursive: true });
  folders = [];
});

async function publishBoth(): Promise<void> {
  expect((await server.publish(R, SMALL)).status).toBe(201);
  expect((await server.publish(R, LARGE, { content: CONTENT })).status).toBe(201);
}

const tarball = async (of: typeof SMALL, init?: RequestInit) =>
  server.npm(R, `${of.name}/-/${of.name}-${of.version}.tgz`, init);
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

async function expectBoth(): Promise<void> {
  expect((await bytesOf(await tarball(SMALL))).equals(await makeTarball(SMALL))).toBe(true);
  expect((await bytesOf(await tarball(LARGE))).equals(await makeTarball(LARGE, CONTENT))).toBe(true);
}

/** Every blob's object, from behind the server's back. */
async function eachObject(change: (size: number) => Buffer): Promise<void> {
  const { ListObjectsV2Command, PutObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint: rgw?.endpoint as string,
    region: "us-east-1",
    forcePathStyle: true,
  });
  const Bucket = new URL(bucket).hostname;
  const { Contents = [] } = await client.send(
    new ListObjectsV2Command({ Bucket, Prefix: `server-${prefixes}/` }),
  );
  for (const { Key, Size = 0 } of Contents)
    await client.send(new PutObjectCommand({ Bucket, Key, Body: change(Size) }));
  client.destroy();
}

describe.runIf(rgw !== undefined)("with blobs in S3", () => {
  test("npm: what is published is installed, in parts and whole, until it is deleted", async () => {
    await start();
    await publishBoth();
    await expectBoth();
    const whole = await makeTarball(LARGE, CONTENT);
    for (const range of [
      [0, 0],
      [100, 2_000_000],
      [whole.length - 5, whole.length - 1],
    ] as const) {
      const answer = await tarball(LARGE, { headers: { range: `bytes=${range[0]}-${range[1]}` } });
      expect(answer.status).toBe(206);
      expect((await bytesOf(answer)).equals(whole.subarray(range[0], range[1] + 1))).toBe(true);
    }
    const beyond = await tarball(LARGE, { headers: { range: `bytes=${whole.length}-` } });
    expect(beyond.status).toBe(416);
    await server.client.send(
      new DeletePackageVersionsCommand({
        domain: DOMAIN,
        repository: R,
        format: "npm",
        package: LARGE.name,
        versions: [LARGE.version],
      }),
    );
    expect((await tarball(LARGE)).status).toBe(404);
    expect((await tarball(SMALL)).status).toBe(200);
  });

  test("pypi: what is uploaded is downloaded", async () => {
    await start();
    const url = `${server.url}/pypi/d/${DOMAIN}-${ACCOUNT}/${R}/`;
    const headers = { authorization: `Bearer ${await server.token()}` };
    const thing = { name: "thing", version: "1.0", content: CONTENT };
    const wheel = makeWheel(thing);
    const uploaded = await fetch(url, { method: "POST", headers, body: uploadForm(wheel, thing) });
    expect(uploaded.status).toBe(200);
    const page = await (await fetch(`${url}simple/thing/`, { headers })).text();
    const link = /href="([^"#]+)/.exec(page)?.[1] as string;
    const answer = await fetch(new URL(link, `${url}simple/thing/`), { headers });
    expect((await bytesOf(answer)).equals(wheel.bytes)).toBe(true);
  });

  test("large files come from the local copy the second time, also after a restart and while the store stalls", async () => {
    const data = await dataFolder();
    const blobs = `${bucket}/kept`;
    await start({ blobs, "asset-cache-bytes": "1" }, data);
    await publishBoth();
    await expectBoth();
    await server.close();
    server = undefined as unknown as TestServer;
    expect((await readdir(join(data, "cache", "blobs", "sha256"))).length).toBeGreaterThan(0);
    await start({ blobs, "asset-cache-bytes": "1" }, data);
    rgw?.pause();
    await expectBoth();
  });

  test("a store that stalls is a 503 to readers, publishers and the balancer, and service returns by itself", async () => {
    await start({ "blob-cache-bytes": "0", "asset-cache-bytes": "1" });
    await publishBoth();
    const other = { name: "other", version: "1.0.0" };
    rgw?.pause();
    const answers = await Promise.all([
      tarball(SMALL),
      tarball(LARGE),
      tarball(LARGE, { headers: { range: "bytes=5-10" } }),
      server.publish(R, other),
      server.publish(R, { ...other, version: "2.0.0" }, { content: CONTENT }),
    ]);
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await answer.text()).toContain("blob store does not answer");
    }
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect(await server.versions(R, other.name)).toEqual([]);
    rgw?.resume();
    await expect
      .poll(async () => (await fetch(`${server.url}/readyz`)).status, { timeout: 30_000 })
      .toBe(200);
    await expectBoth();
    expect((await server.publish(R, other)).status).toBe(201);
    expect(await server.versions(R, other.name)).toEqual(["1.0.0"]);
  });

  test("under load while the store stalls, every answer is right or a 503, and what was acknowledged is there", async () => {
    await start({ "blob-cache-bytes": "0", "asset-cache-bytes": "1", "blob-timeout-ms": "2000" });
    const acknowledged: string[] = [];
    const statuses = new Set<number>();
    const work = { ended: false };
    const publisher = async (name: string): Promise<void> => {
      for (let count = 0; !work.ended; count++) {
        const version = `1.0.${count}`;
        const body = JSON.stringify(await publishBody(server.npmUrl(R), { name, version }));
        const headers = { "content-type": "application/json" };
        const { status } = await server.npm(R, name, { method: "PUT", headers, body });
        statuses.add(status);
        if (status === 201) acknowledged.push(`${name} ${version}`);
      }
    };
    const publishing = Promise.all(["a", "b", "c"].map(publisher));
    await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(10);
    rgw?.pause();
    await expect.poll(() => statuses.has(503), { timeout: 20_000 }).toBe(true);
    rgw?.resume();
    const then = acknowledged.length;
    await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(then + 10);
    work.ended = true;
    await publishing;
    expect(statuses).toEqual(new Set([201, 503]));
    for (const line of acknowledged) {
      const [name = "", version = ""] = line.split(" ");
      expect(
        (await bytesOf(await tarball({ name, version }))).equals(await makeTarball({ name, version })),
      ).toBe(true);
    }
  });

  test.each(["0", "1000000000"])(
    "bytes that changed in the store are never a success (cache of %s bytes)",
    async (cacheBytes) => {
      await start({ "blob-cache-bytes": cacheBytes });
      await publishBoth();
      await eachObject((size) => Buffer.alloc(size, 7));
      const small = await tarball(SMALL);
      expect(small.status).toBe(503);
      expect(await small.text()).toContain("corrupt");
      await expect(tarball(LARGE).then(bytesOf)).rejects.toThrow("terminated");
    },
  );

  test("large files are answered with an address in the store where that is wanted", async () => {
    await start({ "blob-redirects": "on" });
    await publishBoth();
    const redirect = await tarball(LARGE, { redirect: "manual" });
    expect(redirect.status).toBe(302);
    expect(redirect.headers.get("cache-control")).toBe("no-store");
    const address = redirect.headers.get("location") as string;
    expect(address).toContain(rgw?.endpoint);
    expect((await fetch(address)).headers.get("content-type")).toBe("application/octet-stream");
    await expectBoth();
    expect((await tarball(SMALL, { redirect: "manual" })).status).toBe(200);
    expect((await tarball(LARGE, { method: "HEAD", redirect: "manual" })).status).toBe(200);
    const part = await tarball(LARGE, { redirect: "manual", headers: { range: "bytes=0-9" } });
    expect(part.status).toBe(206);
    const stranger = await fetch(`${server.npmUrl(R)}large/-/large-1.0.0.tgz`, { redirect: "manual" });
    expect(stranger.status).toBe(401);
  });

  test.each([
    [
      "the bucket is not there",
      { blobs: "s3://no-such-bucket" },
      {},
      /s3:\/\/no-such-bucket cannot be used: .*no bucket/,
    ],
    [
      "the secret is wrong",
      {},
      { AWS_SECRET_ACCESS_KEY: "x" },
      /cannot be used: .*refuses this server \(SignatureDoesNotMatch\)/,
    ],
  ])("does not start when %s, and says so", async (_, settings, env, message) => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    await expect(start(settings)).rejects.toThrow(message);
    Object.assign(process.env, before);
  });
});
