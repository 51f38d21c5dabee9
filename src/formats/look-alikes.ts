// New names that a hurried reader, or a file system, takes for one that is there already.
import type { PackageKey } from "../core/coordinates.ts";
import { invalid } from "../core/faults.ts";
import type { Registry, RepositoryRecord } from "../registry/registry.ts";

/**
 * Throws a 400 for a name that the repository does not hold yet, when another that can be had from here differs from it
 * only by case or by `-` for `_`. `what` is what the format calls a package.
 */
export async function refuseLookAlike(
  registry: Registry,
  repository: RepositoryRecord,
  key: PackageKey,
  what: string,
): Promise<void> {
  if ((await registry.heldVersions(repository, key)).length > 0) return;
  for (const other of await registry.spellings(repository, key)) {
    if (other.name === key.name) continue;
    const view = await registry.view(repository, other, { heldOnly: true });
    if ((await registry.listedVersions(view)).length === 0) continue;
    throw invalid(
      `The name '${key.name}' differs from the ${what} '${other.name}', which can be had here already, only by case or by '-' for '_'. Publish under another name.`,
    );
  }
}
