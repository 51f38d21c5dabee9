// Crate names, their places in the index, and versions.
import { expect, test } from "vitest";
import {
  checkPublishedName,
  checkPublishedVersion,
  foldName,
  highest,
  indexPath,
  isVersion,
  parseName,
  prefixOf,
  withoutBuild,
} from "./names.ts";

test.each([
  ["a", "1/a"],
  ["ab", "2/ab"],
  ["abc", "3/a/abc"],
  ["serde", "se/rd/serde"],
  ["Inflector", "in/fl/inflector"],
  ["a-b_c", "a-/b_/a-b_c"],
])("the index file of %s is at %s", (name, path) => {
  expect(indexPath(name)).toBe(path);
});

test("prefixes keep their case where a registry's dl asks for {prefix}", () => {
  expect(prefixOf("MyCrate")).toBe("My/Cr");
  expect(prefixOf("Abc")).toBe("3/A");
});

test("names that differ only by case or separator fold to one", () => {
  expect(foldName("Foo-Bar_baz")).toBe(foldName("foo_bar-BAZ"));
  expect(foldName("foo-bar")).not.toBe(foldName("foobar"));
});

test.each(["", "1a", "-a", "_a", "a.b", "a b", "a/b", "ä", "a\u0000", "..", "a".repeat(65), "__proto__"])(
  "'%s' is no name",
  (name) => {
    expect(parseName(name)).toBeUndefined();
    expect(() => checkPublishedName(name)).toThrow(/cannot be the name of a crate/);
  },
);

test("names that Windows reserves are not published, whatever their case", () => {
  expect(() => checkPublishedName("NUL")).toThrow(/Windows/);
  expect(checkPublishedName("constructor").name).toBe("constructor");
});

test.each(["1.0.0", "0.0.1-alpha.1", "1.0.0+build.5", "1.0.0-rc.1+20130313144700"])(
  "%s is a version",
  (version) => {
    expect(isVersion(version)).toBe(true);
    expect(() => checkPublishedVersion(version)).not.toThrow();
  },
);

test.each([
  "1.0",
  "v1.0.0",
  " 1.0.0",
  "01.0.0",
  "1.0.0-",
  "1.0.0+",
  "1.0.0-01",
  "1.0.0/..",
  "latest",
  "1.0.0 ",
])("'%s' is none", (version) => {
  expect(isVersion(version)).toBe(false);
  expect(() => checkPublishedVersion(version)).toThrow(/SemVer/);
});

test("the highest version is a stable one where there is one", () => {
  expect(highest(["1.0.0", "2.0.0-rc.1", "1.10.0", "1.9.0"])).toBe("1.10.0");
  expect(highest(["2.0.0-rc.1", "2.0.0-rc.10", "2.0.0-rc.9"])).toBe("2.0.0-rc.10");
  expect(highest([])).toBeUndefined();
});

test("build metadata does not tell versions apart", () => {
  expect(withoutBuild("1.0.0-a.1+b-c.d")).toBe("1.0.0-a.1");
});
