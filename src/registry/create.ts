// Puts the verbs together into the Registry that the doors are given.

import { findPackage } from "../store/packages.ts";
import { findVersions } from "../store/versions.ts";
import { findRepository } from "./administer.ts";
import { createSmallAssets, findAsset } from "./assets.ts";
import { authorizeRepository, refuseForeignToken } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import { createExternal } from "./external.ts";
import { listedVersions, view, withheldVersions } from "./find.ts";
import { createIngestion } from "./ingest.ts";
import { admitPublish, publish } from "./publish.ts";
import type { Registry } from "./registry.ts";
import { changeVersions, deletePackage } from "./retire.ts";
import { relay, search } from "./search.ts";
import { removeTag, rewriteDocuments, setTag } from "./tags.ts";

/** The registry, and what shutdown waits for. */
export function createRegistry(deps: RegistryDeps): Registry & { readonly settled: () => Promise<void> } {
  const external = createExternal(deps);
  const ingestion = createIngestion(deps, external);
  return {
    async repository(domain, owner, name, caller) {
      refuseForeignToken(caller, (await deps.catalog.domain(owner, domain)).domain, `repository '${name}'`);
      return findRepository(deps, { owner, name: domain }, name);
    },
    knownRepository: (domain, owner, name) => deps.catalog.known(owner, domain)?.byName.get(name),
    authorize: (caller, action, repository, key) =>
      authorizeRepository(deps.region, caller, action, repository, key),

    view: (repository, key, options) => view(deps, external, repository, key, options),
    listedVersions: (of) => listedVersions(deps, of),
    withheldVersions: (of) => withheldVersions(deps, of),
    asset: (repository, key, version, asset, context) => {
      authorizeRepository(deps.region, context.caller, "ReadFromRepository", repository, key);
      return findAsset(deps, external, ingestion, { repository, key, version, asset, context });
    },
    openAsset: (asset, range) => deps.blobs.open(asset.sha256, range),
    smallAsset: createSmallAssets(deps),

    admitPublish: (repository, key, context) => admitPublish(deps, repository, key, context),
    stageBlob: (expected) => deps.blobs.create(expected),
    publish: (repository, publication, context) => publish(deps, external, repository, publication, context),

    setTag: (repository, key, tag, version, context) => setTag(deps, repository, key, tag, version, context),
    removeTag: (repository, key, tag, context) => removeTag(deps, repository, key, tag, context),
    rewriteDocuments: (repository, key, documents, context) =>
      rewriteDocuments(deps, repository, key, documents, context),
    async heldVersions(repository, key) {
      const held = await findPackage(deps.database.read, repository.id, key);
      return held === undefined ? [] : findVersions(deps.database.read, [held.id]);
    },
    changeVersions: (repository, key, request, context) =>
      changeVersions(deps, repository, key, request, context),
    deletePackage: (repository, key, context) => deletePackage(deps, repository, key, context),

    search: (repository, format, text, from, size) => search(deps, repository, format, text, from, size),
    relay: (repository, format, keys, make) => relay(deps, external, repository, format, keys, make),
    settled: () => ingestion.settled(),
  };
}
