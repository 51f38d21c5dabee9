// ListPackageVersionDependencies and GetPackageVersionReadme of npm versions, by the API of a whole server (spec 5.8.4, 5.8.5).
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import { dependencies, readme } from "./contents.ts";

const MANIFEST = {
  name: "@acme/ui",
  version: "1.0.0",
  dependencies: { "left-pad": "^1.0.0", "@other/kit": "~2.1", fsevents: "*" },
  devDependencies: { vitest: "5" },
  peerDependencies: { react: ">=18" },
  optionalDependencies: { fsevents: "*" },
};
const PKG = {
  domain: DOMAIN,
  format: "npm",
  namespace: "acme",
  package: "ui",
  packageVersion: "1.0.0",
} as const;

describe("of a published version", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.repository("r1");
    const published = await server.publish("r1", { ...MANIFEST, readme: "# Sent along" });
    expect(published.status).toBe(201);
  });
  afterAll(() => server.close());

  test("5.8.4 direct dependencies with npm's types; an optional one is told once, a scope is a namespace", async () => {
    const answer = await server.client.listPackageVersionDependencies({ ...PKG, repository: "r1" });
    expect(answer.dependencies).toEqual([
      { package: "fsevents", dependencyType: "optional", versionRequirement: "*" },
      { package: "left-pad", dependencyType: "regular", versionRequirement: "^1.0.0" },
      { namespace: "other", package: "kit", dependencyType: "regular", versionRequirement: "~2.1" },
      { package: "vitest", dependencyType: "dev", versionRequirement: "5" },
      { package: "react", dependencyType: "peer", versionRequirement: ">=18" },
    ]);
    expect(answer).toMatchObject({ format: "npm", namespace: "acme", package: "ui", version: "1.0.0" });
    expect(answer.versionRevision).toMatch(/^\S+$/);
  });

  test("5.8.5 the readme that was sent along", async () => {
    const { readme: text } = await server.client.getPackageVersionReadme({ ...PKG, repository: "r1" });
    expect(text).toBe("# Sent along");
  });

  test("404 a version without one; of a version that is not there", async () => {
    await server.publish("r1", { name: "bare", version: "1.0.0" });
    for (const packageVersion of ["1.0.0", "2.0.0"]) {
      await expect(
        server.client.getPackageVersionReadme({
          domain: DOMAIN,
          repository: "r1",
          format: "npm",
          package: "bare",
          packageVersion,
        }),
      ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    }
  });
});

describe("of a public version, whose readme is only in its tarball", () => {
  const held = (bytes: Buffer) => ({
    assets: [
      {
        name: "package.tgz",
        size: bytes.length,
        digests: { md5: "", sha1: "", sha256: "", sha512: "" },
        document: "",
      },
    ],
    open: () => Promise.resolve(Readable.from([bytes])),
  });

  test("5.8.5 the file is read, README.md before others, in any case of letters", async () => {
    const tarball = await tarballOf({
      "package/readme.txt": "plain",
      "package/ReadMe.md": "# hi",
      "package/docs/README.md": "x",
    });
    expect(await readme({ document: "{}" }, held(tarball))).toBe("# hi");
  });

  test("a tarball without one, or one too large to show, has none", async () => {
    expect(
      await readme({ document: "{}" }, held(await tarballOf({ "package/index.js": "" }))),
    ).toBeUndefined();
    const large = await tarballOf({ "package/README.md": "x".repeat(2 * 1024 * 1024) });
    expect(await readme({ document: "{}" }, held(large))).toBeUndefined();
  });
});

test("members that are no objects of texts are no dependencies", () => {
  const document = JSON.stringify({ dependencies: ["a"], devDependencies: { b: 5, "not a name": "1" } });
  expect(dependencies({ document })).toEqual([]);
});

async function tarballOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, text] of Object.entries(files)) tar.entry({ name }, text);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}
