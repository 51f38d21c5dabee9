// What a package format must provide. One folder per format exports one value of type Format; app.ts lists them.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { ByteRange } from "../blobs/blob-store.ts";
import type { Caller } from "../core/caller.ts";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import type { Fault } from "../core/faults.ts";
import type {
  AssetRow,
  Dependency,
  OutsideRequest,
  Registry,
  RepositoryRecord,
  RequestContext,
  VersionMetadata,
  VersionRow,
  VersionTexts,
} from "../registry/registry.ts";

export interface Format {
  readonly name: PackageFormat;
  /** Whether packages have a namespace (spec 1.5.3). */
  readonly namespaces: "none" | "optional" | "required";
  /** The external connections that feed this format (spec 4.4). */
  readonly connections: readonly string[];
  /** How to read a public registry of this format; absent where there is none (generic, swift). */
  readonly external?: ExternalFormat;
  /** Files of a version that was taken in may still come later, one by one (spec 4.3.5: pypi, maven). */
  readonly lateAssets?: boolean;
  /** `here`: packages are served by the repositories that hold them and never looked for anywhere further (spec 4.6.3: generic). */
  readonly searches?: "here";
  /** Direct dependencies of a held version, from what was kept of it (spec 5.8.4); absent: it never has any. */
  dependencies?(version: VersionRow): readonly Dependency[] | Promise<readonly Dependency[]>;
  /** The text of a held version's readme; undefined when it has none, absent where no version has one (maven, generic). */
  readme?(version: VersionRow, held: HeldAssets): Promise<string | undefined>;
  /** Takes one asset as PublishPackageVersion sends it (spec 5.7); absent: packages come through their own clients only. */
  publishAsset?(registry: Registry, upload: AssetUpload, context: RequestContext): Promise<void>;
  /** Opens the door: called once, when the server starts. */
  open(deps: FormatDeps): FormatDoor;
}

/** One asset of a version, on its way in. */
export interface AssetUpload {
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  readonly version: string;
  readonly name: string;
  /** Not read yet: admission comes first. */
  readonly content: Readable;
  /** Bytes that were announced, if they were. */
  readonly announcedBytes?: number;
  readonly bytesMax: number;
  /** What the sender says the bytes hash to; the bytes are refused when one differs. */
  readonly claims: readonly DigestClaim[];
  /** The version takes more assets after this one (spec 5.7.2). */
  readonly unfinished: boolean;
}

export interface DigestClaim {
  /** Where it was claimed, for messages: a header's name. */
  readonly where: string;
  readonly algorithm: keyof AssetRow["digests"];
  /** Lower-case hex. */
  readonly hex: string;
}

export interface FormatDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
  readonly now: () => number;
}

export interface FormatLimits {
  /** Largest publish request, bytes (npm: 2 GB, spec 8.1.4). */
  readonly requestBytesMax: number;
  /** Largest single asset, bytes (5 GB, spec 9). */
  readonly assetBytesMax: number;
  /** Memory for finished documents, bytes. */
  readonly documentCacheBytes: number;
}

export interface FormatDoor {
  /** Answers one authenticated request; may throw a Fault, which the server words with `renderFault`. */
  handle(request: DoorRequest): Promise<void> | void;
  /** The format's own dialect for an error. `WWW-Authenticate`, `Allow`, `Retry-After` and `x-portcullis-reason` are added by the server. */
  renderFault(fault: Fault): RenderedFault;
  close?(): Promise<void>;
}

export interface RenderedFault {
  readonly contentType: string;
  readonly body: string;
  /** Goes behind the status code, for clients that show nothing else (mvn, twine); the server makes it plain and short. */
  readonly reasonPhrase?: string;
  /** Further headers, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface DoorRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** Path segments after the repository, each decoded once (http/route.ts). */
  readonly segments: readonly string[];
  /** Raw query string without `?`. */
  readonly query: string;
  readonly repository: RepositoryRecord;
  readonly caller: Caller;
  /** This repository's address for this format as the client reaches it, ending in `/`. */
  readonly baseUrl: string;
  /** Undefined once the connection is gone. */
  readonly clientAddress: string | undefined;
  readonly requestId: string;
}

/** Where a document lives, below the connection's URL, and what to accept. */
export interface IndexAddress {
  readonly path: string;
  readonly accept: string;
}

