// What a publish body must be, names and tags, and the metadata read from manifests.
import { expect, describe as group, test } from "vitest";
import type { PackageKey } from "../../core/coordinates.ts";
import { checkDeclaredDist, describe, parseBody, readMetadataUpdate, readPublish } from "./documents.ts";
import { checkTag, highest, nameOf, parseName, tarballName, versionOfTarball } from "./names.ts";

const KEY: PackageKey = { format: "npm", namespace: "acme", name: "ui" };

function body(changes: object = {}, manifest: object = {}, version = "1.0.0") {
  return {
    _id: "@acme/ui",
    name: "@acme/ui",
    "dist-tags": { latest: version },
    versions: { [version]: { name: "@acme/ui", version, ...manifest } },
    _attachments: { "@acme/ui-1.0.0.tgz": { data: "", length: 7 } },
    ...changes,
  };
}
const ATTACHMENT = { name: "@acme/ui-1.0.0.tgz", bytes: 7 };

group("a publish", () => {
  test("8.1.4 is read as one version with its tags and readme", () => {
    const read = readPublish(body({ readme: "# hi" }), KEY, ATTACHMENT);
    expect(read).toMatchObject({ version: "1.0.0", tags: ["latest"], readme: "# hi" });
  });

  test.each<[string, object, RegExp]>([
    [
      "another name",
      body({ name: "@acme/other" }),
      /'@acme\/ui' is being published, but 'name' is '@acme\/other'/,
    ],
    ["another _id", body({ _id: "ui" }), /'_id' is 'ui'/],
    ["a manifest of another name", body({}, { name: "ui" }), /versions\['1.0.0'\].name/],
    ["a manifest of another version", body({}, { version: "2.0.0" }), /versions\['1.0.0'\].version/],
    ["no version", body({ versions: {} }), /exactly one version; this body holds 0/],
    ["two versions", body({ versions: { "1.0.0": {}, "2.0.0": {} } }), /holds 2/],
    ["a manifest that is no object", body({ versions: { "1.0.0": "x" } }), /not an object/],
    ["no SemVer (8.1.7)", body({}, {}, "1.0"), /SemVer/],
    ["a version not in normal form", body({}, {}, "v1.0.0"), /normal form is '1.0.0'/],
    ["a version with build metadata", body({}, {}, "1.0.0+1"), /normal form is '1.0.0'/],
    ["a tag that reads as a range", body({ "dist-tags": { "1.x": "1.0.0" } }), /reads as a version range/],
    [
      "a tag on another version",
      body({ "dist-tags": { latest: "0.9.0" } }),
      /must point at the version being published/,
    ],
    [
      "a wrong length",
      body({ _attachments: { f: { data: "", length: 8 } } }),
      /8 bytes long, but 7 bytes arrived/,
    ],
    [
      "two attachments",
      body({ _attachments: { a: { data: "" }, b: { data: "" } } }),
      /exactly one attachment/,
    ],
    ["data that is no string", body({ _attachments: { a: { data: 5 } } }), /exactly one attachment/],
  ])("with %s is refused", (_what, sent, message) => {
    expect(() => readPublish(sent as never, KEY, ATTACHMENT)).toThrow(message);
  });

  test.each(["node_modules", ".hidden", "-dash", "a b", "a%2fb", "é", "x".repeat(215)])(
    "of the name %j is refused",
    (name) => {
      const key: PackageKey = { format: "npm", namespace: "", name };
      expect(() => readPublish(body({ name, _id: name }, { name }), key, ATTACHMENT)).toThrow(/name/);
    },
  );

  test("names and tags such as __proto__ and constructor are just names", () => {
    for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
      const sent = parseBody(
        Buffer.from(
          `{"name":"${name}","dist-tags":{"${name}":"1.0.0"},"versions":{"1.0.0":{"name":"${name}","version":"1.0.0"}},"_attachments":{"f":{"data":""}}}`,
        ),
      );
      const read = readPublish(sent, { format: "npm", namespace: "", name }, ATTACHMENT);
      expect(read.tags).toEqual([name]);
    }
  });

  test("of bytes that do not fit the declared digests is refused", () => {
    const digests = { sha1: "0".repeat(40), sha512: "0".repeat(128) };
    const integrity = `sha512-${Buffer.alloc(64).toString("base64")}`;
    expect(() => checkDeclaredDist({ dist: { shasum: digests.sha1, integrity } }, digests)).not.toThrow();
    expect(() => checkDeclaredDist({ dist: { shasum: "f".repeat(40) } }, digests)).toThrow(/SHA-1/);
    expect(() =>
      checkDeclaredDist({ dist: { integrity: `sha512-${Buffer.alloc(64, 1).toString("base64")}` } }, digests),
    ).toThrow(/integrity/);
  });

  test("that is no JSON object in UTF-8 is refused", () => {
    for (const bytes of [
      Buffer.from("{"),
      Buffer.from("[]"),
      Buffer.from("null"),
      Buffer.from([0x22, 0xff, 0x22]),
    ]) {
      expect(() => parseBody(bytes)).toThrow(/JSON/);
    }
  });
});

