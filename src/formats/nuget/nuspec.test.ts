// Manifests, ids and ranges: what is read of them, and what is refused.
import { describe, expect, test } from "vitest";
import { makeNupkg, type NupkgParts, nuspecOf } from "../../../test/nupkgs.ts";
import { isSemVer2 } from "./facts.ts";
import { parseId } from "./names.ts";
import { readNuspec } from "./nuspec.ts";
import { readPackage } from "./package-file.ts";
import { normalRange } from "./ranges.ts";

const KIT: NupkgParts = { id: "Acme.Kit", version: "1.0" };

function read(metadata: string) {
  return readNuspec(Buffer.from(nuspecOf({ ...KIT, metadata })));
}

test("a manifest's facts, entities undone", () => {
  const facts = read(`<title>Kit &amp; more</title><license type="expression">MIT</license>
    <repository type="git" url="https://git.example/kit" /><tags>one two</tags>
    <packageTypes><packageType name="DotnetTool" /></packageTypes>
    <dependencies><group targetFramework="net6.0"><dependency id="Base" version="[1.0,2)" /></group><group /></dependencies>`);
  expect(facts).toMatchObject({
    id: "Acme.Kit",
    version: "1.0",
    authors: "Somebody",
    title: "Kit & more",
    licenseExpression: "MIT",
    repositoryUrl: "https://git.example/kit",
    tags: ["one", "two"],
    packageTypes: ["DotnetTool"],
    groups: [
      { framework: "net6.0", dependencies: [{ id: "Base", range: "[1.0,2)" }] },
      { framework: "", dependencies: [] },
    ],
  });
});

test("a manifest in UTF-16 is read", () => {
  const text = nuspecOf(KIT).replace("utf-8", "utf-16");
  expect(readNuspec(Buffer.from(text, "utf16le")).id).toBe("Acme.Kit");
});

describe("a manifest is refused with a 400", () => {
  test.each([
    ["that tells its id twice", nuspecOf({ ...KIT, metadata: "<id>Other</id>" }), "tells its id twice"],
    ["that tells it in another case", nuspecOf({ ...KIT, metadata: "<ID>Other</ID>" }), "tells its id twice"],
    ["with two metadata", nuspecOf(KIT).replace("</package>", "<metadata/></package>"), "one <metadata>"],
    ["with a path for an id", nuspecOf({ ...KIT, id: "../kit" }), "cannot be the id"],
    ["with letters that only look like ASCII", nuspecOf({ ...KIT, id: "Аcme" }), "cannot be the id"],
    ["with a version that is none", nuspecOf({ ...KIT, version: "latest" }), "not a version"],
    ["with entities", `<!DOCTYPE a [<!ENTITY x "y">]>${nuspecOf(KIT)}`, "DOCTYPE"],
    ["that is no XML", "<package><metadata>", "not XML"],
    [
      "that depends on what can be no package",
      nuspecOf({ ...KIT, metadata: '<dependencies><dependency id="a/b" /></dependencies>' }),
      "can be no package",
    ],
  ])("%s", (_, text, message) => {
    expect(() => readNuspec(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: "ValidationException", message: expect.stringContaining(message) }),
    );
  });
});

describe("a package is refused with a 400", () => {
  const other = nuspecOf({ ...KIT, id: "Other" });
  test.each([
    ["without a manifest", { "Acme.Kit.nuspec": undefined }, "exactly one .nuspec"],
    ["with two", { "other.nuspec": other }, "exactly one .nuspec"],
    [
      "with its manifest in a folder",
      { "Acme.Kit.nuspec": undefined, "a/Acme.Kit.nuspec": other },
      "exactly one",
    ],
    ["with a path upwards", { "../evil.txt": "x" }, "relative path"],
    ["with an absolute path", { "/evil.txt": "x" }, "absolute"],
    ["with a backslash", { "a\\evil.txt": "x" }, "invalid characters"],
    ["with one path in two cases", { "lib/A.dll": "x", "lib/a.dll": "y" }, "but for case"],
    ["that is a bomb", { "lib/a.dll": new Uint8Array(70 * 1024 * 1024) }, "unpacks to more"],
  ] as const)("%s", async (_, files, message) => {
    await expect(readBytes(makeNupkg({ ...KIT, files }))).rejects.toMatchObject({
      code: "ValidationException",
      message: expect.stringContaining(message),
    });
  });
  test.each([
    ["that is no zip", Buffer.from("not a zip at all, but long enough to be one")],
    ["that is cut short", makeNupkg(KIT).subarray(0, -30)],
    ["with bytes behind its end", Buffer.concat([makeNupkg(KIT), Buffer.from("more")])],
    ["with bytes before it", Buffer.concat([Buffer.from("more"), makeNupkg(KIT)])],
  ])("%s", async (_, bytes) => {
    await expect(readBytes(bytes)).rejects.toMatchObject({ code: "ValidationException" });
  });

  function readBytes(bytes: Buffer) {
    const readAt = async (position: number, length: number) => {
      if (position < 0 || position + length > bytes.length) throw new Error("A blob was read past its end.");
      return bytes.subarray(position, position + length);
    };
    return readPackage({ size: bytes.length, readAt }, "The package");
  }
});

test.each(["Newtonsoft.Json", "a", "_x", "A-b_c.d", "jQuery.UI.Combined", "a--b"])(
  "%s can be an id",
  (id) => {
    expect(parseId(id)?.name).toBe(id.toLowerCase());
  },
);

test.each(["", ".", "a.", "-a", "a b", "a/b", "ä", "a".repeat(101), "a\u200bb"])("'%s' cannot", (id) => {
  expect(parseId(id)).toBeUndefined();
});

test.each([
  ["", "(, )"],
  ["1.0", "[1.0.0, )"],
  ["[1.0]", "[1.0.0]"],
  ["[1.0,2)", "[1.0.0, 2.0.0)"],
  ["(,1.0]", "(, 1.0.0]"],
  ["(1.0-Beta, )", "(1.0.0-Beta, )"],
  ["1.*", "1.*"],
])("the range '%s' is written '%s'", (text, normal) => {
  expect(normalRange(text)).toBe(normal);
});

test.each([
  ["1.0.0-beta", "", false],
  ["1.0.0-beta.1", "", true],
  ["1.0.0+build", "", true],
  ["1.0.0", '<dependencies><dependency id="a" version="[1.0.0-a.1, )" /></dependencies>', true],
  ["1.0.0", '<dependencies><dependency id="a" version="1.0.0-a" /></dependencies>', false],
])("%s %s is only for clients that know SemVer 2: %s", (version, metadata, expected) => {
  expect(isSemVer2(readNuspec(Buffer.from(nuspecOf({ ...KIT, version, metadata }))))).toBe(expected);
});
