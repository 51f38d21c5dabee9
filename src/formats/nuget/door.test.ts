// NuGet's door over HTTP: its service index, documents, pushes, listings, search, and what it refuses.
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PublicPackage, publicFeed } from "../../../test/nuget-feed.ts";
import { makeNupkg, type NupkgParts, pushForm } from "../../../test/nupkgs.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";

let server: TestServer;
let feed: Feed;
let scenes = 0;

interface Feed {
  readonly url: string;
  set(packages: readonly PublicPackage[], pages?: boolean, without?: readonly string[]): void;
  readonly requests: string[];
  close(): void;
}

beforeAll(async () => {
  feed = await openFeed();
  // The address is the service index itself, as NuGet's own settings have it.
  const upstream = [`public:nuget-org=${feed.url}index.json`];
  server = await startServer({ upstream, "upstream-freshness-ms": "0" });
  await server.repository("public", ["public:nuget-org"]);
  await server.repository("behind", ["public"]);
});
afterAll(async () => {
  await server.close();
  feed.close();
});

async function openFeed(): Promise<Feed> {
  let files = publicFeed("", []);
  const requests: string[] = [];
  const http: Server = createServer((req, res) => {
    requests.push(req.url ?? "");
    const found = files.get(req.url ?? "");
    if (found === undefined) return void res.writeHead(404).end();
    res.writeHead(200, { "content-type": found.type }).end(found.body);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  files = publicFeed(url, []);
  return {
    url,
    requests,
    set(packages, pages, without = []) {
      files = new Map([...publicFeed(url, packages, pages)].filter(([path]) => !without.includes(path)));
    },
    close: () => void http.close(),
  };
}

async function fresh(): Promise<string> {
  const name = `r${++scenes}`;
  await server.repository(name);
  return name;
}

function baseOf(repository: string): string {
  return `${server.url}/nuget/d/${DOMAIN}-${ACCOUNT}/${repository}/`;
}

async function send(repository: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${await server.token()}`);
  return fetch(path.startsWith("http") ? path : `${baseOf(repository)}${path}`, { ...init, headers });
}

async function json<T = Record<string, unknown>>(repository: string, path: string): Promise<T> {
  const answer = await send(repository, path);
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text) as T;
}

function push(repository: string, parts: NupkgParts, resource = "v3/package"): Promise<Response> {
  return send(repository, resource, pushForm(makeNupkg(parts)));
}

interface Entry {
  readonly [member: string]: unknown;
  readonly version: string;
  readonly listed: boolean;
}

interface Index {
  readonly items: readonly {
    readonly "@id": string;
    readonly count: number;
    readonly lower: string;
    readonly upper: string;
    readonly items?: readonly { readonly catalogEntry: Entry }[];
  }[];
}

async function entries(repository: string, id: string, hive = "registration4-gz-semver2"): Promise<Entry[]> {
  const { items } = await json<Index>(repository, `v3/${hive}/${id}/index.json`);
  return items.flatMap((page) => page.items ?? []).map(({ catalogEntry }) => catalogEntry);
}

test("8.4.1: the service index names every resource that clients look for, below the repository's own address", async () => {
  const repository = await fresh();
  const { version, resources } = await json<{
    version: string;
    resources: { "@id": string; "@type": string }[];
  }>(repository, "v3/index.json");
  expect(version).toBe("3.0.0");
  expect(resources.map((resource) => resource["@type"]).sort()).toEqual([
    "PackageBaseAddress/3.0.0",
    "PackagePublish/2.0.0",
    "ReadmeUriTemplate/6.13.0",
    "RegistrationsBaseUrl",
    "RegistrationsBaseUrl/3.0.0-beta",
    "RegistrationsBaseUrl/3.0.0-rc",
    "RegistrationsBaseUrl/3.4.0",
    "RegistrationsBaseUrl/3.6.0",
    "RegistrationsBaseUrl/Versioned",
    "SearchAutocompleteService",
    "SearchAutocompleteService/3.0.0-beta",
    "SearchAutocompleteService/3.0.0-rc",
    "SearchAutocompleteService/3.5.0",
    "SearchQueryService",
    "SearchQueryService/3.0.0-beta",
    "SearchQueryService/3.0.0-rc",
    "SearchQueryService/3.5.0",
    "SymbolPackagePublish/4.9.0",
  ]);
  for (const resource of resources) expect(resource["@id"].startsWith(baseOf(repository))).toBe(true);
});

test("without a token the service index is a 401, so that clients send theirs", async () => {
  const answer = await fetch(`${baseOf(await fresh())}v3/index.json`);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toContain("Basic");
});

test("1.5.6: id and version are normalised on their way in, and the API shows the original spelling", async () => {
  const repository = await fresh();
  const first = await push(repository, { id: "Acme.Kit", version: "1.00.0.0-Beta+build" });
  expect([first.status, await first.text()]).toEqual([201, "Acme.Kit 1.0.0-beta was pushed.\n"]);
  const of = { domain: DOMAIN, repository, format: "nuget", package: "ACME.Kit" } as const;
  const told = await server.client.describePackageVersion({ ...of, packageVersion: "1.0-BETA" });
  expect(told.packageVersion).toMatchObject({
    packageName: "acme.kit",
    displayName: "Acme.Kit",
    version: "1.0.0-beta",
  });
  const { assets } = await server.client.listPackageVersionAssets({ ...of, packageVersion: "1.0.0-beta" });
  expect(assets?.map(({ name }) => name)).toEqual(["acme.kit.1.0.0-beta.nupkg"]);
  const [entry] = await entries(repository, "acme.kit");
  expect(entry).toMatchObject({ id: "Acme.Kit", version: "1.0.0-Beta+build", listed: true });
  expect((await send(repository, "v3/flat2/ACME.kit/1.0-Beta/acme.kit.1.0.0-beta.nupkg")).status).toBe(200);
  expect(await json(repository, "v3/flat2/acme.kit/index.json")).toEqual({ versions: ["1.0.0-beta"] });
  const changed = await server.client.updatePackageVersionsStatus({
    ...of,
    versions: ["1.0-Beta"],
    targetStatus: "Archived",
  });
  expect(Object.keys(changed.successfulVersions ?? {})).toEqual(["1.0.0-beta"]);
});

test.each(["ReadFromRepository", "PublishPackageVersion"])(
  "6.3.2: a push needs both permissions; without %s it is a 403 that names it, and keeps nothing",
  async (action) => {
    const repository = await fresh();
    const statement = { Effect: "Deny", Principal: "*", Action: `codeartifact:${action}`, Resource: "*" };
    await server.client.putRepositoryPermissionsPolicy({
      domain: DOMAIN,
      repository,
      policyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    });
    const refused = await push(repository, { id: "Kit", version: "1.0.0" });
    expect([refused.status, refused.statusText]).toEqual([403, expect.stringContaining(action)]);
    expect((await server.client.listPackages({ domain: DOMAIN, repository })).packages).toEqual([]);
  },
);

test("the same bytes again are a 200; the same version in another spelling with other bytes is a 409", async () => {
  const repository = await fresh();
  const kit = { id: "Kit", version: "1.0.0" };
  expect((await push(repository, kit)).status).toBe(201);
  expect((await push(repository, kit)).status).toBe(200);
  const refused = await push(repository, { id: "KIT", version: "1.0" });
  expect(refused.status).toBe(409);
  expect(refused.statusText).toContain("already with other content");
  expect(refused.headers.get("content-type")).toBe("application/problem+json");
});

test("a new id that differs from one that is here only by '-' for '_' is refused", async () => {
  const repository = await fresh();
  await push(repository, { id: "Acme-Kit", version: "1.0.0" });
  const refused = await push(repository, { id: "acme_kit", version: "2.0.0" });
  expect([refused.status, refused.statusText]).toEqual([400, expect.stringContaining("'acme-kit'")]);
});

test("a push that is no form, holds nothing, or no package, is a 4xx and leaves nothing", async () => {
  const repository = await fresh();
  expect((await send(repository, "v3/package", { method: "PUT", body: "x" })).status).toBe(415);
  expect((await send(repository, "v3/package", { method: "PUT", body: new FormData() })).status).toBe(400);
  const broken = await send(repository, "v3/package", pushForm(Buffer.from("no zip")));
  expect([broken.status, broken.statusText]).toEqual([400, expect.stringContaining("not a zip")]);
  const found = await server.client.listPackages({ domain: DOMAIN, repository });
  expect(found.packages).toEqual([]);
});

test("a registration tells what clients choose by, and leads to everything else", async () => {
  const repository = await fresh();
  const metadata = `<title>A kit</title><license type="file">LICENSE.txt</license><icon>i\\icon.png</icon>
    <readme>docs/README.md</readme><tags>one two</tags><projectUrl>https://home.example/kit</projectUrl>
    <dependencies><group targetFramework="net6.0"><dependency id="Base" version="1.0" /></group></dependencies>`;
  const png = Buffer.from("89504e470d0a1a0a", "hex");
  const files = { "LICENSE.txt": "Free", "i/icon.png": png, "docs/README.md": "# Kit" };
  await push(repository, { id: "Kit", version: "1.0.0", metadata, files });
  const [entry] = await entries(repository, "kit");
  expect(entry).toMatchObject({
    title: "A kit",
    authors: "Somebody",
    tags: ["one", "two"],
    projectUrl: "https://home.example/kit",
    dependencyGroups: [{ targetFramework: "net6.0", dependencies: [{ id: "Base", range: "[1.0.0, )" }] }],
  });
  const read = async (member: string) => {
    const answer = await send(repository, entry?.[member] as string);
    return [answer.status, answer.headers.get("content-type"), await answer.text()];
  };
  expect(await read("licenseUrl")).toEqual([200, "text/plain; charset=utf-8", "Free"]);
  expect(await read("readmeUrl")).toEqual([200, "text/markdown; charset=utf-8", "# Kit"]);
  expect((await read("iconUrl")).slice(0, 2)).toEqual([200, "image/png"]);
  expect((await read("packageContent"))[0]).toBe(200);
  const leaf = await json(repository, entry?.["@id"] as string);
  expect(leaf).toMatchObject({ packageHashAlgorithm: "SHA512", packageSize: expect.any(Number) });
  expect((await send(repository, "v3/registration4/kit/1.0.0.json")).status).toBe(200);
  expect((await send(repository, "v3/flat2/kit/1.0.0/kit.nuspec")).status).toBe(200);
  expect((await send(repository, "v3/flat2/kit/1.0.0/other.nuspec")).status).toBe(404);
});

test("SemVer 2 versions are only in the hive, and in answers, for clients that know them", async () => {
  const repository = await fresh();
  await push(repository, { id: "Kit", version: "1.0.0" });
  await push(repository, { id: "Kit", version: "1.0.1-beta.1" });
  const numbers = async (hive: string) =>
    (await entries(repository, "kit", hive)).map(({ version }) => version);
  expect(await numbers("registration4")).toEqual(["1.0.0"]);
  expect(await numbers("registration4-gz")).toEqual(["1.0.0"]);
  expect(await numbers("registration4-gz-semver2")).toEqual(["1.0.0", "1.0.1-beta.1"]);
  const completed = async (query: string) =>
    (await json<{ data: string[] }>(repository, `v3/autocomplete?id=kit&${query}`)).data;
  expect(await completed("prerelease=true")).toEqual(["1.0.0"]);
  expect(await completed("prerelease=true&semVerLevel=2.0.0")).toEqual(["1.0.0", "1.0.1-beta.1"]);
  expect(await completed("")).toEqual(["1.0.0"]);
});

test("search finds by words, type and skip and take, and passes over what is unlisted", async () => {
  const repository = await fresh();
  await push(repository, { id: "Acme.One", version: "1.0.0" });
  await push(repository, { id: "Acme.One", version: "2.0.0-a" });
  const metadata = '<packageTypes><packageType name="DotnetTool" /></packageTypes>';
  await push(repository, { id: "Acme.Tool", version: "1.0.0", metadata });
  await push(repository, { id: "Acme.Gone", version: "1.0.0" });
  expect((await send(repository, "v3/package/Acme.Gone/1.0", { method: "DELETE" })).status).toBe(204);
  interface Found {
    totalHits: number;
    data: { id: string; version: string; versions: unknown[] }[];
  }
  const found = async (query: string) => {
    const { data, totalHits } = await json<Found>(repository, `v3/query?${query}`);
    return [totalHits, ...data.map(({ id, version }) => `${id} ${version}`).sort()];
  };
  expect(await found("q=acme")).toEqual([2, "Acme.One 1.0.0", "Acme.Tool 1.0.0"]);
  expect(await found("q=one&prerelease=true")).toEqual([1, "Acme.One 2.0.0-a"]);
  expect(await found("q=&packageType=dotnettool")).toEqual([1, "Acme.Tool 1.0.0"]);
  expect(await found("q=packageid:acme.one")).toEqual([1, "Acme.One 1.0.0"]);
  expect((await found("q=acme&skip=1&take=1")).length).toBe(2);
  expect((await send(repository, "v3/query?take=x")).status).toBe(400);
});

test("8.4.4: DELETE unlists and POST relists; the version stays found by its number, marked", async () => {
  const repository = await fresh();
  await push(repository, { id: "Kit", version: "1.0.0" });
  const change = (method: string) => send(repository, "v3/package/Kit/1.0.0", { method });
  expect((await change("DELETE")).status).toBe(204);
  expect((await entries(repository, "kit"))[0]).toMatchObject({ version: "1.0.0", listed: false });
  expect(await json(repository, "v3/flat2/kit/index.json")).toEqual({ versions: ["1.0.0"] });
  expect((await send(repository, "v3/flat2/kit/1.0.0/kit.1.0.0.nupkg")).status).toBe(200);
  expect((await change("DELETE")).status).toBe(204);
  expect((await change("POST")).status).toBe(200);
  expect((await entries(repository, "kit"))[0]).toMatchObject({ listed: true });
  expect((await send(repository, "v3/package/Kit/2.0.0", { method: "DELETE" })).status).toBe(404);
  const of = { domain: DOMAIN, repository, format: "nuget", package: "kit" } as const;
  await server.client.updatePackageVersionsStatus({
    ...of,
    versions: ["1.0.0"],
    targetStatus: "Archived",
  });
  expect((await change("POST")).status).toBe(409);
});

test("a symbol package is kept beside its package, and refused without it or under another type", async () => {
  const repository = await fresh();
  const metadata = '<packageTypes><packageType name="SymbolsPackage" /></packageTypes>';
  const symbols = { id: "Kit", version: "1.0.0", metadata };
  expect((await push(repository, symbols, "v3/symbolpackage/")).status).toBe(404);
  await push(repository, { id: "Kit", version: "1.0.0" });
  expect((await push(repository, { id: "Kit", version: "1.0.0" }, "v3/symbolpackage")).status).toBe(400);
  expect((await push(repository, symbols, "v3/symbolpackage")).status).toBe(201);
  expect((await push(repository, symbols, "v3/symbolpackage")).status).toBe(200);
  expect((await send(repository, "v3/flat2/kit/1.0.0/kit.1.0.0.snupkg")).status).toBe(200);
  expect((await push(repository, { id: "Kit", version: "1.0.0" })).status).toBe(200);
});

test("above 128 versions a registration's pages are documents of their own", async () => {
  const repository = await fresh();
  for (let i = 0; i < 130; i++) await push(repository, { id: "Many", version: `1.${i}.0` });
  const { items } = await json<Index>(repository, "v3/registration4-gz-semver2/many/index.json");
  expect(items.map(({ count, lower, upper, items: inline }) => [count, lower, upper, inline])).toEqual([
    [64, "1.0.0", "1.63.0", undefined],
    [64, "1.64.0", "1.127.0", undefined],
    [2, "1.128.0", "1.129.0", undefined],
  ]);
  const page = await json<Index["items"][number]>(repository, items[2]?.["@id"] ?? "");
  expect(page.items?.map(({ catalogEntry }) => catalogEntry.version)).toEqual(["1.128.0", "1.129.0"]);
  expect((await send(repository, "v3/registration4/many/page/1.1.0/1.63.0.json")).status).toBe(404);
});

describe("through a public feed", () => {
  const nupkg = (id: string, version: string, metadata = "") => makeNupkg({ id, version, metadata });

  test("4.5.5, 8.0.6: versions keep their date, and come in checked against the catalogue's digest", async () => {
    const kit = nupkg("Public.Kit", "1.0.0", "<title>From inside</title>");
    feed.set([
      { id: "Public.Kit", version: "1.0.0", nupkg: kit, entry: { deprecation: { reasons: ["Legacy"] } } },
      { id: "Public.Kit", version: "1.1.0", nupkg: kit, listed: false, published: "1900-01-01T00:00:00Z" },
    ]);
    const [entry, unlisted] = await entries("behind", "public.kit");
    expect(entry).toMatchObject({
      published: "2024-05-06T07:08:09.123Z",
      listed: true,
      packageContent: `${baseOf("behind")}v3/flat2/public.kit/1.0.0/public.kit.1.0.0.nupkg`,
      deprecation: { reasons: ["Legacy"] },
    });
    expect(unlisted).toMatchObject({ version: "1.1.0", listed: false });
    expect(unlisted).not.toHaveProperty("published");
    const leaf = await json("behind", entry?.["@id"] as string);
    expect(leaf["packageHash"]).toBe(createHash("sha512").update(kit).digest("base64"));
    const file = await send("behind", "v3/flat2/public.kit/1.0.0/public.kit.1.0.0.nupkg");
    expect(Buffer.from(await file.arrayBuffer()).equals(kit)).toBe(true);
    const [held] = await entries("behind", "public.kit");
    expect(held).toMatchObject({
      title: "From inside",
      published: "2024-05-06T07:08:09.123Z",
      deprecation: { reasons: ["Legacy"] },
    });
  });

  test("threats C: a file that is not what the catalogue promised does not come in, nor one without a digest", async () => {
    const wrong = Buffer.alloc(64, 1).toString("base64");
    feed.set([
      { id: "Wrong", version: "1.0.0", nupkg: nupkg("Wrong", "1.0.0"), hash: wrong },
      { id: "Silent", version: "1.0.0", nupkg: nupkg("Silent", "1.0.0"), hash: "" },
    ]);
    const cut = await send("behind", "v3/flat2/wrong/1.0.0/wrong.1.0.0.nupkg");
    await expect(cut.arrayBuffer()).rejects.toThrow();
    const silent = await send("behind", "v3/flat2/silent/1.0.0/silent.1.0.0.nupkg");
    expect([silent.status, decodeURIComponent(silent.headers.get("x-portcullis-reason") ?? "")]).toEqual([
      404,
      "no digest at public:nuget-org",
    ]);
    const of = { domain: DOMAIN, repository: "behind", format: "nuget" } as const;
    expect((await server.client.listPackages(of)).packages?.map((p) => p.package)).not.toContain("wrong");
  });

  test("a registration in pages is read whole, for lists and for what may not be published", async () => {
    const versions = ["1.0.0", "1.1.0"].map((version) => ({
      id: "Paged",
      version,
      nupkg: nupkg("Paged", version),
    }));
    feed.set(versions, true);
    expect(await json("behind", "v3/flat2/paged/index.json")).toEqual({ versions: ["1.0.0", "1.1.0"] });
    expect((await send("behind", "v3/flat2/paged/1.1.0/paged.1.1.0.nupkg")).status).toBe(200);
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "behind",
      format: "nuget",
      package: "Paged",
      restrictions: { publish: "ALLOW", upstream: "ALLOW" },
    });
    const refused = await push("behind", { id: "Paged", version: "1.0" });
    expect([refused.status, refused.statusText]).toEqual([409, expect.stringContaining("reachable")]);
  });

  test("while a page of a registration cannot be read, what is held is shown and served, and nothing else", async () => {
    const versions = ["1.0.0", "1.1.0"].map((version) => ({
      id: "Torn",
      version,
      nupkg: nupkg("Torn", version),
    }));
    feed.set(versions, true);
    const path = "v3/flat2/torn/1.0.0/torn.1.0.0.nupkg";
    expect((await send("behind", path)).status).toBe(200);
    expect(await json("behind", "v3/flat2/torn/index.json")).toEqual({ versions: ["1.0.0", "1.1.0"] });
    feed.set(versions, true, ["/registration/torn/page/1.json"]);
    expect(await json("behind", "v3/flat2/torn/index.json")).toEqual({ versions: ["1.0.0"] });
    expect((await send("behind", path)).status).toBe(200);
    expect((await send("behind", "v3/flat2/torn/1.1.0/torn.1.1.0.nupkg")).status).toBe(502);
  });

  test("2.4: a name that may not come in is not asked about, by no route", async () => {
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "behind",
      format: "nuget",
      package: "secret.name",
      restrictions: { publish: "ALLOW", upstream: "BLOCK" },
    });
    for (const path of [
      "v3/registration4/secret.name/index.json",
      "v3/flat2/secret.name/index.json",
      "v3/flat2/secret.name/1.0.0/secret.name.1.0.0.nupkg",
      "v3/flat2/secret.name/1.0.0/secret.name.nuspec",
      "v3/query?q=secret.name",
      "v3/autocomplete?id=secret.name",
    ])
      await send("behind", path);
    expect(feed.requests.filter((url) => url.includes("secret"))).toEqual([]);
  });

  test("another Portcullis is such a feed: digests, unlisted versions and credentials come along", async () => {
    const source = await fresh();
    await push(source, { id: "Acme.Kit", version: "1.0.0-Beta.1" });
    await push(source, { id: "Acme.Kit", version: "0.9" });
    await send(source, "v3/package/acme.kit/0.9", { method: "DELETE" });
    const at = baseOf(source).replace("://", `://aws:${await server.token()}@`);
    const other = await startServer({ upstream: [`public:nuget-org=${at}v3/index.json`] });
    try {
      await other.repository("other", ["public:nuget-org"]);
      const base = `${other.url}/nuget/d/${DOMAIN}-${ACCOUNT}/other/`;
      const headers = { authorization: `Bearer ${await other.token()}` };
      const index = await fetch(`${base}v3/registration4-gz-semver2/acme.kit/index.json`, { headers });
      const { items } = (await index.json()) as Index;
      expect(items[0]?.items?.map(({ catalogEntry: { version, listed } }) => [version, listed])).toEqual([
        ["0.9.0", false],
        ["1.0.0-Beta.1", true],
      ]);
      const path = "v3/flat2/acme.kit/1.0.0-beta.1/acme.kit.1.0.0-beta.1.nupkg";
      const file = await fetch(`${base}${path}`, { headers });
      expect([file.status, (await file.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
    } finally {
      await other.close();
    }
  });

  test("an address where there is no V3 feed is a 502 that says what is missing", async () => {
    const other = await startServer({ upstream: [`public:nuget-org=${feed.url}nothing/`] });
    try {
      await other.repository("other", ["public:nuget-org"]);
      const url = `${other.url}/nuget/d/${DOMAIN}-${ACCOUNT}/other/v3/registration4/kit/index.json`;
      const answer = await fetch(url, { headers: { authorization: `Bearer ${await other.token()}` } });
      expect([answer.status, answer.statusText]).toEqual([502, expect.stringContaining("no service index")]);
    } finally {
      await other.close();
    }
  });
});
