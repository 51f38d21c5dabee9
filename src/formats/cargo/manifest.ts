// Cargo.toml as it lies in a crate: what the index, and the API, must say of the version. Pure.
import { parse, TomlError } from "smol-toml";
import { ArchiveError } from "../../archives/archive.ts";
import type { IndexDependency } from "./index-line.ts";
import { strings } from "./index-line.ts";
import { isObject, type Json, textOf } from "./json.ts";
import { normalRequirement } from "./requirement.ts";

/** A dependency as the manifest has it. */
export interface ManifestDependency extends Omit<IndexDependency, "registry"> {
  /** The index that the manifest names; undefined: cargo's default registry. */
  readonly registryIndex: string | undefined;
}

export interface CrateManifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly ManifestDependency[];
  readonly features: ReadonlyMap<string, readonly string[]>;
  readonly links: string | undefined;
  readonly rustVersion: string | undefined;
  readonly about: About;
}

/** What people read. */
export interface About {
  readonly description?: string;
  readonly homepage?: string;
  readonly documentation?: string;
  readonly repository?: string;
  readonly license?: string;
  readonly licenseFile?: string;
  readonly keywords?: readonly string[];
  readonly categories?: readonly string[];
  readonly authors?: readonly string[];
  /** The readme's path below the crate's folder; false: it says that it has none. */
  readonly readme?: string | false;
}

/** Deeper nesting is nobody's manifest, and would overflow the stack of who walks it. */
const DEPTH_MAX = 50;

/** Throws ArchiveError, whose message goes on after "it is refused:". */
export function readManifest(bytes: Uint8Array): CrateManifest {
  const toml = parseToml(bytes);
  const crate = toml["package"] ?? toml["project"];
  if (!isObject(crate)) throw new ArchiveError("its Cargo.toml has no [package]");
  const { name, version } = crate;
  if (typeof name !== "string") throw new ArchiveError("its Cargo.toml names no package");
  if (typeof version !== "string") throw new ArchiveError("its Cargo.toml names no version");
  return {
    name,
    version,
    dependencies: readDependencies(toml),
    features: readFeatures(toml["features"]),
    links: textOf(crate["links"]),
    rustVersion: textOf(crate["rust-version"]),
    about: readAbout(crate),
  };
}

function parseToml(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ArchiveError("its Cargo.toml is not UTF-8");
  }
  try {
    return parse(text, { maxDepth: DEPTH_MAX });
  } catch (error) {
    if (!(error instanceof TomlError) && !(error instanceof RangeError)) throw error;
    const [line = ""] = error.message.split("\n");
    throw new ArchiveError(`its Cargo.toml cannot be read: ${line.slice(0, 200)}`);
  }
}

const TABLES = [
  ["dependencies", "normal"],
  ["build-dependencies", "build"],
  ["build_dependencies", "build"],
  ["dev-dependencies", "dev"],
  ["dev_dependencies", "dev"],
] as const;

function readDependencies(toml: Json): readonly ManifestDependency[] {
  const found = readTables(toml, null);
  const targets = toml["target"];
  if (targets === undefined) return found;
  if (!isObject(targets)) throw new ArchiveError("its Cargo.toml has a [target] that is no table");
  for (const [target, tables] of Object.entries(targets))
    if (isObject(tables)) found.push(...readTables(tables, target));
  return found;
}

function readTables(from: Json, target: string | null): ManifestDependency[] {
  return TABLES.flatMap(([table, kind]) => {
    const entries = from[table];
    if (entries === undefined) return [];
    if (!isObject(entries)) throw new ArchiveError(`its Cargo.toml has a [${table}] that is no table`);
    return Object.entries(entries).map(([name, value]) => readDependency(name, value, kind, target));
  });
}

function readDependency(
  name: string,
  value: unknown,
  kind: ManifestDependency["kind"],
  target: string | null,
): ManifestDependency {
  const table = isObject(value) ? value : { version: value };
  const refuse = (why: string): ArchiveError =>
    new ArchiveError(`its dependency ${JSON.stringify(name.slice(0, 100))} ${why}`);
  const version = table["version"];
  if (typeof version !== "string") throw refuse("has no version; a registry has nothing but versions");
  const req = normalRequirement(version);
  if (req === undefined)
    throw refuse(`asks for ${JSON.stringify(version.slice(0, 100))}, which is no version`);
  for (const elsewhere of ["path", "git", "workspace", "artifact"])
    if (table[elsewhere] !== undefined)
      throw refuse(`is by '${elsewhere}', which a published crate cannot have`);
  if (table["registry"] !== undefined && table["registry-index"] === undefined)
    throw refuse(
      "names its registry as one machine calls it; cargo writes 'registry-index' when it packages",
    );
  const features = table["features"] === undefined ? [] : strings(table["features"]);
  if (features === undefined) throw refuse("has features that are no list of texts");
  const original = textOf(table["package"]);
  const defaults = table["default-features"] ?? table["default_features"];
  return {
    name,
    req,
    features,
    optional: table["optional"] === true,
    default_features: defaults !== false,
    target,
    kind,
    ...(original === undefined || original === name ? {} : { package: original }),
    registryIndex: textOf(table["registry-index"]),
  };
}

function readFeatures(value: unknown): ReadonlyMap<string, readonly string[]> {
  if (value === undefined) return new Map();
  if (!isObject(value)) throw new ArchiveError("its Cargo.toml has [features] that are no table");
  return new Map(
    Object.entries(value).map(([name, list]) => {
      const values = strings(list);
      if (values === undefined)
        throw new ArchiveError(`its feature ${JSON.stringify(name.slice(0, 100))} is no list of texts`);
      return [name, values];
    }),
  );
}

function readAbout(crate: Json): About {
  const about: Record<string, unknown> = {};
  for (const [member, name] of [
    ["description", "description"],
    ["homepage", "homepage"],
    ["documentation", "documentation"],
    ["repository", "repository"],
    ["license", "license"],
    ["license-file", "licenseFile"],
  ] as const) {
    const text = textOf(crate[member]);
    if (text !== undefined) about[name] = text.slice(0, TEXT_MAX);
  }
  for (const member of ["keywords", "categories", "authors"] as const) {
    const list = strings(crate[member]);
    if (list !== undefined && list.length > 0) about[member] = list.slice(0, LIST_MAX);
  }
  const readme = crate["readme"];
  if (typeof readme === "string" || readme === false) about["readme"] = readme;
  return about;
}

const TEXT_MAX = 10_000;
const LIST_MAX = 100;
