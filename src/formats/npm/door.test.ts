// npm's door over the real registry: what each request answers, and that a refused one leaves nothing behind.
import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTarball, publishBody, startServer, type TestServer } from "../../../test/server.ts";

const BRIEF = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
const JSON_TYPE = { "content-type": "application/json" };

let outside: TestServer;
let server: TestServer;

beforeAll(async () => {
  outside = await startServer();
  await outside.repository("public");
  const upstream = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
  server = await startServer({ upstream: [`public:npmjs=${upstream}`], "npm-request-bytes-max": "6000000" });
  await server.repository("own");
  await server.repository("store", ["public:npmjs"]);
  await server.repository("app", ["store"]);
});
afterAll(async () => {
  await server.close();
  await outside.close();
});

const get = (path: string, headers: Record<string, string> = {}, repository = "own") =>
  server.npm(repository, path, { headers });
const put = (path: string, body: unknown, headers: Record<string, string> = JSON_TYPE) =>
  server.npm("own", path, {
    method: "PUT",
    headers,
    body: typeof body === "string" || Buffer.isBuffer(body) ? (body as string) : JSON.stringify(body),
  });
const errorOf = async (answer: Response) => ((await answer.json()) as { error: string }).error;

/** A publish body with some members replaced. */
async function bodyOf(name: string, version = "1.0.0", changes: object = {}, inside?: object) {
  const made = await publishBody(
    server.npmUrl("own"),
    { name, version },
    inside === undefined ? {} : { inside },
  );
  return { ...made, ...changes };
}

/** One request whose target is sent as it stands. */
function raw(
  method: string,
  target: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const req = httpRequest({ hostname, port, method, path: target, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
      );
    });
    req.on("error", reject);
    req.end();
  });
}

describe("documents", () => {
  beforeAll(async () => {
    await server.publish("own", { name: "@acme/doc", version: "1.0.0", description: "one" });
    await server.publish("own", { name: "@acme/doc", version: "1.1.0", description: "two" });
  });

  test("8.1.1 full by default, abbreviated for who prefers it, each with its own strong ETag", async () => {
    const full = await get("@acme%2fdoc");
    const brief = await get("@acme%2fdoc", { accept: BRIEF });
    expect(full.headers.get("content-type")).toBe("application/json");
    expect(brief.headers.get("content-type")).toBe("application/vnd.npm.install-v1+json");
    expect(full.headers.get("etag")).not.toBe(brief.headers.get("etag"));
    expect(full.headers.get("vary")).toBe("accept, accept-encoding");
    expect(Object.keys((await brief.json()) as object).sort()).toEqual([
      "dist-tags",
      "modified",
      "name",
      "versions",
    ]);
    expect(await full.json()).toMatchObject({
      description: "two",
      "dist-tags": { latest: "1.1.0" },
      versions: { "1.0.0": { description: "one" } },
    });
  });

  test("I2: tarball addresses are conventional, with neither %2F nor a default port", async () => {
    const document = (await (await get("@acme%2fdoc")).json()) as {
      versions: Record<string, { dist: { tarball: string } }>;
    };
    expect(document.versions["1.0.0"]?.dist.tarball).toBe(`${server.npmUrl("own")}@acme/doc/-/doc-1.0.0.tgz`);
  });

  test("an unescaped scope is the same package", async () => {
    expect((await get("@acme/doc")).headers.get("etag")).toBe((await get("@acme%2Fdoc")).headers.get("etag"));
    expect((await get("@acme/doc/1.0.0")).status).toBe(200);
  });

  test("304 for the ETag one has, of that representation only; HEAD tells the same without a body", async () => {
    const etag = (await get("@acme/doc")).headers.get("etag") ?? "";
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const answer = await get("@acme/doc", { "if-none-match": header });
      expect(answer.status).toBe(304);
      expect(await answer.text()).toBe("");
      expect(answer.headers.get("etag")).toBe(etag);
    }
    expect((await get("@acme/doc", { "if-none-match": etag, accept: BRIEF })).status).toBe(200);
    const head = await server.npm("own", "@acme/doc", { method: "HEAD" });
    expect(head.headers.get("etag")).toBe(etag);
    expect(Number(head.headers.get("content-length"))).toBeGreaterThan(100);
    expect(await head.text()).toBe("");
  });

  test("304 is answered before any body was built, and the next GET has one", async () => {
    const name = "etag-first";
    await server.publish("own", { name, version: "1.0.0" });
    const first = await get(name);
    const etag = first.headers.get("etag") ?? "";
    await server.publish("own", { name, version: "1.1.0" });
    expect((await get(name, { "if-none-match": etag })).status).toBe(200);
    await first.arrayBuffer();
  });

  test("gzip for who accepts it, and the same JSON either way", async () => {
    const token = await server.token();
    const target = "/npm/d/acme-000000000000/own/@acme%2fdoc";
    const zipped = await raw("GET", target, {
      authorization: `Bearer ${token}`,
      "accept-encoding": "gzip,deflate",
    });
    const plain = await raw("GET", target, { authorization: `Bearer ${token}` });
    const refused = await raw("GET", target, {
      authorization: `Bearer ${token}`,
      "accept-encoding": "gzip;q=0",
    });
    expect(zipped.headers["content-encoding"]).toBe("gzip");
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(refused.headers["content-encoding"]).toBeUndefined();
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
    expect(zipped.headers["etag"]).not.toBe(plain.headers["etag"]);
  });

  test("a change is seen by the very next request", async () => {
    const name = "changes";
    for (let i = 0; i < 5; i++) {
      await server.publish("own", { name, version: `1.0.${i}` });
      expect(await server.versions("own", name)).toHaveLength(i + 1);
    }
  });

  test("many at once get one and the same document", async () => {
    await server.publish("own", { name: "crowd", version: "1.0.0" });
    const texts = await Promise.all(Array.from({ length: 30 }, async () => (await get("crowd")).text()));
    expect(new Set(texts).size).toBe(1);
  });

  test("one manifest by version or tag; 404 in npm's dialect for what is not there", async () => {
    expect(await (await get("@acme%2fdoc/latest")).json()).toMatchObject({
      version: "1.1.0",
      dist: { tarball: expect.stringMatching(/^http/) as string },
    });
    for (const path of ["@acme%2fdoc/9.9.9", "@acme%2fdoc/nope", "nothing", "nothing/1.0.0"]) {
      const answer = await get(path);
      expect(answer.status, path).toBe(404);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(await errorOf(answer)).toMatch(/own/);
    }
  });
});

