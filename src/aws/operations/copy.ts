// CopyPackageVersions (spec 5.6).
import { invalid } from "../../core/faults.ts";
import { findRepository } from "../../registry/administer.ts";
import { authorizeTarget } from "../../registry/authorize.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { ownerOf, packageKey, storedVersion } from "./context.ts";
import { mapMember } from "./map-member.ts";

type Input = Operations["CopyPackageVersions"]["input"];

export async function copyPackageVersions(
  input: Input,
  call: Call,
  deps: AwsDeps,
): Promise<Operations["CopyPackageVersions"]["output"]> {
  const { domain, sourceRepository, destinationRepository, allowOverwrite, includeFromUpstream } = input;
  const owner = ownerOf(input, call);
  const key = packageKey(input);
  const wanted = wantedVersions(input);
  for (const [action, repository] of [
    ["ReadFromRepository", sourceRepository],
    ["CopyPackageVersions", destinationRepository],
  ] as const)
    await authorizeTarget(deps, call.caller, action, { owner, domain, repository, key });
  const { copied, failures } = await deps.registry.copyVersions(
    {
      ...wanted,
      source: await findRepository(deps, { owner, name: domain }, sourceRepository),
      destination: await findRepository(deps, { owner, name: domain }, destinationRepository),
      key,
      overwrite: allowOverwrite === true,
      includeFromUpstream: includeFromUpstream === true,
    },
    call,
  );
  return { successfulVersions: mapMember(copied), failedVersions: mapMember(failures) };
}

/** One of the two, never both (spec 5.6.1). */
function wantedVersions({ format, versions, versionRevisions }: Input) {
  const stored = (version: string) => storedVersion(format, version);
  if ((versions === undefined) === (versionRevisions === undefined))
    throw invalid("Name the versions to copy either in 'versions' or in 'versionRevisions'.");
  const revisions =
    versionRevisions === undefined
      ? undefined
      : new Map(Object.entries(versionRevisions).map(([version, revision]) => [stored(version), revision]));
  const named = versions?.map(stored) ?? [...(revisions?.keys() ?? [])];
  if (named.length === 0) throw invalid("Name at least one version to copy.");
  return { versions: named, revisions };
}
