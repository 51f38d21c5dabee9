// PUT of maven-metadata.xml: a publisher's word that versions are complete. Checked and acted on, never kept (spec 8.3.2, 8.3.4, 8.3.8).
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { Registry, VersionRow } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import { readBody } from "../body.ts";
import type { DoorRequest } from "../format.ts";
import { readMetadata } from "./external.ts";
import { type Algorithm, isSnapshot, type ListPlace, parseBuild, type SnapshotPlace } from "./layout.ts";
import {
  checkMetadata,
  fileNameOf,
  METADATA_BYTES_MAX,
  type Metadata,
  type Plugin,
  parseMetadata,
} from "./metadata-text.ts";
import { conventionalPrefix, pluginsOf } from "./plugins.ts";
import { readChecksum } from "./upload.ts";
import { readDocument } from "./version-document.ts";
import { compareVersions } from "./version-order.ts";

export async function putMetadata(
  registry: Registry,
  request: DoorRequest,
  place: ListPlace | SnapshotPlace,
): Promise<void> {
  registry.authorize(
    request.caller,
    "PutPackageMetadata",
    request.repository,
    place.kind === "snapshot" ? place.key : null,
  );
  const metadata = parseMetadata(await readBody(request.req, METADATA_BYTES_MAX));
  if (place.kind === "snapshot") await moveSnapshot(registry, request, place, metadata);
  else await completeList(registry, request, place, metadata);
  sendText(request, 201, "text/plain", "");
}

/** What is served is made here, so a checksum of what was sent says nothing about it: only its form is checked. */
export async function putMetadataChecksum(
  registry: Registry,
  request: DoorRequest,
  place: ListPlace | SnapshotPlace,
  algorithm: Algorithm,
): Promise<void> {
  registry.authorize(
    request.caller,
    "PutPackageMetadata",
    request.repository,
    place.kind === "snapshot" ? place.key : null,
  );
  await readChecksum(request, algorithm);
  sendText(request, 201, "text/plain", "");
}

/** The document's content tells whether it is an artifact's or a group's; it may be both. */
async function completeList(
  registry: Registry,
  request: DoorRequest,
  place: ListPlace,
  metadata: Metadata,
): Promise<void> {
  const { versions, plugins } = metadata;
  if (versions.length === 0 && plugins.length === 0)
    throw invalid("maven-metadata.xml lists neither versions nor plugins.");
  if (versions.length > 0) {
    if (place.key === undefined)
      throw invalid("maven-metadata.xml lists versions, but its path is no artifact's.");
    checkMetadata(metadata, place.key);
    await completeListed(registry, request, place.key, versions);
  }
  if (plugins.length > 0) await keepPrefixes(registry, request, place, plugins);
}

async function completeListed(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  versions: readonly string[],
): Promise<void> {
  registry.authorize(request.caller, "PutPackageMetadata", request.repository, key);
  const held = await heldVersions(registry, request, key);
  const here = new Set(held.flatMap(({ version }) => [version, parseBuild(version)?.snapshot ?? version]));
  const unknown = versions.filter((version) => !here.has(version));
  const missing = unknown.length === 0 ? [] : await missingUpstream(registry, request, key, unknown);
  if (missing.length > 0)
    throw listsMissing(`version ${missing.slice(0, 5).join(", ")} of ${key.namespace}:${key.name}`);
  // Only those: a document may list thousands, or one a thousand times.
  const listed = new Set(versions);
  const unfinished = held.filter(({ version, status }) => status === "Unfinished" && listed.has(version));
  const numbers = unfinished.map(({ version }) => version);
  if (numbers.length > 0) await registry.completeVersions(request.repository, key, numbers, request);
}

async function heldVersions(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
): Promise<readonly VersionRow[]> {
  return registry.heldVersions(repository, key).catch((error: unknown) => {
    if (error instanceof Fault && error.code === "ResourceNotFoundException") return [];
    throw error;
  });
}

async function missingUpstream(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
  versions: readonly string[],
): Promise<readonly string[]> {
  const view = await registry.view(repository, key);
  const known = new Set((await registry.listedVersions(view)).map(({ version }) => version));
  for (const { connection, index } of view.external)
    for (const version of (await readMetadata({ ...index, connection }, key.name)).versions)
      known.add(version);
  return versions.filter((version) => !known.has(version));
}

