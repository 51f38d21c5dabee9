// Whether what a publisher says of a crate is what lies in it, and the index line that the crate itself makes; pure.
import { createHash } from "node:crypto";
import { invalid } from "../../core/faults.ts";
import type { IndexDependency, IndexLine } from "./index-line.ts";
import { splitFeatures, strings } from "./index-line.ts";
import { isObject, type Json } from "./json.ts";
import type { CrateManifest, ManifestDependency } from "./manifest.ts";
import { normalRequirement } from "./requirement.ts";

/** The text by which cargo names its default registry in what it publishes, by its SHA-256: no registry's address stands in this project. */
const DEFAULT_INDEX_SHA256 = "d2a97a7c0ce0ab3aa045f18ee7e877a76ef25606a002f8dcfe95e952db4186b8";

export interface Agreement {
  readonly line: Omit<IndexLine, "cksum">;
  /** What differs, each in a few words. Empty: nothing. */
  readonly differences: readonly string[];
}

/**
 * The line is made of the crate's own Cargo.toml; `sent` is the JSON that came before it, `isHere` whether an index's
 * address is this repository's. Only one thing is taken from the JSON: how cargo writes its default registry.
 */
export function agree(manifest: CrateManifest, sent: Json, isHere: (index: string) => boolean): Agreement {
  const differences: string[] = [];
  const differ = (what: string, there: unknown, said: unknown): void => {
    if (there !== said)
      differences.push(`${what} is ${show(there)} in the crate, ${show(said)} in the metadata`);
  };
  differ("the name", manifest.name, sent["name"]);
  differ("the version", manifest.version, sent["vers"]);
  differ("links", manifest.links ?? null, sent["links"] ?? null);
  if (sent["rust_version"] !== undefined)
    differ("rust-version", manifest.rustVersion ?? null, sent["rust_version"]);
  differ("features", featuresText(manifest.features), featuresText(sentFeatures(sent)));
  const deps = agreeOnDependencies(manifest.dependencies, sentDependencies(sent), isHere, differences);
  const line = {
    name: manifest.name,
    vers: manifest.version,
    deps,
    ...splitFeatures(manifest.features),
    ...(manifest.links === undefined ? {} : { links: manifest.links }),
    ...(manifest.rustVersion === undefined ? {} : { rust_version: manifest.rustVersion }),
  };
  return { line, differences };
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "missing").slice(0, 200);
}

/** Order says nothing, neither of features nor of what each turns on. */
function featuresText(features: ReadonlyMap<string, readonly string[]>): string {
  const sorted = [...features].map(([name, values]) => [name, values.toSorted()] as const);
  return JSON.stringify(sorted.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sentFeatures(sent: Json): ReadonlyMap<string, readonly string[]> {
  const { features } = sent;
  if (features === undefined || features === null) return new Map();
  if (!isObject(features)) throw invalid("The metadata's 'features' is not an object.");
  return new Map(
    Object.entries(features).map(([name, list]) => {
      const values = strings(list);
      if (values === undefined) throw invalid(`The metadata's feature ${show(name)} is not a list of texts.`);
      return [name, values];
    }),
  );
}

interface SentDependency {
  readonly facts: string;
  readonly registry: string | null;
}

/** By where it stands in the manifest. */
function sentDependencies(sent: Json): ReadonlyMap<string, SentDependency> {
  const list = sent["deps"] ?? [];
  if (!Array.isArray(list)) throw invalid("The metadata's 'deps' is not a list.");
  const found = new Map<string, SentDependency>();
  for (const value of list) {
    const { name, version_req: req, kind, explicit_name_in_toml: renamed } = isObject(value) ? value : {};
    if (!isObject(value) || typeof name !== "string" || typeof req !== "string")
      throw invalid("One of the metadata's 'deps' lacks its name or its requirement.");
    const target = typeof value["target"] === "string" ? value["target"] : null;
    const alias = typeof renamed === "string" ? renamed : name;
    const place = placeOf(typeof kind === "string" ? kind : "normal", target, alias);
    if (found.has(place)) throw invalid(`The metadata names the dependency ${show(alias)} twice.`);
    const registry = typeof value["registry"] === "string" ? value["registry"] : null;
    const facts = factsOf({
      original: name,
      req: normalRequirement(req) ?? req,
      features: strings(value["features"] ?? []) ?? [],
      optional: value["optional"] === true,
      defaults: value["default_features"] !== false,
    });
    found.set(place, { facts, registry });
  }
  return found;
}

/** Spaces within `cfg(…)` mean nothing. */
function placeOf(kind: string, target: string | null, alias: string): string {
  return JSON.stringify([kind, target?.replace(/\s+/g, "") ?? null, alias]);
}

function factsOf(of: {
  readonly original: string;
  readonly req: string;
  readonly features: readonly string[];
  readonly optional: boolean;
  readonly defaults: boolean;
}): string {
  const { original, req, features, optional, defaults } = of;
  return `${original} ${req}, features [${features.toSorted().join(", ")}], ${optional ? "optional" : "not optional"}, ${defaults ? "with" : "without"} default features`;
}

function agreeOnDependencies(
  there: readonly ManifestDependency[],
  sent: ReadonlyMap<string, SentDependency>,
  isHere: (index: string) => boolean,
  differences: string[],
): readonly IndexDependency[] {
  const left = new Map(sent);
  const deps = there.map((dependency): IndexDependency => {
    const { registryIndex, ...indexed } = dependency;
    const { name, kind, target } = dependency;
    const place = placeOf(kind, target, name);
    const said = left.get(place);
    left.delete(place);
    if (said === undefined) {
      differences.push(`the ${kind} dependency ${show(name)} is in the crate only`);
      return indexed;
    }
    const facts = factsOf({
      original: dependency.package ?? name,
      req: dependency.req,
      features: dependency.features,
      optional: dependency.optional,
      defaults: dependency.default_features,
    });
    if (facts !== said.facts)
      differences.push(
        `the ${kind} dependency ${show(name)} is '${facts}' in the crate, '${said.facts}' in the metadata`,
      );
    const registry = registryOf(registryIndex, said.registry, isHere);
    if (registry === "differs")
      differences.push(
        `the ${kind} dependency ${show(name)} comes from ${registryIndex ?? "cargo's default registry"} in the crate, from ${said.registry ?? "this repository"} in the metadata`,
      );
    return registry === "here" || registry === "differs" ? indexed : { ...indexed, registry: registry.index };
  });
  for (const place of left.keys()) {
    const [kind, , name] = JSON.parse(place) as [string, string | null, string];
    differences.push(`the ${kind} dependency ${show(name)} is in the metadata only`);
  }
  return deps;
}

/** In a manifest nothing is the default registry; in what is sent, and in the index, nothing is this one. */
function registryOf(
  there: string | undefined,
  said: string | null,
  isHere: (index: string) => boolean,
): "here" | "differs" | { readonly index: string } {
  if (said === null) return there !== undefined && isHere(there) ? "here" : "differs";
  if (there === undefined) return isDefaultIndex(said) ? { index: said } : "differs";
  return plainIndex(there) === plainIndex(said) ? { index: there } : "differs";
}

function isDefaultIndex(index: string): boolean {
  return createHash("sha256").update(index).digest("hex") === DEFAULT_INDEX_SHA256;
}

function plainIndex(index: string): string {
  return index.replace(/^(sparse|registry)\+/, "").replace(/\/+$/, "");
}
