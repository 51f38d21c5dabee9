// The door of Python packages over the real registry: uploads and their refusals, pages, files, what lies beside them, yanking.
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Distribution,
  makeSdist,
  makeWheel,
  type PythonFile,
  uploadForm,
  zip,
} from "../../../test/python.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import { createBlake2b256 } from "./blake2b.ts";
import { HTML_TYPE, JSON_TYPE } from "./negotiation.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ "asset-bytes-max": "20000000" });
  await server.repository("own");
});
afterAll(() => server.close());

const base = (repository: string) => `${server.url}/pypi/d/${DOMAIN}-${ACCOUNT}/${repository}/`;
const call = async (path: string, init: RequestInit = {}, repository = "own") => {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Basic ${Buffer.from(`aws:${await server.token()}`).toString("base64")}`);
  return fetch(`${base(repository)}${path}`, { ...init, headers });
};
const get = (path: string, headers: Record<string, string> = {}) => call(path, { headers });
const post = (form: FormData, repository = "own") => call("", { method: "POST", body: form }, repository);
const publish = async (file: PythonFile, of: Distribution, changes: Record<string, string | null> = {}) =>
  post(uploadForm(file, of, changes));

interface Page {
  readonly meta: Record<string, unknown>;
  readonly versions: string[];
  readonly files: Record<string, unknown>[];
}
const page = async (name: string): Promise<Page> =>
  (await get(`simple/${name}/`, { accept: JSON_TYPE })).json() as Promise<Page>;
const names = async (name: string) => {
  const answer = await get(`simple/${name}/`, { accept: JSON_TYPE });
  return answer.status === 404 ? [] : ((await answer.json()) as Page).files.map(({ filename }) => filename);
};
/** The message, which must be in the reason phrase too: twine shows nothing else. */
const refusal = async (answer: Response) => {
  const text = (await answer.text()).trim();
  expect(answer.statusText).toBe(text.replace(/[^\u0020-\u007e]+/g, encodeURIComponent).slice(0, 500));
  return `${answer.status} ${text}`;
};
const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

describe("uploads", () => {
  const demo = { name: "Acme.Demo", version: "1.0", headers: ["Requires-Python: >=3.8", "Summary: A demo"] };

  test("a wheel and an sdist make one version, under one name for every spelling (1.5.6)", async () => {
    const wheel = makeWheel(demo);
    const sdist = await makeSdist({ ...demo, description: "# Read me" });
    expect((await publish(wheel, demo)).status).toBe(200);
    expect((await publish(sdist, { name: "acme_demo", version: "1.0" })).status).toBe(200);
    for (const name of ["acme-demo", "Acme_Demo", "ACME..demo"]) {
      const { versions, files } = await page(name);
      expect(versions).toEqual(["1.0"]);
      expect(files.map(({ filename }) => filename)).toEqual([wheel.filename, sdist.filename]);
    }
    const { packageVersion } = await server.client.describePackageVersion({
      domain: DOMAIN,
      repository: "own",
      format: "pypi",
      package: "acme-demo",
      packageVersion: "1.0",
    });
    expect(packageVersion).toMatchObject({
      displayName: "Acme.Demo",
      summary: "A demo",
      status: "Published",
    });
  });

  test("8.0.5 the same bytes again succeed and change nothing; other bytes are 409", async () => {
    const of = { name: "twice", version: "1.0" };
    const wheel = makeWheel(of);
    expect((await publish(wheel, of)).status).toBe(200);
    const before = await page("twice");
    expect((await publish(wheel, of)).status).toBe(200);
    expect(await page("twice")).toEqual(before);
    expect(await refusal(await publish(makeWheel({ ...of, content: "other" }), of))).toMatch(
      /^409 .*other content.*DeletePackageVersions/,
    );
    expect(await page("twice")).toEqual(before);
  });

  test("1.0 and 1.0.0 are one release, under the spelling that came first", async () => {
    const wheel = makeWheel({ name: "zeros", version: "1.0" });
    const sdist = await makeSdist({ name: "zeros", version: "1.0.0" });
    expect((await publish(wheel, { name: "zeros", version: "1.0" })).status).toBe(200);
    expect((await publish(sdist, { name: "zeros", version: "1.0.0" })).status).toBe(200);
    const { versions, files } = await page("zeros");
    expect(versions).toEqual(["1.0"]);
    expect(files).toHaveLength(2);
    for (const { url } of files) expect((await fetchOwn(String(url))).status).toBe(200);
    expect((await get(`simple/zeros/1.0.0/${sdist.filename}`)).status).toBe(200);
  });

  test("a release that goes and comes again under another spelling is found at the address that its files had", async () => {
    const of = { name: "again", version: "1.0.0" };
    const sdist = await makeSdist(of);
    await publish(makeWheel({ ...of, version: "1.0" }), { ...of, version: "1.0" });
    await publish(sdist, of);
    expect((await get(`simple/again/1.0.0/${sdist.filename}`)).status).toBe(200);
    await server.client.deletePackageVersions({
      domain: DOMAIN,
      repository: "own",
      format: "pypi",
      package: "again",
      versions: ["1.0"],
    });
    expect((await get(`simple/again/1.0.0/${sdist.filename}`)).status).toBe(404);
    expect((await publish(sdist, of)).status).toBe(200);
    expect((await page("again")).versions).toEqual(["1.0.0"]);
    expect((await get(`simple/again/1.0.0/${sdist.filename}`)).status).toBe(200);
  });

  test("every digest that is sent is checked, wherever it stands in the form; a wrong one leaves nothing", async () => {
    const of = { name: "digests", version: "1.0" };
    const wheel = makeWheel(of);
    const blake = createBlake2b256();
    blake.update(wheel.bytes);
    for (const field of ["md5_digest", "sha256_digest", "blake2_256_digest"])
      expect(await refusal(await publish(wheel, of, { [field]: "0".repeat(64) }))).toMatch(
        new RegExp(`^400 .*${field}`),
      );
    const contentFirst = new FormData();
    contentFirst.set("content", new Blob([new Uint8Array(wheel.bytes)]), wheel.filename);
    for (const [field, value] of uploadForm(wheel, of, { blake2_256_digest: "0".repeat(64) }))
      if (field !== "content") contentFirst.set(field, value);
    expect(await refusal(await post(contentFirst))).toMatch(/^400 .*blake2_256_digest/);
    expect(await names("digests")).toEqual([]);
    contentFirst.set("blake2_256_digest", blake.hex().toUpperCase());
    expect(await (await post(contentFirst)).text()).toBe(`${wheel.filename} published\n`);
    expect(await names("digests")).toEqual([wheel.filename]);
  });

  const of = { name: "refused", version: "1.0" };
  const good = makeWheel(of);
  const info = "refused-1.0.dist-info";
  const wheelWith = (extra: Record<string, string | null>) => makeWheel(of, extra);
  const named = (filename: string, file: PythonFile = good) => ({ ...file, filename });
  const zipOf = (members: Record<string, string | null>) => ({ ...good, bytes: zip(members) });

  test.each<[string, () => PythonFile | Promise<PythonFile>, Record<string, string | null>, RegExp]>([
    [
      "a wheel that is no zip",
      () => ({ ...good, bytes: Buffer.from("not a zip at all, whatever it says") }),
      {},
      /wheel is refused.*zip/,
    ],
    [
      "a wheel cut short",
      () => ({ ...good, bytes: good.bytes.subarray(0, good.bytes.length - 30) }),
      {},
      /wheel is refused/,
    ],
    ["an empty file", () => ({ ...good, bytes: Buffer.alloc(0) }), {}, /wheel is refused/],
    [
      "a wheel without METADATA",
      () => wheelWith({ [`${info}/METADATA`]: null }),
      {},
      /no refused-1.0.dist-info\/METADATA/,
    ],
    [
      "a wheel without WHEEL",
      () => wheelWith({ [`${info}/WHEEL`]: null }),
      {},
      /no refused-1.0.dist-info\/WHEEL/,
    ],
    [
      "two .dist-info folders",
      () => wheelWith({ "other-1.0.dist-info/METADATA": good.metadata }),
      {},
      /2 .dist-info folders/,
    ],
    [
      "two metadata files that differ in case",
      () => wheelWith({ [`${info}/metadata`]: good.metadata }),
      {},
      /different cases/,
    ],
    [
      "a .dist-info folder of another version",
      () => zipOf({ "refused-2.0.dist-info/METADATA": good.metadata, "refused-2.0.dist-info/WHEEL": "" }),
      {},
      /another name or version/,
    ],
    [
      "metadata of another name",
      () => wheelWith({ [`${info}/METADATA`]: good.metadata.replace("refused", "other") }),
      {},
      /of 'other'/,
    ],
    [
      "metadata of another version",
      () => wheelWith({ [`${info}/METADATA`]: good.metadata.replace("1.0", "2.0") }),
      {},
      /of version 2.0/,
    ],
    [
      "metadata with two names",
      () => wheelWith({ [`${info}/METADATA`]: `${good.metadata}Name: other\n` }),
      {},
      /name is there twice/,
    ],
    ["an absolute path in a wheel", () => wheelWith({ "/etc/passwd": "x" }), {}, /wheel is refused/],
    ["a dotted path in a wheel", () => wheelWith({ "../evil.py": "x" }), {}, /wheel is refused/],
    [
      "a file name of another project",
      () => named("other-1.0-py3-none-any.whl"),
      {},
      /is not a file name of project refused/,
    ],
    [
      "a file name of another version",
      () => named("refused-1.1-py3-none-any.whl"),
      {},
      /another name or version/,
    ],
    ["a path as file name", () => named("../refused-1.0-py3-none-any.whl"), {}, /is not a file name/],
    ["an egg", () => named("refused-1.0-py3.11.egg"), {}, /not taken here/],
    ["an installer for Windows", () => named("refused-1.0.exe"), {}, /is not a file name/],
    [
      "a version that is not PEP 440",
      () => named("refused-1.0.fc39.tar.gz"),
      { version: "1.0.fc39" },
      /PEP 440/,
    ],
    ["a form of another version", () => good, { version: "2.0" }, /form's version 2.0/],
    ["a form of another name", () => good, { name: "other" }, /not a file name of project other/],
    ["a form without a version", () => good, { version: null }, /PEP 440/],
    ["a form with the wrong kind", () => good, { filetype: "sdist" }, /bdist_wheel/],
    ["another action", () => good, { ":action": "submit" }, /file_upload/],
    ["another protocol", () => good, { protocol_version: "2" }, /protocol_version/],
    ["a name that is none", () => good, { name: "__proto__" }, /PEP 508/],
    [
      "an sdist that is no gzip",
      async () => ({ ...(await makeSdist(of)), bytes: Buffer.from("no gzip") }),
      {},
      /sdist is refused.*gzip/,
    ],
    ["an sdist without PKG-INFO", () => makeSdist(of, { "refused-1.0/PKG-INFO": null }), {}, /no PKG-INFO/],
    ["an sdist with two folders", () => makeSdist(of, { "other/x": "x" }), {}, /more than one folder/],
    [
      "an sdist with a dotted path",
      () => makeSdist(of, { "refused-1.0/../../x": "x" }),
      {},
      /sdist is refused.*dotted/,
    ],
    [
      "attestations of other bytes",
      () => good,
      { attestations: JSON.stringify([attestation(good.filename, "0".repeat(64))]) },
      /attestation is not about/,
    ],
    ["attestations that are no JSON", () => good, { attestations: "{" }, /not JSON/],
  ])("%s: 400 that says so, and nothing kept", async (_, make, changes, why) => {
    expect(await refusal(await publish(await make(), of, changes))).toMatch(
      new RegExp(`^400 .*${why.source}`),
    );
    expect(await names("refused")).toEqual([]);
  });

  test("a file that differs from another one in case only is refused", async () => {
    const twin = { name: "twins", version: "1.0" };
    const sdist = await makeSdist(twin);
    expect((await publish(sdist, twin)).status).toBe(200);
    const other = { ...sdist, filename: "Twins-1.0.tar.gz" };
    expect(await refusal(await publish(other, twin))).toMatch(/^409 .*case only/);
    expect(await names("twins")).toEqual([sdist.filename]);
  });

  test("zip and tar bombs are refused (threats D)", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
    expect(
      await refusal(await publish({ filename: "refused-1.0.tar.gz", bytes: bomb, metadata: "" }, of)),
    ).toMatch(/^400 .*sdist is refused/);
    const zeros = "0".repeat(100 * 1024 * 1024);
    expect(await refusal(await publish(wheelWith({ "refused/zeros": zeros }), of))).toMatch(
      /^400 .*times its size/,
    );
    expect(await names("refused")).toEqual([]);
  });

  test("what is no such form: 415, 400, 413", async () => {
    const answer = await call("", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(answer.status).toBe(415);
    const headless = { "content-type": "multipart/form-data; boundary=x" };
    expect((await call("", { method: "POST", body: "nothing", headers: headless })).status).toBe(400);
    const empty = new FormData();
    empty.set(":action", "file_upload");
    expect(await refusal(await post(empty))).toMatch(/^400 .*no file 'content'/);
    const large = { ...good, bytes: Buffer.alloc(21_000_000, 1) };
    expect((await publish(large, of)).status).toBe(413);
    const twice = uploadForm(good, of);
    twice.append("content", new Blob(["x"]), good.filename);
    expect((await post(twice)).status).toBe(400);
  });

  test("2.1.2 a publish that origin control refuses: 403 before the bytes are kept, naming the rule", async () => {
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "own",
      format: "pypi",
      package: "blocked",
      restrictions: { publish: "BLOCK", upstream: "ALLOW" },
    });
    const answer = await publish(makeWheel({ name: "Blocked", version: "1.0" }), {
      name: "Blocked",
      version: "1.0",
    });
    expect(answer.headers.get("x-portcullis-reason")).toContain("publish=BLOCK");
    expect(await refusal(answer)).toMatch(/^403 .*publish=BLOCK.*'own'/);
  });
});

const fetchOwn = async (url: string) => get(url.slice(base("own").length));

function attestation(name: string, digest: string): object {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name, digest: { sha256: digest } }],
  };
  return {
    version: 1,
    verification_material: {},
    envelope: { statement: Buffer.from(JSON.stringify(statement)).toString("base64"), signature: "" },
  };
}

describe("pages", () => {
  const of = {
    name: "pages",
    version: "1.0",
    headers: ["Requires-Python: >=3.8,<4", "Requires-Dist: idna>=2", "License-Expression: MIT"],
    description: "# Pages",
  };
  const wheel = makeWheel(of);
  beforeAll(async () => void (await publish(wheel, of)));

  test("8.2.4 JSON: sizes, times, hashes, requires-python, metadata; the address is absolute and downloads", async () => {
    const { meta, files } = await page("pages");
    expect(meta).toEqual({ "api-version": "1.4" });
    expect(files).toMatchObject([
      {
        filename: wheel.filename,
        url: `${base("own")}simple/pages/1.0/${wheel.filename}`,
        hashes: { sha256: sha256(wheel.bytes), md5: createHash("md5").update(wheel.bytes).digest("hex") },
        size: wheel.bytes.length,
        "requires-python": ">=3.8,<4",
        yanked: false,
        "core-metadata": { sha256: sha256(wheel.metadata) },
        "dist-info-metadata": { sha256: sha256(wheel.metadata) },
      },
    ]);
    expect(String(files[0]?.["upload-time"])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const file = await fetchOwn(String(files[0]?.["url"]));
    expect(Buffer.from(await file.arrayBuffer())).toEqual(wheel.bytes);
    expect(file.headers.get("content-disposition")).toBe("attachment");
    const metadata = await fetchOwn(`${String(files[0]?.["url"])}.metadata`);
    expect(await metadata.text()).toBe(wheel.metadata);
  });

  test("8.2.3 each form with its type and its own ETag; gzip, 304 and HEAD; 406 for none", async () => {
    const etags = new Set<string | null>();
    for (const type of [JSON_TYPE, HTML_TYPE, "text/html"]) {
      const answer = await get("simple/pages/", { accept: type, "accept-encoding": "identity" });
      expect(answer.headers.get("content-type")).toMatch(new RegExp(`^${type.replaceAll(/[.+]/g, "\\$&")}`));
      expect(answer.headers.get("vary")).toContain("accept");
      const etag = answer.headers.get("etag") as string;
      etags.add(etag);
      expect(
        (await get("simple/pages/", { accept: type, "accept-encoding": "identity", "if-none-match": etag }))
          .status,
      ).toBe(304);
      const head = await call("simple/pages/", {
        method: "HEAD",
        headers: { accept: type, "accept-encoding": "identity" },
      });
      expect([head.headers.get("etag"), await head.text()]).toEqual([etag, ""]);
    }
    expect(etags.size).toBe(3);
    const zipped = await get("simple/pages/", { accept: JSON_TYPE, "accept-encoding": "gzip" });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect((await get("simple/pages/", { accept: "application/json" })).status).toBe(406);
    expect((await get("simple/pages/", { accept: "application/json" })).statusText).toContain(JSON_TYPE);
  });

  test("with and without the last slash; a name that is none is 400, one that is nowhere 404", async () => {
    expect((await get("simple/pages", { accept: JSON_TYPE })).status).toBe(200);
    expect((await get("simple/-x-/")).status).toBe(400);
    const absent = await get("simple/nowhere-at-all/");
    expect(await refusal(absent)).toMatch(/^404 nowhere-at-all is not in repository 'own'/);
    expect((await get("simple/pages/1.0/pages-1.1-py3-none-any.whl")).status).toBe(404);
    expect((await get(`simple/pages/1.1/${wheel.filename}`)).status).toBe(404);
    expect((await get(`simple/pages/1.0/${wheel.filename}.asc`)).status).toBe(404);
    expect((await get("nothing/here")).status).toBe(404);
  });

  test("/simple/ lists what is held, in both forms", async () => {
    const answer = await get("simple/", { accept: JSON_TYPE });
    expect(((await answer.json()) as { projects: { name: string }[] }).projects).toContainEqual({
      name: "pages",
    });
    expect(await (await get("simple/")).text()).toContain(`${base("own")}simple/pages/`);
  });

  test("/pypi/{project}/json tells what the metadata says, of the newest and of one version", async () => {
    const newest = (await (await get("pypi/Pages/json")).json()) as Record<string, never>;
    expect(newest).toMatchObject({
      info: {
        name: "pages",
        version: "1.0",
        requires_dist: ["idna>=2"],
        license_expression: "MIT",
        description: "# Pages\n",
        yanked: false,
      },
      urls: [{ filename: wheel.filename, packagetype: "bdist_wheel", python_version: "py3" }],
      releases: { "1.0": [{ filename: wheel.filename }] },
    });
    expect((await get("pypi/pages/1.0.0/json")).status).toBe(200);
    expect(await refusal(await get("pypi/pages/3.0/json"))).toMatch(/^404 Version 3.0/);
    const etag = (await get("pypi/pages/json")).headers.get("etag") as string;
    expect((await get("pypi/pages/json", { "if-none-match": etag })).status).toBe(304);
  });

  test("5.8.4, 5.8.5 dependencies and the readme, through the API", async () => {
    const version = {
      domain: DOMAIN,
      repository: "own",
      format: "pypi",
      package: "pages",
      packageVersion: "1.0",
    } as const;
    expect((await server.client.listPackageVersionDependencies(version)).dependencies).toEqual([
      { package: "idna", dependencyType: "Requires-Dist", versionRequirement: ">=2" },
    ]);
    expect((await server.client.getPackageVersionReadme(version)).readme).toBe("# Pages\n");
    const { packageVersion } = await server.client.describePackageVersion(version);
    expect(packageVersion?.licenses).toEqual([{ name: "MIT" }]);
  });

  test("8.2.9 Unlisted: out of the page, its file and only its file by address; Archived: neither", async () => {
    const unlisted = { name: "status", version: "1.0" };
    const file = makeWheel(unlisted);
    await publish(file, unlisted);
    const set = (targetStatus: "Unlisted" | "Archived") =>
      server.client.updatePackageVersionsStatus({
        domain: DOMAIN,
        repository: "own",
        format: "pypi",
        package: "status",
        versions: ["1.0"],
        targetStatus,
      });
    await set("Unlisted");
    expect(await names("status")).toEqual([]);
    expect((await get(`simple/status/1.0/${file.filename}`)).status).toBe(200);
    await set("Archived");
    for (const suffix of ["", ".metadata"])
      expect((await get(`simple/status/1.0/${file.filename}${suffix}`)).status).toBe(404);
    expect(await refusal(await publish(file, unlisted))).toMatch(/^409 .*Archived/);
  });

  test("attestations are served as provenance beside the file (PEP 740)", async () => {
    const attested = { name: "attested", version: "1.0" };
    const file = makeWheel(attested);
    const sent = attestation(file.filename, sha256(file.bytes));
    expect((await publish(file, attested, { attestations: JSON.stringify([sent]) })).status).toBe(200);
    const { files } = await page("attested");
    expect(files).toHaveLength(1);
    expect(files[0]?.["provenance"]).toBe(`${String(files[0]?.["url"])}.provenance`);
    const provenance = await fetchOwn(String(files[0]?.["provenance"]));
    expect(await provenance.json()).toMatchObject({
      version: 1,
      attestation_bundles: [{ attestations: [sent] }],
    });
    expect((await publish(file, attested, { attestations: JSON.stringify([sent]) })).status).toBe(200);
  });

  test("gzip'd pages hold the plain bytes", async () => {
    const token = await server.token();
    const { request } = await import("node:http");
    const zipped = await new Promise<Buffer>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, accept: JSON_TYPE, "accept-encoding": "gzip" };
      request(`${base("own")}simple/pages/`, { headers }, (res) => {
        const parts: Buffer[] = [];
        res.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)));
      })
        .on("error", reject)
        .end();
    });
    expect(JSON.parse(gunzipSync(zipped).toString())).toEqual(await page("pages"));
  });
});

describe("yanking own versions (beyond 8.2.7)", () => {
  const of = { name: "yank-me", version: "1.0" };
  const wheel = makeWheel(of);
  beforeAll(async () => void (await publish(wheel, of)));
  const yank = (body?: string, method = "POST") =>
    call("pypi/Yank_Me/1.0.0/yank", {
      method,
      ...(body === undefined ? {} : { body, headers: { "content-type": "application/json" } }),
    });

  test("with a reason, without one, and back; the file stays", async () => {
    expect(await (await yank('{"reason":"leaks"}')).json()).toEqual({
      name: "yank-me",
      version: "1.0",
      yanked: true,
      reason: "leaks",
    });
    expect((await page("yank-me")).files[0]?.["yanked"]).toBe("leaks");
    expect(await (await get("simple/yank-me/")).text()).toContain('data-yanked="leaks"');
    expect((await get(`simple/yank-me/1.0/${wheel.filename}`)).status).toBe(200);
    expect((await yank()).status).toBe(200);
    expect((await page("yank-me")).files[0]?.["yanked"]).toBe(true);
    expect((await yank(undefined, "DELETE")).status).toBe(200);
    expect((await page("yank-me")).files[0]).toMatchObject({
      yanked: false,
      "core-metadata": { sha256: sha256(wheel.metadata) },
    });
  });

  test("a version that is not held, a reason of several lines", async () => {
    expect((await call("pypi/yank-me/9/yank", { method: "POST" })).status).toBe(404);
    expect((await yank(JSON.stringify({ reason: "a\nb" }))).status).toBe(400);
    expect((await yank("{")).status).toBe(400);
  });
});
