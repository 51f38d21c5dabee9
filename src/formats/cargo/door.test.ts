// Cargo's door over the real registry: what each request answers, and that a refused one leaves nothing behind.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CrateFacts } from "../../../test/crates.ts";
import { frame, indexLine, makeCrate } from "../../../test/crates.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";

let server: TestServer;
let outside: Server;
/** What the public registry serves, by path; a missing one is 404, and without any it cuts connections. */
let files: Map<string, Buffer | string> | undefined = new Map();

beforeAll(async () => {
  outside = createServer((req, res) => {
    if (files === undefined) return void req.socket.destroy();
    const body = files.get(req.url ?? "");
    res.writeHead(body === undefined ? 404 : 200).end(body);
  }).listen(0, "127.0.0.1");
  await once(outside, "listening");
  const address = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`;
  files?.set("/config.json", JSON.stringify({ dl: `${address}dl` }));
  server = await startServer({
    upstream: [`public:crates-io=${address}`],
    "upstream-freshness-ms": "0",
    "npm-request-bytes-max": "6000000",
  });
  await server.repository("own");
  await server.repository("store", ["public:crates-io"]);
  await server.repository("app", ["store"]);
});
afterAll(async () => {
  await server.close();
  outside.close().closeAllConnections();
});

const base = (repository = "own") => `${server.url}/cargo/d/${DOMAIN}-${ACCOUNT}/${repository}/`;
async function ask(path: string, init: RequestInit = {}, repository = "own"): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has("authorization")) headers.set("authorization", await server.token());
  return fetch(base(repository) + path, { ...init, headers });
}
const put = (body: Buffer, repository = "own") =>
  ask("api/v1/crates/new", { method: "PUT", body: new Uint8Array(body) }, repository);
async function publish(facts: CrateFacts, sent: object = {}, repository = "own"): Promise<Response> {
  const { name, version } = facts;
  return put(
    frame({ name, vers: version, deps: [], features: {}, ...sent }, await makeCrate(facts)),
    repository,
  );
}
const detail = async (answer: Response) =>
  ((await answer.json()) as { errors: { detail: string }[] }).errors.map((error) => error.detail).join();
async function lines(path: string, repository = "own") {
  const answer = await ask(path, {}, repository);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { name: string; vers: string; yanked: boolean; pubtime?: string });
}
/** Adds versions of a crate to the public registry. */
async function publicly(name: string, version: string, more: object = {}, toml = ""): Promise<Buffer> {
  const crate = await makeCrate({ name, version, toml });
  const lower = name.toLowerCase();
  const path = `/${lower.slice(0, 2)}/${lower.slice(2, 4)}/${lower}`;
  files?.set(path, `${String(files.get(path) ?? "")}${indexLine(name, version, crate, more)}\n`);
  files?.set(`/dl/${name}/${version}/download`, crate);
  return crate;
}
async function keptBlobs(): Promise<readonly string[]> {
  return (await readdir(join(server.data, "blobs"), { recursive: true })).filter((file) =>
    /[0-9a-f]{20}/.test(file),
  );
}

describe("8.8.1: config.json", () => {
  test("is 401 without a token, in cargo's words, as everything is", async () => {
    for (const path of ["config.json", "se/rd/serde", "me", "api/v1/crates"]) {
      const answer = await fetch(base() + path);
      expect(answer.status, path).toBe(401);
      expect(await detail(answer)).toMatch(/needs a token/);
    }
  });

  test("6.1.5: takes the token bare, as Bearer, as Basic's password, and with white space around it (8.8.4)", async () => {
    const token = await server.token();
    const basic = Buffer.from(`anyone:${token}`).toString("base64");
    for (const authorization of [
      token,
      `Bearer ${token}`,
      `Basic ${basic}`,
      `${token} \t`,
      ` Bearer  ${token} `,
    ]) {
      const answer = await ask("config.json", { headers: { authorization } });
      expect(answer.status, authorization.replace(token, "T")).toBe(200);
      expect(await answer.json()).toEqual({
        dl: `${base()}api/v1/crates`,
        api: base().slice(0, -1),
        "auth-required": true,
      });
    }
  });
});

describe("publishing", () => {
  test("200 with warnings; the index has the line, the file its bytes, the API the facts", async () => {
    const facts = {
      name: "first-crate",
      version: "1.0.0+build.5",
      toml: 'description = "what it is"\nlicense = "MIT OR Apache-2.0"\nrepository = "https://registry.example/src"\nhomepage = "https://registry.example/"\nreadme = "docs/README.md"',
      files: { "docs/README.md": "# Read me" },
    };
    const answer = await publish(facts);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      warnings: { invalid_categories: [], invalid_badges: [], other: [] },
    });
    const crate = await makeCrate(facts);
    const [line] = await lines("fi/rs/first-crate");
    expect(line).toMatchObject({
      name: "first-crate",
      vers: "1.0.0+build.5",
      cksum: createHash("sha256").update(crate).digest("hex"),
      yanked: false,
      pubtime: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    for (const version of ["1.0.0+build.5", "1.0.0%2Bbuild.5"]) {
      const file = await ask(`api/v1/crates/first-crate/${version}/download`);
      expect(Buffer.from(await file.arrayBuffer()).equals(crate)).toBe(true);
    }
    const told = await server.client.describePackageVersion({
      domain: DOMAIN,
      repository: "own",
      format: "cargo",
      package: "first-crate",
      packageVersion: "1.0.0+build.5",
    });
    expect(told.packageVersion).toMatchObject({
      displayName: "first-crate",
      summary: "what it is",
      homePage: "https://registry.example/",
      sourceCodeRepository: "https://registry.example/src",
      licenses: [{ name: "MIT OR Apache-2.0" }],
      origin: { originType: "INTERNAL" },
    });
  });

  test("8.0.5: the same bytes again are 200 and a warning, other bytes 409", async () => {
    const facts = { name: "again", version: "1.0.0" };
    await publish(facts);
    const same = await publish(facts);
    expect(same.status).toBe(200);
    expect(JSON.stringify(await same.json())).toMatch(/already with the same bytes/);
    const other = await publish({ ...facts, files: { "src/main.rs": "other" } });
    expect(other.status).toBe(409);
    expect(await detail(other)).toMatch(/exists already with other content/);
  });

  test("400 a name that differs from a crate's only by case or separator; its own next version is fine", async () => {
    expect((await publish({ name: "Sep-and_Case", version: "1.0.0" })).status).toBe(200);
    for (const name of ["sep-and_case", "Sep_and_Case", "SEP-AND-CASE"]) {
      const answer = await publish({ name, version: "2.0.0" });
      expect(answer.status, name).toBe(400);
      expect(await detail(answer)).toMatch(/differs from the crate 'Sep-and_Case'/);
    }
    expect((await publish({ name: "Sep-and_Case", version: "2.0.0" })).status).toBe(200);
  });

  test("400 a version that differs from another only by build metadata", async () => {
    await publish({ name: "building", version: "1.0.0+a" });
    for (const version of ["1.0.0", "1.0.0+b"]) {
      const answer = await publish({ name: "building", version });
      expect(answer.status).toBe(400);
      expect(await detail(answer)).toMatch(/only by its build metadata/);
    }
    expect((await publish({ name: "building", version: "1.0.0-rc+a" })).status).toBe(200);
  });

  test.each<[string, CrateFacts, object, RegExp]>([
    ["a name that is none", { name: "1st", version: "1.0.0" }, {}, /cannot be the name of a crate/],
    ["a path for a name", { name: "wrong", version: "1.0.0" }, { name: "../wrong" }, /cannot be the name/],
    ["a version that is none", { name: "wrong", version: "1.0" }, {}, /not a version/],
    ["no name", { name: "wrong", version: "1.0.0" }, { name: 1 }, /lacks the crate's 'name'/],
    [
      "an inner name of its own",
      { name: "wrong", version: "1.0.0", manifest: '[package]\nname = "right"\nversion = "1.0.0"' },
      {},
      /the name is "right" in the crate, "wrong"/,
    ],
    [
      "an inner version of its own",
      { name: "wrong", version: "1.0.0", manifest: '[package]\nname = "wrong"\nversion = "1.0.1"' },
      {},
      /the version is "1\.0\.1"/,
    ],
    [
      "a dependency that the crate does not have",
      { name: "wrong", version: "1.0.0" },
      { deps: [{ name: "evil", version_req: "^1" }] },
      /"evil" is in the metadata only/,
    ],
    [
      "a link in the crate",
      {
        name: "wrong",
        version: "1.0.0",
        members: [{ name: "wrong-1.0.0/a", type: "symlink", linkname: "/etc/passwd" }],
      },
      {},
      /link/,
    ],
    [
      "a path out of the crate",
      { name: "wrong", version: "1.0.0", members: [{ name: "wrong-1.0.0/../a" }] },
      {},
      /dotted/,
    ],
    [
      "an absolute path in the crate",
      { name: "wrong", version: "1.0.0", members: [{ name: "/a" }] },
      {},
      /absolute/,
    ],
    [
      "two manifests",
      { name: "wrong", version: "1.0.0", files: { "CARGO.TOML": "" } },
      {},
      /a manifest named/,
    ],
    [
      "two folders",
      { name: "wrong", version: "1.0.0", members: [{ name: "other-1.0.0/a" }] },
      {},
      /does not lie/,
    ],
  ])("400 %s, and nothing is kept", async (_, facts, sent, words) => {
    const before = await keptBlobs();
    const answer = await publish(facts, sent);
    expect(answer.status).toBe(400);
    expect(await detail(answer)).toMatch(words);
    expect(await keptBlobs()).toEqual(before);
    expect((await ask("wr/on/wrong")).status).toBe(404);
  });

  test("400 and 413 a body that is not cargo's; the connection outlives it", async () => {
    expect((await put(Buffer.from("{}"))).status).toBe(400);
    expect((await put(Buffer.from("name=foo&version=1.0.0"))).status).toBe(413);
    expect((await put(frame({ name: "cut", vers: "1.0.0" }, Buffer.alloc(100)).subarray(0, 50))).status).toBe(
      400,
    );
    expect((await put(Buffer.alloc(6_000_001))).status).toBe(413);
    expect((await ask("api/v1/crates/new", { method: "POST", body: "x" })).status).toBe(405);
  });

  test("2.6.2: 403 names the setting, the repository and the call, before the crate's bytes are looked at", async () => {
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "own",
      format: "cargo",
      package: "blocked",
      restrictions: { publish: "BLOCK", upstream: "BLOCK" },
    });
    const answer = await put(frame({ name: "blocked", vers: "1.0.0" }, Buffer.from("no crate at all")));
    expect(answer.status).toBe(403);
    expect(answer.headers.get("x-portcullis-reason")).toMatch(/publish=BLOCK/);
    expect(await detail(answer)).toMatch(/publish=BLOCK.*'own'.*PutPackageOriginConfiguration/);
  });
});

describe("the index", () => {
  beforeAll(async () => {
    await publish({ name: "MixedCase", version: "1.0.0" });
    await publish({ name: "a", version: "1.0.0" });
    await publish({ name: "ab", version: "1.0.0" });
    await publish({ name: "abc", version: "1.0.0" });
  });

  test.each(["1/a", "2/ab", "3/a/abc", "mi/xe/mixedcase", "Mi/xe/MixedCase"])("has %s", async (path) => {
    expect((await lines(path)).map(({ vers }) => vers)).toEqual(["1.0.0"]);
  });

  test("keeps the crate's own spelling however it is asked", async () => {
    expect((await lines("mi/xe/mixedcase"))[0]?.name).toBe("MixedCase");
    expect((await ask("api/v1/crates/mixedCASE/1.0.0/download")).status).toBe(200);
  });

  test.each([
    "a/a",
    "2/a",
    "3/b/abc",
    "ab/c",
    "mi/xx/mixedcase",
    "mi/xe/mixed.case",
    "mi/xe/mixed_case",
    "ab/c-/..%2f",
  ])("404 or 400 %s", async (path) => {
    expect((await ask(path)).status).toBeGreaterThanOrEqual(400);
    expect((await ask(path)).status).toBeLessThan(405);
  });

  test("304 for the ETag one has; another after any change; HEAD tells the same without a body", async () => {
    const first = await ask("mi/xe/mixedcase");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"/);
    const again = await ask("mi/xe/mixedcase", { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const head = await ask("mi/xe/mixedcase", { method: "HEAD" });
    expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, etag, ""]);
    await ask("api/v1/crates/MixedCase/1.0.0/yank", { method: "DELETE" });
    expect((await ask("mi/xe/mixedcase", { headers: { "if-none-match": etag } })).status).toBe(200);
  });

  test("gzip for who accepts it", async () => {
    const { request } = await import("node:http");
    const token = await server.token();
    const chunks: Buffer[] = [];
    const headers = { authorization: token, "accept-encoding": "gzip, br" };
    const [res] = (await once(request(`${base()}3/a/abc`, { headers }).end(), "response")) as [
      import("node:http").IncomingMessage,
    ];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    expect(res.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toContain('"name":"abc"');
  });
});

describe("yank", () => {
  test("5.1, 6.3.2: the flag changes both ways; the version stays Published and downloadable, with a new revision", async () => {
    await publish({ name: "yanking", version: "1.0.0" });
    const describeIt = () =>
      server.client.describePackageVersion({
        domain: DOMAIN,
        repository: "own",
        format: "cargo",
        package: "yanking",
        packageVersion: "1.0.0",
      });
    const before = (await describeIt()).packageVersion?.revision;
    const yanked = await ask("api/v1/crates/yanking/1.0.0/yank", { method: "DELETE" });
    expect([yanked.status, await yanked.json()]).toEqual([200, { ok: true }]);
    expect((await lines("ya/nk/yanking"))[0]?.yanked).toBe(true);
    expect((await ask("api/v1/crates/yanking/1.0.0/download")).status).toBe(200);
    const told = (await describeIt()).packageVersion;
    expect(told?.status).toBe("Published");
    expect(told?.revision).not.toBe(before);
    expect((await ask("api/v1/crates/yanking/1.0.0/unyank", { method: "PUT" })).status).toBe(200);
    expect((await lines("ya/nk/yanking"))[0]?.yanked).toBe(false);
  });

  test("404 a version that is not held, and a crate that is not there", async () => {
    for (const path of ["api/v1/crates/yanking/9.0.0/yank", "api/v1/crates/nobody/1.0.0/yank"])
      expect((await ask(path, { method: "DELETE" })).status).toBe(404);
  });
});

describe("beside", () => {
  test("owners: a word instead of an empty list", async () => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await ask("api/v1/crates/yanking/owners", { method });
      expect(answer.status).toBe(404);
      expect(await detail(answer)).toMatch(/no crate owners here.*PutRepositoryPermissionsPolicy/);
    }
  });

  test("search finds names by words, a page at a time", async () => {
    for (const name of ["findable-a", "findable-b"])
      await publish({ name, version: "1.0.0", toml: 'description = "line\\nbreak \\u001b[31m"' });
    const answer = await ask("api/v1/crates?q=findable&per_page=1&page=2");
    expect(await answer.json()).toMatchObject({
      crates: [{ name: "findable-b", max_version: "1.0.0", description: "line break [31m" }],
      meta: { total: 2 },
    });
    expect((await ask("api/v1/crates?q=&per_page=0")).status).toBe(400);
  });

  test("8.8.3: a crate and its versions, with created_at", async () => {
    const crate = (await (await ask("api/v1/crates/findable-a")).json()) as {
      crate: object;
      versions: object[];
    };
    expect(crate.crate).toMatchObject({ name: "findable-a", max_version: "1.0.0" });
    const { versions } = (await (await ask("api/v1/crates/findable-a/versions")).json()) as {
      versions: object[];
    };
    expect(versions).toEqual(crate.versions);
    expect(versions).toMatchObject([{ num: "1.0.0", created_at: expect.stringMatching(/^20.*Z$/) }]);
  });

  test("me says where tokens come from; what is not here is a 404 in cargo's words", async () => {
    expect(await (await ask("me")).text()).toMatch(/get-authorization-token/);
    for (const path of ["", "nothing", "api/v2/crates", "api/v1/crates/a/1.0.0/readme"]) {
      const answer = await ask(path);
      expect(answer.status, path).toBe(404);
      expect(await detail(answer)).toMatch(/nothing this registry knows/);
    }
  });
});

describe("a public registry", () => {
  test("its lines are shown under the crate's own spelling, its files checked and kept", async () => {
    const crate = await publicly("PubCase", "1.0.0", {
      pubtime: "2024-05-06T07:08:09Z",
      rust_version: "1.70",
    });
    expect(await lines("pu/bc/pubcase", "app")).toMatchObject([
      { name: "PubCase", vers: "1.0.0", pubtime: "2024-05-06T07:08:09Z" },
    ]);
    const file = await ask("api/v1/crates/PubCase/1.0.0/download", {}, "app");
    expect(Buffer.from(await file.arrayBuffer()).equals(crate)).toBe(true);
    for (const repository of ["app", "store"]) {
      const held = await server.client.listPackageVersions({
        domain: DOMAIN,
        repository,
        format: "cargo",
        package: "PubCase",
      });
      expect(held.versions?.map(({ version }) => version)).toEqual(["1.0.0"]);
    }
    const versions = await ask("api/v1/crates/pubcase/versions", {}, "app");
    expect(await versions.json()).toMatchObject({ versions: [{ created_at: "2024-05-06T07:08:09.000Z" }] });
  });

  test("a file that is not what the index says never arrives, and nothing is kept", async () => {
    await publicly("tampered", "1.0.0");
    files?.set(
      "/dl/tampered/1.0.0/download",
      await makeCrate({ name: "tampered", version: "1.0.0", toml: "#" }),
    );
    const answer = await ask("api/v1/crates/tampered/1.0.0/download", {}, "app").catch(() => undefined);
    await expect(answer?.arrayBuffer() ?? Promise.reject(new Error("cut"))).rejects.toThrow();
    const held = server.client.listPackageVersions({
      domain: DOMAIN,
      repository: "app",
      format: "cargo",
      package: "tampered",
    });
    await expect(held).rejects.toThrow(/not found/i);
  });

  test("1.6.5: a crate tells itself what the index does not, once it is here; one that cannot be read tells nothing", async () => {
    const toml = 'description = "from outside"\nlicense = "MIT"';
    await publicly("tells-more", "1.0.0", {}, toml);
    const odd = await makeCrate({ name: "other-name", version: "1.0.0", toml });
    files?.set("/te/ll/tells-less", `${indexLine("tells-less", "1.0.0", odd)}\n`);
    files?.set("/dl/tells-less/1.0.0/download", odd);
    const tell = async (name: string) => {
      const answer = await ask(`api/v1/crates/${name}/1.0.0/download`, {}, "app");
      await answer.arrayBuffer(); // its last byte comes when the version is recorded
      const coordinates = { domain: DOMAIN, repository: "app", format: "cargo", package: name } as const;
      return (await server.client.describePackageVersion({ ...coordinates, packageVersion: "1.0.0" }))
        .packageVersion;
    };
    expect(await tell("tells-more")).toMatchObject({ summary: "from outside", licenses: [{ name: "MIT" }] });
    expect(await tell("tells-less")).not.toHaveProperty("summary");
    expect((await lines("te/ll/tells-more", "app"))[0]?.vers).toBe("1.0.0");
  });

  test("C: its dl does not lead into a private network; only its own host and port are as it was configured", async () => {
    const config = files?.get("/config.json") ?? "";
    const elsewhere = createServer((_, res) => res.end("secret")).listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    await publicly("led-astray", "1.0.0");
    const { port } = elsewhere.address() as AddressInfo;
    files?.set("/config.json", JSON.stringify({ dl: `http://127.0.0.1:${port}/{crate}` }));
    try {
      const answer = await ask("api/v1/crates/led-astray/1.0.0/download", {}, "app");
      expect([answer.status, await detail(answer)]).toEqual([502, expect.stringMatching(/public:crates-io/)]);
      files?.set("/config.json", JSON.stringify({ dl: "file:///etc/passwd" }));
      expect((await ask("api/v1/crates/led-astray/1.0.0/download", {}, "app")).status).toBe(502);
    } finally {
      files?.set("/config.json", config);
      elsewhere.close();
    }
    expect((await ask("api/v1/crates/led-astray/1.0.0/download", {}, "app")).status).toBe(200);
  });

  test("lines that cannot be read hide no others", async () => {
    await publicly("some-broken", "1.0.0");
    const path = "/so/me/some-broken";
    files?.set(path, `{"name":\n${String(files.get(path))}\n{"name":"some-broken","vers":"2.0.0"}\n`);
    expect((await lines("so/me/some-broken", "app")).map(({ vers }) => vers)).toEqual(["1.0.0"]);
    expect((await ask("api/v1/crates/some-broken/2.0.0/download", {}, "app")).status).toBe(404);
  });

  test("400 a new crate whose name is a public one's but for case or separator", async () => {
    await publicly("Public_Name", "1.0.0");
    for (const name of ["public_name", "Public-Name"]) {
      const answer = await publish({ name, version: "2.0.0" }, {}, "app");
      expect(answer.status, name).toBe(400);
      expect(await detail(answer)).toMatch(/differs from the crate 'Public_Name'/);
    }
  });

  test("3.4: a group made for the crate's own spelling does not hide it behind the index's lower case", async () => {
    await publicly("GuardedName", "1.0.0");
    await publicly("GuardedOther", "1.0.0");
    await server.client.createPackageGroup({ domain: DOMAIN, packageGroup: "/cargo//GuardedName$" });
    await server.client.createPackageGroup({ domain: DOMAIN, packageGroup: "/cargo//guardedother$" });
    expect((await lines("gu/ar/guardedname", "app"))[0]?.name).toBe("GuardedName");
    const hidden = await ask("gu/ar/guardedother", {}, "app");
    expect(hidden.status).toBe(404);
    expect(hidden.headers.get("x-portcullis-reason")).toMatch(/weak association/);
  });

  // The last: a registry that has failed is left alone for some seconds.
  test("its yanks are mirrored, also onto what is held, and stay while it is away", async () => {
    await publicly("yanked-out", "1.0.0");
    expect((await ask("api/v1/crates/yanked-out/1.0.0/download", {}, "app")).status).toBe(200);
    expect((await lines("ya/nk/yanked-out", "app"))[0]?.yanked).toBe(false);
    const path = "/ya/nk/yanked-out";
    files?.set(path, String(files.get(path)).replace('"yanked":false', '"yanked":true'));
    expect((await lines("ya/nk/yanked-out", "app"))[0]?.yanked).toBe(true);
    const all = files;
    files = undefined;
    try {
      expect((await lines("ya/nk/yanked-out", "app"))[0]?.yanked).toBe(true);
      expect((await ask("api/v1/crates/yanked-out/1.0.0/download", {}, "app")).status).toBe(200);
      expect((await ask("un/he/unheard", {}, "app")).status).toBeGreaterThanOrEqual(502);
    } finally {
      files = all;
    }
    const answer = await ask("api/v1/crates/yanked-out/1.0.0/yank", { method: "DELETE" }, "app");
    expect([answer.status, await detail(answer)]).toEqual([
      400,
      expect.stringMatching(/came from 'public:crates-io'/),
    ]);
  });
});