group("a change of metadata", () => {
  test("6.3.2 looks at `deprecated` only, and an empty message takes it back", () => {
    const update = readMetadataUpdate(
      {
        _rev: "1-x",
        name: "ui",
        versions: {
          "1.0.0": { deprecated: "old", scripts: { install: "evil" } },
          "2.0.0": { deprecated: "" },
        },
      },
      "ui",
    );
    expect(update.rev).toBe("1-x");
    expect([...update.deprecated]).toEqual([
      ["1.0.0", "old"],
      ["2.0.0", undefined],
    ]);
  });

  test("without versions (npm owner, npm star) is refused with a reason", () => {
    expect(() => readMetadataUpdate({ name: "ui", maintainers: [] }, "ui")).toThrow(/policies/);
  });
});

group("names", () => {
  test("1.5.2 a scope is a namespace without @", () => {
    expect(parseName("@acme/ui")).toEqual(KEY);
    expect(nameOf(KEY)).toBe("@acme/ui");
    expect(parseName("left-pad")).toEqual({ format: "npm", namespace: "", name: "left-pad" });
    for (const bad of [
      "",
      "@acme",
      "@acme/",
      "@/ui",
      "a/b",
      "@a/b/c",
      "@@a/b",
      "a#b",
      "a b",
      `@a/${"x".repeat(256)}`,
    ]) {
      expect(parseName(bad), bad).toBeUndefined();
    }
  });

  test("8.1.1 tarball names are conventional and read back; anything else is absent", () => {
    for (const version of ["1.0.0", "1.0.0-beta.1", "0.0.0-x-y"]) {
      expect(versionOfTarball(KEY, tarballName(KEY, version))).toBe(version);
    }
    for (const bad of ["ui.tgz", "ui-.tgz", "ux-1.0.0.tgz", "ui-1.0.0.zip", "-1.0.0.tgz"]) {
      expect(() => versionOfTarball(KEY, bad), bad).toThrow(/not the name of a tarball/);
    }
  });

  test("a tag is whatever is no range", () => {
    for (const tag of ["latest", "next", "__proto__", "v-next", "beta2"])
      expect(() => checkTag(tag)).not.toThrow();
    for (const tag of ["1.0.0", "v1", "1.x", "*", ">=2", "x", "", "a b", "a/b"])
      expect(() => checkTag(tag), tag).toThrow();
  });

  test("8.1.5 without a latest the highest stable version counts, else the highest", () => {
    expect(highest(["1.0.0", "2.0.0-rc.1", "1.10.0", "1.9.0"])).toBe("1.10.0");
    expect(highest(["2.0.0-rc.1", "2.0.0-rc.10"])).toBe("2.0.0-rc.10");
    expect(highest([])).toBeUndefined();
  });
});

test("1.6.5 metadata comes from the manifest in all its spellings", () => {
  expect(
    describe({ description: "d", homepage: "h", repository: { url: "r" }, license: "MIT" }, "@acme/ui"),
  ).toEqual({
    displayName: "@acme/ui",
    summary: "d",
    homePage: "h",
    sourceCodeRepository: "r",
    licenses: [{ name: "MIT" }],
  });
  expect(describe({ repository: "acme/ui", licenses: [{ type: "MIT", url: "u" }, "BSD", 5] }, "x")).toEqual({
    displayName: "x",
    sourceCodeRepository: "acme/ui",
    licenses: [{ name: "MIT", url: "u" }, { name: "BSD" }],
  });
  expect(describe({ description: 5, homepage: {}, license: null }, "x")).toEqual({ displayName: "x" });
});