describe("tarballs", () => {
  let tarball: Buffer;
  const path = "@acme/tar/-/tar-1.0.0.tgz";
  const manifest = { name: "@acme/tar", version: "1.0.0" };

  beforeAll(async () => {
    tarball = await makeTarball(manifest, "x".repeat(2000));
    await server.publish("own", manifest, { content: "x".repeat(2000) });
  });

  test("every spelling npm knows gives the same bytes, as an attachment that nobody sniffs", async () => {
    for (const spelling of [
      path,
      "@acme%2ftar/-/tar-1.0.0.tgz",
      "@acme/tar/-/@acme/tar-1.0.0.tgz",
      "@acme%2ftar/-/@acme%2ftar-1.0.0.tgz",
    ]) {
      const answer = await get(spelling);
      expect(answer.status, spelling).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer()).equals(tarball), spelling).toBe(true);
      expect(answer.headers.get("content-type")).toBe("application/octet-stream");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("content-disposition")).toBe("attachment");
      expect(answer.headers.get("etag")).toBe(`"${createHash("sha256").update(tarball).digest("hex")}"`);
    }
  });

  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=10-", 206, 10, undefined],
    ["bytes=-5", 206, -5, undefined],
    ["bytes=5-1000000", 206, 5, undefined],
    ["bytes=0-1,4-5", 200, 0, undefined],
    ["bytes=9-2", 200, 0, undefined],
    ["lines=1-2", 200, 0, undefined],
  ])("Range: %s", async (range, status, start, end) => {
    const answer = await get(path, { range });
    expect(answer.status).toBe(status);
    expect(Buffer.from(await answer.arrayBuffer()).equals(tarball.subarray(start, end))).toBe(true);
    if (status === 206)
      expect(answer.headers.get("content-range")).toMatch(new RegExp(`^bytes \\d+-\\d+/${tarball.length}$`));
  });

  test("416 past the end; If-Range with another ETag gives the whole; 304 for the same ETag; HEAD has the length", async () => {
    const past = await get(path, { range: `bytes=${tarball.length}-` });
    expect([past.status, past.headers.get("content-range")]).toEqual([416, `bytes */${tarball.length}`]);
    expect((await get(path, { range: "bytes=0-1", "if-range": '"other"' })).status).toBe(200);
    const etag = (await get(path)).headers.get("etag") ?? "";
    expect((await get(path, { range: "bytes=0-1", "if-range": etag })).status).toBe(206);
    expect((await get(path, { "if-none-match": etag })).status).toBe(304);
    const head = await server.npm("own", path, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(tarball.length)]);
  });

  test("2.6.1 whatever is no tarball of the package is 404", async () => {
    for (const file of [
      "tar-9.9.9.tgz",
      "tar-1.0.0.zip",
      "other-1.0.0.tgz",
      "@other/tar-1.0.0.tgz",
      "package.json",
    ]) {
      expect((await get(`@acme/tar/-/${file}`)).status, file).toBe(404);
    }
  });

  test("an unpublished version leaves the document and its tarball at once, however warm both were", async () => {
    const name = "retired";
    await server.publish("own", { name, version: "1.0.0" });
    for (let i = 0; i < 3; i++) expect((await server.tarball("own", name, "1.0.0")).status).toBe(200);
    expect(await server.versions("own", name)).toEqual(["1.0.0"]);
    await server.npm("own", `${name}/-/${name}-1.0.0.tgz/-rev/x`, { method: "DELETE" });
    expect((await server.tarball("own", name, "1.0.0")).status).toBe(404);
    expect(await server.versions("own", name)).toEqual([]);
  });
});

