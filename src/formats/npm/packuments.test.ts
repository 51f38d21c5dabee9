// The cache of finished documents: what is built, how often, and what is answered without waiting.
import { expect, test } from "vitest";
import type { PackageKey } from "../../core/coordinates.ts";
import type { PackageView, Registry, VersionRow } from "../../registry/registry.ts";
import type { DoorRequest } from "../format.ts";
import { createDocumentWorker } from "./document-worker.ts";
import { createPackuments } from "./packuments.ts";
import { makeVersionTexts } from "./version-text.ts";

const KEY: PackageKey = { format: "npm", namespace: "", name: "ui" };

/** A registry that counts what it is asked; `change` is a publish, `expire` the end of a view's life. */
function setUp(cacheBytes = 1_000_000) {
  const asked = { views: 0, lists: 0 };
  let revision = 1;
  let era = 0;
  const repository = { id: 1, name: "r", createdAt: 5, tagsPrefer: "upstream" } as DoorRequest["repository"];
  const registry = {
    authorize: () => undefined,
    view(): Promise<PackageView> {
      asked.views++;
      const made = era;
      const local = [
        { packageId: 1, repositoryId: 1, repositoryName: "r", revision, tags: new Map<string, string>() },
      ];
      return Promise.resolve({
        repository,
        key: KEY,
        stamp: `1|${revision}`,
        local,
        external: [],
        hidden: [],
        trouble: undefined,
        current: () => made === era,
      });
    },
    async listedVersions() {
      asked.lists++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      const texts = makeVersionTexts({ name: "ui", version: `1.${revision}.0` }, { shasum: "x" });
      return [{ version: `1.${revision}.0`, publishedAt: 0, ...texts } as VersionRow];
    },
    withheldVersions: () => Promise.resolve([]),
  } as unknown as Registry;
  const packuments = createPackuments({ registry, worker: createDocumentWorker(), cacheBytes });

  function ask(headers: Record<string, string> = {}, baseUrl = "http://127.0.0.1/r/") {
    const seen: { status?: number; headers?: string[]; body?: Buffer | undefined } = {};
    const res = {
      writeHead: (status: number, list: string[]) => Object.assign(seen, { status, headers: list }),
      end: (body?: Buffer) => Object.assign(seen, { body }),
    };
    const request = {
      req: { headers },
      res,
      method: "GET",
      segments: ["ui"],
      repository,
      baseUrl,
    } as unknown as DoorRequest;
    return { seen, pending: packuments.serve(request, KEY) };
  }
  return {
    asked,
    ask,
    change: () => {
      revision++;
      era++;
    },
    expire: () => void era++,
  };
}

const etagOf = (headers: string[] = []): string => headers[headers.indexOf("etag") + 1] ?? "";

test("however many ask at once, one document is built", async () => {
  const { ask, asked } = setUp();
  const all = Array.from({ length: 20 }, () => ask());
  await Promise.all(all.map(({ pending }) => pending));
  expect(asked.lists).toBe(1);
  expect(all.every(({ seen }) => seen.status === 200 && seen.body?.equals(all[0]?.seen.body as Buffer))).toBe(
    true,
  );
});

test("while nothing changed the answer does not wait for anything", async () => {
  const { ask, asked } = setUp();
  await ask().pending;
  const again = ask();
  expect(again.pending).toBeUndefined();
  expect(again.seen.status).toBe(200);
  expect(asked).toEqual({ views: 1, lists: 1 });
});

test("a view that ended without a change keeps the bytes; a change builds anew with another ETag", async () => {
  const { ask, asked, change, expire } = setUp();
  const first = ask();
  await first.pending;
  expire();
  await ask().pending;
  expect(asked).toEqual({ views: 2, lists: 1 });
  expect(ask().pending).toBeUndefined();
  change();
  const later = ask();
  await later.pending;
  expect(asked).toEqual({ views: 3, lists: 2 });
  expect(etagOf(later.seen.headers)).not.toBe(etagOf(first.seen.headers));
});

test("304 needs no body: neither after a restart nor at any size", async () => {
  const before = setUp();
  const first = before.ask();
  await first.pending;
  const { ask, asked } = setUp();
  const headers = { "if-none-match": etagOf(first.seen.headers) };
  const one = ask(headers);
  await one.pending;
  expect(one.seen).toMatchObject({ status: 304, body: undefined });
  expect(ask(headers).pending).toBeUndefined();
  expect(asked).toEqual({ views: 1, lists: 0 });
  const whole = ask();
  await whole.pending;
  expect(whole.seen.body?.length).toBeGreaterThan(50);
});

test("Cache-Control: no-cache always asks the registry", async () => {
  const { ask, asked } = setUp();
  await ask().pending;
  await ask({ "cache-control": "no-cache" }).pending;
  expect(asked).toEqual({ views: 2, lists: 1 });
});

test("each representation and each address is its own, built when first asked for", async () => {
  const { ask, asked } = setUp();
  const brief = { accept: "application/vnd.npm.install-v1+json" };
  const all = [
    ask(),
    ask(brief),
    ask({ "accept-encoding": "gzip" }),
    ask({ ...brief, "accept-encoding": "gzip" }),
    ask({}, "http://other/r/"),
  ];
  await Promise.all(all.map(({ pending }) => pending));
  expect(new Set(all.map(({ seen }) => etagOf(seen.headers))).size).toBe(5);
  expect(asked.lists).toBe(5);
});

test("memory for documents is bounded by bytes", async () => {
  const { ask, asked } = setUp(3_000);
  for (let i = 0; i < 10; i++) await ask({}, `http://host-${i}/r/`).pending;
  expect(asked.lists).toBe(10);
  await ask({}, "http://host-0/r/").pending;
  expect(asked.lists).toBe(11);
});
