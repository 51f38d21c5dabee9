// Names and versions: one key for every spelling.
import { describe, expect, test } from "vitest";
import { guessProject, parseFileName } from "./filenames.ts";
import { cleanVersion, compareVersions, isPrerelease, isVersion, parseName, versionKey } from "./names.ts";

test.each(["Friendly-Bard", "FRIENDLY.BARD", "friendly_bard", "friendly--bard", "FrIeNdLy-._.-bArD"])(
  "1.5.6 %s is friendly-bard (PEP 503)",
  (name) => expect(parseName(name)).toEqual({ format: "pypi", namespace: "", name: "friendly-bard" }),
);

test.each([
  "",
  "-a",
  "a-",
  "a b",
  "a/b",
  "__proto__",
  "ä",
  "a\u200b",
  "а",
  ".",
  "..",
  "a%2fb",
  "a".repeat(256),
])("%j is no name of a project (PEP 508)", (name) => expect(parseName(name)).toBeUndefined());

describe("PEP 440", () => {
  test.each([
    ["1.0", "1.0.0"],
    ["1.0", "v1"],
    ["1.0-beta1", "1.0b1"],
    ["1.0.ALPHA.2", "1a2"],
    ["1.0c1", "1.0rc1"],
    ["1.0-preview", "1.0rc0"],
    ["1.0-1", "1.0.post1"],
    ["1.0.r1", "1.0post1"],
    ["1.0.dev", "1.0dev0"],
    ["0!1.0", "1.0"],
    ["1.01", "1.1"],
    ["1.0+Ubuntu_1", "1.0+ubuntu.1"],
    ["1.0+a.01", "1.0+a.1"],
  ])("%s and %s are one version", (a, b) => expect(versionKey(a)).toBe(versionKey(b)));

  test.each([
    ["1.0", "1.1"],
    ["1.0", "1.0.post1"],
    ["1.0", "1.0a1"],
    ["1.0", "1!1.0"],
    ["1.0", "1.0+local"],
    ["1.10", "1.1"],
    ["20231123123456789", "20231123123456788"],
    ["2004d", "2004D"],
  ])("%s and %s are two", (a, b) => expect(versionKey(a)).not.toBe(versionKey(b)));

  test("what is no version is refused: old spellings, white space, what spec 1.1 forbids", () => {
    for (const version of [
      "",
      "1.0 ",
      "2004d",
      "latest",
      "1.0/2",
      "1..0",
      "1.0\n",
      "1.0+",
      `1.${"0".repeat(260)}`,
    ])
      expect(isVersion(version), version).toBe(false);
  });

  test("the normal form keeps trailing zeros", () => {
    expect(cleanVersion("V1.0.0-RC.1.POST2")).toBe("1.0.0rc1.post2");
    expect(cleanVersion("2004d")).toBe("2004d");
  });

  test("order is PEP 440's, and what is no version comes first", () => {
    const sorted = ["1.0.post1", "2004d", "1.0", "1.0rc1", "1.0.dev1", "1.0a1", "1.10", "1.9"].sort(
      compareVersions,
    );
    expect(sorted).toEqual(["2004d", "1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.9", "1.10"]);
    expect(["1.0a1", "1.0.dev1", "1.0", "1.0.post1"].map(isPrerelease)).toEqual([true, true, false, false]);
  });
});

describe("file names", () => {
  test.each([
    ["acme_demo-1.0-py3-none-any.whl", "wheel", "1.0"],
    ["Acme.Demo-1.0-py3-none-any.whl", "wheel", "1.0"],
    ["acme_demo-1.0-2build-cp311-cp311-manylinux_2_17_x86_64.whl", "wheel", "1.0"],
    ["acme_demo-1.0+local.1-py3-none-any.whl", "wheel", "1.0+local.1"],
    ["acme_demo-1.0.tar.gz", "sdist", "1.0"],
    ["acme-demo-1.0-beta1.zip", "sdist", "1.0-beta1"],
    ["acme.demo-1.0.tar.bz2", "sdist", "1.0"],
    ["acme_demo-1.0-py2.7.egg", "egg", "1.0"],
    ["acme-demo-2004d.tar.gz", "sdist", "2004d"],
  ])("%s is a file of acme-demo: %s of %s", (file, kind, version) => {
    expect(parseFileName(file, "acme-demo")).toMatchObject({ kind, version });
  });

  test.each([
    "acme-1.0.tar.gz",
    "acme_demo-1.0.exe",
    "acme_demo-1.0-py3-none.whl",
    "acme_demo-one-py3-none-any.whl",
    "acme_demo-1.0-b1-py3-none-any.whl",
    "../acme_demo-1.0.tar.gz",
    "acme_demo-1.0.tar.gz\u0000",
    ".acme_demo-1.0.tar.gz",
    "acme_demo-1.0.tar.gz/x",
    "acme_dеmo-1.0.tar.gz",
    "acme_demo.tar.gz",
  ])("%j is none", (file) => expect(parseFileName(file, "acme-demo")).toBeUndefined());

  test("a name with dashes and digits is told from its version", () => {
    expect(parseFileName("py-3-tools-1.0.tar.gz", "py-3-tools")).toMatchObject({ version: "1.0" });
    expect(guessProject("acme_demo-1.0.tar.gz")).toBe("acme_demo");
    expect(guessProject("acme-demo-1.0-1.tar.gz")).toBe("acme-demo");
    expect(guessProject("acme_demo-1.0-py3-none-any.whl")).toBe("acme_demo");
    expect(guessProject("nothing.tar.gz")).toBeUndefined();
  });
});
