// RubyGems' own rules: names, order, indexes, what a gem must be, and the door's ways with them.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GemParts, makeGem, metadataOf } from "../../../test/gems.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import { parseInfo, renderInfo } from "./compact-index.ts";
import { createGemReader } from "./gem-file.ts";
import { marshal, symbol } from "./marshal.ts";
import { parseName, readFullName } from "./names.ts";
import { compareNumbers } from "./order.ts";

describe("names", () => {
  test.each(["rails", "concurrent-ruby", "a_b.c", "Ascii85", "0mq"])("%s can be a gem", (name) => {
    expect(parseName(name)?.name).toBe(name);
  });
  test.each(["", "-", "a b", "ä", ".hidden", "-x", "a/b"])("'%s' cannot", (name) => {
    expect(parseName(name)).toBeUndefined();
  });
  test("a file's name may mean several gems; the longest name is tried first", () => {
    const read = (text: string) =>
      readFullName(text).map(({ key, number, platform }) => [key.name, number, platform]);
    expect(read("rails-7.1.0")).toEqual([["rails", "7.1.0", "ruby"]]);
    expect(read("nokogiri-1.15.0-x86_64-linux-gnu")).toEqual([["nokogiri", "1.15.0", "x86_64-linux-gnu"]]);
    expect(read("kit-2-extra-1.0")).toEqual([
      ["kit-2-extra", "1.0", "ruby"],
      ["kit", "2", "extra-1.0"],
    ]);
  });
});

test("versions are ordered as Gem::Version orders them", () => {
  const order = [
    "0.9",
    "1.0.a",
    "1.0.b1",
    "1.0.b2",
    "1.0.rc1",
    "1.0",
    "1.0.1",
    "1.2",
    "1.10",
    "1.10.0.1",
    "2",
  ];
  expect(order.toReversed().toSorted(compareNumbers)).toEqual(order);
  expect(compareNumbers("1.0", "1.0.0")).toBe(0);
});

test("the compact index's lines read back; lines without a checksum are left out", () => {
  const lines = [
    {
      number: "1.0.0",
      platform: "x86_64-linux",
      dependencies: [{ name: "base", requirement: ">= 1.0, < 2" }],
      sha256: "a".repeat(64),
      ruby: ">= 2.5, < 4",
      rubygems: "",
    },
  ];
  const text = renderInfo(lines);
  expect(text).toBe(`---\n1.0.0-x86_64-linux base:>= 1.0&< 2|checksum:${"a".repeat(64)},ruby:>= 2.5&< 4\n`);
  expect(parseInfo(text)).toEqual(lines);
  expect(parseInfo("---\n1.0.0 |ruby:>= 2\nnonsense\n")).toEqual([]);
});

test("Marshal's integers and texts, byte by byte", () => {
  expect(marshal([0, 1, 122, 123, 255, 256, 65_536]).toString("hex")).toBe(
    "04085b0c69006906697f69017b6901ff690200016903000001",
  );
  expect(marshal([symbol("a"), "b"]).toString("latin1")).toBe(
    '\u0004\b[\u0007:\u0006aI"\u0006b\u0006:\u0006ET',
  );
});

describe("a gem is refused with a 400", () => {
  const kit: GemParts = { name: "kit", version: "1.0.0" };
  test.each<[string, Partial<GemParts>, string]>([
    ["without metadata", { members: { "metadata.gz": undefined } }, "does not hold metadata.gz"],
    ["without data", { members: { "data.tar.gz": undefined } }, "data.tar.gz"],
    ["with a stranger's file", { members: { "evil.rb": Buffer.from("x") } }, "no part of a gem"],
    ["with a path upwards", { members: { "../metadata.gz": Buffer.from("x") } }, "dotted part"],
    ["with other data than its checksums say", { members: { "data.tar.gz": gzipSync("other") } }, "SHA256"],
    ["whose metadata is no YAML map", { metadata: "- a\n- b\n" }, "gem specification"],
    ["whose name can be none", { metadata: metadataOf({ ...kit, name: "../kit" }) }, "cannot be the name"],
    [
      "whose version is none of RubyGems'",
      { metadata: metadataOf({ ...kit, version: "1.0-beta" }) },
      "version number",
    ],
    [
      "whose metadata unpacks to too much",
      {
        members: { "metadata.gz": gzipSync(Buffer.alloc(20 * 1024 * 1024)), "checksums.yaml.gz": undefined },
      },
      "unpacks to too much",
    ],
    ["with an alias bomb", { metadata: bomb() }, "YAML"],
  ])("%s", async (_, parts, message) => {
    const bytes = await makeGem({ ...kit, ...parts });
    const read = () => {
      const reader = createGemReader();
      reader.write(bytes);
      return reader.finish();
    };
    expect(read).toThrow(
      expect.objectContaining({ code: "ValidationException", message: expect.stringContaining(message) }),
    );
  });

  function bomb(): string {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const items = Array(9).fill(`*a${i}`).join(", ");
      return `a${i + 1}: &a${i + 1} [${items}]`;
    });
    return `a0: &a0 [x, x]\n${levels.join("\n")}\nname: kit\n`;
  }
});

