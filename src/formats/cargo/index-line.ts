// One line of the index: a version of a crate as cargo's resolver reads it; made of what is known, never passed through. Pure.
import { isObject, type Json } from "./json.ts";
import { isVersion, parseName } from "./names.ts";

/** A dependency as the index writes it. */
export interface IndexDependency {
  /** What the crate calls it: the renamed name where `package` is set. */
  readonly name: string;
  readonly req: string;
  readonly features: readonly string[];
  readonly optional: boolean;
  readonly default_features: boolean;
  readonly target: string | null;
  readonly kind: "normal" | "build" | "dev";
  /** The index it comes from; null: this one. */
  readonly registry?: string;
  /** The crate's own name, where the dependency is renamed. */
  readonly package?: string;
}

type Features = Readonly<Record<string, readonly string[]>>;

/** What never changes of a version's line; whether it is yanked, and when it was published, join it when it is shown. */
export interface IndexLine {
  readonly name: string;
  readonly vers: string;
  readonly deps: readonly IndexDependency[];
  readonly cksum: string;
  readonly features: Features;
  /** Features in syntax that cargo knows since 1.60; `v` is 2 then, so that older ones pass the line over. */
  readonly features2?: Features;
  readonly links?: string;
  readonly rust_version?: string;
  readonly v?: number;
}

/** A line of a public index, and what it says of the moment. */
export interface PublicLine {
  readonly line: IndexLine;
  readonly yanked: boolean;
  /** Epoch ms. */
  readonly publishedAt: number | undefined;
}

/** As cargo reads it; the line's own text is JSON of an object and so ends in `}`. */
export function showLine(text: string, yanked: boolean, publishedAt: number | undefined): string {
  const time = publishedAt === undefined ? "" : `,"pubtime":"${seconds(publishedAt)}"`;
  return `${text.slice(0, -1)},"yanked":${yanked}${time}}`;
}

/** The index's form: whole seconds. */
function seconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** Features split as the index wants them, with `v` where it is needed. Without prototypes, since names are keys here. */
export function splitFeatures(
  all: ReadonlyMap<string, readonly string[]>,
): Pick<IndexLine, "features" | "features2" | "v"> {
  const plain = Object.create(null) as Record<string, readonly string[]>;
  const newer = Object.create(null) as Record<string, readonly string[]>;
  let any = false;
  for (const [name, values] of all) {
    const isNewer = values.some((value) => value.startsWith("dep:") || value.includes("?/"));
    (isNewer ? newer : plain)[name] = values;
    any ||= isNewer;
  }
  return any ? { features: plain, features2: newer, v: 2 } : { features: plain };
}

/** What this server understands of the index's versions; later ones may mean other things by the same words. */
const LINE_VERSION_MAX = 2;

/**
 * Reads one line of a public index. Undefined when it makes no sense, is of a later kind than is known here, or has no
 * checksum: such a version could not be checked, so it is as good as absent (fail closed).
 */
export function readPublicLine(text: string): PublicLine | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(json)) return undefined;
  const { name, vers, cksum, deps, links, rust_version: rust, v } = json;
  if (typeof name !== "string" || parseName(name) === undefined) return undefined;
  if (typeof vers !== "string" || !isVersion(vers)) return undefined;
  if (typeof cksum !== "string" || !/^[0-9a-f]{64}$/i.test(cksum)) return undefined;
  if (v !== undefined && v !== null && !(typeof v === "number" && v >= 1 && v <= LINE_VERSION_MAX))
    return undefined;
  const read = readDependencies(deps);
  const features = readFeatures(json["features"]);
  const features2 = readFeatures(json["features2"]);
  if (read === undefined || features === undefined || features2 === undefined) return undefined;
  const line: IndexLine = {
    name,
    vers,
    deps: read,
    cksum: cksum.toLowerCase(),
    features,
    ...(Object.keys(features2).length === 0 ? {} : { features2 }),
    ...(typeof links === "string" ? { links } : {}),
    ...(typeof rust === "string" ? { rust_version: rust } : {}),
    ...(typeof v === "number" ? { v } : {}),
  };
  return { line, yanked: json["yanked"] === true, publishedAt: epoch(json["pubtime"]) };
}

function readDependencies(value: unknown): readonly IndexDependency[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.map(readDependency);
  return found.some((dependency) => dependency === undefined) ? undefined : (found as IndexDependency[]);
}

const KINDS = new Set(["normal", "build", "dev"]);

function readDependency(value: unknown): IndexDependency | undefined {
  if (!isObject(value)) return undefined;
  const { name, req, features, target, kind, registry, package: original } = value;
  if (typeof name !== "string" || typeof req !== "string") return undefined;
  const list = features === undefined || features === null ? [] : strings(features);
  if (list === undefined) return undefined;
  return {
    name,
    req,
    features: list,
    optional: value["optional"] === true,
    default_features: value["default_features"] !== false,
    target: typeof target === "string" ? target : null,
    kind: typeof kind === "string" && KINDS.has(kind) ? (kind as IndexDependency["kind"]) : "normal",
    ...(typeof registry === "string" ? { registry } : {}),
    ...(typeof original === "string" ? { package: original } : {}),
  };
}

function readFeatures(value: unknown): Features | undefined {
  const features = Object.create(null) as Record<string, readonly string[]>;
  if (value === undefined || value === null) return features;
  if (!isObject(value)) return undefined;
  for (const [name, list] of Object.entries(value)) {
    const values = strings(list);
    if (values === undefined) return undefined;
    features[name] = values;
  }
  return features;
}

export function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;
}

function epoch(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

export function isLine(value: unknown): value is IndexLine & Json {
  return isObject(value) && typeof value["name"] === "string" && Array.isArray(value["deps"]);
}