/** Reads a public registry's documents. Implementations parse off the main thread where documents are large. */
export interface ExternalFormat {
  /** Where the document that lists a package's versions lives, below the connection's URL. */
  indexRequest(key: PackageKey): IndexAddress | Promise<IndexAddress>;
  /** Instead of `indexRequest`, for registries that tell where their indexes are in a document of their own (nuget). */
  locateIndex?(key: PackageKey, at: Pick<WantedAsset, "url" | "read">): Promise<OutsideRequest>;
  /** The index is told in several documents, and is an answer only when all of them can be read (nuget). */
  readonly indexInPieces?: true;
  /**
   * All versions of a fetched document with their upstream publication time (epoch ms) where the document tells it.
   * `read` is for indexes that are told in pieces (nuget).
   */
  versions(
    file: IndexFile,
    key: PackageKey,
    read?: ReadOutside,
  ): Promise<ReadonlyMap<string, { readonly publishedAt?: number }>>;
  /**
   * One version's facts, or undefined when the document does not list it. `wanted` names the asset that is asked for,
   * for registries whose index lists no files (maven): of those, only that one needs to be among `assets`.
   */
  version(
    file: IndexFile,
    key: PackageKey,
    version: string,
    wanted: WantedAsset,
  ): Promise<ExternalVersion | undefined>;
  /**
   * For registries whose files are found at their own address, be they in the index or not (maven): asked instead of
   * `version`, so that the index is for listings only.
   */
  versionByFile?(key: PackageKey, version: string, wanted: WantedAsset): Promise<ExternalVersion | undefined>;
  /**
   * Looks into a file that has arrived with the right digest, before its version is recorded: for registries whose index
   * tells little. A file that cannot be read tells nothing; that is no reason to reject.
   */
  inside?(version: ExternalVersion, asset: ExternalAsset, bytes: AssetBytes): Promise<InsideAsset>;
}

/** What a file tells by itself. */
export interface InsideAsset {
  /** Of its version, instead of what the index told. */
  readonly texts?: VersionTexts;
  /** About the file, instead of ExternalAsset.document. */
  readonly document?: string;
}

/** Bytes that have arrived whole. */
export interface AssetBytes {
  readonly size: number;
  /** Exactly these bytes; rejects past the end. */
  readAt(position: number, length: number): Promise<Uint8Array>;
}

export interface WantedAsset {
  readonly asset: string;
  /** The connection's own URL, ending in `/`, for registries whose files lie below it. */
  readonly url: string;
  readonly read: ReadOutside;
}

/** Another document of the same connection; undefined when it is not there. Cached and revalidated as indexes are. */
export type ReadOutside = (request: OutsideRequest) => Promise<IndexFile | undefined>;

/** The files of a version, to look into. */
export interface HeldAssets {
  readonly assets: readonly AssetRow[];
  /** The whole of it, or a part. */
  open(asset: AssetRow, range?: ByteRange): Promise<Readable>;
}

export interface IndexFile {
  /** The external connection it came through, for messages. */
  readonly connection: string;
  readonly file: string;
  readonly gzip: boolean;
  readonly digest: string;
  /** Where it came from, without user info and query; relative addresses in it start there. */
  readonly url: string;
}

/** A version as a public registry describes it, before its bytes are here. */
export interface ExternalVersion {
  readonly version: string;
  /** The public registry's own publication time, epoch ms. */
  readonly publishedAt?: number;
  readonly assets: readonly ExternalAsset[];
  readonly metadata: VersionMetadata;
  /** What the format keeps to render its documents later (see VersionRow). */
  readonly document: string;
  readonly brief: string;
}

export interface ExternalAsset {
  /** The name it will have here. */
  readonly name: string;
  /** Absolute. */
  readonly url: string;
  /** What the index says the bytes must hash to, lower-case hex; at least one, or the version is refused (fail closed). */
  readonly digests: Partial<Readonly<Record<"md5" | "sha1" | "sha256" | "sha512", string>>>;
  /** What the format keeps about this one file; "" when left out. */
  readonly document?: string;
  /** The file's Last-Modified tells when its version was published, where `publishedAt` is left out (maven, spec 8.0.6). */
  readonly datesVersion?: boolean;
}
