// A journal entry as EventBridge would tell it: CodeArtifact Package Version State Change (spec 10.1, 10.2).
import { createHash } from "node:crypto";
import { packageArn } from "../core/coordinates.ts";
import type { JournalEntry, VersionEvent } from "../store/journal.ts";

/** A journal entry that is an event. */
export type EventEntry = Pick<JournalEntry, "at" | "repository" | "key" | "version"> & {
  readonly seq: number;
  readonly change: VersionEvent;
};

/** The same entry gives the same event, whenever it is told. */
export function packageEvent(entry: EventEntry, region: string) {
  const { at, repository, key, version, change, seq } = entry;
  const { domain, owner, administrator } = change;
  return {
    version: "0",
    id: change.id,
    "detail-type": "CodeArtifact Package Version State Change",
    source: "aws.codeartifact",
    account: owner,
    time: `${new Date(at).toISOString().slice(0, 19)}Z`,
    region,
    resources: [packageArn({ region }, owner, domain, repository, key)],
    detail: {
      domainName: domain,
      domainOwner: owner,
      repositoryName: repository,
      repositoryAdministrator: administrator,
      packageFormat: key.format,
      packageNamespace: key.namespace === "" ? null : key.namespace,
      packageName: key.name,
      packageVersion: version,
      packageVersionState: change.state,
      packageVersionRevision: change.revision,
      changes: {
        assetsAdded: change.assetsAdded,
        assetsRemoved: change.assetsRemoved,
        assetsUpdated: change.assetsUpdated,
        metadataUpdated: change.metadataUpdated,
        statusChanged: change.statusChanged,
      },
      operationType: change.operation,
      sequenceNumber: seq,
      eventDeduplicationId: createHash("sha256").update(change.id).digest("base64"),
    },
  };
}

export type PackageEvent = ReturnType<typeof packageEvent>;
