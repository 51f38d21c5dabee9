// Which status a package version may take, and what a batch call answers for each version (spec 5.1 to 5.5).

export type Status = "Published" | "Unfinished" | "Unlisted" | "Archived" | "Disposed";

/** What a batch call does to its versions; "Deleted" and "Disposed" are ends of their own operations. */
export type Target = "Published" | "Unlisted" | "Archived" | "Disposed" | "Deleted";

export interface HeldVersion {
  readonly version: string;
  readonly status: Status;
  readonly revision: string;
}

export interface BatchRequest {
  readonly versions: readonly string[];
  readonly target: Target;
  readonly expectedStatus?: string | undefined;
  /** Revision per version; a version without one is not checked. */
  readonly revisions?: ReadonlyMap<string, string> | undefined;
}

export type FailureCode =
  | "MISMATCHED_REVISION"
  | "MISMATCHED_STATUS"
  | "NOT_ALLOWED"
  | "NOT_FOUND"
  | "SKIPPED";

export interface Failure {
  readonly errorCode: FailureCode;
  readonly errorMessage: string;
}

/** Nothing comes back from Disposed but by deletion; any other status may become any target (spec 5.2). */
export function mayBecome(from: Status, to: Target): boolean {
  return from !== "Disposed" || to === "Deleted" || to === "Disposed";
}

/**
 * Judges a batch, all or nothing: the versions to change, or, when one of them fails, none and a failure for every one;
 * those that would have been fine are SKIPPED (spec 5.3.3, 5.3.4). A version named twice counts once.
 */
export function judgeBatch(
  held: ReadonlyMap<string, HeldVersion>,
  request: BatchRequest,
): { readonly change: readonly HeldVersion[]; readonly failures: ReadonlyMap<string, Failure> } {
  const versions = [...new Set(request.versions)];
  const failures = new Map<string, Failure>();
  const fine: HeldVersion[] = [];
  for (const version of versions) {
    const row = held.get(version);
    const failure = row === undefined ? notFound(version) : failureOf(row, request);
    if (failure !== undefined) failures.set(version, failure);
    else if (row !== undefined) fine.push(row);
  }
  if (failures.size === 0) return { change: fine, failures };
  for (const { version } of fine)
    failures.set(version, { errorCode: "SKIPPED", errorMessage: `version ${version} is skipped` });
  return { change: [], failures };
}

function notFound(version: string): Failure {
  return { errorCode: "NOT_FOUND", errorMessage: `version ${version} is not found` };
}

function failureOf({ version, status, revision }: HeldVersion, request: BatchRequest): Failure | undefined {
  const { expectedStatus, revisions, target } = request;
  const expected = revisions?.get(version);
  if (expectedStatus !== undefined && expectedStatus !== status) {
    return {
      errorCode: "MISMATCHED_STATUS",
      errorMessage: `current status: ${status}, expected status: ${expectedStatus}`,
    };
  }
  if (expected !== undefined && expected !== revision) {
    return {
      errorCode: "MISMATCHED_REVISION",
      errorMessage: `current revision: ${revision}, expected revision: ${expected}`,
    };
  }
  if (!mayBecome(status, target)) {
    return {
      errorCode: "NOT_ALLOWED",
      errorMessage: `version ${version} is ${status} and can only be deleted`,
    };
  }
  return undefined;
}
