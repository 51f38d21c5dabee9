// Whether the manifest a publisher sends is the manifest inside the tarball (threats D, manifest confusion); pure.
import npa from "npm-package-arg";
import semver from "semver";
import type { Packed } from "./tarball.ts";

type Json = Readonly<Record<string, unknown>>;

const DEPENDENCY_KINDS = [
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "devDependencies",
] as const;

/**
 * The first differences between what was declared and what was packed, in words; empty when they agree. Both sides are
 * normalised first in the ways npm, pnpm, yarn and bun do before they publish (README.md says which client forces what).
 */
export function differences(declared: Json, packed: Packed): readonly string[] {
  const inside = packed.manifest;
  return [
    ...compareTexts("name", declared["name"], inside["name"]),
    ...compareTexts("version", declared["version"], cleanVersion(inside["version"])),
    ...DEPENDENCY_KINDS.flatMap((kind) =>
      compareMaps(kind, dependencies(declared, kind), dependencies(inside, kind)),
    ),
    ...compareMaps("bundleDependencies", bundled(declared), bundled(inside)),
    ...compareMaps("scripts", scripts(declared), withImpliedScripts(scripts(inside), packed, declared)),
    ...compareBins(declared, inside),
  ];
}

function compareTexts(field: string, declared: unknown, inside: unknown): string[] {
  return declared === inside
    ? []
    : [`${field} is ${show(declared)} in the manifest and ${show(inside)} in the tarball`];
}

function compareMaps(
  field: string,
  declared: ReadonlyMap<string, string>,
  inside: ReadonlyMap<string, string>,
): string[] {
  const names = new Set([...declared.keys(), ...inside.keys()]);
  return [...names]
    .filter((name) => declared.get(name) !== inside.get(name))
    .map(
      (name) =>
        `${field}[${show(name)}] is ${show(declared.get(name))} in the manifest and ${show(inside.get(name))} in the tarball`,
    );
}

function show(value: unknown): string {
  return value === undefined ? "absent" : (JSON.stringify(value) ?? "absent").slice(0, 200);
}

/** npm sends `1.0.0` for a package.json that says `v1.0.0`. */
function cleanVersion(version: unknown): unknown {
  return typeof version === "string" ? (semver.clean(version, { loose: true }) ?? version) : version;
}

function dependencies(manifest: Json, kind: (typeof DEPENDENCY_KINDS)[number]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, range] of entriesOf(manifest[kind]))
    if (typeof range === "string") found.set(name, canonicalRange(name, range));
  // npm lists an optional dependency in one place or in both; the optional entry is the one that counts.
  if (kind === "dependencies")
    for (const [name] of entriesOf(manifest["optionalDependencies"])) found.delete(name);
  return found;
}

interface Hosted {
  readonly type: string;
  readonly user: string;
  readonly project: string;
  readonly committish: string | null;
}

/** npm rewrites git shorthands (`user/repo`) to full URLs; both spellings become one here. */
function canonicalRange(name: string, range: string): string {
  const trimmed = range.trim();
  if (!/[/:]/.test(trimmed) || /^(workspace|catalog|file|link|portal|patch|npm):/.test(trimmed))
    return trimmed;
  try {
    const spec: { readonly hosted?: unknown } = npa.resolve(name, trimmed);
    const hosted = spec.hosted as Hosted | undefined;
    return hosted === undefined
      ? trimmed
      : `${hosted.type}:${hosted.user}/${hosted.project}#${hosted.committish ?? ""}`;
  } catch {
    return trimmed;
  }
}

/** As a map from name to "", so that order and spelling (`bundledDependencies`, true) do not matter. */
function bundled(manifest: Json): Map<string, string> {
  const value = manifest["bundleDependencies"] ?? manifest["bundledDependencies"];
  if (value === true) return new Map(entriesOf(manifest["dependencies"]).map(([name]) => [name, ""]));
  const names = Array.isArray(value) ? value : entriesOf(value).map(([name]) => name);
  return new Map(names.filter((name) => typeof name === "string").map((name) => [name, ""]));
}

function scripts(manifest: Json): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, command] of entriesOf(manifest["scripts"])) {
    if (typeof command === "string")
      found.set(name, command.replace(/^(\.[/\\])?node_modules[/\\]\.bin[/\\]/, "").trim());
  }
  return found;
}

/** npm and yarn 1 add these two when the files are there; other clients do not, so either is agreement. */
function withImpliedScripts(
  inside: Map<string, string>,
  packed: Packed,
  declared: Json,
): Map<string, string> {
  const said = scripts(declared);
  if (
    packed.builds &&
    !inside.has("install") &&
    !inside.has("preinstall") &&
    said.get("install") === "node-gyp rebuild"
  ) {
    inside.set("install", "node-gyp rebuild");
  }
  if (packed.beside.has("server.js") && !inside.has("start") && said.get("start") === "node server.js") {
    inside.set("start", "node server.js");
  }
  return inside;
}

function compareBins(declared: Json, inside: Json): string[] {
  const said = bins(declared);
  const folder = directoryOfBins(inside);
  if (folder === undefined || entriesOf(inside["bin"]).length > 0 || typeof inside["bin"] === "string") {
    return compareMaps("bin", said, bins(inside));
  }
  // npm turns directories.bin into one entry per file; which files there are is not kept, where they lie is checked.
  return [...said]
    .filter(([, path]) => !path.startsWith(`${folder}/`))
    .map(
      ([name, path]) =>
        `bin[${show(name)}] is ${show(path)} in the manifest, outside directories.bin of the tarball`,
    );
}

function directoryOfBins(manifest: Json): string | undefined {
  const folder = new Map(entriesOf(manifest["directories"])).get("bin");
  return typeof folder === "string" ? cleanPath(folder) : undefined;
}

function bins(manifest: Json): Map<string, string> {
  const value = manifest["bin"];
  const name = typeof manifest["name"] === "string" ? manifest["name"] : "";
  const entries: [string, unknown][] =
    typeof value === "string"
      ? [[name.slice(name.indexOf("/") + 1), value]]
      : Array.isArray(value)
        ? value.map((path) => [String(path).split("/").at(-1) ?? "", path])
        : entriesOf(value);
  const found = new Map<string, string>();
  for (const [command, path] of entries) {
    const short = command.replaceAll(/[\\:]/g, "/").split("/").at(-1) ?? "";
    if (typeof path === "string" && short !== "" && cleanPath(path) !== "") found.set(short, cleanPath(path));
  }
  return found;
}

/** `./bin/x.js`, `/bin/x.js` and `bin//x.js` are `bin/x.js`; `..` never leads above the package, as when npm unpacks it. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.replaceAll("\\", "/").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
