// 3.4.2: which names are taken for each other, and which are not.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FOLDING_VERSION, readings } from "./folding.ts";

/** The rule itself: the two agree in the first reading or in the second. */
function alike(a: string, b: string): boolean {
  const [a1, a2 = a1] = readings(a);
  const [b1, b2 = b1] = readings(b);
  return a1 === b1 || a2 === b2;
}

describe("3.4.2 names that are taken for each other", () => {
  test.each([
    ["letter case", "AsyncStorage", "asyncstorage"],
    ["full case folding: ß", "straße", "STRASSE"],
    ["full case folding: ẞ", "STRAẞE", "strasse"],
    ["final sigma", "ΟΔΟΣ", "οδος"],
    ["separators", "foo-bar", "foo_bar"],
    ["runs of separators", "foo-bar", "foo.-_bar"],
    ["Cyrillic letters", "acme", "\u0430\u0441m\u0435"],
    ["Cyrillic capitals", "ACME-BOX", "\u0410\u0421\u041c\u0415-\u0412\u041e\u0425"],
    ["a Cyrillic capital that is another letter when small", "Nord", "\u041dord".replace("\u041d", "\u039d")],
    ["Greek letters", "vapor", "\u03bd\u03b1p\u03bfr"],
    ["Armenian letters", "sun", "s\u057d\u0578"],
    ["Cherokee capitals", "GO", "\u13c0O"],
    ["Latin look-alikes: dotless i, alpha", "pina", "p\u0131n\u0251"],
    ["a look-alike that normalising would lose: lunate sigma", "acme", "a\u03f2me"],
    ["full-width forms", "acme", "\uff41\uff43\uff4d\uff45"],
    ["mathematical letters", "acme", "\u{1d41a}\u{1d41c}\u{1d426}\u{1d41e}"],
    ["ligatures", "office", "o\ufb03ce"],
    ["zero-width characters", "acme", "ac\u200b\u2060m\u00ade"],
    ["hyphens of other kinds", "acme-ui", "acme\u2010ui"],
    ["a full-width full stop and one-dot leader", "acme.ui", "acme\u2024ui"],
    ["precomposed and combining accents", "caf\u00e9", "cafe\u0301"],
    ["digits for letters", "l0dash", "lodash"],
    ["one for l", "1odash", "lodash"],
    ["capital i for l", "Iodash", "lodash"],
    ["rn for m", "corn", "com"],
  ])("%s", (_what, a, b) => {
    expect(alike(a, b)).toBe(true);
  });
});

test.each([
  ["separators are equated, never dropped", "foo-bar", "foobar"],
  ["small i is no l", "mail", "mall"],
  ["an accent is seen", "cafe", "caf\u00e9"],
  ["other letters", "acme", "acne"],
])("3.4.2 %s", (_what, a, b) => {
  expect(alike(a, b)).toBe(false);
});

const anything = fc.string({ unit: "binary", maxLength: 20 });
const CHARACTERS =
  "aAlIi10oOmMrnß-_./\u0430\u0412\u03bd\u039d\u03c2\u200b\uff0e\u2100\u0130\u1e9e\u0301\u02db";

test("readings are settled: reading the first again changes nothing", () => {
  const text = fc.oneof(
    anything,
    fc.string({ unit: fc.constantFrom(...Array.from(CHARACTERS)), maxLength: 12 }),
  );
  fc.assert(
    fc.property(text, (given) => {
      const [first = ""] = readings(given);
      expect(readings(first)[0]).toBe(first);
    }),
  );
});

test("a text and its lower and upper case have a reading in common", () => {
  fc.assert(
    fc.property(anything, (text) => {
      expect(alike(text, text.toLowerCase())).toBe(true);
      expect(alike(text.toLowerCase(), text.toUpperCase().toLowerCase())).toBe(true);
    }),
  );
});

test("a path keeps its segments: slashes stay, none is added", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: fc.constantFrom(...Array.from(CHARACTERS.replace("/", ""))), maxLength: 6 }),
      ),
      (parts) => {
        const path = parts.join("/");
        for (const reading of readings(path)) expect(reading.split("/").length).toBe(path.split("/").length);
      },
    ),
  );
});

test("the published page names the version that is in force", () => {
  const page = readFileSync(new URL("../../docs/folding.md", import.meta.url), "utf8");
  expect(page).toContain(`Version \`${FOLDING_VERSION}\``);
});
