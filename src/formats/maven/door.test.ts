// Maven's door over the real registry: what each request answers, and that a refused one leaves nothing behind.
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import {
  type FakeRegistry,
  LAST_MODIFIED,
  metadataOf,
  pomOf,
  snapshotMetadataOf,
  startFakeRegistry,
} from "./fake-registry.ts";

let server: TestServer;
let outside: FakeRegistry;

beforeAll(async () => {
  outside = await startFakeRegistry();
  server = await startServer({
    upstream: [`public:maven-central=${outside.url}`],
    "upstream-freshness-ms": "0",
  });
  await server.repository("own");
  await server.repository("store", ["public:maven-central"]);
  await server.repository("app", ["store"]);
});
afterAll(async () => {
  await server.close();
  await outside.close();
});

async function send(
  method: string,
  path: string,
  body?: string | Buffer,
  { repository = "own", headers = {} }: { repository?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${server.url}/maven/d/${DOMAIN}-${ACCOUNT}/${repository}/${path}`, {
    method,
    headers: { authorization: `Bearer ${await server.token()}`, ...headers },
    ...(body === undefined ? {} : { body: body as string }),
  });
}
const get = (path: string, repository = "own") => send("GET", path, undefined, { repository });
const put = (path: string, body: string | Buffer, repository = "own") =>
  send("PUT", path, body, { repository });
const digest = (algorithm: string, content: string | Buffer) =>
  createHash(algorithm).update(content).digest("hex");

/** A whole release, as mvn deploys one. */
async function deploy(
  artifact: string,
  version: string,
  { repository = "own", group = "com.acme", more = "" } = {},
) {
  const folder = `${group.replaceAll(".", "/")}/${artifact}`;
  const file = `${folder}/${version}/${artifact}-${version}`;
  const answers = [
    await put(`${file}.jar`, `jar of ${artifact} ${version}`, repository),
    await put(`${file}.pom`, pomOf(group, artifact, version, more), repository),
  ];
  const known = await get(`${folder}/maven-metadata.xml`, repository);
  const listed = known.ok ? versionsIn(await known.text()) : [];
  answers.push(
    await put(`${folder}/maven-metadata.xml`, metadataOf(group, artifact, [...listed, version]), repository),
  );
  return answers.map(({ status }) => status);
}

function versionsIn(metadata: string): string[] {
  return [...metadata.matchAll(/<version>([^<]+)<\/version>/g)].map(([, version]) => version as string);
}

async function versions(artifact: string, repository = "own", group = "com.acme"): Promise<string[]> {
  const answer = await get(`${group.replaceAll(".", "/")}/${artifact}/maven-metadata.xml`, repository);
  return answer.ok ? versionsIn(await answer.text()) : [];
}

async function statuses(artifact: string, repository = "own"): Promise<Record<string, string | undefined>> {
  const { versions: found } = await server.client.listPackageVersions({
    domain: DOMAIN,
    repository,
    format: "maven",
    namespace: "com.acme",
    package: artifact,
  });
  return Object.fromEntries((found ?? []).map(({ version, status }) => [version as string, status]));
}

const origin = (
  artifact: string,
  publish: "ALLOW" | "BLOCK",
  upstream: "ALLOW" | "BLOCK",
  repository: string,
) =>
  server.client.putPackageOriginConfiguration({
    domain: DOMAIN,
    repository,
    format: "maven",
    namespace: "com.acme",
    package: artifact,
    restrictions: { publish, upstream },
  });

describe("releases", () => {
  test("8.3.2 files make the version Unfinished, which nobody may fetch; maven-metadata.xml publishes it", async () => {
    expect((await put("com/acme/steps/1.0/steps-1.0.jar", "bytes")).status).toBe(201);
    expect((await put("com/acme/steps/1.0/steps-1.0.pom", pomOf("com.acme", "steps", "1.0"))).status).toBe(
      201,
    );
    expect(await statuses("steps")).toEqual({ "1.0": "Unfinished" });
    expect((await get("com/acme/steps/1.0/steps-1.0.jar")).status).toBe(404);
    expect((await get("com/acme/steps/maven-metadata.xml")).status).toBe(404);
    const answer = await put("com/acme/steps/maven-metadata.xml", metadataOf("com.acme", "steps", ["1.0"]));
    expect(answer.status).toBe(201);
    expect(await statuses("steps")).toEqual({ "1.0": "Published" });
    expect(await (await get("com/acme/steps/1.0/steps-1.0.jar")).text()).toBe("bytes");
  });

  test("8.3.1 GET, HEAD and ranges; the same bytes again are 200, others 409 (8.0.5)", async () => {
    expect(await deploy("again", "1.0")).toEqual([201, 201, 201]);
    const path = "com/acme/again/1.0/again-1.0.jar";
    const head = await send("HEAD", path);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "16"]);
    const range = await send("GET", path, undefined, { headers: { range: "bytes=0-2" } });
    expect([range.status, await range.text()]).toEqual([206, "jar"]);
    expect((await put(path, "jar of again 1.0")).status).toBe(200);
    const other = await put(path, "other bytes");
    expect([other.status, await other.text()]).toEqual([
      409,
      expect.stringContaining("already with other content"),
    ]);
    expect(await (await get(path)).text()).toBe("jar of again 1.0");
  });

  test("8.3.6 assets may be added after Published: classifiers, signatures, Gradle's .module, anything", async () => {
    await deploy("late", "1.0");
    for (const end of ["-sources.jar", "-x86.tar.gz", ".jar.asc", ".jar.sigstore.json", ".module"]) {
      expect((await put(`com/acme/late/1.0/late-1.0${end}`, `some ${end}`)).status).toBe(201);
      expect(await (await get(`com/acme/late/1.0/late-1.0${end}`)).text()).toBe(`some ${end}`);
    }
    expect(await (await get("com/acme/late/1.0/late-1.0.jar.asc.sha1")).text()).toBe(
      digest("sha1", "some .jar.asc"),
    );
  });

  test("sbt and Ivy call files by other rules, which the path still bounds", async () => {
    expect((await put("com/acme/plug_2.12_1.0/0.1/plug-0.1.jar", "sbt")).status).toBe(201);
    expect(
      (
        await put(
          "com/acme/plug_2.12_1.0/0.1/plug_2.12_1.0-0.1.pom",
          pomOf("com.acme", "plug_2.12_1.0", "0.1"),
        )
      ).status,
    ).toBe(201);
    expect((await put("com/acme/ivied/0.1/ivy-0.1.xml", "<ivy-module/>")).status).toBe(201);
    expect((await put("com/acme/ivied/0.1/ivz-0.1.xml", "<ivy-module/>")).status).toBe(400);
  });

  test("8.3.5 served metadata lists in Maven's order, with the newest as latest and the newest release as release", async () => {
    for (const version of ["1.10", "1.9", "2.0-rc1", "1.9.1"]) await deploy("order", version);
    const text = await (await get("com/acme/order/maven-metadata.xml")).text();
    expect(versionsIn(text)).toEqual(["1.9", "1.9.1", "1.10", "2.0-rc1"]);
    expect(text).toContain("<latest>2.0-rc1</latest>");
    expect(text).toContain("<release>2.0-rc1</release>");
    expect(text).toMatch(/<lastUpdated>20\d{12}<\/lastUpdated>/);
  });

  test("5.1 Unlisted leaves the list and stays downloadable; Archived is gone", async () => {
    await deploy("hide", "1.0");
    await deploy("hide", "2.0");
    const change = (version: string, targetStatus: "Unlisted" | "Archived") =>
      server.client.updatePackageVersionsStatus({
        domain: DOMAIN,
        repository: "own",
        format: "maven",
        namespace: "com.acme",
        package: "hide",
        versions: [version],
        targetStatus,
      });
    await change("1.0", "Unlisted");
    expect(await versions("hide")).toEqual(["2.0"]);
    expect((await get("com/acme/hide/1.0/hide-1.0.jar")).status).toBe(200);
    await change("1.0", "Archived");
    const gone = await get("com/acme/hide/1.0/hide-1.0.jar");
    expect([gone.status, gone.headers.get("x-portcullis-reason")]).toEqual([404, "version status Archived"]);
    expect((await get("com/acme/hide/1.0/hide-1.0.jar.sha1")).status).toBe(404);
    expect((await put("com/acme/hide/1.0/hide-1.0-extra.jar", "x")).status).toBe(409);
  });
});

describe("checksums", () => {
  test("8.3.3 all four are computed, in lower case, and never stored", async () => {
    await deploy("sums", "1.0");
    for (const algorithm of ["md5", "sha1", "sha256", "sha512"])
      expect(await (await get(`com/acme/sums/1.0/sums-1.0.jar.${algorithm}`)).text()).toBe(
        digest(algorithm, "jar of sums 1.0"),
      );
    expect((await put("com/acme/sums/1.0/sums-1.0.jar.sha1", digest("sha1", "jar of sums 1.0"))).status).toBe(
      201,
    );
    const { assets } = await server.client.listPackageVersionAssets({
      domain: DOMAIN,
      repository: "own",
      format: "maven",
      namespace: "com.acme",
      package: "sums",
      packageVersion: "1.0",
    });
    expect(assets?.map(({ name }) => name).sort()).toEqual(["sums-1.0.jar", "sums-1.0.pom"]);
  });

  test("Maven 3.9 finds them in the answer's headers", async () => {
    await deploy("smart", "1.0");
    const answer = await get("com/acme/smart/1.0/smart-1.0.jar");
    expect(answer.headers.get("x-checksum-sha1")).toBe(digest("sha1", "jar of smart 1.0"));
  });

  test("8.3.4 a wrong one is 400 and keeps the version from being published; upper case is wrong", async () => {
    const path = "com/acme/wrong/1.0/wrong-1.0.jar";
    await put(path, "bytes");
    expect((await put(`${path}.sha1`, digest("sha1", "bytes").toUpperCase())).status).toBe(400);
    const wrong = await put(`${path}.sha1`, digest("sha1", "other"));
    expect([wrong.status, wrong.statusText]).toEqual([400, expect.stringContaining("sha1 of wrong-1.0.jar")]);
    const metadata = metadataOf("com.acme", "wrong", ["1.0"]);
    expect((await put("com/acme/wrong/maven-metadata.xml", metadata)).status).toBe(400);
    expect(await statuses("wrong")).toEqual({ "1.0": "Unfinished" });
    expect((await put(`${path}.sha1`, `${digest("sha1", "bytes")}  wrong-1.0.jar\n`)).status).toBe(201);
    expect((await put("com/acme/wrong/maven-metadata.xml", metadata)).status).toBe(201);
  });

  test("8.3.7 parallel uploads: a checksum before its file is held, and a file that is not what it said is refused", async () => {
    const path = "com/acme/early/1.0/early-1.0.jar";
    expect((await put(`${path}.sha256`, digest("sha256", "bytes"))).status).toBe(201);
    const refused = await put(path, "other bytes");
    expect([refused.status, refused.statusText]).toEqual([
      400,
      expect.stringContaining("sha256 of early-1.0.jar"),
    ]);
    expect((await get(path)).status).toBe(404);
    expect((await put(`${path}.sha256`, digest("sha256", "bytes"))).status).toBe(201);
    expect((await put(path, "bytes")).status).toBe(201);
  });

  test("8.3.7 files and checksums of one new version, all at once, in any order: never 404 or 429", async () => {
    const files = ["jar", "pom", "jar.asc", "module"].map((end): [string, string] => [
      `com/acme/parallel/1.0/parallel-1.0.${end}`,
      end === "pom" ? pomOf("com.acme", "parallel", "1.0") : `some ${end}`,
    ]);
    const uploads = files.flatMap(([path, body]) => [
      ...["md5", "sha1", "sha256", "sha512"].map((name) => put(`${path}.${name}`, digest(name, body))),
      put(path, body),
    ]);
    expect(new Set((await Promise.all(uploads)).map(({ status }) => status))).toEqual(new Set([201]));
    const metadata = metadataOf("com.acme", "parallel", ["1.0"]);
    expect((await put("com/acme/parallel/maven-metadata.xml", metadata)).status).toBe(201);
    for (const [path, body] of files) expect(await (await get(path)).text()).toBe(body);
  });

  test("what is no checksum is 400", async () => {
    expect((await put("com/acme/odd/1.0/odd-1.0.jar.sha1", "<html>")).status).toBe(400);
    expect((await put("com/acme/odd/maven-metadata.xml.sha1", "abc")).status).toBe(400);
  });

  test("of maven-metadata.xml: of the bytes that this caller got, also when a publish comes in between", async () => {
    await deploy("between", "1.0");
    const body = await (await get("com/acme/between/maven-metadata.xml")).text();
    await deploy2("between", "2.0");
    expect(await (await get("com/acme/between/maven-metadata.xml.sha1")).text()).toBe(digest("sha1", body));
    const next = await (await get("com/acme/between/maven-metadata.xml")).text();
    expect(next).not.toBe(body);
    expect(await (await get("com/acme/between/maven-metadata.xml.sha512")).text()).toBe(
      digest("sha512", next),
    );
  });
});

/** A release by a publisher that does not look at the metadata that is there. */
async function deploy2(artifact: string, version: string): Promise<void> {
  await put(`com/acme/${artifact}/${version}/${artifact}-${version}.jar`, "x");
  await put(`com/acme/${artifact}/maven-metadata.xml`, metadataOf("com.acme", artifact, [version]));
}

describe("8.3.8 snapshots", () => {
  const folder = "com/acme/snap/1.0-SNAPSHOT";
  const build = async (timestamp: string, number: number) => {
    const version = `1.0-${timestamp}-${number}`;
    await put(`${folder}/snap-${version}.jar`, `build ${number}`);
    await put(`${folder}/snap-${version}.pom`, pomOf("com.acme", "snap", "1.0-SNAPSHOT"));
    return put(
      `${folder}/maven-metadata.xml`,
      snapshotMetadataOf("com.acme", "snap", "1.0-SNAPSHOT", [timestamp, number]),
    );
  };

  test("n builds are n+1 versions: the moving one Published with the newest files, the builds Unlisted", async () => {
    expect((await put(`${folder}/snap-1.0-20260101.101010-1.jar`, "build 1")).status).toBe(201);
    expect(await statuses("snap")).toEqual({ "1.0-20260101.101010-1": "Unfinished" });
    expect((await build("20260101.101010", 1)).status).toBe(201);
    expect((await build("20260102.101010", 2)).status).toBe(201);
    expect(await statuses("snap")).toEqual({
      "1.0-20260101.101010-1": "Unlisted",
      "1.0-20260102.101010-2": "Unlisted",
      "1.0-SNAPSHOT": "Published",
    });
    expect(
      (await put("com/acme/snap/maven-metadata.xml", metadataOf("com.acme", "snap", ["1.0-SNAPSHOT"])))
        .status,
    ).toBe(201);
    expect(await versions("snap")).toEqual(["1.0-SNAPSHOT"]);
  });

  test("its metadata names the newest build's files, and each build's files are there, by either folder", async () => {
    const text = await (await get(`${folder}/maven-metadata.xml`)).text();
    expect(text).toContain("<timestamp>20260102.101010</timestamp>");
    expect(text).toContain("<buildNumber>2</buildNumber>");
    expect(text.match(/<value>1\.0-20260102\.101010-2<\/value>/g)).toHaveLength(2);
    expect(await (await get(`${folder}/snap-1.0-20260102.101010-2.jar`)).text()).toBe("build 2");
    expect(await (await get(`${folder}/snap-1.0-20260101.101010-1.jar`)).text()).toBe("build 1");
    const own = "com/acme/snap/1.0-20260101.101010-1/snap-1.0-20260101.101010-1.jar";
    expect(await (await get(own)).text()).toBe("build 1");
    expect(await (await get(`${own}.sha1`)).text()).toBe(digest("sha1", "build 1"));
  });

  test("through a downstream repository: the upstream's build is shown before its own, and kept once fetched", async () => {
    await server.repository("below", ["own"]);
    const place = { repository: "below" };
    const text = await (await send("GET", `${folder}/maven-metadata.xml`, undefined, place)).text();
    expect(text).toContain("<buildNumber>2</buildNumber>");
    const jar = await send("GET", `${folder}/snap-1.0-20260102.101010-2.jar`, undefined, place);
    expect(await jar.text()).toBe("build 2");
    expect(await statuses("snap", "below")).toEqual({ "1.0-20260102.101010-2": "Unlisted" });
    await origin("snap", "ALLOW", "ALLOW", "below");
    await put(`${folder}/snap-1.0-20260109.101010-1.jar`, "mine", "below");
    const said = snapshotMetadataOf("com.acme", "snap", "1.0-SNAPSHOT", ["20260109.101010", 1], ["jar"]);
    expect((await put(`${folder}/maven-metadata.xml`, said, "below")).status).toBe(201);
    expect(await (await get(`${folder}/maven-metadata.xml`, "below")).text()).toContain("20260102.101010");
    await origin("snap", "ALLOW", "BLOCK", "below");
    expect(await (await get(`${folder}/maven-metadata.xml`, "below")).text()).toContain("20260109.101010");
  });

  test("threats 2: whatever is listed downloads: the moving version's files are there without their build", async () => {
    await server.repository("copied", []);
    const of = { domain: DOMAIN, format: "maven", namespace: "com.acme", package: "snap" } as const;
    await server.client.copyPackageVersions({
      ...of,
      sourceRepository: "own",
      destinationRepository: "copied",
      versions: ["1.0-SNAPSHOT"],
    });
    expect(await (await get(`${folder}/maven-metadata.xml`, "copied")).text()).toContain("<buildNumber>2<");
    const jar = `${folder}/snap-1.0-20260102.101010-2.jar`;
    expect(await (await get(jar, "copied")).text()).toBe("build 2");
    expect(await (await get(`${jar}.sha1`, "copied")).text()).toBe(digest("sha1", "build 2"));
    expect((await get(`${folder}/snap-1.0-20260101.101010-1.jar`, "copied")).status).toBe(404);
  });

  test("metadata without a timestamp, of another build, or of files that are not there is 400", async () => {
    const at = (text: string) => put(`${folder}/maven-metadata.xml`, text).then(({ status }) => status);
    const said = (stamp: readonly [string, number], extensions?: string[]) =>
      snapshotMetadataOf("com.acme", "snap", "1.0-SNAPSHOT", stamp, extensions);
    expect(await at(metadataOf("com.acme", "snap", []))).toBe(400);
    expect(await at(said(["20260103.101010", 3]))).toBe(400);
    expect(await at(said(["20260102.101010", 2], ["war"]))).toBe(400);
    expect(await at(said(["20260102.101010", 2], []))).toBe(400);
    expect(await at(said(["20260102.101010", 2]).replace("<version>1.0-", "<version>2.0-"))).toBe(400);
  });

  test("Maven 2's snapshots without a timestamp, and snapshots' files outside a snapshot's folder, are 400", async () => {
    for (const path of [
      `${folder}/snap-1.0-SNAPSHOT.jar`,
      "com/acme/snap/1.0/snap-1.0-20260101.101010-1.jar",
      "com/acme/snap/1.0/snap-1.0-SNAPSHOT.jar",
      "com/acme/snap/1.0-20260101.101010-1/snap-1.0-20260101.101010-1-extra.jar",
      "com/acme/snap/1.0-snapshot/snap-1.0-snapshot.jar",
    ])
      expect([path, (await put(path, "x")).status]).toEqual([path, 400]);
  });
});

describe("plugins", () => {
  test("a group's metadata tells the prefixes of the plugins that may be seen, the publisher's own where it chose one", async () => {
    const more = "<packaging>maven-plugin</packaging><name>Gate</name>";
    await deploy("gate-maven-plugin", "1.0", { group: "com.acme.build", more });
    await deploy("tower", "1.0", { group: "com.acme.build", more });
    await deploy("plain", "1.0", { group: "com.acme.build" });
    const metadata = (artifactId: string, prefix: string) =>
      `<metadata><plugins><plugin><name>Tower</name><prefix>${prefix}</prefix><artifactId>${artifactId}</artifactId></plugin></plugins></metadata>`;
    expect((await put("com/acme/build/maven-metadata.xml", metadata("tower", "twr"))).status).toBe(201);
    const text = await (await get("com/acme/build/maven-metadata.xml")).text();
    expect([...text.matchAll(/<prefix>(.*?)<\/prefix>/g)].map(([, prefix]) => prefix)).toEqual([
      "gate",
      "twr",
    ]);
    expect(await (await get("com/acme/build/maven-metadata.xml.sha1")).text()).toBe(digest("sha1", text));
    expect((await put("com/acme/build/maven-metadata.xml", metadata("absent", "abs"))).status).toBe(400);
  });
});

describe("refusals keep nothing", () => {
  const pom = pomOf("com.acme", "bad", "1.0");
  const doctype = pom.replace("<project", '<!DOCTYPE project [<!ENTITY x "y">]><project');
  test.each([
    ["another artifact's file name", "com/acme/bad/1.0/good-1.0.jar", "x"],
    ["another version's file name", "com/acme/bad/1.0/bad-1.1.jar", "x"],
    ["a file name that goes on with the version", "com/acme/bad/1.0/bad-1.01.jar", "x"],
    ["a POM of another artifact", "com/acme/bad/1.0/bad-1.0.pom", pomOf("com.acme", "good", "1.0")],
    ["a POM of another group", "com/acme/bad/1.0/bad-1.0.pom", pomOf("com.evil", "bad", "1.0")],
    ["a POM of another version", "com/acme/bad/1.0/bad-1.0.pom", pomOf("com.acme", "bad", "2.0")],
    ["a POM with entities", "com/acme/bad/1.0/bad-1.0.pom", doctype],
    ["a POM that is no XML", "com/acme/bad/1.0/bad-1.0.pom", "not xml"],
    [
      "a POM nested too deeply",
      "com/acme/bad/1.0/bad-1.0.pom",
      `<project>${"<a>".repeat(5_000)}${"</a>".repeat(5_000)}</project>`,
    ],
    ["a dotted group folder", "com.acme/bad/1.0/bad-1.0.jar", "x"],
    ["an empty segment", "com//acme/bad/1.0/bad-1.0.jar", "x"],
    ["an encoded slash", "com/acme%2fbad/1.0/bad-1.0.jar", "x"],
    ["encoded dots", "com/acme/bad/%2e%2e/bad-1.0.jar", "x"],
    ["too short a path", "bad-1.0.jar", "x"],
    [
      "metadata that lists what is not there",
      "com/acme/bad/maven-metadata.xml",
      metadataOf("com.acme", "bad", ["1.0"]),
    ],
    [
      "metadata of another artifact",
      "com/acme/bad/maven-metadata.xml",
      metadataOf("com.acme", "good", ["1.0"]),
    ],
    ["metadata that lists nothing", "com/acme/bad/maven-metadata.xml", metadataOf("com.acme", "bad", [])],
    [
      "metadata with entities",
      "com/acme/bad/maven-metadata.xml",
      `<!DOCTYPE a>${metadataOf("com.acme", "bad", ["1.0"])}`,
    ],
  ])("%s is 400", async (_, path, body) => {
    const answer = await put(path, body);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/\w/)]);
    const all = await server.client.listPackages({
      domain: DOMAIN,
      repository: "own",
      format: "maven",
      packagePrefix: "bad",
    });
    expect(all.packages).toEqual([]);
  });

  test("files whose names differ in case only are 409", async () => {
    await put("com/acme/cased/1.0/cased-1.0-Linux.jar", "a");
    const answer = await put("com/acme/cased/1.0/cased-1.0-linux.jar", "b");
    expect([answer.status, answer.statusText]).toEqual([
      409,
      expect.stringContaining("upper and lower case"),
    ]);
  });

  test("CI-friendly versions are not held against the path", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Maven's
    const friendly = pomOf("com.acme", "friendly", "${revision}");
    expect((await put("com/acme/friendly/1.0/friendly-1.0.pom", friendly)).status).toBe(201);
  });

  test("other methods are 405; a bad path is 404 to readers; the reason phrase says it all", async () => {
    const answer = await send("DELETE", "com/acme/bad/1.0/bad-1.0.jar");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT"]);
    expect((await get("com.acme/bad/1.0/bad-1.0.jar")).status).toBe(404);
  });

  test("2.1.2 a blocked publish is 403 before the body is sent, naming the rule", async () => {
    await origin("shut", "BLOCK", "BLOCK", "own");
    const { hostname, port } = new URL(server.url);
    const answer = await new Promise<{ status: number; phrase: string; sent: boolean }>((resolve, reject) => {
      let sent = false;
      const req = httpRequest({
        hostname,
        port,
        method: "PUT",
        path: `/maven/d/${DOMAIN}-${ACCOUNT}/own/com/acme/shut/1.0/shut-1.0.jar`,
        headers: { authorization: `Bearer ${token}`, expect: "100-continue", "content-length": "5" },
      });
      req.on("continue", () => {
        sent = true;
        req.end("bytes");
      });
      req.on("response", (res) => {
        resolve({ status: res.statusCode ?? 0, phrase: res.statusMessage ?? "", sent });
        req.destroy();
      });
      req.on("error", reject);
      req.flushHeaders();
    });
    expect(answer).toEqual({ status: 403, phrase: expect.stringMatching(/publish/i), sent: false });
    expect((await put("com/acme/shut/1.0/shut-1.0.jar.sha1", digest("sha1", "x"))).status).toBe(403);
  });

  let token: string;
  beforeAll(async () => {
    token = await server.token();
  });

  test("the first request without credentials is 401 with a challenge, as Maven waits for", async () => {
    const answer = await send("GET", "com/acme/x/1.0/x-1.0.pom", undefined, {
      headers: { authorization: "" },
    });
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining("Basic"),
    ]);
  });
});

describe("public registries", () => {
  test("a file comes through, is checked against the registry's own checksum, dated by it, and kept in both repositories", async () => {
    outside.release("org.pub", "lib", "1.0");
    const jar = await get("org/pub/lib/1.0/lib-1.0.jar", "app");
    expect([jar.status, await jar.text()]).toEqual([200, "jar of lib 1.0"]);
    const again = await get("org/pub/lib/1.0/lib-1.0.jar", "app");
    expect(again.headers.get("last-modified")).toBe(LAST_MODIFIED);
    expect(await again.text()).toBe("jar of lib 1.0");
    for (const repository of ["app", "store"]) {
      const found = await server.client.describePackageVersion({
        domain: DOMAIN,
        repository,
        format: "maven",
        namespace: "org.pub",
        package: "lib",
        packageVersion: "1.0",
      });
      expect(found.packageVersion).toMatchObject({ status: "Published", origin: { originType: "EXTERNAL" } });
    }
    expect(
      (
        await server.client.describePackage({
          domain: DOMAIN,
          repository: "app",
          format: "maven",
          namespace: "org.pub",
          package: "lib",
        })
      ).package?.originConfiguration?.restrictions,
    ).toEqual({ publish: "BLOCK", upstream: "ALLOW" });
  });

  test("4.3.5 further files of a version come when they are asked for; its checksum first if that is asked first", async () => {
    outside.release("org.pub", "more", "1.0");
    outside.put("org/pub/more/1.0/more-1.0-sources.jar", "sources");
    outside.put("org/pub/more/1.0/more-1.0-odd.thing", "odd", ["sha512"]);
    expect((await get("org/pub/more/1.0/more-1.0.pom", "app")).status).toBe(200);
    expect(await (await get("org/pub/more/1.0/more-1.0-sources.jar.sha256", "app")).text()).toBe(
      digest("sha256", "sources"),
    );
    expect(await (await get("org/pub/more/1.0/more-1.0-odd.thing", "app")).text()).toBe("odd");
    expect((await get("org/pub/more/1.0/more-1.0-javadoc.jar", "app")).status).toBe(404);
  });

  test("fail closed: bytes that are not what the registry said, or that it says nothing but an MD5 of, never come in", async () => {
    outside.release("org.pub", "tampered", "1.0");
    outside.put("org/pub/tampered/1.0/tampered-1.0.jar", "evil", []);
    await expect(
      get("org/pub/tampered/1.0/tampered-1.0.jar", "app").then((answer) => answer.text()),
    ).rejects.toThrow();
    outside.put("org/pub/tampered/1.0/tampered-1.0-weak.jar", "weak", ["md5"]);
    const weak = await get("org/pub/tampered/1.0/tampered-1.0-weak.jar", "app");
    expect([weak.status, weak.headers.get("x-portcullis-reason")]).toEqual([
      404,
      "no digest at public:maven-central",
    ]);
    outside.put("org/pub/tampered/1.0/tampered-1.0-none.jar", "none", []);
    expect((await get("org/pub/tampered/1.0/tampered-1.0-none.jar", "app")).status).toBe(404);
  });

  test("a registry that answers 403 for what it does not have (object storage) serves what it has", async () => {
    outside.release("org.pub", "stored", "1.0");
    outside.absent = 403;
    try {
      const jar = await get("org/pub/stored/1.0/stored-1.0.jar", "app");
      expect([jar.status, await jar.text()]).toEqual([200, "jar of stored 1.0"]);
      expect((await get("org/pub/stored/1.0/stored-1.0-sources.jar", "app")).status).toBe(502);
    } finally {
      outside.absent = 404;
    }
  });

  test("a version that the public metadata does not list is found by its files", async () => {
    outside.release("org.pub", "unlisted", "1.0", { listed: false });
    expect((await get("org/pub/unlisted/1.0/unlisted-1.0.pom", "app")).status).toBe(200);
    expect((await get("org/pub/unlisted/1.0/unlisted-1.0.jar", "app")).status).toBe(200);
  });

  test("2.5.1 a version that is reachable outside cannot be published, listed there or not", async () => {
    for (const listed of [true, false]) {
      const artifact = listed ? "taken" : "hidden";
      outside.release("com.acme", artifact, "1.0", { listed });
      await origin(artifact, "ALLOW", "ALLOW", "app");
      const answer = await put(`com/acme/${artifact}/1.0/${artifact}-1.0.jar`, "mine", "app");
      expect([artifact, answer.status]).toEqual([artifact, 409]);
      expect((await put(`com/acme/${artifact}/1.1/${artifact}-1.1.jar`, "mine", "app")).status).toBe(201);
    }
  });

  test("metadata merges what is held with what is public; 4.5.6 public snapshots are neither listed nor fetched", async () => {
    outside.release("com.acme", "merged", "1.0");
    outside.release("com.acme", "merged", "3.0-SNAPSHOT");
    await origin("merged", "ALLOW", "ALLOW", "app");
    expect((await deploy("merged", "2.0", { repository: "app" })).at(-1)).toBe(201);
    expect(await versions("merged", "app")).toEqual(["1.0", "2.0"]);
    expect((await get("com/acme/merged/3.0-SNAPSHOT/merged-3.0-SNAPSHOT.pom", "app")).status).toBe(404);
    expect((await get("com/acme/merged/3.0-SNAPSHOT/maven-metadata.xml", "app")).status).toBe(404);
  });

  test("2.8 #2, #13: what may not come in is neither listed nor served on any route, and the reason says why", async () => {
    outside.release("com.acme", "ours", "9.9");
    expect((await deploy("ours", "1.0", { repository: "app" })).at(-1)).toBe(201);
    expect(await versions("ours", "app")).toEqual(["1.0"]);
    for (const end of [".jar", ".jar.sha1", ".pom", "-sources.jar"]) {
      const answer = await get(`com/acme/ours/9.9/ours-9.9${end}`, "app");
      expect([answer.status, answer.headers.get("x-portcullis-reason")]).toEqual([
        404,
        expect.stringMatching(/upstream=BLOCK|upstream/),
      ]);
    }
  });

  test("a name that may not come in is never asked for outside, on any route", async () => {
    await origin("secret", "ALLOW", "BLOCK", "app");
    outside.release("com.acme", "secret", "9.9");
    outside.asked.length = 0;
    for (const path of [
      "9.9/secret-9.9.jar",
      "9.9/secret-9.9.jar.sha1",
      "9.9/secret-9.9.pom",
      "maven-metadata.xml",
      "maven-metadata.xml.md5",
      "1.0-SNAPSHOT/maven-metadata.xml",
    ])
      for (const method of ["GET", "HEAD"]) {
        const answer = await send(method, `com/acme/secret/${path}`, undefined, { repository: "app" });
        expect([path, answer.status, answer.headers.has("x-portcullis-reason")]).toEqual([path, 404, true]);
      }
    expect(outside.asked.filter((path) => path.includes("secret"))).toEqual([]);
  });

  test("plugin prefixes of a public group, less those that may not come in", async () => {
    const plugin = (prefix: string) =>
      `<plugin><name>${prefix}</name><prefix>${prefix}</prefix><artifactId>${prefix}-maven-plugin</artifactId></plugin>`;
    outside.put(
      "org/pub/plugins/maven-metadata.xml",
      `<metadata><plugins>${plugin("one")}${plugin("two")}</plugins></metadata>`,
    );
    await server.client.putPackageOriginConfiguration({
      domain: DOMAIN,
      repository: "app",
      format: "maven",
      namespace: "org.pub.plugins",
      package: "two-maven-plugin",
      restrictions: { publish: "BLOCK", upstream: "BLOCK" },
    });
    const text = await (await get("org/pub/plugins/maven-metadata.xml", "app")).text();
    expect(text).toContain("<prefix>one</prefix>");
    expect(text).not.toContain("two");
  });
});

describe("what the API tells", () => {
  test("1.6.5, 5.8.4 metadata of that very POM, and its dependencies with scopes and parent", async () => {
    const more = `<name>Facts</name><description>About &amp; more</description><url>https://acme.example/facts</url>
      <parent><groupId>com.acme</groupId><artifactId>base</artifactId><version>7</version></parent>
      <licenses><license><name>MIT</name><url>https://acme.example/mit</url></license></licenses>
      <scm><connection>scm:git:https://acme.example/facts.git</connection></scm>
      <dependencyManagement><dependencies><dependency><groupId>x</groupId><artifactId>managed</artifactId><version>1</version></dependency></dependencies></dependencyManagement>
      <dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId><version>[1,2)</version></dependency>
      <dependency><groupId>c</groupId><artifactId>d</artifactId><version>1</version><scope>test</scope></dependency>
      <dependency><groupId>e</groupId><artifactId>f</artifactId><optional>true</optional></dependency></dependencies>`;
    await deploy("facts", "1.0", { more });
    const of = {
      domain: DOMAIN,
      repository: "own",
      format: "maven",
      namespace: "com.acme",
      package: "facts",
      packageVersion: "1.0",
    } as const;
    const { packageVersion } = await server.client.describePackageVersion(of);
    expect(packageVersion).toMatchObject({
      displayName: "Facts",
      summary: "About & more",
      homePage: "https://acme.example/facts",
      sourceCodeRepository: "https://acme.example/facts.git",
      licenses: [{ name: "MIT", url: "https://acme.example/mit" }],
    });
    const { dependencies } = await server.client.listPackageVersionDependencies(of);
    expect(dependencies).toEqual([
      { namespace: "com.acme", package: "base", dependencyType: "parent", versionRequirement: "7" },
      { namespace: "a", package: "b", dependencyType: "compile", versionRequirement: "[1,2)" },
      { namespace: "c", package: "d", dependencyType: "test", versionRequirement: "1" },
      { namespace: "e", package: "f", dependencyType: "optional", versionRequirement: "" },
    ]);
  });
});

// Last: a registry that failed is left alone for some seconds.
describe("the public side down", () => {
  test("4.5.4 with the public side down, what is kept installs and what is not says so", async () => {
    outside.release("org.pub", "kept", "1.0");
    await (await get("org/pub/kept/1.0/kept-1.0.jar", "app")).text();
    outside.failing = 503;
    try {
      expect(await (await get("org/pub/kept/1.0/kept-1.0.jar", "app")).text()).toBe("jar of kept 1.0");
      expect(await versions("kept", "app", "org.pub")).toEqual(["1.0"]);
      const missing = await get("org/pub/kept/1.0/kept-1.0-extra.jar", "app");
      expect([missing.status, await missing.text()]).toEqual([
        503,
        expect.stringContaining("public:maven-central"),
      ]);
    } finally {
      outside.failing = undefined;
    }
  });
});
