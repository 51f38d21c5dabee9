// Which names a generic asset may have (spec 8.6.1).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkAssetName, checkNames } from "./names.ts";

const accepts = (name: string): boolean => {
  try {
    checkAssetName(name);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "ValidationException" });
    return false;
  }
};

/** The rule once more, character by character, as the documentation tells it. */
function naive(name: string): boolean {
  const characters = [...name];
  if (characters.length < 1 || characters.length > 255 || name === "." || name === "..") return false;
  if (characters[0] === " " || characters.at(-1) === " " || name.includes("  ")) return false;
  return characters.every(
    (c) => c === " " || "~!@^&()-`_+[]{};,.".includes(c) || /^(\p{L}|\p{Nl}|\p{Nd})$/u.test(c),
  );
}

describe("8.6.1: asset names", () => {
  test.each([
    "a",
    "tool-1.0.tar.gz",
    "b c.txt",
    "日本語.bin",
    "é",
    "Ⅷ",
    "٣",
    "...",
    "[x]{y};,.`~!@^&()-_+",
    "x".repeat(255),
  ])("'%s' is one", (name) => expect(accepts(name)).toBe(true));

  test.each([
    "",
    ".",
    "..",
    " a",
    "a ",
    "a  b",
    "a/b",
    "a\\b",
    "a:b",
    "a*b",
    "a?b",
    "a#b",
    "a%b",
    "a'b",
    'a"b',
    "a<b",
    "a|b",
    "a$b",
    "a=b",
    "a\tb",
    "a\u0000b",
    "a\u202eb",
    "a\u00a0b",
    "e\u0301",
    "½",
    "😀",
    "\ud800",
    "x".repeat(256),
  ])("'%s' is none", (name) => expect(accepts(name)).toBe(false));

  test("the rule holds for any text, and is decided in time that grows with its length only", () => {
    const near = fc.string({ unit: fc.constantFrom(..."ab .-_é日Ⅷ٣½$/\u0301😀 "), maxLength: 300 });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), near), (name) => {
        expect(accepts(name), JSON.stringify(name)).toBe(naive(name));
      }),
      { numRuns: 2_000 },
    );
    expect(accepts("a ".repeat(50_000))).toBe(false);
  });
});

test("1.1, 1.5.3: a namespace, a name and a version are needed, and hold no '/', '#' or white space", () => {
  expect(checkNames("ns", "tool", "1.0")).toEqual({ format: "generic", namespace: "ns", name: "tool" });
  for (const [namespace, name, version] of [
    ["", "tool", "1"],
    ["n s", "tool", "1"],
    ["ns", "to/ol", "1"],
    ["ns", "tool", "#1"],
    ["ns", "tool", "1".repeat(256)],
  ] as const)
    expect(() => checkNames(namespace, name, version)).toThrow(/cannot be a (namespace|package|version)/);
});