describe("publish", () => {
  test("8.1.4 201, then 200 for the same bytes, then 409 for others; tags and dist come from here", async () => {
    const manifest = { name: "twice", version: "1.0.0", dependencies: { a: "1" }, bin: "x.js" };
    expect((await server.publish("own", manifest, { tag: "next" })).status).toBe(201);
    expect((await server.publish("own", manifest, { tag: "next" })).status).toBe(200);
    const other = await server.publish("own", manifest, { content: "else" });
    expect(other.status).toBe(409);
    expect(await errorOf(other)).toMatch(/1\.0\.0/);
    const tarball = await makeTarball(manifest);
    expect(await (await get("twice")).json()).toMatchObject({
      "dist-tags": { next: "1.0.0", latest: "1.0.0" },
      versions: {
        "1.0.0": { dist: { shasum: createHash("sha1").update(tarball).digest("hex"), fileCount: 2 } },
      },
    });
  });

  test("of a gzip'd body works", async () => {
    const body = gzipSync(JSON.stringify(await bodyOf("zipped")));
    expect((await put("zipped", body, { ...JSON_TYPE, "content-encoding": "gzip" })).status).toBe(201);
    expect(await server.versions("own", "zipped")).toEqual(["1.0.0"]);
  });

  test("of __proto__ and constructor, with such tags, is a publish like any other", async () => {
    for (const name of ["__proto__", "constructor"]) {
      expect(
        (await put(name, JSON.stringify(await bodyOf(name)).replace('"latest"', `"${name}"`))).status,
        name,
      ).toBe(201);
      const document = await (await get(name)).text();
      expect(document).toContain(`"dist-tags":{"${name}":"1.0.0","latest":"1.0.0"}`);
      expect((await server.tarball("own", name, "1.0.0")).status).toBe(200);
    }
  });

  test("cut off in the middle leaves nothing, and the number is free", async () => {
    const text = JSON.stringify(await bodyOf("cut"));
    const { hostname, port } = new URL(server.url);
    const token = await server.token();
    await new Promise<void>((resolve) => {
      const req = httpRequest({
        hostname,
        port,
        method: "PUT",
        path: "/npm/d/acme-000000000000/own/cut",
        headers: { ...JSON_TYPE, authorization: `Bearer ${token}`, "content-length": text.length },
      });
      req.on("error", () => resolve());
      req.write(text.slice(0, text.length - 20), () => req.destroy());
      req.on("close", () => resolve());
    });
    expect(await server.versions("own", "cut")).toEqual([]);
    expect((await server.publish("own", { name: "cut", version: "1.0.0" })).status).toBe(201);
  });

  const refusals: [
    string,
    number,
    RegExp,
    (name: string) => Promise<readonly [unknown, Record<string, string>?]>,
  ][] = [
    ["malformed JSON", 400, /JSON/, () => Promise.resolve(["{"])],
    [
      "a body that ends early",
      400,
      /JSON|cut short/,
      async (name) => [JSON.stringify(await bodyOf(name)).slice(0, -30)],
    ],
    [
      "no JSON content type",
      415,
      /application\/json/,
      async (name) => [JSON.stringify(await bodyOf(name)), { "content-type": "text/plain" }],
    ],
    [
      "an unknown content encoding",
      415,
      /encoding/,
      async (name) => [JSON.stringify(await bodyOf(name)), { ...JSON_TYPE, "content-encoding": "br" }],
    ],
    [
      "broken gzip",
      400,
      /gzip/,
      (name) => Promise.resolve([name, { ...JSON_TYPE, "content-encoding": "gzip" }]),
    ],
    [
      "a body over the limit",
      413,
      /larger than 6000000/,
      async (name) => [await bodyOf(name, "1.0.0", { readme: "x".repeat(6_000_000) })],
    ],
    [
      "a gzip bomb",
      413,
      /larger/,
      () =>
        Promise.resolve([
          gzipSync(`{"a":"${"x".repeat(6_500_000)}"}`),
          { ...JSON_TYPE, "content-encoding": "gzip" },
        ]),
    ],
    [
      "another name than the address",
      400,
      /name/,
      () => bodyOf("other-name").then((body) => [body] as const),
    ],
    ["a version that is no SemVer", 400, /SemVer/, async (name) => [await bodyOf(name, "1.0")]],
    [
      "a wrong length",
      400,
      /bytes arrived/,
      async (name) => [
        await bodyOf(name, "1.0.0", {
          _attachments: {
            f: { data: (await makeTarball({ name, version: "1.0.0" })).toString("base64"), length: 1 },
          },
        }),
      ],
    ],
    [
      "bad base64",
      400,
      /base64/,
      async (name) => [await bodyOf(name, "1.0.0", { _attachments: { f: { data: "!!!!" } } })],
    ],
    [
      "an empty attachment",
      400,
      /empty/,
      async (name) => [await bodyOf(name, "1.0.0", { _attachments: { f: { data: "" } } })],
    ],
    [
      "a tarball that is none",
      400,
      /gzip/,
      async (name) => [
        await bodyOf(name, "1.0.0", {
          _attachments: { f: { data: randomBytes(3_000_000).toString("base64") } },
        }),
      ],
    ],
    [
      "bytes that do not fit the declared integrity",
      400,
      /integrity|SHA-1/,
      async (name) => [
        await bodyOf(name, "1.0.0", {
          _attachments: {
            f: { data: (await makeTarball({ name, version: "1.0.0" }, "other")).toString("base64") },
          },
        }),
      ],
    ],
    [
      "a hidden dependency",
      400,
      /dependencies\["evil"\]/,
      async (name) => [
        await bodyOf(name, "1.0.0", {}, { name, version: "1.0.0", dependencies: { evil: "1" } }),
      ],
    ],
    [
      "a hidden install script",
      400,
      /scripts\["install"\]/,
      async (name) => [
        await bodyOf(name, "1.0.0", {}, { name, version: "1.0.0", scripts: { install: "evil" } }),
      ],
    ],
    [
      "a tarball of another package",
      400,
      /name is/,
      async (name) => [await bodyOf(name, "1.0.0", {}, { name: "evil", version: "1.0.0" })],
    ],
  ];
  test.each(refusals)("with %s: %i, and nothing is stored", async (what, status, message, make) => {
    const name = `refused-${what.replaceAll(" ", "-").toLowerCase()}`;
    const [body, headers] = await make(name);
    const answer = await put(name, body, headers);
    expect(answer.status).toBe(status);
    expect(await errorOf(answer)).toMatch(message);
    expect((await get(name)).status).toBe(404);
    await expect(
      server.client.describePackage({ domain: "acme", repository: "own", format: "npm", package: name }),
    ).rejects.toThrow(/not found/i);
  });

  test("after all these refusals no half-written bytes are left", async () => {
    await expect.poll(() => readdir(join(server.data, "blobs", "staging"))).toEqual([]);
  });

  test("terminal escapes in what was sent do not come back", async () => {
    const answer = await put("escapes", await bodyOf("\u001b[31mred\u202e"));
    const text = await errorOf(answer);
    expect(text).toMatch(/red/);
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  });
});

