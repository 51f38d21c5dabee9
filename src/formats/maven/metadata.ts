// maven-metadata.xml as clients read it: made from what may be seen here, never from what a publisher sent.
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { Fault, notFound } from "../../core/faults.ts";
import type { PackageView, Registry, VersionRow } from "../../registry/registry.ts";
import { absence } from "../answers.ts";
import type { DocumentKind } from "../documents.ts";
import { createDocuments } from "../documents.ts";
import type { DoorRequest } from "../format.ts";
import { readMetadata } from "./external.ts";
import type { Algorithm, ListPlace, SnapshotPlace } from "./layout.ts";
import { isMoving, parseBuild } from "./layout.ts";
import {
  renderArtifact,
  renderGroup,
  renderSnapshot,
  type SnapshotFile,
  snapshotFileOf,
} from "./metadata-text.ts";
import { pluginsOf } from "./plugins.ts";

/** Grows when the same facts would make other bytes. */
const RENDERING = 1;
const XML = "application/xml";
const ARTIFACT: DocumentKind = { name: "artifact", contentType: XML };

export interface MetadataDocuments {
  /** The document's bytes; throws the Fault that says why there is none. Needs ReadFromRepository. */
  read(request: DoorRequest, place: ListPlace | SnapshotPlace): Promise<Buffer>;
  /**
   * A checksum of the document. Of the very bytes that this caller got last, if that was just now: a publish between a
   * document and its checksum must not make them disagree.
   */
  checksum(request: DoorRequest, place: ListPlace | SnapshotPlace, algorithm: Algorithm): Promise<string>;
}

const SERVED_BYTES_MAX = 32 * 1024 * 1024;
const SERVED_ENTRY_BYTES = 500;
const SERVED_MS = 30_000;

export function createMetadata(registry: Registry, cacheBytes: number): MetadataDocuments {
  const documents = createDocuments({
    registry,
    cacheBytes,
    rendering: RENDERING,
    async build(view, kind) {
      const text =
        kind === ARTIFACT
          ? await artifactText(registry, view)
          : await snapshotText(registry, view, kind.name);
      return Buffer.from(text);
    },
  });
  const served = new LRUCache<string, Buffer>({
    maxSize: SERVED_BYTES_MAX,
    sizeCalculation: ({ length }) => length + SERVED_ENTRY_BYTES,
    ttl: SERVED_MS,
  });

  async function find(request: DoorRequest, place: ListPlace | SnapshotPlace): Promise<Buffer> {
    if (place.kind === "snapshot")
      return documents.read(request, place.key, { name: place.version, contentType: XML });
    try {
      if (place.key !== undefined) return await documents.read(request, place.key, ARTIFACT);
    } catch (error) {
      if (!(error instanceof Fault) || error.status >= 500) throw error;
      return groupDocument(request, place, error);
    }
    return groupDocument(request, place, noPlugins(request, place.group));
  }

  /** `otherwise` is thrown when the group has no plugins either. */
  async function groupDocument(request: DoorRequest, place: ListPlace, otherwise: Fault): Promise<Buffer> {
    const plugins = await pluginsOf(registry, request, place);
    if (plugins.length === 0) throw otherwise;
    return Buffer.from(renderGroup(plugins));
  }

  const markOf = ({ clientAddress, repository, caller, segments }: DoorRequest): string =>
    [repository.id, caller.arn, clientAddress, ...segments.slice(0, -1)].join("/");

  return {
    async read(request, place) {
      const bytes = await find(request, place);
      served.set(markOf(request), bytes);
      return bytes;
    },
    async checksum(request, place, algorithm) {
      const bytes = served.get(markOf(request)) ?? (await find(request, place));
      return createHash(algorithm).update(bytes).digest("hex");
    },
  };
}

function noPlugins({ repository }: DoorRequest, group: string): Fault {
  return notFound(
    `Group ${group} has no Maven plugins in repository '${repository.name}' or anything upstream of it.`,
  );
}

async function artifactText(registry: Registry, view: PackageView): Promise<string> {
  const listed = view.local.length === 0 ? [] : await registry.listedVersions(view);
  const versions = new Set(listed.map(({ version }) => version));
  const times = listed.map(({ publishedAt }) => publishedAt);
  const withheld = new Set(
    view.local.length === 0 || view.external.length === 0 ? [] : await registry.withheldVersions(view),
  );
  const name = `${view.key.namespace}:${view.key.name}`;
  let trouble: Fault | undefined;
  for (const { connection, index } of view.external) {
    try {
      const outside = await readMetadata({ ...index, connection }, name);
      for (const version of outside.versions)
        if (!isMoving(version) && !withheld.has(version)) versions.add(version);
      if (outside.lastUpdated !== undefined) times.push(outside.lastUpdated);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      trouble ??= error; // what is held here must not wait for a registry that answers nonsense
    }
  }
  if (versions.size === 0) throw trouble ?? absence(view, name);
  return renderArtifact(view.key, versions, Math.max(0, ...times));
}

/** The builds of one snapshot that may be seen. An upstream's goes before this repository's own (spec 8.3.8). */
async function snapshotText(registry: Registry, view: PackageView, version: string): Promise<string> {
  const upstream = view.local.filter(({ repositoryId }) => repositoryId !== view.repository.id);
  const own = view.local.filter(({ repositoryId }) => repositoryId === view.repository.id);
  for (const local of [upstream, own]) {
    if (local.length === 0) continue;
    const of = { ...view, local };
    const row = (await registry.listedVersions(of)).find((listed) => listed.version === version);
    const build = row === undefined ? undefined : await buildOf(registry, of, row);
    if (build !== undefined) return renderSnapshot(view.key, build);
  }
  throw view.local.length === 0 || view.hidden.length > 0
    ? absence(view, `${view.key.namespace}:${view.key.name}`)
    : notFound(
        `${view.key.namespace}:${view.key.name} ${version} has no published build in repository '${view.repository.name}' or upstream of it.`,
        "package-version",
        version,
      );
}

/** What the moving version shows: its files tell which build it is. */
async function buildOf(registry: Registry, view: PackageView, row: VersionRow) {
  const assets = (await registry.listedAssets(view, [row])).get(row.version) ?? [];
  const start = `${view.key.name}-`;
  const base = row.version.slice(0, -"SNAPSHOT".length);
  const builds = new Map<string, SnapshotFile[]>();
  for (const { name } of assets) {
    const build = /^[0-9]{8}\.[0-9]{6}-[0-9]+/.exec(name.slice(start.length + base.length))?.[0];
    const file = build === undefined ? undefined : snapshotFileOf(view.key, base + build, name);
    if (build === undefined || file === undefined) continue;
    builds.set(base + build, [...(builds.get(base + build) ?? []), file]);
  }
  const [newest] = [...builds.keys()].sort((a, b) => (a < b ? 1 : -1));
  const parsed = newest === undefined ? undefined : parseBuild(newest);
  if (newest === undefined || parsed === undefined) return undefined;
  const files = builds.get(newest) as SnapshotFile[];
  return {
    version: row.version,
    timestamp: parsed.timestamp,
    buildNumber: parsed.buildNumber,
    updatedAt: row.publishedAt,
    files,
  };
}
