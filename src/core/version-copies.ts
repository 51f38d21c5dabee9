// Which versions CopyPackageVersions copies, and what it answers for each of the others (spec 5.6).
import type { Failure as BatchFailure, Status } from "./version-status.ts";

export interface CopyRequest {
  readonly versions: readonly string[];
  /** Revision per version; a version without one is not checked. */
  readonly revisions?: ReadonlyMap<string, string> | undefined;
  readonly overwrite: boolean;
}

/** What is known of one version at both ends. */
export interface CopyCandidate {
  readonly revision: string;
  readonly status: Status;
  /** What the destination has under this number: nothing, the same assets and documents, or other ones. */
  readonly destination: "nothing" | "same" | "other";
}

export interface CopyFailure {
  readonly errorCode: BatchFailure["errorCode"] | "ALREADY_EXISTS";
  readonly errorMessage: string;
}

/**
 * All or nothing: when one version fails, none is copied and those that would have been are SKIPPED (5.6.4). What the
 * destination has already, byte for byte, is neither copied nor told (5.6.3). Disposed versions have nothing to copy
 * (5.6.6). A name that only looks like a guarded one goes nowhere (2.5.5).
 */
export function judgeCopy(
  found: ReadonlyMap<string, CopyCandidate>,
  request: CopyRequest,
  weak: boolean,
): { readonly copy: readonly string[]; readonly failures: ReadonlyMap<string, CopyFailure> } {
  const versions = [...new Set(request.versions)];
  const failures = new Map<string, CopyFailure>();
  for (const version of versions) {
    const failure = failureOf(version, found.get(version), request, weak);
    if (failure !== undefined) failures.set(version, failure);
  }
  const fine = versions.filter(
    (version) => !failures.has(version) && found.get(version)?.destination !== "same",
  );
  if (failures.size === 0) return { copy: fine, failures };
  for (const version of fine)
    failures.set(version, { errorCode: "SKIPPED", errorMessage: `Version ${version} was skipped` });
  return { copy: [], failures };
}

function failureOf(
  version: string,
  candidate: CopyCandidate | undefined,
  { revisions, overwrite }: CopyRequest,
  weak: boolean,
): CopyFailure | undefined {
  if (candidate === undefined)
    return { errorCode: "NOT_FOUND", errorMessage: `Could not find version ${version}` };
  const expected = revisions?.get(version);
  if (expected !== undefined && expected !== candidate.revision) {
    return {
      errorCode: "MISMATCHED_REVISION",
      errorMessage: `current revision: ${candidate.revision}, expected revision: ${expected}`,
    };
  }
  if (weak) {
    return {
      errorCode: "NOT_ALLOWED",
      errorMessage: `Version ${version} cannot be copied: the package's name only looks like one that a package group guards`,
    };
  }
  if (candidate.status === "Disposed")
    return { errorCode: "NOT_ALLOWED", errorMessage: `Version ${version} is Disposed` };
  if (candidate.destination === "other" && !overwrite)
    return { errorCode: "ALREADY_EXISTS", errorMessage: `Version ${version} already exists` };
  return undefined;
}