describe("changes", () => {
  test("6.3.2 deprecate changes `deprecated` and nothing else, and an empty message takes it back", async () => {
    const name = "old-thing";
    await server.publish("own", { name, version: "1.0.0", scripts: { test: "x" } });
    const before = (await (await get(name)).json()) as { _rev: string; versions: Record<string, object> };
    const sent = {
      ...before,
      versions: {
        "1.0.0": { ...before.versions["1.0.0"], deprecated: "use new-thing", scripts: { install: "evil" } },
      },
    };
    expect((await put(name, sent)).status).toBe(201);
    const after = (await (await get(name)).json()) as typeof before;
    expect(after.versions).toEqual({ "1.0.0": { ...before.versions["1.0.0"], deprecated: "use new-thing" } });
    const stale = await put(name, {
      ...before,
      versions: { "1.0.0": { ...before.versions["1.0.0"], deprecated: "" } },
    });
    expect(stale.status).toBe(409);
    expect(
      (await put(name, { ...after, versions: { "1.0.0": { ...after.versions["1.0.0"], deprecated: "" } } }))
        .status,
    ).toBe(201);
    expect(((await (await get(name)).json()) as typeof before).versions).toEqual(before.versions);
  });

  test("dist-tags: list, set, remove; latest stays; a range is no tag", async () => {
    const name = "@acme/tagged";
    await server.publish("own", { name, version: "1.0.0" });
    const tags = "-/package/@acme%2ftagged/dist-tags";
    expect((await put(`${tags}/beta`, '"1.0.0"')).status).toBe(201);
    expect(await (await get(tags)).json()).toEqual({ latest: "1.0.0", beta: "1.0.0" });
    expect(await (await get("-/package/@acme/tagged/dist-tags")).json()).toEqual({
      latest: "1.0.0",
      beta: "1.0.0",
    });
    expect((await server.npm("own", `${tags}/beta`, { method: "DELETE" })).status).toBe(200);
    expect(await (await get(tags)).json()).toEqual({ latest: "1.0.0" });
    expect((await server.npm("own", `${tags}/beta`, { method: "DELETE" })).status).toBe(404);
    expect((await server.npm("own", `${tags}/latest`, { method: "DELETE" })).status).toBe(400);
    expect((await put(`${tags}/1.x`, '"1.0.0"')).status).toBe(400);
    expect((await put(`${tags}/beta`, '"9.9.9"')).status).toBe(404);
    expect((await put(`${tags}/beta`, "{}")).status).toBe(400);
    expect((await get("-/package/nothing/dist-tags")).status).toBe(404);
  });

  test("unpublish as npm does it: one version, then the package; a stale revision is a conflict", async () => {
    const name = "leaving";
    await server.publish("own", { name, version: "1.0.0" });
    await server.publish("own", { name, version: "1.1.0" });
    const document = (await (await get(name)).json()) as { _rev: string; versions: Record<string, unknown> };
    delete document.versions["1.1.0"];
    expect((await put(`${name}/-rev/${document._rev}`, document)).status).toBe(201);
    expect(await server.versions("own", name)).toEqual(["1.0.0", "1.1.0"]);
    expect(
      (await server.npm("own", `${name}/-/${name}-1.1.0.tgz/-rev/${document._rev}`, { method: "DELETE" }))
        .status,
    ).toBe(200);
    expect(await (await get(name)).json()).toMatchObject({ "dist-tags": { latest: "1.0.0" } });
    expect((await server.npm("own", `${name}/-rev/${document._rev}`, { method: "DELETE" })).status).toBe(409);
    const { _rev } = (await (await get(name)).json()) as { _rev: string };
    expect((await server.npm("own", `${name}/-rev/${_rev}`, { method: "DELETE" })).status).toBe(200);
    expect((await get(name)).status).toBe(404);
  });

  test("what only an upstream has cannot be changed here, and says so", async () => {
    await outside.publish("public", { name: "theirs", version: "1.0.0" });
    const document = (await (await get("theirs", {}, "app")).json()) as { versions: Record<string, object> };
    const sent = { ...document, versions: { "1.0.0": { ...document.versions["1.0.0"], deprecated: "no" } } };
    const answer = await server.npm("app", "theirs", {
      method: "PUT",
      headers: JSON_TYPE,
      body: JSON.stringify(sent),
    });
    expect(answer.status).toBe(404);
    expect(await errorOf(answer)).toMatch(/app/);
  });
});

