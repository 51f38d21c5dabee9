// NuGet's version numbers: one stored form, one order.
import { expect, test } from "vitest";
import { compareNugetVersions, normalizeNugetVersion, parseNugetVersion, written } from "./nuget-versions.ts";

test.each([
  ["1", "1.0.0"],
  ["1.0", "1.0.0"],
  ["1.00.0.0", "1.0.0"],
  ["01.2.3.4", "1.2.3.4"],
  ["1.0.0-Beta.1", "1.0.0-beta.1"],
  ["1.0.0+build.5", "1.0.0"],
  ["1.0.0.0-rc-1+x", "1.0.0-rc-1"],
])("1.5.6: %s is stored as %s", (text, stored) => {
  expect(normalizeNugetVersion(text)).toBe(stored);
});

test.each([
  "",
  "v1",
  "1.2.3.4.5",
  "1..2",
  "1.0-",
  "1.0-a..b",
  "1.0+",
  "1.0/2",
  "99999999999",
  "1.0-ä",
  "1.*",
])("'%s' is no version", (text) => {
  expect(normalizeNugetVersion(text)).toBeUndefined();
});

test("versions are ordered as SemVer 2 orders them, with a fourth number, and regardless of case", () => {
  const order = [
    "1.0.0-alpha",
    "1.0.0-Alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-BETA.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.0.1-a",
    "1.0.0.1",
    "1.2",
    "1.10",
    "2",
  ];
  expect(order.toReversed().toSorted(compareNugetVersions)).toEqual(order);
  expect(compareNugetVersions("1.0", "1.0.0.0+x")).toBe(0);
  expect(compareNugetVersions("1.0-A", "1.0-a")).toBe(0);
});

test("clients are shown the publisher's spelling and the build metadata", () => {
  const parsed = parseNugetVersion("1.0-Beta+Build");
  expect(parsed && written(parsed)).toBe("1.0.0-Beta+Build");
});
