// The Swift registry specification's endpoints over HTTP, section by section; no Swift toolchain can be had here.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import { MANIFEST, type ReleaseParts, releaseForm, sourceArchive } from "./swift.fixtures.ts";

const JSON_V1 = { accept: "application/vnd.swift.registry.v1+json" };
const ARCHIVE = sourceArchive({
  "Package.swift": MANIFEST,
  "Package@swift-4.swift": MANIFEST.replace("5.0", "4.0"),
  "Package@swift-4.2.swift": MANIFEST.replace("5.0", "4.2"),
  "README.md": "# LinkedList",
  "Sources/LinkedList/List.swift": "struct List {}",
});
const METADATA = {
  description: "One thing links to another.",
  repositoryURLs: ["https://git.example/mona/LinkedList", "ssh://git@git.example:mona/LinkedList.git"],
  licenseURL: "https://licenses.example/apache-2.0",
  author: { name: "Mona" },
};

let server: TestServer;
let base: string;
beforeAll(async () => {
  server = await startServer();
  await server.repository("r1");
  base = `${server.url}/swift/d/${DOMAIN}-${ACCOUNT}/r1/`;
  for (const version of ["1.0.0", "1.1.0", "2.0.0-beta.1"])
    expect(
      (await put(`mona/LinkedList/${version}`, { archive: ARCHIVE, metadata: JSON.stringify(METADATA) }))
        .status,
    ).toBe(201);
});
afterAll(() => server.close());

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Basic ${Buffer.from(`aws:${await server.token()}`).toString("base64")}`);
  return fetch(`${base}${path}`, { redirect: "manual", ...init, headers });
}

async function put(
  path: string,
  parts: ReleaseParts,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { type, body } = releaseForm(parts);
  return send(path, { method: "PUT", headers: { ...JSON_V1, "content-type": type, ...headers }, body });
}

async function problem(answer: Response): Promise<{ status: number; detail: string }> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("content-version")).toBe("1");
  expect(answer.headers.get("content-language")).toBe("en");
  return (await answer.json()) as { status: number; detail: string };
}

describe("3.3 errors are problem details, 3.5 versions are negotiated", () => {
  test.each([
    ["application/vnd.swift.registry.v1+json", 200],
    ["application/vnd.swift.registry.v1", 200],
    ["application/vnd.swift.registry", 200],
    ["application/vnd.swift.registry+json", 200],
    ["*/*", 200],
    ["application/vnd.swift.registry.v2+json", 415],
    ["application/vnd.swift.registry.vX+json", 400],
    ["application/vnd.swift.registry.v1+tar", 400],
  ])("Accept: %s is %i", async (accept, status) => {
    const answer = await send("mona/LinkedList", { headers: { accept } });
    expect(answer.status).toBe(status);
    if (status !== 200) expect((await problem(answer)).status).toBe(status);
  });

  test("3.2 401 without credentials", async () => {
    const answer = await fetch(`${base}mona/LinkedList`);
    expect(answer.status).toBe(401);
    await problem(answer);
  });

  test("404 names what is not there; 404 for what can be no identifier", async () => {
    const absent = await problem(await send("mona/Absent"));
    expect(absent.detail).toContain("mona.absent");
    for (const path of [
      "mona-/LinkedList",
      "mona/Linked--List",
      `${"x".repeat(40)}/y`,
      "mona/LinkedList/1.0.0/Other.swift",
    ])
      expect((await problem(await send(path))).status).toBe(404);
  });
});

describe("4.1 list package releases", () => {
  test("all of them, highest precedence first, with links; any case of letters, with and without .json", async () => {
    for (const path of ["mona/LinkedList", "MONA/linkedlist", "mona/LinkedList.json"]) {
      const answer = await send(path, { headers: JSON_V1 });
      expect(answer.headers.get("content-version")).toBe("1");
      expect(answer.headers.get("content-type")).toBe("application/json");
      const { releases } = (await answer.json()) as { releases: Record<string, { url: string }> };
      expect(Object.keys(releases)).toEqual(["2.0.0-beta.1", "1.1.0", "1.0.0"]);
      expect(releases["1.1.0"]?.url).toBe(`${base}mona/linkedlist/1.1.0`);
      expect(answer.headers.get("link")).toBe(
        [
          `<${base}mona/linkedlist/1.1.0>; rel="latest-version"`,
          `<https://git.example/mona/LinkedList>; rel="canonical"`,
          `<ssh://git@git.example:mona/LinkedList.git>; rel="alternate"`,
        ].join(", "),
      );
    }
  });

  test("HEAD is GET without a body; the same ETag is a 304", async () => {
    const head = await send("mona/LinkedList", { method: "HEAD", headers: JSON_V1 });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const again = await send("mona/LinkedList", {
      headers: { ...JSON_V1, "if-none-match": head.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });
});

describe("4.2 information about a release", () => {
  test("its identifier as published, the archive's checksum, the metadata, and its neighbours", async () => {
    for (const path of ["mona/LinkedList/1.1.0", "mona/LinkedList/1.1.0.json"]) {
      const answer = await send(path, { headers: JSON_V1 });
      const info = (await answer.json()) as Record<string, unknown>;
      expect(info).toEqual({
        id: "mona.LinkedList",
        version: "1.1.0",
        resources: [
          {
            name: "source-archive",
            type: "application/zip",
            checksum: createHash("sha256").update(ARCHIVE).digest("hex"),
          },
        ],
        metadata: METADATA,
        publishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      });
      expect(answer.headers.get("link")).toBe(
        [
          `<${base}mona/linkedlist/1.1.0>; rel="latest-version"`,
          `<${base}mona/linkedlist/2.0.0-beta.1>; rel="successor-version"`,
          `<${base}mona/linkedlist/1.0.0>; rel="predecessor-version"`,
        ].join(", "),
      );
    }
  });

  test("404 a release that is not there", async () => {
    expect((await problem(await send("mona/LinkedList/9.9.9"))).status).toBe(404);
  });
});

describe("4.3 manifests", () => {
  test("Package.swift with a link to every version-specific one", async () => {
    const answer = await send("mona/LinkedList/1.1.0/Package.swift", {
      headers: { accept: "application/vnd.swift.registry.v1+swift" },
    });
    expect(answer.headers.get("content-type")).toBe("text/x-swift");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="Package.swift"');
    expect(await answer.text()).toBe(MANIFEST);
    const url = `${base}mona/linkedlist/1.1.0/Package.swift`;
    expect(answer.headers.get("link")?.split(", ").toSorted()).toEqual([
      `<${url}?swift-version=4.2>; rel="alternate"; filename="Package@swift-4.2.swift"; swift-tools-version="4.2"`,
      `<${url}?swift-version=4>; rel="alternate"; filename="Package@swift-4.swift"; swift-tools-version="4.0"`,
    ]);
  });

  test("4.3.1 the one for a Swift version, or 303 to the unqualified one", async () => {
    const found = await send("mona/LinkedList/1.1.0/Package.swift?swift-version=4.2");
    expect(found.headers.get("content-disposition")).toBe('attachment; filename="Package@swift-4.2.swift"');
    expect(await found.text()).toContain("swift-tools-version:4.2");
    const other = await send("mona/LinkedList/1.1.0/Package.swift?swift-version=5.9");
    expect(other.status).toBe(303);
    expect(other.headers.get("location")).toBe(`${base}mona/linkedlist/1.1.0/Package.swift`);
  });
});

describe("4.4 source archives", () => {
  test("the bytes, their digest and name; ranges; HEAD", async () => {
    const answer = await send("mona/LinkedList/1.1.0.zip", {
      headers: { accept: "application/vnd.swift.registry.v1+zip" },
    });
    expect(answer.headers.get("content-type")).toBe("application/zip");
    expect(answer.headers.get("content-length")).toBe(String(ARCHIVE.length));
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="LinkedList-1.1.0.zip"');
    expect(answer.headers.get("digest")).toBe(
      `sha-256=${createHash("sha256").update(ARCHIVE).digest("base64")}`,
    );
    expect(Buffer.from(await answer.arrayBuffer()).equals(ARCHIVE)).toBe(true);
    const part = await send("mona/LinkedList/1.1.0.zip", { headers: { range: "bytes=0-3" } });
    expect([part.status, await part.text()]).toEqual([206, "PK\u0003\u0004"]);
    expect((await send("mona/LinkedList/1.1.0.zip", { method: "HEAD" })).status).toBe(200);
  });

  test("4.4.3 a signed release shows its signature with the archive and in its information", async () => {
    const signature = Buffer.from("signed by Mona");
    const published = await put(
      "mona/Signed/1.0.0",
      { archive: ARCHIVE, signature },
      { "x-swift-package-signature-format": "cms-1.0.0" },
    );
    expect(published.status).toBe(201);
    const archive = await send("mona/Signed/1.0.0.zip");
    expect(archive.headers.get("x-swift-package-signature-format")).toBe("cms-1.0.0");
    expect(archive.headers.get("x-swift-package-signature")).toBe(signature.toString("base64"));
    const { resources } = (await (await send("mona/Signed/1.0.0")).json()) as {
      resources: { signing: unknown }[];
    };
    expect(resources[0]?.signing).toEqual({
      signatureBase64Encoded: signature.toString("base64"),
      signatureFormat: "cms-1.0.0",
    });
  });
});

describe("4.5 identifiers of a repository address", () => {
  test.each([
    "https://git.example/mona/LinkedList",
    "https://git.example/mona/linkedlist.git",
    "https://git.example/mona/LinkedList/",
    "ssh://git@git.example/mona/LinkedList.git",
    "git@git.example:mona/LinkedList.git",
  ])("%s", async (url) => {
    const answer = await send(`identifiers?url=${encodeURIComponent(url)}`, { headers: JSON_V1 });
    expect(await answer.json()).toEqual({ identifiers: ["mona.LinkedList"] });
  });

  test("404 for another, 400 without one", async () => {
    expect((await send("identifiers?url=https%3A%2F%2Fgit.example%2Fother")).status).toBe(404);
    expect((await send("identifiers")).status).toBe(400);
  });
});

describe("4.6 create a release", () => {
  test("201 with its location, read back at once; the same again is 200, other bytes 409", async () => {
    const answer = await put("Mona/Fresh/1.0.0", { archive: ARCHIVE });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe(`${base}Mona/Fresh/1.0.0`);
    expect((await send("mona/fresh")).status).toBe(200);
    expect((await put("mona/fresh/1.0.0", { archive: ARCHIVE })).status).toBe(200);
    const other = await put("mona/fresh/1.0.0", { archive: sourceArchive() });
    expect(other.status).toBe(409);
    expect((await problem(other)).detail).toContain("exists already");
  });

  test.each<[string, ReleaseParts, string, Record<string, string>?]>([
    ["no archive", {}, "source-archive"],
    ["no zip", { archive: Buffer.from("not a zip at all, really not") }, "zip"],
    ["no manifest", { archive: sourceArchive({ "main.swift": "" }) }, "Package.swift"],
    [
      "two manifests",
      { archive: sourceArchive({ "Package.swift": MANIFEST, "package.swift": MANIFEST }) },
      "package.swift",
    ],
    [
      "a manifest without a tools version",
      { archive: sourceArchive({ "Package.swift": "let a = 1" }) },
      "swift-tools-version",
    ],
    ["files beside the folder", { archive: sourceArchive({ "../Package.swift": MANIFEST }) }, "refused"],
    ["broken metadata", { archive: ARCHIVE, metadata: "{" }, "invalid JSON"],
    ["metadata of other types", { archive: ARCHIVE, metadata: '{"repositoryURLs":"x"}' }, "repositoryURLs"],
    [
      "a signature without its format",
      { archive: ARCHIVE, signature: Buffer.from("s") },
      "X-Swift-Package-Signature-Format",
    ],
    [
      "a format without its signature",
      { archive: ARCHIVE },
      "source-archive-signature",
      { "x-swift-package-signature-format": "cms-1.0.0" },
    ],
  ])("422 %s, and nothing is kept", async (_, parts, message, headers) => {
    const answer = await put("mona/Refused/1.0.0", parts, headers);
    expect(answer.status).toBe(422);
    expect((await problem(answer)).detail).toContain(message);
    expect((await send("mona/Refused")).status).toBe(404);
  });

  test.each(["1.0", "v1.0.0", "1.0.0.0", "01.0.0"])(
    "422 the version %s, which is not SemVer 2.0.0",
    async (version) => {
      expect((await put(`mona/Refused/${version}`, { archive: ARCHIVE })).status).toBe(422);
    },
  );

  test("415 another content type; 403 names the rule when publishing is blocked", async () => {
    const typed = await send("mona/Refused/1.0.0", {
      method: "PUT",
      headers: { "content-type": "application/zip" },
      body: ARCHIVE,
    });
    expect(typed.status).toBe(415);
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "r1",
      format: "swift",
      namespace: "Mona",
      package: "Blocked",
      restrictions: { publish: "BLOCK", upstream: "BLOCK" },
    });
    const blocked = await put("mona/Blocked/1.0.0", { archive: ARCHIVE });
    expect(blocked.status).toBe(403);
    expect((await problem(blocked)).detail).toContain("publish=BLOCK");
  });

  test("parts in base64, as the specification's examples show them", async () => {
    const boundary = "boundary";
    const body = [
      `--${boundary}`,
      'Content-Disposition: form-data; name="source-archive"',
      "Content-Type: application/octet-stream",
      "Content-Transfer-Encoding: base64",
      "",
      ARCHIVE.toString("base64").replace(/.{76}/g, "$&\r\n"),
      `--${boundary}--`,
      "",
    ].join("\r\n");
    const answer = await send("mona/Base64/1.0.0", {
      method: "PUT",
      headers: { "content-type": `multipart/form-data;boundary="${boundary}"` },
      body,
    });
    expect(answer.status).toBe(201);
    expect(Buffer.from(await (await send("mona/Base64/1.0.0.zip")).arrayBuffer()).equals(ARCHIVE)).toBe(true);
  });
});

