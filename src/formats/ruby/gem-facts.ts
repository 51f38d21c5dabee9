// What is kept of one gem file, and how it comes out of a gemspec; pure.
import { invalid } from "../../core/faults.ts";
import type { VersionMetadata } from "../../registry/registry.ts";
import { ANY_PLATFORM, isNumber, isPlatform, parseName } from "./names.ts";
import { parseYaml } from "./yaml-text.ts";

/** One gem file; kept as its asset's document. */
export interface GemFacts {
  readonly name: string;
  readonly number: string;
  readonly platform: string;
  /** Runtime dependencies, as compact indexes write their requirements: `>= 1.0, < 2`. */
  readonly dependencies: readonly GemDependency[];
  readonly development: readonly GemDependency[];
  /** `>= 2.7`; "" for any. */
  readonly ruby: string;
  readonly rubygems: string;
  readonly summary: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly email: readonly string[];
  readonly homepage: string;
  readonly licenses: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** `2024-01-31`. */
  readonly date: string;
  readonly yanked?: boolean;
}

export interface GemDependency {
  readonly name: string;
  readonly requirement: string;
}

/** Reads a gem's metadata, which is YAML as Ruby's Psych writes it. Throws a 400 that says what is wrong with it. */
export function readGemspec(text: string): GemFacts {
  let spec: unknown;
  try {
    spec = parseYaml(text);
  } catch {
    throw refused("its metadata is not YAML that can be read");
  }
  if (!isMap(spec)) throw refused("its metadata is not a gem specification");
  const name = textOf(spec["name"]);
  const version = spec["version"];
  const number = textOf(isMap(version) ? version["version"] : version);
  const platform = textOf(spec["platform"]) === "" ? ANY_PLATFORM : textOf(spec["platform"]);
  if (parseName(name) === undefined) throw refused(`'${name.slice(0, 100)}' cannot be the name of a gem`);
  if (!isNumber(number)) throw refused(`'${number.slice(0, 100)}' is not a version number of RubyGems`);
  if (!isPlatform(platform)) throw refused(`'${platform.slice(0, 100)}' is not a platform`);
  const dependencies = listOf(spec["dependencies"]).flatMap(readDependency);
  return {
    name,
    number,
    platform,
    dependencies: dependencies.filter(({ development }) => !development).map(plain),
    development: dependencies.filter(({ development }) => development).map(plain),
    ruby: readRequirement(spec["required_ruby_version"]),
    rubygems: readRequirement(spec["required_rubygems_version"]),
    summary: textOf(spec["summary"]),
    description: textOf(spec["description"]),
    authors: textsOf(spec["authors"]),
    email: textsOf(spec["email"]),
    homepage: textOf(spec["homepage"]),
    licenses: textsOf(spec["licenses"]),
    metadata: readMetadata(spec["metadata"]),
    date: textOf(spec["date"]).slice(0, 10),
  };
}

function refused(why: string): Error {
  return invalid(`The gem is refused: ${why}.`);
}

function plain({ name, requirement }: GemDependency): GemDependency {
  return { name, requirement };
}

function readDependency(value: unknown): readonly (GemDependency & { readonly development: boolean })[] {
  if (!isMap(value)) return [];
  const name = textOf(value["name"]);
  if (parseName(name) === undefined)
    throw refused(`it depends on '${name.slice(0, 100)}', which can be no gem`);
  const requirement = readRequirement(value["requirement"] ?? value["version_requirements"]);
  return [
    {
      name,
      requirement: requirement === "" ? ">= 0" : requirement,
      development: textOf(value["type"]) === ":development",
    },
  ];
}

/** `[[">=", {version: "1.0"}], …]` as `>= 1.0, < 2`; "" for what asks for nothing. */
function readRequirement(value: unknown): string {
  if (!isMap(value)) return "";
  const parts = listOf(value["requirements"]).flatMap((pair) => {
    const [operator, version] = listOf(pair);
    const number = textOf(isMap(version) ? version["version"] : version);
    if (!/^(=|!=|>=|<=|~>|>|<)$/.test(textOf(operator)) || !isNumber(number)) return [];
    return [`${textOf(operator)} ${number}`];
  });
  const asked = parts.filter((part) => part !== ">= 0");
  return asked.join(", ");
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isMap(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter(
    (item): item is string => typeof item === "string" && item !== "",
  );
}

/** What the API tells of any format's version (spec 1.6.1). */
export function describeGem(facts: GemFacts): VersionMetadata {
  const { name, summary, homepage, licenses, metadata } = facts;
  const source = metadata["source_code_uri"];
  return {
    displayName: name,
    ...(summary === "" ? {} : { summary }),
    ...(homepage === "" ? {} : { homePage: homepage }),
    ...(source === undefined ? {} : { sourceCodeRepository: source }),
    ...(licenses.length === 0 ? {} : { licenses: licenses.map((license) => ({ name: license })) }),
  };
}
