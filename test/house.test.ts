// The layering of the house, as a test: which room may import which, and what the pure core must never touch.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const SRC = resolve(import.meta.dirname, "../src");

interface Import {
  readonly file: string;
  /** "core", "formats/npm", "app" …; or "node:…" or a package's name. */
  readonly target: string;
  readonly typeOnly: boolean;
}

const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !/\.(test|suite)\.ts$/.test(file),
);

/** A file's room: the folder, with each format a room of its own; files at the top are the front hall. */
function roomOf(path: string): string {
  const [first = "", second = "", third] = path.split("/");
  if (second === "") return "hall";
  return first === "formats" && third !== undefined ? `formats/${second}` : first;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), "utf8");
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm),
  ];
  return found.map(([, type, from, dynamic]) => {
    const specifier = (from ?? dynamic) as string;
    const local = specifier.startsWith(".")
      ? relative(SRC, resolve(SRC, dirname(file), specifier))
      : undefined;
    return { file, target: local ?? specifier, typeOnly: type !== undefined };
  });
}

const IMPORTS = FILES.flatMap(importsOf);
const isLocal = ({ target }: Import): boolean => target.endsWith(".ts") || target.endsWith(".json");

/** Room → what it may import of ours. "(type)" marks rooms whose types alone may be named. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  core: [],
  archives: ["core"],
  blobs: ["core"],
  upstream: ["core"],
  store: ["core", "blobs (type)", "registry (type)"],
  identity: ["core", "store"],
  registry: ["core", "store", "blobs", "upstream", "formats (type)"],
  formats: ["core", "registry", "blobs (type)"],
  "formats/*": ["core", "archives", "registry", "formats", "http", "blobs (type)"],
  aws: ["core", "registry", "store", "identity", "http", "blobs (type)", "formats (type)"],
  http: ["core"],
  cluster: ["core", "http"],
  events: ["core", "store", "registry (type)"],
  moving: ["core", "store", "blobs"],
  upkeep: ["core", "store", "blobs", "registry"],
  cli: [
    "core",
    "store",
    "identity",
    "events",
    "cluster",
    "http",
    "moving",
    "upkeep",
    "hall",
    "registry (type)",
  ],
};

test("every room imports only what the house allows it", () => {
  const wrong = IMPORTS.filter(isLocal).filter(({ file, target, typeOnly }) => {
    const from = roomOf(file);
    const to = roomOf(target);
    if (from === "hall" || from === to) return false;
    const allowed = MAY[from.startsWith("formats/") ? "formats/*" : from] ?? [];
    return !(allowed.includes(to) || (typeOnly && allowed.includes(`${to} (type)`)));
  });
  expect(wrong).toEqual([]);
});

test("formats use only the router of http", () => {
  const wrong = IMPORTS.filter(
    ({ file, target }) =>
      roomOf(file).startsWith("formats/") && roomOf(target) === "http" && target !== "http/route.ts",
  );
  expect(wrong).toEqual([]);
});

test("the core is pure: no built-ins, no packages, no clock, no randomness, no process, nothing asynchronous", () => {
  const core = FILES.filter((file) => file.startsWith("core/"));
  expect(core.length).toBeGreaterThan(5);
  expect(
    IMPORTS.filter(({ file, target }) => file.startsWith("core/") && !target.startsWith("core/")),
  ).toEqual([]);
  for (const file of core) {
    const code = readFileSync(join(SRC, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(code, file).not.toMatch(
      /Date\.now|new Date\(\)|Math\.random|\bprocess\b|\basync\b|\bawait\b|setTimeout|globalThis/,
    );
  }
});

test("only app.ts builds; only config.ts reads the environment, besides what starts and discovers", () => {
  const readers = FILES.filter((file) => /process\.env/.test(readFileSync(join(SRC, file), "utf8")));
  expect(
    readers.filter(
      (file) =>
        !["cli/serve.ts", "cli/database.ts", "cli/login/around.ts", "app.ts"].includes(file) &&
        !file.startsWith("upstream/"),
    ),
  ).toEqual([]);
});

test("assets are recorded in one place, which asks the sweep, and bytes are committed for it in one place", () => {
  const holding = (pattern: RegExp): string[] =>
    FILES.filter((file) => pattern.test(readFileSync(join(SRC, file), "utf8")));
  expect(holding(/insertInto\("asset"\)/)).toEqual(["store/versions.ts"]);
  expect(holding(/\bwriter\.commit\(\)/).filter((file) => !/^(blobs|moving)\//.test(file))).toEqual([
    "registry/collect.ts",
  ]);
});

test("a file opens with one sentence saying what it is", () => {
  const silent = FILES.filter(
    (file) => !file.endsWith(".gen.ts") && !readFileSync(join(SRC, file), "utf8").startsWith("// "),
  );
  expect(silent).toEqual([]);
});

test("files stay readable: seldom past 300 lines, never past 450", () => {
  const long = FILES.filter(
    (file) => !file.endsWith(".gen.ts") && readFileSync(join(SRC, file), "utf8").split("\n").length > 450,
  );
  expect(long).toEqual([]);
});