describe("a public registry behind", () => {
  test("its versions are listed with addresses here, installed through here, and keep their public times", async () => {
    const manifest = { name: "@pub/lib", version: "1.0.0", dependencies: { a: "1" } };
    await outside.publish("public", manifest);
    const theirs = (await (await outside.npm("public", "@pub%2flib")).json()) as {
      time: Record<string, string>;
    };
    const ours = (await (await get("@pub%2flib", {}, "app")).json()) as {
      time: Record<string, string>;
      versions: Record<string, { dist: { tarball: string } }>;
    };
    expect(ours.time).toEqual(theirs.time);
    expect(ours.versions["1.0.0"]?.dist.tarball).toBe(`${server.npmUrl("app")}@pub/lib/-/lib-1.0.0.tgz`);
    const bytes = Buffer.from(await (await server.tarball("app", "@pub/lib", "1.0.0")).arrayBuffer());
    expect(bytes.equals(await makeTarball(manifest))).toBe(true);
    const again = (await (await get("@pub%2flib", {}, "app")).json()) as typeof ours;
    expect(again.versions).toEqual(ours.versions);
    expect(again.time["1.0.0"]).toBe(theirs.time["1.0.0"]);
  });

  test("8.1.5 tags of both sides are merged", async () => {
    await outside.publish("public", { name: "both", version: "2.0.0" });
    await server.client.putPackageOriginConfiguration({
      domain: "acme",
      repository: "app",
      format: "npm",
      package: "both",
      restrictions: { publish: "ALLOW", upstream: "ALLOW" },
    });
    expect((await server.publish("app", { name: "both", version: "1.0.0" }, { tag: "mine" })).status).toBe(
      201,
    );
    expect(await (await get("-/package/both/dist-tags", {}, "app")).json()).toEqual({
      latest: "2.0.0",
      mine: "1.0.0",
    });
    expect(await (await get("both/mine", {}, "app")).json()).toMatchObject({ version: "1.0.0" });
    expect(await (await get("both/latest", {}, "app")).json()).toMatchObject({ version: "2.0.0" });
  });
});

