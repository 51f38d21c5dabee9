// A crate's own manifest, and what its publisher says of it.
import { expect, test } from "vitest";
import { agree } from "./agreement.ts";
import { readManifest } from "./manifest.ts";

const HERE = "sparse+http://registry.example/cargo/d/acme-000000000000/own/";
const THIRD = "sparse+http://third.example/index/";
const manifest = (toml: string) =>
  readManifest(Buffer.from(`[package]\nname = "foo"\nversion = "1.0.0"\n${toml}`));
const judge = (toml: string, sent: object) =>
  agree(
    manifest(toml),
    { name: "foo", vers: "1.0.0", deps: [], features: {}, ...sent },
    (index) => index === HERE,
  );
const dep = (name: string, more: object = {}) => ({
  name,
  version_req: "^1.0",
  features: [],
  optional: false,
  default_features: true,
  target: null,
  kind: "normal",
  registry: null,
  ...more,
});
const here = `registry-index = "${HERE}"`;

test("a line is made of the manifest: kinds, targets, renamings, features of both kinds, links, rust-version", () => {
  const toml = `links = "z"\nrust-version = "1.70"
[dependencies]
bar = { version = "1.0", ${here} }
fast = { version = "1.0", package = "memchr", optional = true, default-features = false, features = ["std"], ${here} }
[dev-dependencies.baz]
version = ">= 1, < 2"
registry-index = "${THIRD}"
[target."cfg(any(unix,windows))".build-dependencies.cc]
version = "1.*"
${here}
[features]
default = ["plain"]
plain = []
quick = ["dep:fast", "bar?/x"]`;
  const { line, differences } = judge(toml, {
    deps: [
      dep("cc", { version_req: "1.*", kind: "build", target: "cfg(any(unix, windows))" }),
      dep("bar"),
      dep("memchr", {
        explicit_name_in_toml: "fast",
        optional: true,
        default_features: false,
        features: ["std"],
      }),
      dep("baz", { version_req: ">=1, <2", kind: "dev", registry: THIRD }),
    ],
    features: { quick: ["bar?/x", "dep:fast"], plain: [], default: ["plain"] },
    links: "z",
    rust_version: "1.70",
  });
  expect(differences).toEqual([]);
  const plain = { features: [], optional: false, default_features: true, target: null, kind: "normal" };
  expect(line).toEqual({
    name: "foo",
    vers: "1.0.0",
    deps: [
      { ...plain, name: "bar", req: "^1.0" },
      {
        ...plain,
        name: "fast",
        req: "^1.0",
        package: "memchr",
        optional: true,
        default_features: false,
        features: ["std"],
      },
      { ...plain, name: "baz", req: ">=1, <2", kind: "dev", registry: THIRD },
      { ...plain, name: "cc", req: "1.*", kind: "build", target: "cfg(any(unix,windows))" },
    ],
    features: { default: ["plain"], plain: [] },
    features2: { quick: ["dep:fast", "bar?/x"] },
    v: 2,
    links: "z",
    rust_version: "1.70",
  });
});