test("POST login is 200 for a good token, 401 for a bad one (8.7.1)", async () => {
  expect((await send("login", { method: "POST" })).status).toBe(200);
  const bad = await fetch(`${base}login`, { method: "POST", headers: { authorization: "Bearer nobody" } });
  expect(bad.status).toBe(401);
});

describe("the API tells", () => {
  const version = {
    domain: DOMAIN,
    repository: "r1",
    format: "swift",
    namespace: "mona",
    package: "linkedlist",
    packageVersion: "1.0.0",
  } as const;

  test("the name as published, the repository, the licence (1.5.6, 1.6.1)", async () => {
    const { packageVersion } = await server.client.describePackageVersion({ ...version, namespace: "MONA" });
    expect(packageVersion).toMatchObject({
      displayName: "mona.LinkedList",
      summary: METADATA.description,
      sourceCodeRepository: METADATA.repositoryURLs[0],
      licenses: [{ url: METADATA.licenseURL }],
    });
  });

  test("dependencies that are declared by identifier, and the readme", async () => {
    const { dependencies } = await server.client.listPackageVersionDependencies(version);
    expect(dependencies).toEqual([
      { namespace: "other", package: "kit", versionRequirement: 'from: "2.1.0"' },
      { namespace: "mona", package: "hashmap", versionRequirement: '.upToNextMajor(from: "1.0.0")' },
    ]);
    expect((await server.client.getPackageVersionReadme(version)).readme).toBe("# LinkedList");
  });

  test("manifests and archive as assets", async () => {
    const { assets } = await server.client.listPackageVersionAssets(version);
    expect(assets?.map(({ name }) => name)).toEqual([
      "Package.swift",
      "Package@swift-4.2.swift",
      "Package@swift-4.swift",
      "source-archive.zip",
    ]);
  });
});

test("an Unlisted release leaves the list, keeps its files and information; an Archived one is 404 on every route (5.1)", async () => {
  await put("mona/Status/1.0.0", { archive: ARCHIVE });
  const routes = ["mona/Status/1.0.0", "mona/Status/1.0.0.zip", "mona/Status/1.0.0/Package.swift"];
  for (const [targetStatus, status] of [
    ["Unlisted", 200],
    ["Archived", 404],
  ] as const) {
    await server.client.updatePackageVersionsStatus({
      domain: DOMAIN,
      repository: "r1",
      format: "swift",
      namespace: "mona",
      package: "status",
      versions: ["1.0.0"],
      targetStatus,
    });
    expect((await send("mona/Status")).status).toBe(404);
    for (const route of routes) expect([route, (await send(route)).status]).toEqual([route, status]);
  }
});
