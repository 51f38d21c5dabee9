// Which package, version and file a path of Maven's layout names (spec 8.3.1, 8.3.8); pure.
import type { PackageKey } from "../../core/coordinates.ts";
import { isName } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";

export const ALGORITHMS = ["md5", "sha1", "sha256", "sha512"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export const METADATA_FILE = "maven-metadata.xml";

/** A file of a version, or of a snapshot's build. */
export interface FilePlace {
  readonly kind: "file";
  readonly key: PackageKey;
  /** The folder: what POMs and clients call the version. */
  readonly folder: string;
  /** The version that holds the file: the folder's, or the build's that the file name tells (spec 8.3.8). */
  readonly version: string;
  readonly file: string;
}

/** `maven-metadata.xml` in a snapshot's folder. */
export interface SnapshotPlace {
  readonly kind: "snapshot";
  readonly key: PackageKey;
  readonly version: string;
}

/** `maven-metadata.xml` one level above versions, or of a group: only what is in it tells which. */
export interface ListPlace {
  readonly kind: "list";
  /** The path read as an artifact's; undefined for a folder at the root, which can only be a group. */
  readonly key: PackageKey | undefined;
  readonly group: string;
}

export type Place = (FilePlace | SnapshotPlace | ListPlace) & {
  /** Set when the path names the checksum of the place. */
  readonly checksum: Algorithm | undefined;
};

/** A group's folders have no dots: `com.acme/x` would be a second spelling of `com/acme/x`. */
const GROUP_PART = /^[A-Za-z0-9_$+~@-]+$/;
/** What Maven and its neighbours use, less all that a shell, a path or a page could take otherwise. */
const NAME_PART = /^[A-Za-z0-9_$+~@!=,-][A-Za-z0-9_.$+~@!=,-]*$/;

/** Undefined when the path is not of Maven's layout: then there is nothing at it. */
export function parsePlace(segments: readonly string[]): Place | undefined {
  const { file: last, checksum } = withoutChecksum(segments.at(-1) ?? "");
  const folders = segments.slice(0, -1);
  if (last === METADATA_FILE) {
    const place = metadataPlace(folders);
    return place === undefined ? undefined : { ...place, checksum };
  }
  const version = folders.at(-1) ?? "";
  const key = keyOf(folders.slice(0, -1));
  if (key === undefined || !isPart(version) || !isPart(last)) return undefined;
  return { kind: "file", key, folder: version, version: versionOf(key, version, last), file: last, checksum };
}

function withoutChecksum(file: string): { readonly file: string; readonly checksum: Algorithm | undefined } {
  const dot = file.lastIndexOf(".");
  const checksum = ALGORITHMS.find((algorithm) => algorithm === file.slice(dot + 1));
  return checksum === undefined || dot <= 0
    ? { file, checksum: undefined }
    : { file: file.slice(0, dot), checksum };
}

function metadataPlace(folders: readonly string[]): SnapshotPlace | ListPlace | undefined {
  const last = folders.at(-1) ?? "";
  if (isSnapshot(last)) {
    const key = keyOf(folders.slice(0, -1));
    return key === undefined || !isPart(last) ? undefined : { kind: "snapshot", key, version: last };
  }
  const key = keyOf(folders);
  const group = folders.every((folder) => GROUP_PART.test(folder)) ? folders.join(".") : "";
  if (key === undefined && !isName(group)) return undefined;
  return { kind: "list", key, group };
}

function keyOf(folders: readonly string[]): PackageKey | undefined {
  const name = folders.at(-1) ?? "";
  const parts = folders.slice(0, -1);
  if (parts.length === 0 || !parts.every((part) => GROUP_PART.test(part)) || !isPart(name)) return undefined;
  const namespace = parts.join(".");
  return isName(namespace) ? { format: "maven", namespace, name } : undefined;
}

function isPart(text: string): boolean {
  return NAME_PART.test(text) && isName(text);
}

/** The folder that a key has in the layout, with a `/` at its end. */
export function folderOf({ namespace, name }: PackageKey): string {
  return `${namespace.replaceAll(".", "/")}/${name}/`;
}

export function isSnapshot(version: string): boolean {
  return version.endsWith("-SNAPSHOT");
}

const BUILD = /^(.+)-([0-9]{8}\.[0-9]{6})-([0-9]+)$/;

/** What a build's own version tells: `1.0-20210728.194552-1` is build 1 of `1.0-SNAPSHOT`. */
export function parseBuild(
  version: string,
): { readonly snapshot: string; readonly timestamp: string; readonly buildNumber: number } | undefined {
  const [, base, timestamp, number] = BUILD.exec(version) ?? [];
  if (base === undefined || timestamp === undefined) return undefined;
  return { snapshot: `${base}-SNAPSHOT`, timestamp, buildNumber: Number(number) };
}

/** Versions that no public registry's may be: snapshots and their builds (spec 4.5.6). */
export function isMoving(version: string): boolean {
  return isSnapshot(version) || BUILD.test(version);
}

const BUILD_START = /^[0-9]{8}\.[0-9]{6}-[0-9]+(?=[.-])/;

/** In a snapshot's folder, the file name tells the build that the file belongs to. */
function versionOf({ name }: PackageKey, folder: string, file: string): string {
  if (!isSnapshot(folder)) return folder;
  const start = `${name}-${folder.slice(0, -"SNAPSHOT".length)}`;
  if (!file.startsWith(start)) return folder;
  const build = BUILD_START.exec(file.slice(start.length))?.[0];
  return build === undefined ? folder : `${folder.slice(0, -"SNAPSHOT".length)}${build}`;
}

/** Refuses an upload whose file name does not say the artifact and the version of its path, or is no build's (8.3.8). */
export function checkUpload({ key, folder, version, file }: FilePlace): void {
  if (parseBuild(folder) !== undefined)
    throw invalid(
      `${folder} is a build of a snapshot: its files are put in the folder ${parseBuild(folder)?.snapshot}, not in one of their own.`,
    );
  if (/-snapshot$/i.test(folder) && !isSnapshot(folder))
    throw invalid(`A snapshot's version ends in '-SNAPSHOT', in capitals; this path says '${folder}'.`);
  if (isSnapshot(folder) && version === folder)
    throw invalid(
      `${file} does not name a build of ${folder}. Files of a snapshot are called ${key.name}-${folder.slice(0, -8)}YYYYMMDD.HHMMSS-N…; snapshots without a timestamp (Maven 2's uniqueVersion=false) are not taken.`,
    );
  const rest = namesIn(key).map((name) =>
    file.startsWith(`${name}-${version}`) ? file.slice(name.length + 1 + version.length) : "",
  );
  if (!rest.some((text) => /^[.-]./.test(text)))
    throw invalid(
      `The file name ${file} does not agree with its path, which is of artifact '${key.name}', version '${version}': it must start with '${key.name}-${version}' and go on with '.' or '-'.`,
    );
  if (!isSnapshot(folder) && rest.some((text) => /^-(SNAPSHOT|[0-9]{8}\.[0-9]{6}-[0-9]+)[.-]/.test(text)))
    throw invalid(
      `${file} is called like a snapshot's file, but its path is of the release ${folder}. Put it in a folder whose name ends in '-SNAPSHOT'.`,
    );
}

/** File names of an artifact start with its name; sbt's plugins have their versions of Scala and sbt in the folder only, and Ivy's descriptor is called `ivy`. */
function namesIn({ name }: PackageKey): readonly string[] {
  const plain = name.replace(/(_[0-9][0-9.]*(-M[0-9]+|-RC[0-9]+)?){1,2}$/, "");
  return plain === name || plain === "" ? [name, "ivy"] : [name, plain, "ivy"];
}

/** The POM of the version, which is not the POM of a classifier. */
export function isPom(place: {
  readonly key: PackageKey;
  readonly version: string;
  readonly file: string;
}): boolean {
  return namesIn(place.key).some((name) => place.file === `${name}-${place.version}.pom`);
}

const TYPES: readonly (readonly [string, string])[] = [
  [".jar", "application/java-archive"],
  [".war", "application/java-archive"],
  [".aar", "application/java-archive"],
  [".pom", "application/xml"],
  [".xml", "application/xml"],
  [".module", "application/json"],
  [".json", "application/json"],
  [".asc", "text/plain"],
  [".zip", "application/zip"],
];

export function contentTypeOf(file: string): string {
  return TYPES.find(([end]) => file.endsWith(end))?.[1] ?? "application/octet-stream";
}
