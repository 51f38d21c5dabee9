// Python packages from a public index: what is shown, taken in, refused and kept, with origin control on every route.
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeSdist, makeWheel, uploadForm } from "../../../test/python.ts";
import { type PublicEntry, type PublicIndex, startPublicIndex } from "../../../test/python-index.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import { JSON_TYPE } from "./negotiation.ts";

let outside: PublicIndex;
let server: TestServer;
let count = 0;
let name = "";
let R = "";
let U = "";

beforeAll(async () => {
  outside = await startPublicIndex();
  server = await startServer({ upstream: [`public:pypi=${outside.url}`], "upstream-freshness-ms": "0" });
});
afterAll(async () => {
  await server.close();
  await outside.close();
});
beforeEach(async () => {
  count++;
  [name, R, U] = [`pkg-${count}`, `r${count}`, `u${count}`];
  outside.form = "json";
  outside.extra = {};
  outside.down = false;
  await server.repository(U, ["public:pypi"]);
  await server.repository(R, [U]);
});

const call = async (path: string, init: RequestInit = {}, repository = R) =>
  fetch(`${server.url}/pypi/d/${DOMAIN}-${ACCOUNT}/${repository}/${path}`, {
    ...init,
    headers: { accept: JSON_TYPE, ...init.headers, authorization: `Bearer ${await server.token()}` },
  });
interface Page {
  readonly versions: string[];
  readonly files: { filename: string; url: string; yanked: boolean | string; [member: string]: unknown }[];
  readonly [member: string]: unknown;
}
const page = async (repository = R): Promise<Page> => {
  const answer = await call(`simple/${name}/`, {}, repository);
  return answer.status === 404 ? { versions: [], files: [] } : ((await answer.json()) as Page);
};
const versions = async (repository = R) => (await page(repository)).versions;
const file = (version: string, filename: string, repository = R) =>
  call(`simple/${name}/${version}/${filename}`, {}, repository);
const fetchWhole = async (version: string, filename: string, repository = R) => {
  const answer = await file(version, filename, repository);
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
};
const wheelOf = (version: string, more: Partial<PublicEntry> = {}, content = "public"): PublicEntry => ({
  ...makeWheel({ name, version, content, headers: ["Summary: public"] }),
  ...more,
});
const publicly = (...entries: PublicEntry[]) =>
  void outside.projects.set(name, [...(outside.projects.get(name) ?? []), ...entries]);
const publish = async (version: string, repository = R, content = "mine") => {
  const wheel = makeWheel({ name, version, content });
  return call("", { method: "POST", body: uploadForm(wheel, { name, version }) }, repository);
};
const key = (repository = R) => ({ domain: DOMAIN, repository, format: "pypi", package: name }) as const;
const put = (publish: "ALLOW" | "BLOCK", upstream: "ALLOW" | "BLOCK", repository = R) =>
  server.client.putPackageOriginConfiguration({ ...key(repository), restrictions: { publish, upstream } });
const retained = async (repository = R) =>
  (await server.client.listPackageVersions(key(repository)).catch(() => ({ versions: [] }))).versions?.map(
    ({ version }) => version,
  );
const assets = async (version: string, repository = R) =>
  (await server.client.listPackageVersionAssets({ ...key(repository), packageVersion: version })).assets?.map(
    (asset) => asset.name,
  );
const settings = async (repository = R) =>
  (await server.client.describePackage(key(repository))).package?.originConfiguration?.restrictions;
const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