describe("beside packages", () => {
  test("8.1.2 ping, whoami, search, and audits without a public registry", async () => {
    expect(await (await get("-/ping?write=true")).json()).toEqual({});
    expect(await (await get("-/whoami")).json()).toEqual({ username: "administrator" });
    await server.publish("own", {
      name: "findable",
      version: "1.0.0",
      description: "a \u001b[31mthing",
      keywords: ["k"],
    });
    const found = (await (await get("-/v1/search?text=findable&size=5&from=0")).json()) as {
      total: number;
      objects: { package: object }[];
    };
    expect(found.total).toBe(1);
    expect(found.objects[0]?.package).toMatchObject({
      name: "findable",
      version: "1.0.0",
      description: "a [31mthing",
      keywords: ["k"],
    });
    expect((await get("-/v1/search?text=x&size=-1")).status).toBe(400);
    const audit = (path: string, body: Buffer | string, headers = {}) =>
      server.npm("own", `-/npm/v1/security/${path}`, {
        method: "POST",
        headers: { ...JSON_TYPE, ...headers },
        body: body as string,
      });
    expect(
      await (
        await audit("advisories/bulk", gzipSync('{"a":["1.0.0"]}'), { "content-encoding": "gzip" })
      ).json(),
    ).toEqual({});
    expect((await audit("audits/quick", '{"dependencies":{}}')).status).toBe(404);
    expect((await audit("advisories/bulk", "[]")).status).toBe(400);
    expect((await audit("audits", `{"x":${"[".repeat(500_000)}${"]".repeat(500_000)}}`)).status).toBe(400);
  });

  test("accounts are refused with the way that works, unknown addresses with 404, wrong methods with 405", async () => {
    const login = await put("-/user/org.couchdb.user:bob", { name: "bob", password: "x" });
    expect([login.status, await errorOf(login)]).toEqual([404, expect.stringMatching(/token/)]);
    for (const path of ["-/npm/v1/user", "-/org/acme/team", "-/npm/v1/tokens", "a/b/c/d/e"])
      expect((await get(path)).status, path).toBe(404);
    const wrong = await server.npm("own", "some-package", { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT"]);
    for (const path of ["@acme", "a%23b", "@acme%2fa%2fb", "x".repeat(256)])
      expect((await get(path)).status, path).toBe(400);
  });

  test("6.1.6 401 without a token and with a wrong one, in npm's dialect", async () => {
    for (const authorization of ["", "Bearer wrong"]) {
      const answer = await server.npm("own", "anything", { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(await errorOf(answer)).toMatch(/token/);
    }
  });
});