test.each([
  ["another name", "", { name: "bar" }, /the name is "foo" in the crate, "bar"/],
  ["another version", "", { vers: "1.0.1" }, /the version/],
  ["links", 'links = "z"', {}, /links is "z" in the crate, null/],
  ["rust-version", 'rust-version = "1.80"', { rust_version: "1.60" }, /rust-version/],
  ["a feature more", "", { features: { extra: [] } }, /features/],
  ["a feature that turns on more", "[features]\na = []", { features: { a: ["dep:evil"] } }, /features/],
  ["a dependency more", "", { deps: [dep("evil")] }, /"evil" is in the metadata only/],
  ["a dependency less", `[dependencies.bar]\nversion = "1.0"\n${here}`, {}, /"bar" is in the crate only/],
  [
    "another requirement",
    `[dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("bar", { version_req: "^2.0" })] },
    /"bar" is 'bar \^1\.0,.*'bar \^2\.0,/,
  ],
  [
    "another crate behind a name",
    `[dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("evil", { explicit_name_in_toml: "bar" })] },
    /'evil \^1\.0,/,
  ],
  [
    "another target",
    `[target.'cfg(unix)'.dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("bar")] },
    /"bar" is in the crate only/,
  ],
  [
    "another kind",
    `[dev-dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("bar")] },
    /dev dependency "bar" is in the crate only/,
  ],
  [
    "optional",
    `[dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("bar", { optional: true })] },
    /not optional/,
  ],
  [
    "this registry for the default one",
    `[dependencies]\nbar = "1.0"`,
    { deps: [dep("bar")] },
    /from cargo's default registry in the crate, from this repository/,
  ],
  [
    "any other registry for the default one",
    `[dependencies]\nbar = "1.0"`,
    { deps: [dep("bar", { registry: "https://evil.example/index" })] },
    /from cargo's default registry in the crate, from https:\/\/evil\.example/,
  ],
  [
    "another registry for this one",
    `[dependencies.bar]\nversion = "1.0"\n${here}`,
    { deps: [dep("bar", { registry: THIRD })] },
    /comes from sparse\+http:\/\/registry\.example.* in the crate, from sparse\+http:\/\/third/,
  ],
  [
    "this registry for another one",
    `[dependencies.bar]\nversion = "1.0"\nregistry-index = "${THIRD}"`,
    { deps: [dep("bar")] },
    /from this repository/,
  ],
])("manifest confusion, %s: told", (_, toml, sent, words) => {
  expect(judge(toml, sent).differences.join("; ")).toMatch(words);
});

test.each([
  ["no list", { deps: {} }, /'deps' is not a list/],
  ["no name", { deps: [{}] }, /lacks its name/],
  ["a dependency twice", { deps: [dep("bar"), dep("bar")] }, /twice/],
  ["features that are none", { features: [] }, /'features' is not an object/],
  ["a feature that is none", { features: { a: "b" } }, /not a list of texts/],
])("400 metadata with %s", (_, sent, words) => {
  expect(() => judge("", sent)).toThrow(words);
});

test.each([
  ["no TOML", "x = ", /cannot be read/],
  ["TOML nested too deeply", `x = ${"[".repeat(100)}${"]".repeat(100)}`, /cannot be read/],
  ["a dependency by path", '[dependencies]\nbar = { version = "1", path = "../bar" }', /by 'path'/],
  [
    "a dependency by git",
    '[dependencies]\nbar = { version = "1", git = "https://registry.example/bar" }',
    /by 'git'/,
  ],
  ["a dependency without a version", "[dependencies]\nbar = {}", /has no version/],
  ["a requirement that is none", '[dependencies]\nbar = "latest"', /is no version/],
  [
    "a registry by a local name",
    '[dependencies]\nbar = { version = "1", registry = "own" }',
    /registry-index/,
  ],
  ["a feature that is no list", '[features]\na = "b"', /no list of texts/],
  ["dependencies that are no table", "[[dependencies]]", /\[dependencies\] that is no table/],
  ["a target that is no table", "[[target]]", /\[target\] that is no table/],
])("refused: a manifest with %s", (_, toml, words) => {
  expect(() => manifest(toml)).toThrow(words);
});

test("refused: a manifest without a package, or not in UTF-8", () => {
  expect(() => readManifest(Buffer.from("[workspace]"))).toThrow(/no \[package\]/);
  expect(() => readManifest(Buffer.from('[package]\nname = "a"'))).toThrow(/no version/);
  expect(() => readManifest(Buffer.from([0x23, 0xff]))).toThrow(/not UTF-8/);
});

test("D: features and dependencies named like a prototype's members are just names", () => {
  const toml = '[features]\n__proto__ = []\nconstructor = ["dep:x"]';
  const sent = JSON.parse('{"features":{"__proto__":[],"constructor":["dep:x"]}}') as object;
  const { line, differences } = judge(toml, sent);
  expect(differences).toEqual([]);
  expect(JSON.stringify(line)).toContain('"features":{"__proto__":[]},"features2":{"constructor":["dep:x"]}');
});
