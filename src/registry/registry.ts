// VERBS, as the doors see them: what may be asked of the registry. Each is implemented in the file named after it.
import type { Readable } from "node:stream";
import type { BlobWriter, ByteRange } from "../blobs/blob-store.ts";
import type { Caller } from "../core/caller.ts";
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import type { BatchRequest } from "../core/version-status.ts";
import type { CopyOutcome, CopyWanted } from "./copy.ts";
import type {
  AssetRow,
  AssetSource,
  Checksum,
  FoundAsset,
  Mirror,
  OutsideDocument,
  OutsideRequest,
  PackageSummaryRow,
  PackageView,
  Publication,
  RepositoryRecord,
  RequestContext,
  SearchHit,
  VersionRow,
} from "./records.ts";
import type { BatchOutcome } from "./retire.ts";

export type * from "./records.ts";

/**
 * The registry. Every function that names a caller checks the permission it needs (spec 6.3) and throws
 * AccessDeniedException without it. Faults are the only errors a caller should show.
 */
export interface Registry {
  /**
   * Throws ResourceNotFoundException naming what is missing, the domain or the repository; AccessDeniedException for a
   * token of another domain, whether there is such a repository or not.
   */
  repository(domain: string, owner: string, name: string, caller: Caller): Promise<RepositoryRecord>;
  /** Synchronous look-up of a repository already known and unchanged; undefined means: ask `repository`. */
  knownRepository(domain: string, owner: string, name: string): RepositoryRecord | undefined;

  /**
   * Throws AccessDeniedException unless the caller may do `action` (e.g. `ReadFromRepository`) on the repository or
   * package. Always name the package that the answer tells of: tokens may be for some packages only. `null`: it tells
   * of none (ping); left out: it may tell of all (search), which such a token may not ask.
   */
  authorize(caller: Caller, action: string, repository: RepositoryRecord, key?: PackageKey | null): void;

  /** find.ts: what the repository may show of a package. Never rejects because a public registry is in trouble: see `trouble`. `heldOnly` asks none, for listings of everything. */
  view(
    repository: RepositoryRecord,
    key: PackageKey,
    options?: { readonly revalidate?: boolean; readonly heldOnly?: boolean },
  ): Promise<PackageView>;
  /**
   * The versions of a view's local sources that clients may list (Published), first source first, each version once.
   * `withUnlisted`: those too that may be fetched without being listed, for formats whose documents mark them (nuget).
   */
  listedVersions(view: PackageView, withUnlisted?: boolean): Promise<readonly VersionRow[]>;
  /**
   * The files of listed versions, by version number. For formats with late assets (format.ts) a version that came from a
   * public registry has the files that any local source holds of it, if they came from the same one (spec 4.3.7).
   */
  listedAssets(
    view: PackageView,
    versions: readonly VersionRow[],
  ): Promise<ReadonlyMap<string, readonly AssetRow[]>>;
  /**
   * Whether files that a public registry lists for a held version may still join it (spec 4.3.6, 4.3.7): the version
   * came from that connection, its status is Published or Unlisted, and this view may look there.
   */
  mayGrow(view: PackageView, version: VersionRow, connection: string): boolean;
  /** Version numbers of the view's local sources that must not be taken from anywhere further (spec 4.3.9): held but not listed. */
  withheldVersions(view: PackageView): Promise<readonly string[]>;
  /**
   * find.ts + ingest.ts: one asset of a version, wherever it may come from; taken in from a public registry or an
   * upstream repository when it is not here yet. Throws ResourceNotFoundException with `rule` when it may not enter,
   * UpstreamFault when the public registry is needed and in trouble.
   */
  asset(
    repository: RepositoryRecord,
    key: PackageKey,
    version: string,
    asset: string,
    context: RequestContext,
  ): Promise<AssetSource>;
  /** Streams a held asset. */
  openAsset(asset: FoundAsset, range?: ByteRange): Promise<Readable>;
  /** Where a held asset may be fetched for a short while instead of here; undefined: nowhere. */
  assetAddress(asset: FoundAsset, contentType: string, disposition: string): Promise<string> | undefined;
  /** The whole of a small held asset from memory, or undefined when it is larger than what is kept in memory. */
  smallAsset(asset: FoundAsset): Promise<Buffer | undefined>;

  /** publish.ts: refuses early, before any byte is read: permission, package setting and group (spec 2.1.2, 2.3). */
  admitPublish(repository: RepositoryRecord, key: PackageKey, context: RequestContext): Promise<void>;
  /** Where a publisher's bytes go before `publish`. */
  stageBlob(expected?: { readonly size?: number }): Promise<BlobWriter>;
  /**
   * Records a version, or adds assets to it where `assembly` allows that: "extended". Identical bytes again:
   * "unchanged". Other bytes, or reachable upstream: ConflictException.
   * When it resolves, the version survives any crash; when it rejects, nothing of it is visible.
   */
  publish(
    repository: RepositoryRecord,
    publication: Publication,
    context: RequestContext,
  ): Promise<"published" | "extended" | "unchanged">;
  /**
   * Holds a claim about an asset against its bytes: now when the asset is there, else when it comes, within a day
   * (spec 8.3.7). ValidationException when they differ; the claim is then kept, and stands in the way of
   * `completeVersions`, until a right one replaces it (8.3.4). Needs PublishPackageVersion.
   */
  claimChecksum(
    repository: RepositoryRecord,
    key: PackageKey,
    checksum: Checksum,
    context: RequestContext,
  ): Promise<"matches" | "awaited">;
  /**
   * Unfinished versions of these become Published; the others stay as they are. ValidationException when a claimed
   * checksum differs from its asset (spec 8.3.2, 8.3.4). Needs PutPackageMetadata. Returns the versions that changed.
   */
  completeVersions(
    repository: RepositoryRecord,
    key: PackageKey,
    versions: readonly string[],
    context: RequestContext,
  ): Promise<readonly string[]>;
  /**
   * Makes a version show exactly the assets of another one that this repository holds, Published, and the other one
   * Unlisted (Maven's moving SNAPSHOT over its builds, spec 8.3.8). A publish: through the gate, with PublishPackageVersion.
   */
  mirrorVersion(repository: RepositoryRecord, mirror: Mirror, context: RequestContext): Promise<void>;

