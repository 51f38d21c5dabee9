// Names and numbers that cargo, or the systems it runs on, could not tell apart: the second of them is refused.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import type { PackageView, Registry, RepositoryRecord } from "../../registry/registry.ts";
import { documentWorker } from "./document-worker.ts";
import { external, plain } from "./external.ts";
import { foldName, parseName, withoutBuild } from "./names.ts";

/**
 * Throws a 400 for a new crate whose name differs from another's only by case or by `-` for `_`, and for a version that
 * differs from another one of the crate only by build metadata; wherever the other is that can be seen from here. What
 * origin control hides collides with nothing.
 */
export async function refuseCollisions(
  registry: Registry,
  repository: RepositoryRecord,
  key: PackageKey,
  version: string,
): Promise<void> {
  const held = await registry.heldVersions(repository, key);
  if (held.length === 0) await refuseLookAlike(registry, repository, key);
  const view = await registry.view(repository, key);
  const numbers = new Set([
    ...held.map((row) => row.version),
    ...(await registry.listedVersions(view)).map((row) => row.version),
  ]);
  for (const file of filesOf(view))
    for (const number of (await external.versions(file, key)).keys()) numbers.add(number);
  const other = [...numbers].find(
    (number) => number !== version && withoutBuild(number) === withoutBuild(version),
  );
  if (other === undefined || numbers.has(version)) return;
  throw invalid(
    `Version ${version} of ${key.name} differs from ${other}, which is here already, only by its build metadata, which does not tell versions apart. Publish another version.`,
  );
}

async function refuseLookAlike(
  registry: Registry,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<void> {
  for (const other of await registry.spellings(repository, key)) {
    if (other.name === key.name) continue;
    const view = await registry.view(repository, other);
    const versions = [
      ...(await registry.heldVersions(repository, other)),
      ...(await registry.listedVersions(view)),
    ];
    if (versions.length > 0) throw taken(key.name, other.name);
  }
  for (const name of new Set([key.name, key.name.replaceAll("_", "-"), key.name.replaceAll("-", "_")])) {
    const asked = parseName(name);
    if (asked === undefined) continue;
    const view = await registry.view(repository, asked);
    // An unknown is not an absence.
    if (view.trouble !== undefined && name !== key.name) throw view.trouble;
    for (const file of filesOf(view)) {
      const spelled = await documentWorker.ask("spelling", { name, file });
      if (spelled !== undefined && spelled !== key.name && foldName(spelled) === foldName(key.name))
        throw taken(key.name, spelled);
    }
  }
}

function filesOf(view: PackageView) {
  return view.external.map(({ connection, index }) => plain({ ...index, connection }));
}

function taken(name: string, other: string): Error {
  return invalid(
    `The name '${name}' differs from the crate '${other}', which can be had here already, only by case or by '-' for '_'; cargo takes such names for one. Publish under '${other}' or under another name.`,
  );
}
