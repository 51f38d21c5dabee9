// Getting back from a public registry the very bytes that a damaged blob had: the digest says whether they are.
import { packagePath } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import type { ContentUse } from "../store/contents.ts";
import { keepBlobs } from "./collect.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { look } from "./find.ts";
import { openUpstream } from "./ingest.ts";

export type Refetched =
  | { readonly repaired: true; readonly from: string }
  /** One sentence per way that was tried. */
  | { readonly repaired: false; readonly because: readonly string[] };

/**
 * Tries the uses of a content one after another until one of their public registries gives these very bytes; nothing
 * else is ever kept. Only versions that came from a public registry have one, and only where origin control lets the
 * name be asked for there today.
 */
export async function refetch(
  deps: RegistryDeps,
  external: External,
  sha256: string,
  uses: readonly ContentUse[],
): Promise<Refetched> {
  const because = new Set<string>();
  const asked = new Set<string>();
  for (const use of uses) {
    const file = `${use.origin.entryPoint} ${packagePath(use.key)} ${use.version} ${use.asset}`;
    if (asked.has(file)) continue;
    try {
      await refuseUnreachable(deps, use);
      asked.add(file); // several repositories may hold the version: its registry is asked once
      await fetchFor(deps, external, sha256, use);
      return { repaired: true, from: use.origin.entryPoint };
    } catch (error) {
      if (!(error instanceof Fault) && !(error instanceof Unrepaired)) throw error;
      because.add(error.message);
    }
  }
  return { repaired: false, because: [...because] };
}

/** A reason, for the report. */
class Unrepaired extends Error {}

async function fetchFor(
  deps: RegistryDeps,
  external: External,
  sha256: string,
  use: ContentUse,
): Promise<void> {
  const { key } = use;
  const connection = use.origin.entryPoint;
  const what = whatOf(use);
  const byFile = external.format(key).versionByFile !== undefined;
  const index = byFile ? undefined : await external.index(connection, key, { revalidate: true });
  if (index?.state === "absent") throw new Unrepaired(`'${connection}' no longer has ${packagePath(key)}.`);
  const version = await external.version(connection, index, key, use.version, use.asset);
  const asset = version?.assets.find(({ name }) => name === use.asset);
  if (version === undefined || asset === undefined)
    throw new Unrepaired(`'${connection}' no longer lists ${what}.`);
  const { stream } = await openUpstream(deps, external, { connection, key, version, asset });
  const writer = await deps.blobs.create();
  try {
    for await (const chunk of stream) await writer.write(chunk as Uint8Array);
    const staged = await writer.finish();
    if (staged.digests.sha256 !== sha256)
      throw new Unrepaired(
        `'${connection}' has other bytes for ${what} now (sha256 ${staged.digests.sha256}).`,
      );
    await keepBlobs(deps, [{ writer, staged }]);
    writer.release();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function whatOf({ asset, key, version }: ContentUse): string {
  return `${asset} of ${packagePath(key)} ${version}`;
}

/** A blocked name is never asked for outside, for a repair neither. */
async function refuseUnreachable(deps: RegistryDeps, use: ContentUse): Promise<void> {
  const { owner, domain, repository, key, origin } = use;
  if (origin.type !== "EXTERNAL")
    throw new Unrepaired(
      `${whatOf(use)} was published in repository '${origin.entryPoint}': nobody else has its bytes. Publishing the same bytes again would bring them back.`,
    );
  const snapshot = await deps.catalog.domain(owner, domain);
  const holder = snapshot.byName.get(repository);
  const reached = holder && (await look(deps, holder, key)).reach.connections;
  if (reached?.some(({ connection }) => connection === origin.entryPoint) === true) return;
  throw new Unrepaired(
    `${whatOf(use)} came from '${origin.entryPoint}', which repository '${repository}' may not ask for this package now.`,
  );
}
