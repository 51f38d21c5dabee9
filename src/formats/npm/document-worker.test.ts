// The document worker: faults keep their meaning between threads, and stopping it loses no question.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import { createDocumentWorker } from "./document-worker.ts";
import { external } from "./external.ts";

const KEY: PackageKey = { format: "npm", namespace: "", name: "ui" };
const DOCUMENT = JSON.stringify({
  versions: { "1.0.0": { dist: { tarball: "http://registry.example/ui.tgz", shasum: "a".repeat(40) } } },
  time: { "1.0.0": "2020-01-01T00:00:00.000Z" },
});

const worker = createDocumentWorker();
let folder = "";
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-npm-"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true });
});

async function index(bytes: string | Buffer, gzip = false) {
  const file = join(folder, `index-${++count}`);
  await writeFile(file, bytes);
  return { connection: "public:npmjs", file, gzip, digest: String(count), url: "" };
}

test("versions and their facts are read from plain and gzip'd files", async () => {
  for (const file of [await index(DOCUMENT), await index(gzipSync(DOCUMENT), true)]) {
    expect(await worker.ask("versions", { key: KEY, file })).toEqual(
      new Map([["1.0.0", { publishedAt: 1577836800000 }]]),
    );
    expect(await worker.ask("version", { key: KEY, file, version: "1.0.0" })).toMatchObject({
      version: "1.0.0",
      publishedAt: 1577836800000,
      assets: [{ name: "package.tgz", digests: { sha1: "a".repeat(40) } }],
    });
    expect(await worker.ask("version", { key: KEY, file, version: "2.0.0" })).toBeUndefined();
  }
});

test("2.5.1 a number that is listed without a digest is taken, but there is nothing to take in", async () => {
  const file = await index(
    JSON.stringify({ versions: { "1.0.0": { dist: { tarball: "http://registry.example/ui.tgz" } } } }),
  );
  expect((await worker.ask("versions", { key: KEY, file })).has("1.0.0")).toBe(true);
  expect(await worker.ask("version", { key: KEY, file, version: "1.0.0" })).toMatchObject({ assets: [] });
});

test("what is no document is the public registry's fault: 502", async () => {
  for (const bytes of ["<html>", "[]", "null"]) {
    const asked = worker.ask("versions", { key: KEY, file: await index(bytes) });
    await expect(asked).rejects.toBeInstanceOf(Fault);
    await expect(asked).rejects.toMatchObject({ code: "UpstreamFault", status: 502 });
  }
});

test("a file that is gone keeps its code, so that it can be looked up anew", async () => {
  const file = {
    connection: "public:npmjs",
    file: join(folder, "gone"),
    gzip: false,
    digest: "gone",
    url: "",
  };
  await expect(worker.ask("versions", { key: KEY, file })).rejects.toMatchObject({ code: "ENOENT" });
});

test("an unreadable public document hides nothing that is held here", async () => {
  const broken = await index("{");
  const facts = {
    key: KEY,
    form: "brief" as const,
    base: "http://127.0.0.1/",
    rev: "1-x",
    stored: [{ version: "1.0.0", text: '{"dist":{"shasum":"x"},"name":"ui"}', time: 0 }],
    withheld: [],
    tags: [],
    tagsPrefer: "upstream" as const,
  };
  expect(await worker.ask("tags", { facts, files: [broken] })).toEqual({ latest: "1.0.0" });
  await expect(
    worker.ask("tags", { facts: { ...facts, stored: [] }, files: [broken] }),
  ).rejects.toBeInstanceOf(Fault);
});

test("closing waits for what was asked, and the next question starts a thread again, over and over", async () => {
  const file = await index(DOCUMENT);
  for (let i = 0; i < 5; i++) {
    const asked = worker.ask("versions", { key: KEY, file });
    const closed = Promise.all([worker.close(), worker.close()]);
    expect((await asked).size).toBe(1);
    const next = worker.ask("versions", { key: KEY, file });
    await closed;
    await next.catch(() => undefined);
    expect((await worker.ask("versions", { key: KEY, file })).size).toBe(1);
  }
});

test("8.1.1 the document of a scoped package is asked for as @scope%2fname, whole", async () => {
  const request = await external.indexRequest({ format: "npm", namespace: "acme", name: "ui" });
  expect(request).toEqual({ path: "@acme%2fui", accept: "application/json" });
  expect((await external.indexRequest(KEY)).path).toBe("ui");
});
