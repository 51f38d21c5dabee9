// Names and numbers that cargo, or the systems it runs on, could not tell apart: the second of them is refused.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { Registry, RepositoryRecord } from "../../registry/registry.ts";
import { indexFilesOf } from "../index-files.ts";
import { documentWorker } from "./document-worker.ts";
import { external } from "./external.ts";
import { foldName, withoutBuild } from "./names.ts";

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
  for (const file of indexFilesOf(view))
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
    const held = await registry.heldVersions(repository, other);
    if (held.length > 0 || (await registry.listedVersions(view)).length > 0)
      throw taken(key.name, other.name);
  }
  // A name that nothing outside may join is nobody else's business: its variants are not asked about either.
  if ((await registry.mayAskOutside(repository, [key])).length === 0) return;
  const { name } = key;
  for (const variant of new Set([name, name.replaceAll("_", "-"), name.replaceAll("-", "_")])) {
    const spelled = await spelledOutside(registry, repository, { ...key, name: variant });
    if (spelled !== undefined && spelled !== name) throw taken(name, spelled);
  }
}

async function spelledOutside(
  registry: Registry,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<string | undefined> {
  const view = await registry.view(repository, key);
  if (view.trouble !== undefined) throw unknown(key.name, view.trouble);
  for (const file of indexFilesOf(view)) {
    const spelled = await documentWorker.ask("spelling", { name: key.name, file });
    if (spelled !== undefined && foldName(spelled) === foldName(key.name)) return spelled;
  }
  return undefined;
}

/** An unknown is not an absence. */
function unknown(name: string, { code, message, detail }: Fault): Fault {
  return new Fault(
    code,
    `Whether there is a crate '${name}' outside could not be found out, and while the upstream setting is ALLOW that must be known before a publish. ${message} Try again, or set upstream=BLOCK for the package with PutPackageOriginConfiguration.`,
    detail,
  );
}

function taken(name: string, other: string): Error {
  return invalid(
    `The name '${name}' differs from the crate '${other}', which can be had here already, only by case or by '-' for '_'; cargo takes such names for one. Publish under '${other}' or under another name.`,
  );
}
