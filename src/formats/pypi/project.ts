// What a repository may show of a project: files held here, and files of public indexes that may join them; pure.
import { compareVersions, versionKey } from "./names.ts";
import type { PublicFile, PublicProject } from "./public-index.ts";

/** What is kept about one held file, as text in AssetRow.document; members that say nothing are left out. */
export interface FileNote {
  /** ISO 8601: the public registry's, else of the publish here. */
  readonly uploadTime?: string;
  readonly requiresPython?: string;
  readonly yanked?: true | string;
  /** SHA-256 of the core metadata that is served beside the file. */
  readonly metadata?: string;
  /** There is an asset with its provenance beside it. */
  readonly attested?: true;
}

export interface HeldFile {
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  readonly note: FileNote;
}

export interface HeldVersion {
  readonly version: string;
  /** Epoch ms: upstream's publication, else the publication here. */
  readonly time: number;
  readonly files: readonly HeldFile[];
  /** The connection whose files may still join it and whose flags it follows (spec 4.3.6). */
  readonly follows: string | undefined;
}

export interface ProjectFacts {
  readonly project: string;
  readonly held: readonly HeldVersion[];
  /** Numbers that are held without being listed: no public file of them is shown (spec 4.3.9). */
  readonly withheld: readonly string[];
}

export interface ListedFile {
  readonly filename: string;
  readonly version: string;
  readonly hashes: Readonly<Record<string, string>>;
  readonly size: number | undefined;
  readonly uploadTime: string | undefined;
  readonly requiresPython: string | undefined;
  readonly yanked: boolean | string;
  /** SHA-256 of its core metadata. */
  readonly metadata: string | undefined;
  /** `here`: beside the file; else the public registry's own address. */
  readonly provenance: "here" | { readonly url: string } | undefined;
  /** Held in a repository that is searched; else at the connection of this name. */
  readonly from: "held" | { readonly connection: string; readonly url: string };
}

export interface Project {
  readonly name: string;
  readonly versions: readonly string[];
  readonly files: readonly ListedFile[];
  readonly tracks: readonly string[];
  readonly alternateLocations: readonly string[];
  readonly status: PublicProject["status"];
}

export interface PublicSource {
  readonly connection: string;
  readonly project: PublicProject;
}

/** Undefined when nothing at all is known of the project: neither a version nor a public page. */
export function assembleProject(facts: ProjectFacts, sources: readonly PublicSource[]): Project | undefined {
  if (facts.held.length === 0 && sources.length === 0) return undefined;
  const taken = new Set(facts.withheld.map(versionKey));
  const groups: { readonly version: string; readonly files: readonly ListedFile[] }[] = [];
  for (const held of facts.held) {
    if (taken.has(versionKey(held.version))) continue;
    taken.add(versionKey(held.version));
    groups.push({ version: held.version, files: filesOfHeld(held, sources) });
  }
  for (const source of sources) groups.push(...publicVersions(source, taken));
  groups.sort((a, b) => compareVersions(a.version, b.version));
  const [first] = sources;
  return {
    name: facts.project,
    versions: groups.map(({ version }) => version),
    files: groups.flatMap(({ files }) => files),
    tracks: first?.project.tracks ?? [],
    alternateLocations: first?.project.alternateLocations ?? [],
    status: first?.project.status,
  };
}

/** Versions that no earlier source has (spec 4.2.1); their numbers are taken from then on. */
function publicVersions(
  { connection, project }: PublicSource,
  taken: Set<string>,
): { version: string; files: ListedFile[] }[] {
  const groups = Map.groupBy(
    project.files.filter(({ version }) => !taken.has(versionKey(version))),
    ({ version }) => version,
  );
  for (const version of groups.keys()) taken.add(versionKey(version));
  return [...groups].map(([version, files]) => ({
    version,
    files: files.map((file) => listPublic(file, version, connection)),
  }));
}

function filesOfHeld(held: HeldVersion, sources: readonly PublicSource[]): ListedFile[] {
  const published = followed(held, sources);
  const files = held.files.map((file) => listHeld(file, held, published.get(file.filename)));
  const names = new Set(held.files.map(({ filename }) => filename));
  for (const file of published.values())
    if (!names.has(file.filename)) files.push(listPublic(file, held.version, held.follows as string));
  return files;
}

/** The public files of a held version that still follows its connection, by name. */
function followed(held: HeldVersion, sources: readonly PublicSource[]): ReadonlyMap<string, PublicFile> {
  const source = sources.find(({ connection }) => connection === held.follows);
  const key = versionKey(held.version);
  return new Map(
    (source?.project.files ?? [])
      .filter(({ version }) => versionKey(version) === key)
      .map((file) => [file.filename, file]),
  );
}

function listHeld(
  file: HeldFile,
  { version, time }: HeldVersion,
  published: PublicFile | undefined,
): ListedFile {
  const { note, filename, size, sha256, md5 } = file;
  // Flags of other bytes under the same name are not this file's.
  const same = published !== undefined && isSame(file, published) ? published : undefined;
  const flags = same ?? note;
  return {
    filename,
    version,
    hashes: { sha256, md5 },
    size,
    uploadTime: note.uploadTime ?? new Date(time).toISOString(),
    requiresPython: flags.requiresPython,
    yanked: flags.yanked ?? false,
    metadata: note.metadata ?? same?.metadata,
    provenance:
      note.attested === true ? "here" : same?.provenance === undefined ? undefined : { url: same.provenance },
    from: "held",
  };
}

function isSame({ sha256, md5 }: HeldFile, { digests }: PublicFile): boolean {
  if (digests.sha256 !== undefined) return digests.sha256 === sha256;
  return digests.md5 === undefined || digests.md5 === md5;
}

function listPublic(file: PublicFile, version: string, connection: string): ListedFile {
  return {
    filename: file.filename,
    version,
    hashes: file.digests,
    size: file.size,
    uploadTime: file.uploadTime,
    requiresPython: file.requiresPython,
    yanked: file.yanked,
    metadata: file.metadata,
    provenance: file.provenance === undefined ? undefined : { url: file.provenance },
    from: { connection, url: file.url },
  };
}

/** What is kept about a file when it is taken in from a public index. */
export function noteOf({ uploadTime, requiresPython, yanked, metadata }: PublicFile): FileNote {
  return {
    ...(uploadTime === undefined ? {} : { uploadTime }),
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(yanked === false ? {} : { yanked }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

export interface NoteChange {
  readonly version: string;
  readonly asset: string;
  readonly document: string;
}

/** Held files about which their public index says something else by now (spec 4.3.5, 8.2.7). */
export function changedNotes(facts: ProjectFacts, sources: readonly PublicSource[]): readonly NoteChange[] {
  return facts.held.flatMap((held) => {
    const published = followed(held, sources);
    return held.files.flatMap((file): NoteChange[] => {
      const now = published.get(file.filename);
      if (now === undefined || !isSame(file, now)) return [];
      const { metadata } = file.note;
      const document = JSON.stringify({ ...noteOf(now), ...(metadata === undefined ? {} : { metadata }) });
      return document === JSON.stringify(file.note)
        ? []
        : [{ version: held.version, asset: file.filename, document }];
    });
  });
}

/** What `noteOf` wrote; empty for what cannot be read. */
export function readNote(document: string): FileNote {
  return document === "" ? {} : (JSON.parse(document) as FileNote);
}
