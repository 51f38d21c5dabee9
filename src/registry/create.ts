// Puts the verbs together into the Registry that the doors are given.

import { findPackage } from "../store/packages.ts";
import { findAssets, findVersion, findVersions } from "../store/versions.ts";
import { findRepository } from "./administer.ts";
import { completeVersions, mirrorVersion, rewriteAssets } from "./assemble.ts";
import { findAsset } from "./assets.ts";
import { authorizeRepository, refuseForeignToken } from "./authorize.ts";
import { claimChecksum } from "./checksums.ts";
import { copyVersions } from "./copy.ts";
import type { RegistryDeps } from "./deps.ts";
import { createExternal } from "./external.ts";
import { listedAssets, listedVersions, mayGrow, view, withheldVersions } from "./find.ts";
import { createHeldBytes } from "./held-bytes.ts";
import { createIngestion } from "./ingest.ts";
import { mayAskOutside, outsideDocument, relay } from "./outside.ts";
import { admitPublish, publish } from "./publish.ts";
import type { Registry } from "./registry.ts";
import { changeVersions, deletePackage } from "./retire.ts";
import { packageNames, search, spellings } from "./search.ts";
import { removeTag, rewriteDocuments, setTag } from "./tags.ts";

/** The registry, and what shutdown waits for. */
export function createRegistry(deps: RegistryDeps): Registry & { readonly settled: () => Promise<void> } {
  const external = createExternal(deps);
  const ingestion = createIngestion(deps, external);
  const heldBytes = createHeldBytes(deps);
  return {
    async repository(domain, owner, name, caller) {
      refuseForeignToken(caller, (await deps.catalog.domain(owner, domain)).domain, `repository '${name}'`);
      return findRepository(deps, { owner, name: domain }, name);
    },
    knownRepository: (domain, owner, name) => deps.catalog.known(owner, domain)?.byName.get(name),
    authorize: (caller, action, repository, key) =>
      authorizeRepository(deps.region, caller, action, repository, key),

    view: (repository, key, options) => view(deps, external, repository, key, options),
    listedVersions: (of, withUnlisted) => listedVersions(deps, of, withUnlisted),
    listedAssets: (of, versions) => listedAssets(deps, of, versions),
    mayGrow,
    withheldVersions: (of) => withheldVersions(deps, of),
    asset: (repository, key, version, asset, context) => {
      authorizeRepository(deps.region, context.caller, "ReadFromRepository", repository, key);
      return findAsset(deps, external, ingestion, { repository, key, version, asset, context });
    },
    openAsset: heldBytes.open,
    smallAsset: heldBytes.small,
    assetAddress: heldBytes.address,

    admitPublish: (repository, key, context) => admitPublish(deps, repository, key, context),
    stageBlob: (expected) => deps.blobs.create(expected),
    publish: (repository, publication, context) => publish(deps, external, repository, publication, context),
    claimChecksum: (repository, key, checksum, context) =>
      claimChecksum(deps, repository, key, checksum, context),
    completeVersions: (repository, key, versions, context) =>
      completeVersions(deps, repository, key, versions, context),
    mirrorVersion: (repository, mirror, context) => mirrorVersion(deps, repository, mirror, context),
    rewriteAssets: (repository, key, changes, because, context) =>
      rewriteAssets(deps, repository, key, changes, because, context),

    outsideDocument: (repository, about, request) =>
      outsideDocument(deps, external, repository, about, request),
    mayAskOutside: (repository, keys) => mayAskOutside(deps, repository, keys),
    packageNames: (repository, format, after, limit) => packageNames(deps, repository, format, after, limit),
    spellings: (repository, key) => spellings(deps, repository, key),

    setTag: (repository, key, tag, version, context) => setTag(deps, repository, key, tag, version, context),
    removeTag: (repository, key, tag, context) => removeTag(deps, repository, key, tag, context),
    rewriteDocuments: (repository, key, documents, context) =>
      rewriteDocuments(deps, repository, key, documents, context),
    async heldVersions(repository, key) {
      const held = await findPackage(deps.database.read, repository.id, key);
      return held === undefined ? [] : findVersions(deps.database.read, [held.id]);
    },
    async heldVersion(repository, key, version) {
      const held = await findPackage(deps.database.read, repository.id, key);
      const row = held && (await findVersion(deps.database.read, held.id, version));
      return row && { row, assets: await findAssets(deps.database.read, row.id) };
    },
    changeVersions: (repository, key, request, context) =>
      changeVersions(deps, repository, key, request, context),
    copyVersions: (wanted, context) => copyVersions(deps, wanted, context),
    deletePackage: (repository, key, context) => deletePackage(deps, repository, key, context),

    search: (repository, format, text, from, size) => search(deps, repository, format, text, from, size),
    relay: (repository, format, keys, make) => relay(deps, external, repository, format, keys, make),
    settled: () => ingestion.settled(),
  };
}
