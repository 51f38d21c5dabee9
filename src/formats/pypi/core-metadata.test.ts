// Core metadata: what is read from METADATA and PKG-INFO, and what it tells.
import { expect, test } from "vitest";
import { dependenciesOf, describe, field, keep, kept, parseMetadata } from "./core-metadata.ts";

const TEXT = `Metadata-Version: 2.4
Name: Acme.Demo
Version: 1.0
Summary: A demo
License: MIT License
License-Expression: MIT OR Apache-2.0
Classifier: License :: OSI Approved :: BSD License
Classifier: Topic :: Demo
Project-URL: Home-Page, https://example.com/
Project-URL: Source Code, https://example.com/code
Requires-Dist: Requests[socks]>=2
Requires-Dist: tomli (>=1) ; python_version < "3.11"
Requires-Dist: my_pkg @ https://example.com/x.whl

# Hello

Body: not a header
`;

test("headers come once or often, the body is the description", () => {
  const metadata = parseMetadata(TEXT);
  expect(field(metadata, "name")).toBe("Acme.Demo");
  expect(metadata.fields.get("classifier")).toHaveLength(2);
  expect(metadata.description).toBe("# Hello\n\nBody: not a header\n");
});

test("1.6.1 what is told: the name as published, License-Expression first, addresses from Project-URL", () => {
  expect(describe(parseMetadata(TEXT), "Acme.Demo")).toEqual({
    displayName: "Acme.Demo",
    summary: "A demo",
    homePage: "https://example.com/",
    sourceCodeRepository: "https://example.com/code",
    licenses: [{ name: "MIT OR Apache-2.0" }],
  });
});

test("a whole licence text is no licence name; the classifier is", () => {
  const text = `Name: a\nLicense: ${"words ".repeat(60)}\nClassifier: License :: OSI Approved :: BSD License\n`;
  expect(describe(parseMetadata(text), "a").licenses).toEqual([{ name: "BSD License" }]);
});

test("addresses that are no web addresses are not told (threats D)", () => {
  const metadata = parseMetadata("Name: a\nHome-page: javascript:alert(1)\nProject-URL: Source, data:x\n");
  expect(describe(metadata, "a")).toEqual({ displayName: "a" });
});

test("5.8.4 Requires-Dist: the name normalised, the rest as written", () => {
  expect(dependenciesOf(kept(keep(parseMetadata(TEXT))))).toEqual([
    { name: "requests", type: "Requires-Dist", requirement: "[socks]>=2" },
    { name: "tomli", type: "Requires-Dist", requirement: '(>=1) ; python_version < "3.11"' },
    { name: "my-pkg", type: "Requires-Dist", requirement: "@ https://example.com/x.whl" },
  ]);
  expect(dependenciesOf(kept(""))).toEqual([]);
});

test.each([
  ["two names", "Name: a\nName: b\n"],
  ["two versions", "Name: a\nVersion: 1\nversion: 2\n"],
  ["no header", "Name: a\nnothing\n"],
  ["a header with blanks", "Na me: a\n"],
])("%s: refused, since two readers would differ", (_, text) => expect(() => parseMetadata(text)).toThrow());

test("CRLF, folded lines and an inline description are read", () => {
  const metadata = parseMetadata("Name: a\r\nDescription: one\r\n        two\r\nSummary: s\r\n\r\n");
  expect(metadata.description).toContain("one");
  expect(field(metadata, "summary")).toBe("s");
});

test("keys of objects are data (threats D)", () => {
  const metadata = kept(keep(parseMetadata("Name: a\n__proto__: x\nconstructor: y\n")));
  expect(field(metadata, "constructor")).toBe("y");
  expect(Object.getPrototypeOf({})).not.toHaveProperty("x");
});
