// What the registry's verbs take and give: domains, repositories, versions and their files as the doors see them.
import type { Readable } from "node:stream";
import type { BlobWriter, Digests, StagedBlob } from "../blobs/blob-store.ts";
import type { Caller, PolicyDocument } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import type { Fault } from "../core/faults.ts";
import type { OriginSettings, Reason } from "../core/origin.ts";
import type { Index } from "../upstream/upstream.ts";

export interface DomainRecord {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  readonly createdAt: number;
  readonly encryptionKey: string;
}

/** Keys are case-sensitive (spec 10.6). */
export type ResourceTags = Readonly<Record<string, string>>;

/** What else than the caller's own policies decides who may do what here. */
export interface RepositoryAccess {
  readonly domainPolicy: PolicyDocument | undefined;
  readonly policy: PolicyDocument | undefined;
  readonly tags: ResourceTags;
}

export interface RepositoryRecord {
  readonly id: number;
  readonly domain: DomainRecord;
  readonly name: string;
  readonly administratorAccount: string;
  readonly description: string | undefined;
  readonly createdAt: number;
  /** Which side wins when a dist-tag exists here and upstream (spec 8.1.5); set by a resource tag, upstream without one. */
  readonly tagsPrefer: "upstream" | "downstream";
  /** Direct upstreams in priority order, by repository id. */
  readonly upstreams: readonly number[];
  /** Names such as `public:npmjs`; at most one (spec 4.1.4). */
  readonly connections: readonly string[];
  readonly access: RepositoryAccess;
}

/** What DescribePackageVersion tells, whatever the format. */
export interface VersionMetadata {
  readonly displayName?: string;
  readonly summary?: string;
  readonly homePage?: string;
  readonly sourceCodeRepository?: string;
  readonly licenses?: readonly { readonly name?: string; readonly url?: string }[];
}

export type VersionStatus = "Published" | "Unfinished" | "Unlisted" | "Archived" | "Disposed";

/** A version held in a repository, with what its format stored to render documents from. */
export interface VersionRow {
  readonly id: number;
  readonly packageId: number;
  readonly version: string;
  readonly status: VersionStatus;
  readonly revision: string;
  readonly publishedAt: number;
  readonly upstreamPublishedAt: number | undefined;
  readonly origin: Origin;
  readonly document: string;
  readonly brief: string;
}

/** Where a version came into the domain; travels with it and never changes (spec 1.6.2). */
export interface Origin {
  readonly type: "INTERNAL" | "EXTERNAL";
  /** Repository name for INTERNAL, connection name for EXTERNAL. */
  readonly entryPoint: string;
}

/** One file of a version, with what its format keeps about it (see PublishedAsset.document). */
export interface AssetRow {
  readonly name: string;
  readonly size: number;
  readonly digests: Digests;
  readonly document: string;
}

/** A direct dependency as ListPackageVersionDependencies tells it (spec 5.8.4). */
export interface Dependency {
  readonly namespace?: string;
  readonly name: string;
  /** The format's own word: npm `regular`, `dev`, `peer`, `optional`; Maven scopes and `parent`; PyPI `Requires-Dist`. */
  readonly type?: string;
  /** As the publisher wrote it. */
  readonly requirement: string;
}

/** A package as one repository of the search order holds it. */
export interface LocalPackage {
  readonly packageId: number;
  readonly repositoryId: number;
  readonly repositoryName: string;
  /** Grows with every change to the package in that repository. */
  readonly revision: number;
  readonly tags: ReadonlyMap<string, string>;
}

/** A public registry's document that may be shown in this view. */
export interface ExternalView {
  readonly connection: string;
  /** The repository that has the connection. */
  readonly holderId: number;
  readonly index: Extract<Index, { state: "present" }>;
}

/**
 * Everything one repository may show of a package, after origin control. Versions a source shares with an earlier
 * source are the earlier source's (spec 4.2.1).
 */