  /**
   * Another document of a public registry, beside the index that `view` reads: asked of the connections that may be
   * asked about this package here, in search order; the first that has it. With a format instead of a package, of any
   * connection of that format: then leave out of it what `mayAskOutside` does. Undefined when none has it; UpstreamFault
   * when one that might is in trouble.
   */
  outsideDocument(
    repository: RepositoryRecord,
    about: PackageKey | PackageFormat,
    request: OutsideRequest,
  ): Promise<OutsideDocument | undefined>;
  /** Those of the packages that may be asked for at a public registry from here. */
  mayAskOutside(repository: RepositoryRecord, keys: readonly PackageKey[]): Promise<readonly PackageKey[]>;
  /** Names of this format's packages held here or in what is searched from here, in order of name; for listings of everything. */
  packageNames(
    repository: RepositoryRecord,
    format: PackageFormat,
    after: PackageKey | undefined,
    limit: number,
  ): Promise<readonly PackageKey[]>;

  /**
   * Packages with a record here or in what is searched from here, whose names differ from this one's at most in ASCII
   * case, and in `-` for `_`; in search order, each once. For formats that take such names for one (cargo).
   */
  spellings(repository: RepositoryRecord, key: PackageKey): Promise<readonly PackageKey[]>;

  /** Tags held by this repository itself. */
  setTag(
    repository: RepositoryRecord,
    key: PackageKey,
    tag: string,
    version: string,
    context: RequestContext,
  ): Promise<void>;
  removeTag(
    repository: RepositoryRecord,
    key: PackageKey,
    tag: string,
    context: RequestContext,
  ): Promise<void>;
  /** Replaces the format documents of versions held by this repository (npm deprecate); unknown versions are a 404. */
  rewriteDocuments(
    repository: RepositoryRecord,
    key: PackageKey,
    documents: ReadonlyMap<string, { readonly document: string; readonly brief: string }>,
    context: RequestContext,
  ): Promise<void>;
  /**
   * Replaces what is kept about single files of versions that this repository holds. `because`: "metadata" needs
   * PutPackageMetadata; "refresh" is what a public registry changed since, needs no permission, is only for versions
   * that `mayGrow`, and passes over what is not held any more. The versions get a new revision (spec 1.6.3).
   */
  rewriteAssets(
    repository: RepositoryRecord,
    key: PackageKey,
    changes: readonly { readonly version: string; readonly asset: string; readonly document: string }[],
    because: "metadata" | "refresh",
    context: RequestContext,
  ): Promise<void>;
  /** Versions held by this repository, every status, with documents. */
  heldVersions(repository: RepositoryRecord, key: PackageKey): Promise<readonly VersionRow[]>;
  /** One of them, with its assets. */
  heldVersion(
    repository: RepositoryRecord,
    key: PackageKey,
    version: string,
  ): Promise<{ readonly row: VersionRow; readonly assets: readonly AssetRow[] } | undefined>;
  /** retire.ts: changes the status of versions held by this repository, disposes of them or deletes them; all or none. */
  changeVersions(
    repository: RepositoryRecord,
    key: PackageKey,
    request: BatchRequest,
    context: RequestContext,
  ): Promise<BatchOutcome>;
  /** copy.ts: copies versions between repositories of one domain, all or none. */
  copyVersions(wanted: CopyWanted, context: RequestContext): Promise<CopyOutcome>;
  /** retire.ts: deletes a package with its settings; undefined when it is not in this repository. */
  deletePackage(
    repository: RepositoryRecord,
    key: PackageKey,
    context: RequestContext,
  ): Promise<PackageSummaryRow | undefined>;

  /** Packages of this repository and its upstreams that match every word of `text`, best first. */
  search(
    repository: RepositoryRecord,
    format: PackageFormat,
    text: string,
    from: number,
    size: number,
  ): Promise<{ readonly total: number; readonly hits: readonly SearchHit[] }>;
  /**
   * Sends a small request to the public registry the repository reaches (npm audit). Undefined when it reaches none.
   * `names` are the packages the request speaks of; those that may not be asked for outside come back in `blocked`
   * and must be left out of the body that `makeBody` builds.
   */
  relay(
    repository: RepositoryRecord,
    format: PackageFormat,
    keys: readonly PackageKey[],
    make: (allowed: readonly PackageKey[]) => {
      method: string;
      path: string;
      headers: Record<string, string>;
      body: Uint8Array;
    },
  ): Promise<
    | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer }
    | undefined
  >;
}
