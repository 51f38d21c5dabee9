// Yanking and taking it back; and the word that there are no owners here.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid, notFound } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendJson } from "../answers.ts";
import type { DoorRequest } from "../format.ts";
import { assetName } from "./names.ts";
import { isYanked, yankNote } from "./yank-note.ts";

/**
 * `DELETE …/yank` and `PUT …/unyank`: the version stays Published and downloadable, and only new resolutions pass it
 * over. Needs PutPackageMetadata. A public version's flag is its own registry's.
 */
export async function yank(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  version: string,
  yanked: boolean,
): Promise<void> {
  const { repository } = request;
  registry.authorize(request.caller, "PutPackageMetadata", repository, key);
  const held = await registry.heldVersion(repository, key, version);
  if (held === undefined)
    throw notFound(
      `Repository '${repository.name}' does not hold ${key.name} ${version}. Only versions it holds can be yanked here.`,
      "package-version",
      version,
    );
  const { origin } = held.row;
  if (origin.type === "EXTERNAL")
    throw invalid(
      `${key.name} ${version} came from '${origin.entryPoint}', and whether it is yanked is taken from there. To hide it here, set its status to Unlisted or Archived with UpdatePackageVersionsStatus.`,
    );
  if (isYanked(held.assets) !== yanked) {
    const asset = assetName(key.name, version);
    const change = { version, asset, document: yankNote(yanked) };
    await registry.rewriteAssets(repository, key, [change], "metadata", request);
  }
  sendJson(request, 200, { ok: true });
}

/** `cargo owner`: who may publish is the policies' business, and a list of nobody would be a lie. */
export function refuseOwners(registry: Registry, request: DoorRequest, key: PackageKey): never {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
  throw notFound(
    `There are no crate owners here. Who may publish ${key.name} is decided by policies (PublishPackageVersion) and by the package's origin settings; PutRepositoryPermissionsPolicy and PutPackageOriginConfiguration change that.`,
  );
}
