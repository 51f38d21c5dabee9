// 3.1, 3.2: which texts are package group patterns, and the reasons for refusing the others.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "./faults.ts";
import { checkPattern, tokensOf } from "./group-pattern.ts";

test.each([
  "/*",
  "/npm/*",
  "/maven/com.acme~",
  "/npm/space/*",
  "/npm//*",
  "/npm/space/acme-ui~",
  "/maven/org.x/log4j-core$",
  "/npm//acme-*",
  "/maven/com.acme.*",
  "/npm//@*",
  "/pypi//requests$",
  "/pypi//acme-*",
  "/nuget//newtonsoft.json$",
  "/swift/apple/*",
  "/ruby//rails~",
  "/cargo//serde_$",
  "/generic/ns/na$me$",
  "/npm//кот~",
])("3.1.2, 3.1.4 accepted: %s", (pattern) => {
  expect(() => checkPattern(pattern)).not.toThrow();
});

test.each([
  ["npm/*", "start with '/'"],
  ["/npm//left-pad", "end with '*'"],
  ["//*", "start with a format"],
  ["/npm*", "'/npm/*'"],
  ["/conan/*", "start with a format"],
  ["/npm~", "'/npm/*'"],
  ["/NPM/*", "start with a format"],
  ["/python//requests$", "'pypi'"],
  ["/npm/~", "only '*'"],
  ["/npm/$", "only '*'"],
  ["/npm//$", "only '*'"],
  ["/npm//~", "only '*'"],
  ["/npm//left-pad*", "'left-pad~'"],
  ["/npm/space*", "'space~'"],
  ["/npm//acme-~", "write '*'"],
  ["/npm/space$", "'/npm/space/*'"],
  ["/npm/a/b/c$", "more parts"],
  ["/npm/@acme/*", "'acme'"],
  ["/npm/@acme~", "'acme'"],
  ["/npm/a b/*", "white space"],
  ["/npm//a#$", "white space"],
  [`/npm//${"a".repeat(256)}$`, "255"],
  ["/pypi/requests$", "'/pypi//requests$'"],
  ["/pypi/requests~", "'/pypi//requests~'"],
  ["/nuget/x/y$", "no namespace"],
  ["/ruby/x/*", "no namespace"],
  ["/cargo/x/*", "no namespace"],
  ["/maven//log4j$", "must not be empty"],
  ["/generic//*", "must not be empty"],
  ["/swift//*", "must not be empty"],
  ["/pypi//Requests$", "'requests'"],
  ["/pypi//foo_bar~", "'foo-bar'"],
  ["/pypi//foo.*", "'foo-'"],
  ["/nuget//Newtonsoft.Json$", "'newtonsoft.json'"],
  ["/swift/Apple/*", "'apple'"],
  ["/swift/apple/NIO~", "'nio'"],
])("3.1 refused: %s, because %s", (pattern, reason) => {
  expect(() => checkPattern(pattern)).toThrow(Fault);
  expect(() => checkPattern(pattern)).toThrow(reason);
});

test("3.1 any text is either accepted or refused with a ValidationException that quotes it", () => {
  const part = fc.constantFrom(
    "/",
    "npm",
    "maven",
    "pypi",
    "swift",
    "a",
    "B",
    "-",
    "*",
    "~",
    "$",
    "é",
    "#",
    " ",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      const text = parts.join("");
      try {
        const { prefix, suffix } = checkPattern(text);
        expect(prefix + suffix).toBe(text);
      } catch (error) {
        expect(error).toMatchObject({
          code: "ValidationException",
          detail: { reason: "FIELD_VALIDATION_FAILED" },
        });
        expect((error as Error).message).toContain(`'${text}'`);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("3.2.1 words are runs of letters, numbers and their marks; everything else stands alone", () => {
  expect(tokensOf("/npm//fooBar-2.x_é\u0301")).toEqual([
    "/",
    "npm",
    "/",
    "/",
    "fooBar",
    "-",
    "2",
    ".",
    "x",
    "_",
    "é\u0301",
  ]);
});

test("3.2.1 tokens put together are the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(tokensOf(text).join("")).toBe(text);
    }),
  );
});
