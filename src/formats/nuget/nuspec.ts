// Reading a .nuspec, a package's manifest; pure.
import { invalid } from "../../core/faults.ts";
import { parseNugetVersion } from "../../core/nuget-versions.ts";
import { children, type Element, parseXml } from "../xml.ts";
import type { DependencyGroup, Facts } from "./facts.ts";
import { parseId } from "./names.ts";

const DEPENDENCIES_MAX = 5_000;

/** Throws a 400 that says what is wrong: no XML, an id or a version missing, told twice, or none that NuGet would take. */
export function readNuspec(bytes: Uint8Array): Facts {
  const root = parseXml(bytes, "The .nuspec");
  const [metadata, ...others] = root.name === "package" ? children(root, "metadata") : [];
  if (metadata === undefined || others.length > 0)
    throw invalid("The .nuspec must hold one <package> with one <metadata>.");
  const text = (name: string): string => only(metadata, name)?.text ?? "";
  const id = text("id");
  const version = text("version");
  if (parseId(id) === undefined)
    throw invalid(`The .nuspec's id '${id.slice(0, 200)}' cannot be the id of a package.`);
  if (parseNugetVersion(version) === undefined)
    throw invalid(`The .nuspec's version '${version.slice(0, 200)}' is not a version of NuGet's.`);
  const license = only(metadata, "license");
  const licenseType = license?.attributes.get("type") ?? "";
  return {
    id,
    version,
    title: text("title"),
    description: text("description"),
    summary: text("summary"),
    authors: text("authors"),
    tags: text("tags")
      .split(/[\s,;]+/)
      .filter((tag) => tag !== ""),
    projectUrl: text("projectUrl"),
    iconUrl: text("iconUrl"),
    icon: text("icon"),
    readme: text("readme"),
    licenseFile: licenseType === "file" ? (license?.text ?? "") : "",
    licenseExpression: licenseType === "expression" ? (license?.text ?? "") : "",
    licenseUrl: text("licenseUrl"),
    requireLicenseAcceptance: text("requireLicenseAcceptance").toLowerCase() === "true",
    language: text("language"),
    releaseNotes: text("releaseNotes"),
    copyright: text("copyright"),
    minClientVersion: metadata.attributes.get("minClientVersion") ?? "",
    repositoryUrl: only(metadata, "repository")?.attributes.get("url") ?? "",
    packageTypes: children(only(metadata, "packageTypes"), "packageType").flatMap(
      ({ attributes }) => attributes.get("name") ?? [],
    ),
    groups: readGroups(only(metadata, "dependencies")),
  };
}

/** Readers differ in which of two they believe. */
function only(metadata: Element, name: string): Element | undefined {
  const [first, ...others] = metadata.children.filter(
    (element) => element.name.toLowerCase() === name.toLowerCase(),
  );
  if (others.length > 0) throw invalid(`The .nuspec tells its ${name} twice.`);
  return first;
}

function readGroups(element: Element | undefined): readonly DependencyGroup[] {
  if (element === undefined) return [];
  const groups = children(element, "group").map((group) => ({
    framework: group.attributes.get("targetFramework") ?? "",
    dependencies: readDependencies(group),
  }));
  const plain = readDependencies(element);
  const all = plain.length === 0 ? groups : [{ framework: "", dependencies: plain }, ...groups];
  if (all.reduce((sum, { dependencies }) => sum + dependencies.length, 0) > DEPENDENCIES_MAX)
    throw invalid(`The .nuspec names more than ${DEPENDENCIES_MAX} dependencies.`);
  return all;
}

function readDependencies(parent: Element): DependencyGroup["dependencies"] {
  return children(parent, "dependency").map(({ attributes }) => {
    const id = attributes.get("id") ?? "";
    if (parseId(id) === undefined)
      throw invalid(`The .nuspec depends on '${id.slice(0, 200)}', which can be no package.`);
    return { id, range: attributes.get("version") ?? "" };
  });
}