describe.each(["json", "html"] as const)("a public index in %s", (form) => {
  beforeEach(() => {
    outside.form = form;
  });

  test("is shown with addresses here, and a file that is fetched is kept in both repositories (4.3.2)", async () => {
    const wheel = wheelOf("1.0", { requiresPython: ">=3.8", yanked: "old" });
    publicly(wheel, wheelOf("2.0"));
    const { files } = await page();
    expect(files.map(({ filename }) => filename)).toEqual([wheel.filename, wheelOf("2.0").filename]);
    expect(files[0]).toMatchObject({
      hashes: { sha256: sha256(wheel.bytes) },
      "requires-python": ">=3.8",
      yanked: "old",
    });
    expect(files[0]?.url.startsWith(`${server.url}/pypi/`)).toBe(true);
    expect(await retained()).toEqual([]);
    expect(await fetchWhole("1.0", wheel.filename)).toEqual({ status: 200, bytes: wheel.bytes });
    for (const repository of [R, U]) {
      expect(await retained(repository)).toEqual(["1.0"]);
      expect(await settings(repository)).toEqual({ publish: "BLOCK", upstream: "ALLOW" });
    }
    const { packageVersion } = await server.client.describePackageVersion({
      ...key(),
      packageVersion: "1.0",
    });
    expect(packageVersion).toMatchObject({
      summary: "public",
      origin: { originType: "EXTERNAL", domainEntryPoint: { externalConnectionName: "public:pypi" } },
    });
  });
});

test("4.5.5 files of a public version are taken in when they are asked for, not all at once", async () => {
  const sdist = await makeSdist({ name, version: "1.0" });
  publicly(wheelOf("1.0"), sdist);
  await fetchWhole("1.0", wheelOf("1.0").filename);
  expect(await assets("1.0")).toEqual([wheelOf("1.0").filename]);
  expect((await page()).files).toHaveLength(2);
  await fetchWhole("1.0", sdist.filename);
  expect(await assets("1.0")).toEqual([wheelOf("1.0").filename, sdist.filename].sort());
});

test("8.2.8 a retained version gains a file that came to the index later; one is judged like the other", async () => {
  publicly(wheelOf("1.0"));
  await fetchWhole("1.0", wheelOf("1.0").filename);
  const late = await makeSdist({ name, version: "1.0" });
  publicly(late);
  expect((await page()).files).toHaveLength(2);
  await put("BLOCK", "BLOCK");
  expect((await page()).files.map(({ filename }) => filename)).toEqual([wheelOf("1.0").filename]);
  const refused = await file("1.0", late.filename);
  expect(refused.status).toBe(404);
  expect(refused.headers.get("x-portcullis-reason")).toContain("upstream=BLOCK");
  expect((await file("1.0", wheelOf("1.0").filename)).status).toBe(200);
  expect(await assets("1.0")).toEqual([wheelOf("1.0").filename]);
});

describe("origin control", () => {
  const reason = /upstream=BLOCK/;
  test("2.8 row 2: an outside version of our package is hidden on every route", async () => {
    expect((await publish("1.0")).status).toBe(200);
    expect(await settings()).toEqual({ publish: "ALLOW", upstream: "BLOCK" });
    const evil = wheelOf("9.9");
    publicly(evil);
    const before = outside.requests.length;
    expect(await versions()).toEqual(["1.0"]);
    for (const [path, method] of [
      [`simple/${name}/9.9/${evil.filename}`, "GET"],
      [`simple/${name}/9.9/${evil.filename}`, "HEAD"],
      [`simple/${name}/9.9/${evil.filename}.metadata`, "GET"],
      [`pypi/${name}/9.9/json`, "GET"],
    ] as const)
      expect((await call(path, { method })).status, path).toBe(404);
    expect((await file("9.9", evil.filename)).headers.get("x-portcullis-reason")).toMatch(reason);
    expect((await file("9.9", `${evil.filename}.metadata`)).headers.get("x-portcullis-reason")).toMatch(
      reason,
    );
    expect(await (await call(`pypi/${name}/json`)).text()).not.toContain("9.9");
    expect(outside.requests.length, "a blocked name is not even asked for").toBe(before);
  });

  test("2.8 row 4: a number that is public is 409 while upstream is ALLOW, under any spelling", async () => {
    publicly(wheelOf("1.0"));
    await put("ALLOW", "ALLOW");
    expect((await publish("1.0")).status).toBe(409);
    expect((await publish("1.0.0")).status).toBe(409);
    expect((await publish("1.1")).status).toBe(200);
    await put("ALLOW", "BLOCK");
    expect((await publish("1.0")).status).toBe(200);
  });

  test("2.8 rows 12, 13: blocked before anything came, and blocked after", async () => {
    publicly(wheelOf("1.0"), wheelOf("2.0"));
    await fetchWhole("1.0", wheelOf("1.0").filename);
    await put("BLOCK", "BLOCK");
    expect(await versions()).toEqual(["1.0"]);
    expect((await file("1.0", wheelOf("1.0").filename)).status).toBe(200);
    expect((await file("2.0", wheelOf("2.0").filename)).status).toBe(404);
    expect((await publish("3.0")).status).toBe(403);
  });

  test("a publisher's file does not join a public version", async () => {
    publicly(wheelOf("1.0"));
    await fetchWhole("1.0", wheelOf("1.0").filename);
    await put("ALLOW", "BLOCK");
    const sdist = await makeSdist({ name, version: "1.0" });
    const answer = await call("", { method: "POST", body: uploadForm(sdist, { name, version: "1.0" }) });
    expect(answer.status).toBe(409);
    expect(await assets("1.0")).toEqual([wheelOf("1.0").filename]);
  });
});