export interface PackageView {
  readonly repository: RepositoryRecord;
  readonly key: PackageKey;
  /** Equal stamps mean equal documents; found without reading a single version. Includes the repository and the package. */
  readonly stamp: string;
  /** In search order, the repository itself first where it holds the package. */
  readonly local: readonly LocalPackage[];
  readonly external: readonly ExternalView[];
  /** Sources that exist but may not be shown, and the rule that hides each. */
  readonly hidden: readonly Reason[];
  /** Set when a public registry should have been asked and did not answer: what is shown is what is held here. */
  readonly trouble: Fault | undefined;
  /** True until anything changes or a public document goes stale. Synchronous and cheap: hot paths ask it per request. */
  current(): boolean;
}

export interface FoundAsset {
  readonly name: string;
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
  readonly sha512: string;
  /** Upstream publication time where known, else publication here; for Last-Modified. */
  readonly publishedAt: number;
}

/** An asset to send: held here, or on its way in (then `follow` gives the bytes while they arrive). */
export type AssetSource =
  | {
      readonly kind: "held";
      readonly asset: FoundAsset;
      /** True until anything that this answer depends on changes. Synchronous and cheap; without it the answer is not repeated. */
      readonly current?: () => boolean;
    }
  | { readonly kind: "arriving"; readonly size: number | undefined; readonly follow: () => Readable };

export interface PublishedAsset {
  readonly name: string;
  /** Finished (`finish` resolved), not committed: publish commits it, or the caller discards it when publish rejects. */
  readonly writer: BlobWriter;
  readonly staged: StagedBlob;
  /** What the format keeps about this one file, for formats whose versions have several; "" when left out. */
  readonly document?: string;
}

/** What the format keeps about a version. */
export interface VersionTexts {
  readonly metadata: VersionMetadata;
  readonly document: string;
  readonly brief: string;
}

export interface Publication extends VersionTexts {
  readonly key: PackageKey;
  readonly version: string;
  readonly assets: readonly PublishedAsset[];
  /** Tags to set on this version, in the same transaction. */
  readonly tags: readonly string[];
  /**
   * How a version comes together (spec 8.0.5). `whole`: all its assets at once, none later (the default); `open`: assets
   * may follow at any time (pypi, maven); `until-published`: only while the version is Unfinished (generic). An asset
   * that is there already with the same bytes is unchanged; with other bytes the whole publication is a 409.
   */
  readonly assembly?: "whole" | "open" | "until-published";
  /** Of a new version; Published when left out. A version that is Unfinished becomes Published when this says so, never the other way. */
  readonly status?: "Published" | "Unfinished";
  /**
   * A new package is refused (ValidationException) beside one that this repository holds versions of, whose name is
   * another spelling of its own (see Registry.spellings).
   */
  readonly oneSpelling?: true;
  /** What a version that is there already keeps, once these assets have joined it; left out: it keeps its own texts. Pure. */
  readonly join?: (held: VersionTexts) => VersionTexts;
}

/** A publisher's claim about the bytes of an asset, sent beside it (Maven's checksum files). */
export interface Checksum {
  readonly version: string;
  readonly asset: string;
  readonly algorithm: keyof Digests;
  /** As sent; compared as it is with lower-case hex (spec 8.3.4). */
  readonly value: string;
}

/** What a version that mirrors another one is (see Registry.mirrorVersion). */
export interface Mirror extends VersionTexts {
  readonly key: PackageKey;
  readonly version: string;
  /** The version whose assets it shows. */
  readonly of: string;
}

/** What is asked of a public registry beside its index: a path below the connection's URL, or what its index named by `url`, absolute. */
export interface OutsideRequest {
  readonly path: string;
  readonly url?: string;
  readonly accept: string;
}

/** A document of a public registry, and the connection it came through. */
export interface OutsideDocument {
  readonly connection: string;
  readonly index: Extract<Index, { state: "present" }>;
}

export interface RequestContext {
  readonly caller: Caller;
  readonly requestId: string;
}

export interface PackageSummaryRow {
  readonly id: number;
  readonly key: PackageKey;
  readonly settings: OriginSettings;
}

export interface SearchHit {
  readonly key: PackageKey;
  readonly displayName: string;
  readonly version: string;
  readonly document: string;
  readonly publishedAt: number;
}
