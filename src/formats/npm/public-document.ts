// Reads a public registry's packument, which is as untrusted as any input: what can be listed, and each version's facts; pure.
import ssri from "ssri";
import type { PackageKey } from "../../core/coordinates.ts";
import type { ExternalAsset, ExternalVersion } from "../format.ts";
import { describe, isObject, type Json } from "./documents.ts";
import { ASSET_NAME, isListableVersion, nameOf } from "./names.ts";
import { makeVersionTexts, type VersionTexts } from "./version-text.ts";

type Digests = ExternalAsset["digests"];

const HEX_LENGTH = { sha1: 40, sha256: 64, sha512: 128 } as const;

/** One version that could be downloaded and checked: others of the document are as good as absent. */
export interface PublicVersion {
  readonly version: string;
  readonly publishedAt: number | undefined;
  readonly manifest: Json;
  readonly url: string;
  readonly digests: Digests;
}

export interface PublicDocument {
  /** Every number the document has an entry of, be it one that cannot be taken in: such a number is taken all the same (spec 2.5.1). */
  readonly listed: ReadonlySet<string>;
  readonly versions: ReadonlyMap<string, PublicVersion>;
  readonly tags: ReadonlyMap<string, string>;
  readonly createdAt: number | undefined;
  readonly modifiedAt: number | undefined;
  readonly top: Json;
}

/** Throws when the document is no packument at all; single versions that make no sense are left out. */
export function readPublicDocument(json: unknown, key: PackageKey): PublicDocument {
  if (!isObject(json)) throw new Error("not a packument");
  const time = isObject(json["time"]) ? json["time"] : {};
  const entries = Object.entries(isObject(json["versions"]) ? json["versions"] : {});
  const versions = new Map<string, PublicVersion>();
  for (const [version, manifest] of entries) {
    const found = readVersion(
      version,
      manifest,
      key,
      Object.hasOwn(time, version) ? time[version] : undefined,
    );
    if (found !== undefined) versions.set(version, found);
  }
  const tags = new Map<string, string>();
  for (const [tag, version] of Object.entries(isObject(json["dist-tags"]) ? json["dist-tags"] : {})) {
    if (typeof version === "string") tags.set(tag, version);
  }
  return {
    listed: new Set(entries.map(([version]) => version)),
    versions,
    tags,
    createdAt: epoch(time["created"]),
    modifiedAt: epoch(time["modified"]),
    top: json,
  };
}

function readVersion(
  version: string,
  manifest: unknown,
  key: PackageKey,
  time: unknown,
): PublicVersion | undefined {
  if (!isListableVersion(version) || !isObject(manifest) || !isObject(manifest["dist"])) return undefined;
  const url = manifest["dist"]["tarball"];
  const digests = readDigests(manifest["dist"]);
  if (typeof url !== "string" || !/^https?:\/\//i.test(url) || !URL.canParse(url) || digests === undefined)
    return undefined;
  // Under whatever name the document lists it, here it is this package's version: one name per thing.
  return {
    version,
    publishedAt: epoch(time),
    manifest: { ...manifest, name: nameOf(key), version },
    url,
    digests,
  };
}

/** Undefined without a usable digest: such bytes could not be checked, so they never enter (fail closed). */
function readDigests(dist: Json): Digests | undefined {
  const digests: { sha1?: string; sha256?: string; sha512?: string } = {};
  const { integrity, shasum } = dist;
  if (typeof shasum === "string" && /^[0-9a-f]{40}$/i.test(shasum)) digests.sha1 = shasum.toLowerCase();
  if (typeof integrity === "string") {
    const hashes = ssri.parse(integrity);
    for (const algorithm of ["sha1", "sha256", "sha512"] as const) {
      const first = hashes?.[algorithm]?.[0];
      const hex = Buffer.from(first?.digest ?? "", "base64").toString("hex");
      if (hex.length === HEX_LENGTH[algorithm]) digests[algorithm] = hex;
    }
  }
  return Object.keys(digests).length === 0 ? undefined : digests;
}

/** The stored texts of a public version; its `dist` keeps what clients check and nothing that points elsewhere. */
export function publicTexts({ manifest }: PublicVersion): VersionTexts {
  const from = manifest["dist"] as Json;
  const dist: Record<string, unknown> = {};
  for (const member of [
    "integrity",
    "shasum",
    "fileCount",
    "unpackedSize",
    "signatures",
    "attestations",
    "npm-signature",
  ]) {
    if (Object.hasOwn(from, member)) dist[member] = from[member];
  }
  return makeVersionTexts(manifest, dist);
}

/** A version's facts for the registry, before its bytes are here. */
export function describePublic(found: PublicVersion, key: PackageKey): ExternalVersion {
  return {
    version: found.version,
    ...(found.publishedAt === undefined ? {} : { publishedAt: found.publishedAt }),
    assets: [{ name: ASSET_NAME, url: found.url, digests: found.digests }],
    metadata: describe(found.manifest, nameOf(key)),
    ...publicTexts(found),
  };
}

function epoch(time: unknown): number | undefined {
  const value = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}
