// What operations work with, and the first steps nearly all of them share: whose domain, may they, is it there.
import type { PackageFormat, PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import { NAMESPACES } from "../../core/group-pattern.ts";
import { normalizeNugetVersion } from "../../core/nuget-versions.ts";
import { findRepository } from "../../registry/administer.ts";
import { authorizeTarget } from "../../registry/authorize.ts";
import type { RegistryDeps } from "../../registry/deps.ts";
import type { Registry, RepositoryRecord } from "../../registry/registry.ts";
import type { DomainSnapshot } from "../../store/domains.ts";
import type { Call } from "../dispatch.ts";

export interface AwsDeps extends RegistryDeps {
  readonly registry: Registry;
  /** Scheme and host as clients see them, without a trailing slash; undefined: as each request's Host says. */
  readonly publicUrl: string | undefined;
  /** The same on every node and after a restart, or clients lose their place in lists. */
  readonly pagingKey: Uint8Array;
  /** Largest asset that is taken, bytes (spec 9). */
  readonly assetBytesMax: number;
  /** Bytes that a domain holds; of a large one as of the last count. */
  readonly domainBytes: (domainId: number) => Promise<number>;
}

export interface DomainInput {
  readonly domain: string;
  readonly domainOwner?: string;
}

export interface RepositoryInput extends DomainInput {
  readonly repository: string;
}

export interface PackageInput extends RepositoryInput {
  readonly format: PackageFormat;
  readonly namespace?: string;
  readonly package: string;
}

/** Omitted means the caller's own account (spec 0.7). */
export function ownerOf(input: DomainInput, call: Call): string {
  return input.domainOwner ?? call.caller.account;
}

/** The domain, for a caller who may do `action` to it. Permission comes first: who has none learns nothing of what exists. */
export async function openDomain(
  deps: AwsDeps,
  call: Call,
  input: DomainInput,
  action: string,
): Promise<DomainSnapshot> {
  const owner = ownerOf(input, call);
  await authorizeTarget(deps, call.caller, action, { owner, domain: input.domain });
  return deps.catalog.domain(owner, input.domain);
}

/** The repository, for a caller who may do `action` to it. Throws ResourceNotFoundException for domain or repository. */
export async function openRepository(
  deps: AwsDeps,
  call: Call,
  input: RepositoryInput,
  action: string,
): Promise<RepositoryRecord> {
  const owner = ownerOf(input, call);
  const { domain, repository } = input;
  await authorizeTarget(deps, call.caller, action, { owner, domain, repository });
  return findRepository(deps, { owner, name: input.domain }, input.repository);
}

/** A package's repository, for a caller who may do `action` to the package, which need not exist. */
export async function openPackage(
  deps: AwsDeps,
  call: Call,
  input: PackageInput,
  action: string,
): Promise<{ readonly repository: RepositoryRecord; readonly key: PackageKey }> {
  const owner = ownerOf(input, call);
  const key = packageKey(input);
  const { domain, repository } = input;
  await authorizeTarget(deps, call.caller, action, { owner, domain, repository, key });
  return {
    repository: await findRepository(deps, { owner, name: input.domain }, input.repository),
    key,
  };
}

/**
 * The package's key as it is stored: the namespace held against the format's rule (spec 1.5.3), NuGet and Swift names
 * folded to lower case as the service does for API input; PyPI names are not folded (spec 1.5.6).
 */
export function packageKey(input: Pick<PackageInput, "format" | "namespace" | "package">): PackageKey {
  const { format, namespace = "", package: name } = input;
  const rule = NAMESPACES[format];
  if (rule === "required" && namespace === "")
    throw invalid(`A namespace is required for packages of format ${format}.`);
  if (rule === "none" && namespace !== "") throw invalid(`Packages of format ${format} have no namespace.`);
  if (format === "npm" && namespace.startsWith("@")) {
    throw invalid(`The namespace of an npm package is its scope without the '@': '${namespace.slice(1)}'.`);
  }
  if (format === "swift") return { format, namespace: namespace.toLowerCase(), name: name.toLowerCase() };
  return { format, namespace, name: format === "nuget" ? name.toLowerCase() : name };
}

/** A version as it is stored: NuGet's are normalised for API input, others are as given (spec 1.5.6). What is no version of NuGet's stays as it is, and is not found. */
export function storedVersion(format: PackageFormat, version: string): string {
  return format === "nuget" ? (normalizeNugetVersion(version) ?? version) : version;
}
