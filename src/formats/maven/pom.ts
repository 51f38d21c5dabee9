// What a POM says of its version, and whether it is the POM of the path it stands at; pure.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import type { Dependency, VersionMetadata } from "../../registry/registry.ts";
import type { Element } from "../xml.ts";
import { child, children, parseXml, textIn } from "../xml.ts";

/** Larger than any POM that was ever seen at a public registry by far. */
export const POM_BYTES_MAX = 4 * 1024 * 1024;
const TEXT_MAX = 2_000;
const DEPENDENCIES_MAX = 5_000;

export interface Pom {
  /** As written; undefined when inherited from the parent or left out. */
  readonly groupId: string | undefined;
  readonly artifactId: string | undefined;
  readonly version: string | undefined;
  readonly packaging: string;
  readonly parent: Dependency | undefined;
  readonly dependencies: readonly Dependency[];
  readonly metadata: VersionMetadata;
}

/** Throws ValidationException for what is no POM. */
export function parsePom(bytes: Uint8Array, what = "The POM"): Pom {
  const project = parseXml(bytes, what);
  if (project.name !== "project")
    throw invalid(`${what} must have the root element <project>, not <${project.name}>.`);
  const parent = child(project, "parent");
  return {
    groupId: textIn(project, "groupId") ?? textIn(parent, "groupId"),
    artifactId: textIn(project, "artifactId"),
    version: textIn(project, "version") ?? textIn(parent, "version"),
    packaging: textIn(project, "packaging") ?? "jar",
    parent: parent === undefined ? undefined : dependencyOf(parent, "parent"),
    dependencies: children(child(project, "dependencies"), "dependency")
      .slice(0, DEPENDENCIES_MAX)
      .flatMap((element) => dependencyOf(element, typeOf(element)) ?? []),
    metadata: metadataOf(project),
  };
}

const SCOPES = new Set(["compile", "runtime", "test", "system", "provided"]);

/** `optional` says more than the scope does (spec 5.8.4). */
function typeOf(dependency: Element): string {
  if (textIn(dependency, "optional") === "true") return "optional";
  const scope = textIn(dependency, "scope") ?? "compile";
  return SCOPES.has(scope) ? scope : "compile";
}

function dependencyOf(element: Element, type: string): Dependency | undefined {
  const namespace = textIn(element, "groupId");
  const name = textIn(element, "artifactId");
  if (namespace === undefined || name === undefined) return undefined;
  return {
    namespace: cut(namespace),
    name: cut(name),
    type,
    requirement: cut(textIn(element, "version") ?? ""),
  };
}

/** Of this very POM: what a parent says is not read (spec 1.6.5). */
function metadataOf(project: Element): VersionMetadata {
  const licenses = children(child(project, "licenses"), "license")
    .slice(0, 20)
    .map((license) => optional({ name: textIn(license, "name"), url: webUrl(textIn(license, "url")) }))
    .filter((license) => Object.keys(license).length > 0);
  return {
    ...optional({
      displayName: textIn(project, "name"),
      summary: textIn(project, "description"),
      homePage: webUrl(textIn(project, "url")),
      sourceCodeRepository: scmUrl(child(project, "scm")),
    }),
    ...(licenses.length === 0 ? {} : { licenses }),
  };
}

function scmUrl(scm: Element | undefined): string | undefined {
  return webUrl(textIn(scm, "url")) ?? webUrl(textIn(scm, "connection")?.replace(/^scm:[a-z]+:/, ""));
}

/** Only what is safe to show as a link (threats D). */
function webUrl(text: string | undefined): string | undefined {
  return text !== undefined && /^(https?|git|ssh):\/\//i.test(text) ? text : undefined;
}

function optional<K extends string>(
  fields: Readonly<Record<K, string | undefined>>,
): Partial<Record<K, string>> {
  const set: Partial<Record<K, string>> = {};
  for (const name of Object.keys(fields) as K[]) {
    const value = fields[name];
    if (value !== undefined) set[name] = cut(value);
  }
  return set;
}

function cut(text: string): string {
  return text.slice(0, TEXT_MAX);
}

/**
 * Throws ValidationException when the POM is another's. What it leaves open, with `${…}` (CI-friendly versions), is
 * not held against it. `version` is the folder's: a snapshot's builds say SNAPSHOT inside.
 */
export function checkCoordinates(pom: Pom, key: PackageKey, version: string): void {
  const claims = [
    ["groupId", pom.groupId, key.namespace],
    ["artifactId", pom.artifactId, key.name],
    ["version", pom.version, version],
  ] as const;
  for (const [name, said, expected] of claims) {
    if (said === undefined) throw invalid(`The POM has no ${name}, which by its path is '${expected}'.`);
    if (said !== expected && !said.includes("${"))
      throw invalid(
        `The POM says ${name} '${said.slice(0, 200)}', but its path says '${expected}'. They must agree.`,
      );
  }
}