function listsMissing(what: string) {
  return invalid(`maven-metadata.xml lists ${what}, which is not here. Put its files first.`);
}

/** The moving SNAPSHOT becomes the build that the metadata names (spec 8.3.8). */
async function moveSnapshot(
  registry: Registry,
  request: DoorRequest,
  { key, version }: SnapshotPlace,
  metadata: Metadata,
): Promise<void> {
  checkMetadata(metadata, key, version);
  const build = buildIn(metadata, version);
  const held = await heldVersions(registry, request, key);
  const row = held.find((one) => one.version === build);
  if (row === undefined) throw listsMissing(`build ${build} of ${key.namespace}:${key.name}`);
  await checkFiles(registry, request, key, row, metadata);
  const { document, brief } = row;
  const { metadata: facts = {} } = readDocument(document);
  await registry.mirrorVersion(
    request.repository,
    { key, version, of: build, metadata: facts, document, brief },
    request,
  );
}

function buildIn({ snapshot, files }: Metadata, version: string): string {
  if (snapshot === undefined)
    throw invalid(
      `maven-metadata.xml of ${version} has no <snapshot><timestamp>. Snapshots without one (Maven 2's uniqueVersion=false) are not taken.`,
    );
  const build = `${version.slice(0, -"SNAPSHOT".length)}${snapshot.timestamp}-${snapshot.buildNumber}`;
  if (parseBuild(build)?.snapshot !== version)
    throw invalid(
      `maven-metadata.xml names a build that cannot be one: timestamp '${snapshot.timestamp}', build number '${snapshot.buildNumber}'.`,
    );
  if (!files.some(({ value }) => value === build))
    throw invalid(
      `maven-metadata.xml of ${version} has no <snapshotVersion> with the value ${build}, which its <snapshot> names.`,
    );
  return build;
}

async function checkFiles(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
  row: VersionRow,
  { files }: Metadata,
): Promise<void> {
  const view = await registry.view(repository, key);
  const assets = (await registry.listedAssets(view, [row])).get(row.version) ?? [];
  const names = new Set(assets.map(({ name }) => name));
  const missing = files.filter((file) => file.value === row.version && !names.has(fileNameOf(key, file)));
  if (missing.length > 0)
    throw listsMissing(
      `the file ${missing
        .map((file) => fileNameOf(key, file))
        .slice(0, 5)
        .join(", ")}`,
    );
}

/** Plugins' prefixes are their publishers' to choose: kept where they are not what the name says. */
async function keepPrefixes(
  registry: Registry,
  request: DoorRequest,
  place: ListPlace,
  plugins: readonly Plugin[],
): Promise<void> {
  const served = new Set((await pluginsOf(registry, request, place)).map(({ artifactId }) => artifactId));
  for (const plugin of plugins) {
    const key: PackageKey = { format: "maven", namespace: place.group, name: plugin.artifactId };
    const held = await heldVersions(registry, request, key);
    const own = held.filter(({ origin, status }) => origin.type === "INTERNAL" && status !== "Disposed");
    if (own.length === 0 && !served.has(plugin.artifactId))
      throw listsMissing(`plugin ${plugin.artifactId} of group ${place.group}`);
    await keepPrefix(registry, request, key, own, plugin);
  }
}

async function keepPrefix(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  own: readonly VersionRow[],
  { prefix, name }: Plugin,
): Promise<void> {
  const [newest] = [...own]
    .filter(({ version }) => !isSnapshot(version) || own.length === 1)
    .sort((a, b) => compareVersions(b.version, a.version));
  if (newest === undefined) return;
  const document = readDocument(newest.document);
  if (prefix === (document.prefix ?? conventionalPrefix(key.name))) return;
  const kept = {
    ...document,
    prefix: prefix.slice(0, 255),
    ...(name === undefined ? {} : { pluginName: name.slice(0, 255) }),
  };
  await registry.rewriteDocuments(
    request.repository,
    key,
    new Map([[newest.version, { document: JSON.stringify(kept), brief: newest.brief }]]),
    request,
  );
}
