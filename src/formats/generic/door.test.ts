// The generic door beyond what every format does: lists, pages, digests, the order of admission and body, deletion.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";

const BYTES_MAX = 200_000;
let server: TestServer;
let count = 0;
let repository = "";
let base = "";

beforeAll(async () => {
  server = await startServer({ "asset-bytes-max": String(BYTES_MAX) });
});
afterAll(() => server.close());
beforeEach(async () => {
  repository = `repo-${++count}`;
  await server.repository(repository);
  base = `${server.url}/generic/d/${DOMAIN}-${ACCOUNT}/${repository}/`;
});

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${await server.token()}`);
  return fetch(base + path, { ...init, headers });
}
const put = (path: string, body = "hello\n", headers: Record<string, string> = {}) =>
  ask(path, { method: "PUT", body, headers });
const lines = async (path: string) => (await ask(path, { headers: { accept: "text/plain" } })).text();
const HELLO = createHash("sha256").update("hello\n").digest("hex");

describe("uploads", () => {
  test("201 with the asset's digests and address, 200 the second time, also for names that need encoding", async () => {
    const path = `build/compiler/1.0/${encodeURIComponent("read me (日本).txt")}`;
    const made = await put(path);
    expect([made.status, made.headers.get("location")]).toEqual([201, base + path]);
    expect(await made.json()).toMatchObject({
      namespace: "build",
      package: "compiler",
      version: "1.0",
      status: "Published",
      asset: { name: "read me (日本).txt", size: 6, sha256: HELLO, url: base + path },
    });
    expect((await put(path)).status).toBe(200);
    expect(
      await (
        await fetch(made.headers.get("location") ?? "", {
          headers: { authorization: `Bearer ${await server.token()}` },
        })
      ).text(),
    ).toBe("hello\n");
  });

  test("?unfinished keeps the version open in each of its spellings; without it, or with =false, it closes", async () => {
    for (const [i, query] of [
      "?unfinished",
      "?unfinished=",
      "?unfinished=true",
      "?unfinished=unfinished",
    ].entries())
      expect(await (await put(`n/p/1/${i}${query}`)).json()).toMatchObject({ status: "Unfinished" });
    expect((await put("n/p/1/last?unfinished=false")).status).toBe(201);
    const late = await put("n/p/1/late");
    expect([late.status, await late.text()]).toEqual([
      409,
      expect.stringMatching(/^Version 1 .* takes no further assets\..*\n$/),
    ]);
    expect((await lines("n/p/1")).split("\n")).toHaveLength(6);
  });

  test.each(["?unfinnished", "?unfinished=maybe", "?x=1"])(
    "400: %s, which would have closed the version for good",
    async (query) => {
      expect((await put(`n/p/1/a${query}`)).status).toBe(400);
      expect((await ask("n/p")).status).toBe(404);
    },
  );

  test("400: the name of the header whose digest differs, and both digests", async () => {
    const other = createHash("sha256").update("other").digest("hex");
    const refused = await put("n/p/1/a", "hello\n", { "x-checksum-sha256": other });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringMatching(new RegExp(`${HELLO}, not ${other} as x-checksum-sha256`)),
    ]);
    expect(
      (
        await put("n/p/1/a", "hello\n", {
          "x-checksum-sha256": HELLO,
          "content-md5": "sZRqySSS0jR8YjW00mERhA==",
        })
      ).status,
    ).toBe(201);
  });

  test("400: a part of a file, which would replace the whole; 415: a content encoding", async () => {
    expect((await put("n/p/1/a", "x", { "content-range": "bytes 0-0/10" })).status).toBe(400);
    expect((await put("n/p/1/a", "x", { "content-encoding": "gzip" })).status).toBe(415);
  });

  test("413 over the limit, announced or not, and nothing is kept", async () => {
    const large = "x".repeat(BYTES_MAX + 1);
    expect((await put("n/p/1/a", large)).status).toBe(413);
    expect((await raw("n/p/1/a", { "transfer-encoding": "chunked" }, large)).status).toBe(413);
    expect((await put("n/p/1/a", large.slice(1))).status).toBe(201);
  });

  test.each([
    ["n/p/1/a%2fb", "an asset's name with a slash"],
    ["n/p/1/%20a", "one that begins with a space"],
    ["n/p%20p/1/a", "a package with a space"],
    ["n/p/%23/a", "a version with a #"],
    ["n/p/1/..%2f..%2fa", "dots and slashes"],
  ])("400: %s, %s", async (path) => {
    expect((await put(path)).status).toBe(400);
  });

  test("404, 405: there is nothing above an asset to put to, and nothing below it", async () => {
    expect((await put("n/p/1")).status).toBe(405);
    expect((await put("n/p/1/a/b")).status).toBe(404);
  });

  test("an upload that breaks off leaves nothing, and the next one starts anew", async () => {
    const { hostname, port, pathname } = new URL(`${base}n/p/1/a`);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PUT ${pathname} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await server.token()}\r\nContent-Length: 100\r\n\r\nhalf`,
    );
    await new Promise((done) => setTimeout(done, 100));
    socket.destroy();
    expect((await ask("n/p/1")).status).toBe(404);
    expect((await put("n/p/1/a")).status).toBe(201);
  });

  /** Sends a body only when asked for it, where the headers say so. */
  async function raw(path: string, headers: Record<string, string>, body: string) {
    const authorization = `Bearer ${await server.token()}`;
    const req = request(base + path, { method: "PUT", headers: { authorization, ...headers } });
    let continued = false;
    req.on("error", () => undefined);
    req.once("continue", () => {
      continued = true;
      req.end(body);
    });
    if (headers["expect"] === undefined) req.end(body);
    else req.flushHeaders();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    const answer = { status: res.statusCode, continued, text: await text(res) };
    req.destroy();
    return answer;
  }

  test("Expect: 100-continue: the body is asked for once the publish is admitted, and not at all when it is refused", async () => {
    const expecting = { expect: "100-continue", "content-length": "6" };
    expect(await raw("n/p/1/a", expecting, "hello\n")).toMatchObject({ status: 201, continued: true });
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository,
      format: "generic",
      namespace: "n",
      package: "p",
      restrictions: { publish: "BLOCK", upstream: "BLOCK" },
    });
    const refused = await raw("n/p/2/a", expecting, "hello\n");
    expect(refused).toMatchObject({
      status: 403,
      continued: false,
      text: expect.stringContaining("publish=BLOCK"),
    });
    const announced = { expect: "100-continue", "content-length": String(BYTES_MAX + 1) };
    expect(await raw("n/q/1/a", announced, "")).toMatchObject({ status: 413, continued: false });
  });
});

