// Public index files, as untrusted as any input.
import { expect, test } from "vitest";
import { showLine } from "./index-line.ts";
import { fileUrl, readPublicCrate, spellingOf } from "./public-index.ts";

const CKSUM = "ab".repeat(32);
const line = (vers: string, more: object = {}) =>
  JSON.stringify({ name: "foo", vers, deps: [], cksum: CKSUM, features: {}, yanked: false, ...more });
const read = (...lines: string[]) => readPublicCrate(lines.join("\n"), "foo");

test.each([
  ["no JSON", "{"],
  ["no object", "[1]"],
  ["no checksum", line("1.0.0", { cksum: undefined })],
  ["another checksum than SHA-256", line("1.0.0", { cksum: "ab" })],
  ["no version", line("1.0")],
  ["a later kind of line", line("1.0.0", { v: 3 })],
  ["dependencies that are none", line("1.0.0", { deps: [{ name: "a" }] })],
  ["features that are none", line("1.0.0", { features: { a: "b" } })],
])("a line with %s is left out and hides no other", (_, bad) => {
  expect([...read(line("0.9.0"), bad, "", line("1.1.0")).lines.keys()]).toEqual(["0.9.0", "1.1.0"]);
});

test("2.5.1: a number that cannot be taken in is taken all the same", () => {
  const { listed, lines } = read(line("1.0.0", { cksum: "?" }));
  expect([...listed]).toEqual(["1.0.0"]);
  expect(lines.size).toBe(0);
});

test("a line of another spelling is another crate's", () => {
  expect(read(line("1.0.0", { name: "Foo" })).listed.size).toBe(0);
});

test("what is shown is made of what is known: the rest of a line stays outside", () => {
  const found = read(line("1.0.0", { surprise: "<script>", links: "z", rust_version: "1.70" })).lines.get(
    "1.0.0",
  );
  expect(found?.line).toEqual({
    name: "foo",
    vers: "1.0.0",
    deps: [],
    cksum: CKSUM,
    features: {},
    links: "z",
    rust_version: "1.70",
  });
});

test("D: keys named like a prototype's are keys", () => {
  const text = `{"name":"foo","vers":"1.0.0","deps":[],"cksum":"${CKSUM}","features":{"__proto__":["a"],"constructor":[]}}`;
  const found = read(text).lines.get("1.0.0");
  expect(JSON.stringify(found?.line.features)).toBe('{"__proto__":["a"],"constructor":[]}');
});

test("features2, renamed dependencies and other registries survive", () => {
  const dep = {
    name: "fast",
    req: "^2",
    features: ["std"],
    optional: true,
    default_features: false,
    target: "cfg(unix)",
    kind: "build",
    registry: "https://registry.example/index",
    package: "memchr",
  };
  const found = read(line("1.0.0", { deps: [dep], features2: { q: ["dep:fast"] }, v: 2 })).lines.get("1.0.0");
  expect(found?.line).toMatchObject({ deps: [dep], features2: { q: ["dep:fast"] }, v: 2 });
});

test("8.0.6: the public registry's own time is kept and shown in whole seconds; none is none", () => {
  const found = read(line("1.0.0", { pubtime: "2024-05-06T07:08:09Z" }), line("1.1.0", { pubtime: "soon" }));
  expect(found.lines.get("1.0.0")?.publishedAt).toBe(Date.UTC(2024, 4, 6, 7, 8, 9));
  expect(found.lines.get("1.1.0")?.publishedAt).toBeUndefined();
  expect(showLine('{"a":1}', true, 1_700_000_000_999)).toBe(
    '{"a":1,"yanked":true,"pubtime":"2023-11-14T22:13:20Z"}',
  );
  expect(showLine('{"a":1}', false, undefined)).toBe('{"a":1,"yanked":false}');
});

test("the newest line's spelling is the crate's", () => {
  const text = [
    line("1.0.0", { name: "foo" }),
    line("1.1.0", { name: "Foo" }),
    line("9.0.0", { name: "bar" }),
  ];
  expect(spellingOf(text.join("\n"), "foo")).toBe("Foo");
  expect(spellingOf("", "foo")).toBeUndefined();
});

test.each([
  ["http://registry.example/crates", "http://registry.example/crates/MyFoo/1.0.0+a/download"],
  ["http://registry.example/crates/", "http://registry.example/crates/MyFoo/1.0.0+a/download"],
  ["http://registry.example/{crate}/{version}.crate", "http://registry.example/MyFoo/1.0.0+a.crate"],
  ["http://registry.example/{prefix}/{lowerprefix}", "http://registry.example/My/Fo/my/fo"],
  ["http://registry.example/{sha256-checksum}", `http://registry.example/${CKSUM}`],
  ["file:///etc/{crate}", undefined],
  ["/relative/{crate}", undefined],
])("dl %s leads to %s", (dl, url) => {
  const found = readPublicCrate(line("1.0.0+a", { name: "MyFoo" }), "MyFoo").lines.get("1.0.0+a");
  expect(found && fileUrl(JSON.stringify({ dl }), found)).toBe(url);
});

test("a config.json without a dl leads nowhere", () => {
  const found = read(line("1.0.0")).lines.get("1.0.0");
  for (const config of ["", "[]", "{}", '{"dl":1}']) expect(found && fileUrl(config, found)).toBeUndefined();
});
