// Maven's order of versions, against what Maven itself says (version-order.table.tsv).
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions, sortVersions } from "./version-order.ts";

const table = readFileSync(new URL("version-order.table.tsv", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split("\t") as [string, string, string]);

test("issue 4: versions order as Maven's own ComparableVersion orders them", () => {
  expect(table.length).toBeGreaterThan(1_000);
  const wrong = table.filter(([a, b, sign]) => Math.sign(compareVersions(a, b)) !== Number(sign));
  expect(wrong).toEqual([]);
});

test("the order reads the same from both sides", () => {
  const version = fc.stringMatching(/^[0-9a-z.-]{1,12}$/);
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
    }),
  );
});

test("what Maven takes for equal is still ordered one way", () => {
  expect(sortVersions(["1.0", "1", "1.0.0", "0.9"])).toEqual(sortVersions(["1.0.0", "0.9", "1", "1.0"]));
});
