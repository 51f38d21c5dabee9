// Questions to public registries beside a package's index, under the same rules: a name that may not come in is not asked about.
import type { PackageFormat, PackageKey } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import { searchOrder } from "../core/upstreams.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { look } from "./find.ts";
import type { OutsideDocument, OutsideRequest, Registry, RepositoryRecord } from "./registry.ts";

/** See Registry.outsideDocument. */
export async function outsideDocument(
  deps: RegistryDeps,
  external: External,
  repository: RepositoryRecord,
  about: PackageKey | PackageFormat,
  request: OutsideRequest,
): Promise<OutsideDocument | undefined> {
  const format = typeof about === "string" ? about : about.format;
  const names =
    typeof about === "string"
      ? await connectionsOf(deps, repository, about)
      : await connectionsFor(deps, repository, about);
  let trouble: Fault | undefined;
  for (const connection of names.filter((name) => feeds(deps, name, format))) {
    try {
      const index = await external.document(connection, request);
      if (index.state === "present") return { connection, index };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "UpstreamFault") throw error;
      trouble ??= error;
    }
  }
  if (trouble !== undefined) throw trouble;
  return undefined;
}

/** Every connection in search order, whatever the package. */
async function connectionsOf(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  format: PackageFormat,
): Promise<readonly string[]> {
  const snapshot = await deps.catalog.domain(repository.domain.owner, repository.domain.name);
  const names = searchOrder(snapshot.repositories, repository.id).flatMap(({ connections }) => connections);
  return [...new Set(names)].filter((name) => feeds(deps, name, format));
}

/** The connections that may be asked about this package. */
async function connectionsFor(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  key: PackageKey,
): Promise<readonly string[]> {
  const { reach } = await look(deps, repository, key);
  return [...new Set(reach.connections.map(({ connection }) => connection))];
}

function feeds(deps: RegistryDeps, connection: string, format: PackageFormat): boolean {
  return deps.formats.get(format)?.connections.includes(connection) === true;
}

/** See Registry.mayAskOutside. */
export async function mayAskOutside(
  deps: RegistryDeps,
  repository: RepositoryRecord,
  keys: readonly PackageKey[],
): Promise<readonly PackageKey[]> {
  const allowed: PackageKey[] = [];
  for (const key of keys) {
    const names = await connectionsFor(deps, repository, key);
    if (names.some((name) => feeds(deps, name, key.format))) allowed.push(key);
  }
  return allowed;
}

const RELAY_BYTES_MAX = 32 * 1024 * 1024;

/** See Registry.relay: names that may not be asked for outside stay inside, whatever the question. */
export async function relay(
  deps: RegistryDeps,
  external: External,
  repository: RepositoryRecord,
  format: PackageFormat,
  keys: readonly PackageKey[],
  make: Parameters<Registry["relay"]>[3],
): ReturnType<Registry["relay"]> {
  const [connection] = await connectionsOf(deps, repository, format);
  if (connection === undefined) return undefined;
  const allowed: PackageKey[] = [];
  for (const key of keys)
    if ((await connectionsFor(deps, repository, key)).includes(connection)) allowed.push(key);
  return deps.upstream.relay(await external.connection(connection), make(allowed), RELAY_BYTES_MAX);
}
