// Operations that change the status of package versions, dispose of them or delete them; all or nothing (spec 5.3 to 5.5).
import { invalid } from "../../core/faults.ts";
import type { Target } from "../../core/version-status.ts";
import type { BatchOutcome } from "../../registry/retire.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps, PackageInput } from "./context.ts";
import { openPackage, storedVersion } from "./context.ts";
import { mapMember } from "./map-member.ts";

/** What nothing may be set to: Unfinished is never returned to, the others have operations of their own (spec 5.2.1). */
const SETTABLE: readonly string[] = ["Published", "Unlisted", "Archived"];

export async function updatePackageVersionsStatus(
  input: Operations["UpdatePackageVersionsStatus"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["UpdatePackageVersionsStatus"]["output"]> {
  if (!SETTABLE.includes(input.targetStatus)) {
    throw invalid(
      `A package version cannot be set to ${input.targetStatus}; the target is one of ${SETTABLE.join(", ")}.`,
    );
  }
  return change(input, call, deps, input.targetStatus as Target, "UpdatePackageVersionsStatus");
}

export function disposePackageVersions(
  input: Operations["DisposePackageVersions"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DisposePackageVersions"]["output"]> {
  return change(input, call, deps, "Disposed", "DisposePackageVersions");
}

export function deletePackageVersions(
  input: Operations["DeletePackageVersions"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeletePackageVersions"]["output"]> {
  return change(input, call, deps, "Deleted", "DeletePackageVersions");
}

interface BatchInput extends PackageInput {
  readonly versions: readonly string[];
  readonly versionRevisions?: Readonly<Record<string, string>>;
  readonly expectedStatus?: string;
}

async function change(input: BatchInput, call: Call, deps: AwsDeps, target: Target, action: string) {
  const stored = (version: string) => storedVersion(input.format, version);
  const revisions = mapKeys(revisionsOf(input), stored);
  const { repository, key } = await openPackage(deps, call, input, action);
  const { expectedStatus } = input;
  const versions = input.versions.map(stored);
  return answer(
    await deps.registry.changeVersions(
      repository,
      key,
      { versions, target, expectedStatus, revisions },
      call,
    ),
  );
}

function mapKeys<V>(
  map: ReadonlyMap<string, V> | undefined,
  change: (key: string) => string,
): ReadonlyMap<string, V> | undefined {
  return map && new Map([...map].map(([key, value]) => [change(key), value]));
}

/** Where revisions are given, they are given for exactly the versions named (spec 5.3.1). */
function revisionsOf({ versions, versionRevisions }: BatchInput): ReadonlyMap<string, string> | undefined {
  if (versionRevisions === undefined) return undefined;
  const revisions = new Map(Object.entries(versionRevisions));
  if (revisions.size !== new Set(versions).size || !versions.every((version) => revisions.has(version))) {
    throw invalid("The keys of 'versionRevisions' must be the versions in 'versions'.");
  }
  return revisions;
}

function answer({ changed, failures }: BatchOutcome) {
  return { successfulVersions: mapMember(changed), failedVersions: mapMember(failures) };
}