describe("the door", () => {
  let server: TestServer;
  let base: string;
  beforeAll(async () => {
    server = await startServer();
    await server.repository("r1");
    base = `${server.url}/ruby/d/${DOMAIN}-${ACCOUNT}/r1/`;
  });
  afterAll(() => server.close());

  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", await server.token());
    return fetch(`${base}${path}`, { ...init, headers });
  }

  const push = async (parts: GemParts) =>
    send("api/v1/gems", { method: "POST", body: new Uint8Array(await makeGem(parts)) });
  const text = async (path: string) => (await send(path)).text();

  test("gems for several platforms are files of one version", async () => {
    for (const platform of ["ruby", "java", "x86_64-linux"])
      expect((await push({ name: "native", version: "1.0.0", platform })).status).toBe(200);
    const { assets } = await server.client.listPackageVersionAssets({
      domain: DOMAIN,
      repository: "r1",
      format: "ruby",
      package: "native",
      packageVersion: "1.0.0",
    });
    expect(assets?.map(({ name }) => name)).toEqual([
      "native-1.0.0-java.gem",
      "native-1.0.0-x86_64-linux.gem",
      "native-1.0.0.gem",
    ]);
    expect((await text("info/native")).split("\n").map((line) => line.split(" ")[0])).toEqual([
      "---",
      "1.0.0-java",
      "1.0.0-x86_64-linux",
      "1.0.0",
      "",
    ]);
    expect((await send("gems/native-1.0.0-java.gem")).status).toBe(200);
  });

  test("8.5.1 /versions tells the MD5 of each /info, and every ETag is the MD5 that Bundler holds against the body", async () => {
    await push({ name: "kit", version: "1.0.0" });
    const md5 = (body: string) => createHash("md5").update(body).digest("hex");
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "r1",
      format: "ruby",
      package: "kit",
      restrictions: { publish: "ALLOW", upstream: "BLOCK" },
    });
    const info = await text("info/kit");
    expect(await text("versions")).toContain(`kit 1.0.0 ${md5(info)}\n`);
    for (const path of ["versions", "names", "info/kit", "specs.4.8.gz"]) {
      const answer = await send(path);
      const body = Buffer.from(await answer.arrayBuffer());
      const etag = `"${createHash("md5").update(body).digest("hex")}"`;
      expect(answer.headers.get("etag"), path).toBe(etag);
      expect((await send(path, { headers: { "if-none-match": etag } })).status, path).toBe(304);
    }
  });

  test("8.5.1 a range of the index is what was appended", async () => {
    const before = await text("info/kit");
    await push({ name: "kit", version: "1.1.0" });
    const answer = await send("info/kit", { headers: { range: `bytes=${before.length - 1}-` } });
    expect(answer.status).toBe(206);
    expect(`${before.slice(0, -1)}${await answer.text()}`).toBe(await text("info/kit"));
  });

  test("a yanked gem leaves every index, keeps its file, and comes back", async () => {
    await push({ name: "gone", version: "1.0.0" });
    const yank = (path: string, method: string) =>
      send(`api/v1/gems/${path}`, {
        method,
        body: new URLSearchParams({ gem_name: "gone", version: "1.0.0" }),
      });
    expect((await yank("yank", "DELETE")).status).toBe(200);
    expect((await send("info/gone")).status).toBe(404);
    expect(await text("names")).not.toContain("gone");
    expect((await send("gems/gone-1.0.0.gem")).status).toBe(200);
    expect((await yank("unyank", "PUT")).status).toBe(200);
    expect(await text("info/gone")).toContain("1.0.0 ");
    expect(
      (
        await send("api/v1/gems/yank", {
          method: "DELETE",
          body: new URLSearchParams({ gem_name: "gone", version: "9" }),
        })
      ).status,
    ).toBe(404);
  });

  test("a new name that differs only by case or '-' for '_' is refused, naming the other", async () => {
    await push({ name: "big-kit", version: "1.0.0" });
    const answer = await push({ name: "Big_Kit", version: "1.0.0" });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("'big-kit'");
  });

  test("a push to the address with its trailing slash arrives, as gem sends it", async () => {
    const body = new Uint8Array(await makeGem({ name: "slashed", version: "1.0.0" }));
    expect((await send("/api/v1/gems", { method: "POST", body })).status).toBe(200);
  });

  test("what is not a gem is refused in plain text, and nothing is kept", async () => {
    const answer = await send("api/v1/gems", { method: "POST", body: "not a gem" });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([400, "text/plain; charset=utf-8"]);
    expect(await answer.text()).toMatch(/^The gem is refused: /);
  });

  test("the newest release of a gem, its versions and a search, as JSON", async () => {
    await push({ name: "told", version: "1.9.0" });
    await push({ name: "told", version: "1.10.0", dependencies: { kit: ">= 1.0" } });
    expect(await (await send("api/v1/gems/told.json")).json()).toMatchObject({
      name: "told",
      version: "1.10.0",
      licenses: ["MIT"],
      dependencies: { runtime: [{ name: "kit", requirements: ">= 1.0" }] },
    });
    const versions = (await (await send("api/v1/versions/told.json")).json()) as { number: string }[];
    expect(versions.map(({ number }) => number)).toEqual(["1.10.0", "1.9.0"]);
    expect(await (await send("api/v1/search.json?query=tol")).json()).toEqual([
      { name: "told", version: "1.10.0", info: "What told is" },
    ]);
  });

  test("401 without a token, for the listings too", async () => {
    expect((await fetch(`${base}versions`)).status).toBe(401);
  });
});
