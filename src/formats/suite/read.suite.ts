// Reading over HTTP: HEAD says what GET would, ranges and ETags are honoured, strangers' bytes are never a page of ours.
import { expect, test } from "vitest";
import type { FormatDriver } from "../format.suite.ts";
import type { World } from "./world.suite.ts";

/** Of a message's headers, those that tell of what is sent. */
const TELLING = [
  "content-type",
  "content-length",
  "etag",
  "last-modified",
  "accept-ranges",
  "content-encoding",
  "vary",
];

export function readTests<U>(driver: FormatDriver<U>, world: () => World<U>): void {
  const [v1 = ""] = driver.versions;

  test("HEAD answers as GET does, without the body, on every route", async () => {
    const { publish, client, build, key } = await world().scene();
    await publish(v1);
    const at = await client();
    const of = await build(v1);
    const routes = [
      ...driver.listings(key),
      ...driver.files(of).map(({ path }) => ({ path, headers: {} })),
      ...(driver.documents?.(of) ?? []).map(({ path }) => ({ path, headers: {} })),
      ...driver
        .files({ ...of, version: driver.versions[1] ?? "" })
        .map(({ path }) => ({ path, headers: {} })),
    ];
    for (const { path, headers = {} } of routes) {
      const get = await at.send(path, { headers });
      const head = await at.send(path, { method: "HEAD", headers });
      const size = Buffer.from(await get.arrayBuffer()).length;
      expect((await head.arrayBuffer()).byteLength, path).toBe(0);
      expect([head.status, tellingOf(head)], path).toEqual([get.status, tellingOf(get)]);
      if (!get.headers.has("content-encoding"))
        expect(get.headers.get("content-length"), path).toBe(String(size));
    }
  });

  test("files: a range is those bytes, one past the end is a 416, a matching ETag a 304", async () => {
    const { publish, client, build } = await world().scene();
    await publish(v1);
    const at = await client();
    const of = await build(v1);
    for (const { asset, path } of driver.files(of)) {
      const bytes = of.built.assets.get(asset) ?? Buffer.alloc(0);
      const part = await at.send(path, { headers: { range: "bytes=1-4" } });
      expect([part.status, part.headers.get("content-range")], path).toEqual([
        206,
        `bytes 1-4/${bytes.length}`,
      ]);
      expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1, 5))).toBe(true);
      const tail = await at.send(path, { headers: { range: "bytes=-3" } });
      expect(Buffer.from(await tail.arrayBuffer()).equals(bytes.subarray(-3))).toBe(true);
      expect((await at.send(path, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416);
      const etag = part.headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[^"]+"$/);
      const again = await at.send(path, { headers: { "if-none-match": etag } });
      expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0]);
    }
  });

  test("threats C: a file is an attachment that no browser guesses at, and listings are not cached by others", async () => {
    const { publish, client, build, key } = await world().scene();
    await publish(v1);
    const at = await client();
    for (const { path } of driver.files(await build(v1))) {
      const { headers } = await at.send(path);
      expect([headers.get("content-disposition"), headers.get("x-content-type-options")], path).toEqual([
        expect.stringMatching(/^attachment(;|$)/),
        "nosniff",
      ]);
    }
    for (const { path, headers = {} } of driver.listings(key))
      expect((await at.send(path, { headers })).headers.get("cache-control"), path).toMatch(
        /private|no-cache|no-store/,
      );
  });

  test("a method that a route does not know is a 405 that says which it does", async () => {
    const { publish, client, build } = await world().scene();
    await publish(v1);
    const at = await client();
    for (const { path } of driver.files(await build(v1))) {
      const answer = await at.send(path, { method: "PATCH" });
      expect([answer.status, answer.headers.get("allow")], path).toEqual([
        405,
        expect.stringContaining("GET"),
      ]);
    }
  });
}

function tellingOf({ headers }: Response): Record<string, string | null> {
  return Object.fromEntries(TELLING.map((name) => [name, headers.get(name)]));
}