describe("metadata beside public files (PEP 658)", () => {
  test("is passed on, checked, and retains nothing", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    const answer = await file("1.0", `${wheel.filename}.metadata`);
    expect([answer.status, await answer.text()]).toEqual([200, wheel.metadata]);
    expect(await retained()).toEqual([]);
    expect(await retained(U)).toEqual([]);
  });

  test("that is not what the index promised is not passed on", async () => {
    const wheel = wheelOf("1.0", { metadataSha256: "0".repeat(64) });
    publicly(wheel);
    const answer = await file("1.0", `${wheel.filename}.metadata`);
    expect(answer.status).toBe(502);
    expect(await answer.text()).toContain("not what the index promised");
    outside.form = "html"; // which promises none
    expect((await file("1.0", `${wheel.filename}.metadata`)).status).toBe(404);
  });
});

describe("yanked flags of public files (8.2.7)", () => {
  test("4.3.6 stay as they are once upstream=BLOCK", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    await fetchWhole("1.0", wheel.filename);
    await put("BLOCK", "BLOCK");
    outside.projects.set(name, [{ ...wheel, yanked: "broken" }]);
    expect((await page()).files[0]?.yanked).toBe(false);
  });

  test("cannot be set here", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    await fetchWhole("1.0", wheel.filename);
    const answer = await call(`pypi/${name}/1.0/yank`, { method: "POST" });
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain("public:pypi");
  });
});

describe("a public side that is not to be trusted", () => {
  test("bytes that are not what the index says: the answer breaks off, and nothing is kept (threats C)", async () => {
    const wheel = wheelOf("1.0", { sha256: "0".repeat(64) });
    publicly(wheel);
    await expect(fetchWhole("1.0", wheel.filename)).rejects.toThrow();
    expect(await retained()).toEqual([]);
  });

  test("a file without a digest is not listed and not served", async () => {
    publicly(wheelOf("1.0", { sha256: "" }));
    expect((await page()).files).toEqual([]);
    const answer = await file("1.0", wheelOf("1.0").filename);
    expect(answer.status).toBe(404);
    expect(await retained()).toEqual([]);
  });

  test("an address of a version that nobody lists makes no such version", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    await fetchWhole("1.0.0.0", wheel.filename);
    expect(await retained()).toEqual(["1.0"]);
    expect((await file("9.0", wheel.filename)).status).toBe(404);
  });

  test("what is known besides files is shown: tracks, other locations, status, provenance", async () => {
    const provenance = "https://registry.example/integrity/x";
    publicly(wheelOf("1.0", { provenance }));
    outside.extra = {
      meta: { "api-version": "1.4", tracks: ["https://registry.example/t/"] },
      "alternate-locations": ["https://registry.example/a/"],
      "project-status": { status: "archived", reason: "done" },
    };
    expect(await page()).toMatchObject({
      meta: { tracks: ["https://registry.example/t/"] },
      "alternate-locations": ["https://registry.example/a/"],
      "project-status": { status: "archived", reason: "done" },
      files: [{ provenance }],
    });
  });
});