describe("lists", () => {
  test("of a version: JSON with sizes and digests; as text, what sha256sum --check reads", async () => {
    await put("n/p/1/b.txt?unfinished");
    await put("n/p/1/a.txt", "");
    expect(await (await ask("n/p/1/")).json()).toMatchObject({
      version: "1",
      status: "Published",
      assets: [
        { name: "a.txt", size: 0, md5: "d41d8cd98f00b204e9800998ecf8427e" },
        { name: "b.txt", size: 6, sha256: HELLO, url: `${base}n/p/1/b.txt` },
      ],
    });
    const empty = createHash("sha256").update("").digest("hex");
    expect(await lines("n/p/1/")).toBe(`${empty}  a.txt\n${HELLO}  b.txt\n`);
  });

  test("of a package: Published versions only, newest first, with and without the slash", async () => {
    for (const version of ["1", "2", "3"]) await put(`n/p/${version}/a`, version);
    await put("n/p/4/a?unfinished");
    await server.client.updatePackageVersionsStatus({
      domain: DOMAIN,
      repository,
      format: "generic",
      namespace: "n",
      package: "p",
      versions: ["2"],
      targetStatus: "Unlisted",
    });
    for (const path of ["n/p", "n/p/"]) expect(await lines(path)).toBe("3\n1\n");
    expect((await ask("n/p/2")).status).toBe(200);
    expect((await ask("n/p/4")).headers.get("x-portcullis-reason")).toBe("version status Unfinished");
  });

  test("of a namespace and of everything, a page at a time; what one page's 'next' leads to is the rest", async () => {
    const names = ["a/one", "a/three", "a/two", "b/one", "c+d/x"];
    for (const name of names) await put(`${encodeURIComponent(name).replace("%2F", "/")}/1/f`, name);
    await put("a/unfinished/1/f?unfinished");
    expect(await lines("")).toBe(names.map((name) => `${name}\n`).join(""));
    expect(await lines("a")).toBe("one\nthree\ntwo\n");
    expect(await pages("", 2)).toEqual([names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
    expect(await pages("a/", 1)).toEqual([["one"], ["three"], ["two"]]);
    const page = (await (await ask("a?limit=2")).json()) as { next?: string; packages: unknown[] };
    expect([page.packages.length, page.next]).toEqual([2, `${base}a/?after=three&limit=2`]);
  });

  /** Follows the Link headers of the lists in text. */
  async function pages(path: string, limit: number): Promise<string[][]> {
    const found: string[][] = [];
    let url: string | undefined = `${base}${path}?limit=${limit}`;
    while (url !== undefined) {
      const answer: Response = await ask(url.slice(base.length), { headers: { accept: "text/plain" } });
      found.push((await answer.text()).trimEnd().split("\n"));
      url = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    return found;
  }

  test("404 for a namespace that holds nothing, an empty list for a repository that does; 400 for a bad page", async () => {
    expect((await ask("nothing")).status).toBe(404);
    expect(await (await ask("")).json()).toEqual({ packages: [] });
    for (const query of ["limit=0", "limit=1001", "limit=x", "after=x", "page=2"])
      expect((await ask(`?${query}`)).status, query).toBe(400);
  });

  test.each([
    [undefined, "application/json"],
    ["*/*", "application/json"],
    ["text/plain", "text/plain; charset=utf-8"],
    ["text/*", "text/plain; charset=utf-8"],
    ["application/json, text/plain;q=0.5", "application/json"],
    ["text/html, text/plain;q=0.5, */*;q=0.1", "text/plain; charset=utf-8"],
  ])("Accept: %s gets %s", async (accept, type) => {
    await put("n/p/1/a");
    const answer = await ask("n/p", accept === undefined ? {} : { headers: { accept } });
    expect([answer.headers.get("content-type"), answer.headers.get("vary")]).toEqual([type, "accept"]);
  });
});

describe("deletion", () => {
  test("200: the version is gone and its number free; 404 when it is not there; 405 for a single asset", async () => {
    await put("n/p/1/a");
    expect((await ask("n/p/1/a", { method: "DELETE" })).status).toBe(405);
    expect((await ask("n/p/1", { method: "DELETE" })).status).toBe(200);
    expect([(await ask("n/p/1/a")).status, (await ask("n/p/1", { method: "DELETE" })).status]).toEqual([
      404, 404,
    ]);
    expect((await put("n/p/1/a", "other")).status).toBe(201);
  });

  test("403 without DeletePackageVersions", async () => {
    await put("n/p/1/a");
    await server.client.putRepositoryPermissionsPolicy({
      domain: DOMAIN,
      repository,
      policyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Deny", Principal: "*", Action: "codeartifact:DeletePackageVersions", Resource: "*" },
        ],
      }),
    });
    const refused = await ask("n/p/1", { method: "DELETE" });
    expect([refused.status, await refused.text()]).toEqual([
      403,
      expect.stringContaining("DeletePackageVersions"),
    ]);
    expect((await ask("n/p/1/a")).status).toBe(200);
  });
});

test("refusals are one line of plain text, with nothing in it that a terminal would obey", async () => {
  const answer = await ask("n/p/1/%C2%9B31mred");
  expect([answer.headers.get("content-type"), await answer.text()]).toEqual([
    "text/plain; charset=utf-8",
    expect.stringMatching(/^[^\p{Cc}]+\n$/u),
  ]);
});
