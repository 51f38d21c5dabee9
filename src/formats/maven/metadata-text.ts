// maven-metadata.xml at its three levels, artifact, snapshot and group: read, checked for form, written; pure.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import { child, children, escapeXml, parseXml, textIn } from "../xml.ts";
import { isMoving, isSnapshot } from "./layout.ts";
import { sortVersions } from "./version-order.ts";

/** Ten thousand versions are about half a megabyte. */
export const METADATA_BYTES_MAX = 16 * 1024 * 1024;

export interface Plugin {
  readonly name: string | undefined;
  readonly prefix: string;
  readonly artifactId: string;
}

/** A file of a snapshot as its metadata lists it: classifier, extension and the build's version. */
export interface SnapshotFile {
  readonly classifier: string;
  readonly extension: string;
  readonly value: string;
}

/** What a maven-metadata.xml says, whatever its level. */
export interface Metadata {
  readonly groupId: string | undefined;
  readonly artifactId: string | undefined;
  readonly version: string | undefined;
  readonly versions: readonly string[];
  readonly plugins: readonly Plugin[];
  readonly snapshot: { readonly timestamp: string; readonly buildNumber: string } | undefined;
  readonly files: readonly SnapshotFile[];
  /** Epoch ms. */
  readonly lastUpdated: number | undefined;
}

/** Throws ValidationException for what is no maven-metadata.xml. */
export function parseMetadata(bytes: Uint8Array, what = "maven-metadata.xml"): Metadata {
  const root = parseXml(bytes, what);
  if (root.name !== "metadata")
    throw invalid(`${what} must have the root element <metadata>, not <${root.name}>.`);
  const versioning = child(root, "versioning");
  const snapshot = child(versioning, "snapshot");
  const timestamp = textIn(snapshot, "timestamp");
  return {
    groupId: textIn(root, "groupId"),
    artifactId: textIn(root, "artifactId"),
    version: textIn(root, "version"),
    versions: children(child(versioning, "versions"), "version").flatMap(({ text }) =>
      text === "" ? [] : [text],
    ),
    plugins: children(child(root, "plugins"), "plugin").flatMap((plugin) => {
      const prefix = textIn(plugin, "prefix");
      const artifactId = textIn(plugin, "artifactId");
      return prefix === undefined || artifactId === undefined
        ? []
        : [{ name: textIn(plugin, "name"), prefix, artifactId }];
    }),
    snapshot:
      timestamp === undefined ? undefined : { timestamp, buildNumber: textIn(snapshot, "buildNumber") ?? "" },
    files: children(child(versioning, "snapshotVersions"), "snapshotVersion").map((file) => ({
      classifier: textIn(file, "classifier") ?? "",
      extension: textIn(file, "extension") ?? "",
      value: textIn(file, "value") ?? "",
    })),
    lastUpdated: parseTime(textIn(versioning, "lastUpdated")),
  };
}

