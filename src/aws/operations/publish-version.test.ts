// PublishPackageVersion as the official client sees it, on both databases (spec 5.7); titles start with the status.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Codeartifact, PublishPackageVersionCommandInput } from "@aws-sdk/client-codeartifact";
import aws4 from "aws4";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ASSET_BYTES_MAX, openApi, type TestApi } from "../../../test/api.ts";
import { onEveryDatabase } from "../../../test/databases.ts";

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const PKG = {
  domain: "d1",
  repository: "r1",
  format: "generic",
  namespace: "tools",
  package: "tool",
} as const;
const V1 = { ...PKG, packageVersion: "1.0" } as const;

onEveryDatabase("PublishPackageVersion", (open) => {
  let api: TestApi;
  let client: Codeartifact;
  beforeEach(async () => {
    api = await openApi(await open());
    client = api.client;
    await client.createDomain({ domain: "d1" });
    await client.createRepository({ domain: "d1", repository: "r1" });
  });
  afterEach(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  const publish = (
    assetName: string,
    content: string | Uint8Array,
    more: Partial<PublishPackageVersionCommandInput> = {},
    by = client,
  ) =>
    by.publishPackageVersion({
      ...V1,
      assetName,
      assetContent: Buffer.from(content),
      assetSHA256: sha256(content),
      ...more,
    });
  const assets = async () => (await client.listPackageVersionAssets(V1)).assets?.map(({ name }) => name);
  const blobs = async () => {
    const found: string[] = [];
    for await (const blob of api.deps.blobs.list()) found.push(blob.sha256);
    return found;
  };
  const nothingKept = async () => {
    expect(await blobs()).toEqual([]);
    expect((await client.listPackages({ domain: "d1", repository: "r1" })).packages).toEqual([]);
  };

  test("200: the answer names the version, its status and revision, and the asset with its four digests (5.7.5)", async () => {
    const { $metadata: _metadata, ...answer } = await publish("a.bin", "hello");
    const described = (await client.describePackageVersion(V1)).packageVersion;
    expect(answer).toEqual({
      format: "generic",
      namespace: "tools",
      package: "tool",
      version: "1.0",
      versionRevision: described?.revision,
      status: "Published",
      asset: {
        name: "a.bin",
        size: 5,
        hashes: {
          MD5: "5d41402abc4b2a76b9719d911017c592",
          "SHA-1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
          "SHA-256": sha256("hello"),
          "SHA-512": createHash("sha512").update("hello").digest("hex"),
        },
      },
    });
    expect(described).toMatchObject({
      status: "Published",
      displayName: "tool",
      origin: { originType: "INTERNAL", domainEntryPoint: { repositoryName: "r1" } },
    });
    const fetched = await client.getPackageVersionAsset({ ...V1, asset: "a.bin" });
    expect(
      await (fetched.asset as unknown as { transformToString(): Promise<string> }).transformToString(),
    ).toBe("hello");
  });

  test("200: assets join while the version is Unfinished, each with a new revision; the last call finishes it (5.7.2)", async () => {
    const first = await publish("a", "1", { unfinished: true });
    const second = await publish("b", "2", { unfinished: true });
    expect([first.status, second.status]).toEqual(["Unfinished", "Unfinished"]);
    expect(second.versionRevision).not.toBe(first.versionRevision);
    expect((await client.listPackageVersions(PKG)).versions?.map(({ status }) => status)).toEqual([
      "Unfinished",
    ]);
    expect((await publish("c", "3")).status).toBe("Published");
    expect(await assets()).toEqual(["a", "b", "c"]);
  });

  test("200: an asset that is there already finishes the version as well, and nothing makes it Unfinished again (5.2.2)", async () => {
    await publish("a", "1", { unfinished: true });
    expect((await publish("a", "1")).status).toBe("Published");
    expect((await publish("a", "1", { unfinished: true })).status).toBe("Published");
    expect(await assets()).toEqual(["a"]);
  });

  test("200: the same bytes again change nothing, the revision neither (5.7.3, 8.0.5)", async () => {
    const first = await publish("a", "1");
    const again = await publish("a", "1");
    expect([again.status, again.versionRevision]).toEqual(["Published", first.versionRevision]);
  });

  test("200: an empty asset, and one of a megabyte", async () => {
    expect((await publish("empty", "", { unfinished: true })).asset?.size).toBe(0);
    expect((await publish("large", Buffer.alloc(ASSET_BYTES_MAX, 7))).asset?.size).toBe(ASSET_BYTES_MAX);
  });

  test("409: other bytes under a name that is taken, finished or not; a further asset once Published (5.7.3)", async () => {
    await publish("a", "1", { unfinished: true });
    const taken = {
      name: "ConflictException",
      resourceType: "package-version",
      $metadata: { httpStatusCode: 409 },
    };
    await expect(publish("a", "2", { unfinished: true })).rejects.toMatchObject({
      ...taken,
      message: expect.stringContaining("'a'"),
    });
    await publish("b", "2");
    await expect(publish("a", "2")).rejects.toMatchObject(taken);
    await expect(publish("c", "3")).rejects.toMatchObject({
      ...taken,
      message: expect.stringContaining("no further assets"),
    });
    expect(await assets()).toEqual(["a", "b"]);
    expect(await blobs()).not.toContain(sha256("3"));
  });

  test("409: an archived or disposed version keeps its number (5.1.1); 200 once it is deleted", async () => {
    await publish("a", "1");
    await client.updatePackageVersionsStatus({ ...PKG, versions: ["1.0"], targetStatus: "Archived" });
    await expect(publish("b", "2")).rejects.toMatchObject({ name: "ConflictException" });
    await client.disposePackageVersions({ ...PKG, versions: ["1.0"] });
    await expect(publish("a", "1")).rejects.toMatchObject({ name: "ConflictException" });
    await client.deletePackageVersions({ ...PKG, versions: ["1.0"] });
    expect((await publish("b", "2")).status).toBe("Published");
  });

  test("400: bytes that are not the declared SHA-256's, and nothing is kept (5.7.4)", async () => {
    await expect(publish("a", "1", { assetSHA256: sha256("2") })).rejects.toMatchObject({
      name: "ValidationException",
      message: expect.stringMatching(new RegExp(`${sha256("1")}.*not ${sha256("2")}`)),
    });
    await nothingKept();
  });

  test("400: a format with clients of its own (5.7.1), no namespace (1.5.3)", async () => {
    await expect(publish("a", "1", { format: "npm" })).rejects.toMatchObject({
      name: "ValidationException",
      message: expect.stringMatching(/npm.*generic/),
    });
    await expect(publish("a", "1", { namespace: undefined })).rejects.toMatchObject({
      name: "ValidationException",
      message: expect.stringMatching(/namespace/),
    });
    await nothingKept();
  });

  test("400: a name that no asset has, and every name that one has comes back as it went in (8.6.1)", async () => {
    for (const name of ["..", "a/b", " a", "a  b", "a:b", "a%b"])
      await expect(publish(name, "1"), name).rejects.toMatchObject({ name: "ValidationException" });
    await nothingKept();
    const unit = fc.constantFrom(..."abcXYZ019~!@^&()-`_+[]{};,.éß日本٣Ⅷ");
    const names = fc.uniqueArray(fc.string({ unit, minLength: 3, maxLength: 40 }), {
      minLength: 12,
      maxLength: 12,
    });
    const [sample = []] = fc.sample(
      names.filter((all) => all.every((name) => !/^\.+$/.test(name))),
      { numRuns: 1, seed: 4 },
    );
    for (const name of sample)
      expect((await publish(name, name, { unfinished: true })).asset?.name).toBe(name);
    expect((await assets())?.sort()).toEqual([...sample].sort());
    for (const asset of sample) {
      const { assetName = "" } = await client.getPackageVersionAsset({ ...V1, asset });
      // The header carries UTF-8; Node's clients read headers as Latin-1.
      expect(Buffer.from(assetName, "latin1").toString()).toBe(asset);
    }
  });

  test("402: an asset over the limit, announced or not, and nothing is kept (9)", async () => {
    const large = Buffer.alloc(ASSET_BYTES_MAX + 1);
    await expect(publish("a", large)).rejects.toMatchObject({
      name: "ServiceQuotaExceededException",
      resourceType: "asset",
      resourceId: "a",
    });
    const unannounced = await raw({ "transfer-encoding": "chunked" }, large);
    expect([unannounced.status, unannounced.continued]).toEqual([402, false]);
    await nothingKept();
  });

  test("403: origin control refuses, by the package, by its group, by a look-alike name (2.6.3)", async () => {
    const restrictions = { publish: "BLOCK", upstream: "BLOCK" } as const;
    await client.putPackageOriginConfiguration({ ...PKG, restrictions });
    await expect(publish("a", "1")).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringMatching(/publish=BLOCK.*'r1'.*PutPackageOriginConfiguration/),
      $metadata: { httpStatusCode: 403 },
    });
    await client.createPackageGroup({ domain: "d1", packageGroup: "/generic/tools/guarded$" });
    await expect(publish("a", "1", { package: "Guarded" })).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringContaining("weak association"),
    });
    await client.updatePackageGroupOriginConfiguration({
      domain: "d1",
      packageGroup: "/*",
      restrictions: { PUBLISH: "BLOCK" },
    });
    await expect(publish("a", "1", { package: "other" })).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringContaining("UpdatePackageGroupOriginConfiguration"),
    });
    expect(await blobs()).toEqual([]);
  });

  test("403: PublishPackageVersion is asked for on the very package (6.3)", async () => {
    const Resource = "arn:aws:codeartifact:us-east-1:000000000000:package/d1/r1/generic/tools/tool";
    const one = await api.clientFor("one", [
      { Statement: [{ Effect: "Allow", Action: "codeartifact:PublishPackageVersion", Resource }] },
    ]);
    expect((await publish("a", "1", {}, one)).status).toBe("Published");
    await expect(publish("a", "1", { package: "tools" }, one)).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    const reader = await api.clientFor("reader", [
      { Statement: [{ Effect: "Allow", Action: "codeartifact:Get*", Resource: "*" }] },
    ]);
    await expect(publish("a", "1", {}, reader)).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  test("404: the repository, the domain", async () => {
    for (const change of [{ repository: "r9" }, { domain: "d9" }])
      await expect(publish("a", "1", change)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  test("2.2.1: the first arrival leaves ALLOW/BLOCK; a number that an upstream repository has is no conflict (2.1.6)", async () => {
    await client.createRepository({
      domain: "d1",
      repository: "down",
      upstreams: [{ repositoryName: "r1" }],
    });
    await publish("a", "1");
    await client.putPackageOriginConfiguration({
      ...PKG,
      repository: "down",
      restrictions: { publish: "ALLOW", upstream: "ALLOW" },
    });
    expect((await publish("a", "other", { repository: "down" })).status).toBe("Published");
    const settings = async (repository: string) =>
      (await client.describePackage({ ...PKG, repository })).package?.originConfiguration?.restrictions;
    expect(await settings("r1")).toEqual({ publish: "ALLOW", upstream: "BLOCK" });
  });

  test("4.6.3: CopyPackageVersions does not find it in an upstream repository, asked to look there or not", async () => {
    for (const repository of ["middle", "last"])
      await client.createRepository({ domain: "d1", repository, upstreams: [{ repositoryName: "r1" }] });
    await publish("a", "1");
    const { repository: _repository, ...of } = PKG;
    const copy = { ...of, sourceRepository: "middle", destinationRepository: "last", versions: ["1.0"] };
    await expect(client.copyPackageVersions({ ...copy, includeFromUpstream: true })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    const straight = await client.copyPackageVersions({ ...copy, sourceRepository: "r1" });
    expect(Object.keys(straight.successfulVersions ?? {})).toEqual(["1.0"]);
  });

  test("10.3: the journal tells each asset, the end of Unfinished, and the refusal", async () => {
    await publish("a", "1", { unfinished: true });
    await publish("b", "2");
    await client.putPackageOriginConfiguration({
      ...PKG,
      restrictions: { publish: "BLOCK", upstream: "BLOCK" },
    });
    await publish("c", "3").catch(() => undefined);
    const rows = await api.database.read.selectFrom("journal").selectAll().orderBy("seq").execute();
    const events = rows.map(({ event }) => event).filter((event) => /published|assets|refused/.test(event));
    expect(events).toEqual(["published", "assets-added", "refused"]);
  });

  /** A signed request sent by hand: the body's hash is as declared, and its bytes go only when asked for. */
  async function raw(
    headers: Record<string, string>,
    body: Uint8Array,
    declared = sha256(body),
    change: Record<string, string> = {},
  ) {
    const { host } = new URL(api.endpoint);
    const query = new URLSearchParams({
      domain: "d1",
      repository: "r1",
      format: "generic",
      namespace: "tools",
      package: "tool",
      version: "1.0",
      asset: "a",
      ...change,
    });
    const signed = aws4.sign(
      {
        host,
        method: "POST",
        path: `/v1/package/version/publish?${query.toString()}`,
        service: "codeartifact",
        region: "us-east-1",
        headers: { "x-amz-content-sha256": declared, "content-type": "application/octet-stream" },
        body: "",
      },
      { accessKeyId: "AKIAADMINISTRATOR", secretAccessKey: "secret-of-administrator" },
    );
    const { "Content-Length": _length, ...sent } = signed.headers as Record<string, string>;
    const req = request(`${api.endpoint}${signed.path}`, {
      method: "POST",
      headers: { ...sent, ...headers },
    });
    let continued = false;
    req.once("continue", () => {
      continued = true;
      req.end(body);
    });
    req.on("error", () => undefined);
    if (headers["expect"] === undefined) req.end(body);
    else req.flushHeaders();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    const answer = { status: res.statusCode, continued, text: await text(res) };
    req.destroy();
    return answer;
  }

  test("400: bytes changed on the way under a good signature: what was signed is what is compared", async () => {
    expect((await raw({ "content-length": "4" }, Buffer.from("good"))).status).toBe(200);
    const changed = await raw({ "content-length": "4" }, Buffer.from("evil"), sha256("good"), {
      version: "2.0",
    });
    expect(changed.status).toBe(400);
    expect(changed.text).toContain("ValidationException");
  });

  test("415: a content encoding, since the asset would not be the file", async () => {
    expect((await raw({ "content-encoding": "gzip" }, Buffer.from("x"))).status).toBe(415);
    await nothingKept();
  });
});