test("whatever is listed downloads, whatever mix of held and public files it is", async () => {
  publicly(wheelOf("1.0"), wheelOf("2.0"), await makeSdist({ name, version: "1.0" }));
  await fetchWhole("1.0", wheelOf("1.0").filename);
  const { files } = await page();
  expect(files).toHaveLength(3);
  for (const { url, hashes, "core-metadata": metadata } of files) {
    const path = url.slice(url.indexOf(`/${R}/`) + R.length + 2);
    const answer = await call(path);
    expect({ sha256: sha256(Buffer.from(await answer.arrayBuffer())) }).toMatchObject({
      sha256: (hashes as { sha256: string }).sha256,
    });
    if (metadata !== false) expect((await call(`${path}.metadata`)).status).toBe(200);
  }
});

describe("with the public side down", () => {
  let before: { readonly outside: PublicIndex; readonly server: TestServer };
  // A registry that failed is left alone for a while, so each of these has its own.
  beforeEach(async () => {
    before = { outside, server };
    outside = await startPublicIndex();
    server = await startServer({ upstream: [`public:pypi=${outside.url}`], "upstream-freshness-ms": "0" });
    await server.repository(U, ["public:pypi"]);
    await server.repository(R, [U]);
  });
  afterEach(async () => {
    await server.close();
    await outside.close();
    ({ outside, server } = before);
  });

  /** New whenever something of the version was rewritten (spec 1.6.3). */
  const revision = async () =>
    (await server.client.describePackageVersion({ ...key(), packageVersion: "1.0" })).packageVersion
      ?.revision;

  test("of a retained wheel is served while the public side is down, from the wheel itself", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    outside.form = "html"; // promises no metadata
    await fetchWhole("1.0", wheel.filename);
    outside.down = true;
    expect((await page()).files[0]?.["core-metadata"]).toEqual({ sha256: sha256(wheel.metadata) });
    expect(await (await file("1.0", `${wheel.filename}.metadata`)).text()).toBe(wheel.metadata);
  });

  test("8.2.7 yanked flags follow the index, are written down, and hold while it is down", async () => {
    const wheel = wheelOf("1.0");
    publicly(wheel);
    await fetchWhole("1.0", wheel.filename);
    expect((await page()).files[0]?.yanked).toBe(false);
    for (const yanked of ["broken", true] as const) {
      const known = await revision();
      outside.projects.set(name, [{ ...wheel, yanked }]);
      expect((await page()).files[0]?.yanked).toBe(yanked);
      await expect.poll(revision).not.toBe(known);
    }
    const settled = await revision();
    await page();
    expect(await revision(), "what did not change is not rewritten").toBe(settled);
    outside.down = true;
    expect((await page()).files[0]?.yanked).toBe(true);
  });

  test("down: what is held is listed and served, the rest says why it is not", async () => {
    publicly(wheelOf("1.0"), wheelOf("2.0"));
    await fetchWhole("1.0", wheelOf("1.0").filename);
    outside.down = true;
    expect(await versions()).toEqual(["1.0"]);
    expect((await file("1.0", wheelOf("1.0").filename)).status).toBe(200);
    const gone = await file("2.0", wheelOf("2.0").filename);
    expect(gone.status).toBe(503);
    expect(await gone.text()).toContain("public:pypi");
    name = "never-asked-before";
    expect((await call(`simple/${name}/`)).status).toBe(503);
  });
});