function parseTime(text: string | undefined): number | undefined {
  const parts = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(text ?? "");
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function writeTime(at: number): string {
  return new Date(at).toISOString().replace(/[-T:]|\..*$/g, "");
}

/** Versions in Maven's order, with the newest as `latest` and the newest that is no snapshot as `release`. */
export function renderArtifact(key: PackageKey, versions: Iterable<string>, lastUpdated: number): string {
  const sorted = sortVersions(versions);
  const release = sorted.findLast((version) => !isMoving(version));
  return document([
    ...coordinates(key),
    "  <versioning>",
    element(4, "latest", sorted.at(-1)),
    element(4, "release", release),
    "    <versions>",
    ...sorted.map((version) => element(6, "version", version)),
    "    </versions>",
    element(4, "lastUpdated", writeTime(lastUpdated)),
    "  </versioning>",
  ]);
}

export interface SnapshotBuild {
  readonly version: string;
  readonly timestamp: string;
  readonly buildNumber: number;
  readonly updatedAt: number;
  readonly files: readonly SnapshotFile[];
}

export function renderSnapshot(key: PackageKey, build: SnapshotBuild): string {
  const updated = writeTime(build.updatedAt);
  return document([
    ...coordinates(key),
    element(2, "version", build.version),
    "  <versioning>",
    "    <snapshot>",
    element(6, "timestamp", build.timestamp),
    element(6, "buildNumber", String(build.buildNumber)),
    "    </snapshot>",
    element(4, "lastUpdated", updated),
    "    <snapshotVersions>",
    ...build.files.flatMap(({ classifier, extension, value }) => [
      "      <snapshotVersion>",
      element(8, "classifier", classifier === "" ? undefined : classifier),
      element(8, "extension", extension),
      element(8, "value", value),
      element(8, "updated", updated),
      "      </snapshotVersion>",
    ]),
    "    </snapshotVersions>",
    "  </versioning>",
  ]);
}

/** The first of equal prefixes counts. */
export function renderGroup(plugins: readonly Plugin[]): string {
  const byPrefix = new Map<string, Plugin>();
  for (const plugin of plugins) if (!byPrefix.has(plugin.prefix)) byPrefix.set(plugin.prefix, plugin);
  return document([
    "  <plugins>",
    ...[...byPrefix.values()]
      .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
      .flatMap(({ name, prefix, artifactId }) => [
        "    <plugin>",
        element(6, "name", name),
        element(6, "prefix", prefix),
        element(6, "artifactId", artifactId),
        "    </plugin>",
      ]),
    "  </plugins>",
  ]);
}

function document(lines: readonly string[]): string {
  const inner = lines.filter((line) => line !== "").join("\n");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<metadata>\n${inner}\n</metadata>\n`;
}

function coordinates({ namespace, name }: PackageKey): string[] {
  return [element(2, "groupId", namespace), element(2, "artifactId", name)];
}

function element(indent: number, name: string, text: string | undefined): string {
  return text === undefined ? "" : `${" ".repeat(indent)}<${name}>${escapeXml(text)}</${name}>`;
}

/** Extensions that have a dot in them; everything else after the last one. */
const LONG_EXTENSIONS =
  /\.((?:tar|cpio)\.(?:gz|bz2|xz|Z|zst)|[^.]+)(\.(?:asc|sigstore\.json|sigstore|sig))?$/;

/** What a build's file is called in its snapshot's metadata; undefined for a file that has no place there. */
export function snapshotFileOf({ name }: PackageKey, build: string, file: string): SnapshotFile | undefined {
  const start = `${name}-${build}`;
  if (!file.startsWith(start)) return undefined;
  const rest = file.slice(start.length);
  const [ending = ""] = LONG_EXTENSIONS.exec(rest) ?? [];
  const classifier = rest.slice(0, rest.length - ending.length);
  if (ending === "" || (classifier !== "" && !classifier.startsWith("-"))) return undefined;
  return { classifier: classifier.slice(1), extension: ending.slice(1), value: build };
}

/** The file that a line of a snapshot's metadata is about. */
export function fileNameOf({ name }: PackageKey, { classifier, extension, value }: SnapshotFile): string {
  return `${name}-${value}${classifier === "" ? "" : `-${classifier}`}.${extension}`;
}

/** Throws ValidationException when a document names other coordinates than its path. Snapshots' name their version too. */
export function checkMetadata(metadata: Metadata, key: PackageKey, version?: string): void {
  const claims: [string, string | undefined, string][] = [
    ["groupId", metadata.groupId, key.namespace],
    ["artifactId", metadata.artifactId, key.name],
  ];
  if (version !== undefined && isSnapshot(version)) claims.push(["version", metadata.version, version]);
  for (const [name, said, expected] of claims)
    if (said !== expected)
      throw invalid(
        `maven-metadata.xml says ${name} ${said === undefined ? "nothing" : `'${said.slice(0, 200)}'`}, but its path says '${expected}'. They must agree.`,
      );
}
