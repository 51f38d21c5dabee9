// `portcullis verify`: every blob read and held against the rows, and repaired where a public registry has the very same bytes.
import { GRACE_MS } from "../registry/collect.ts";
import type { RegistryDeps } from "../registry/deps.ts";
import { createExternal } from "../registry/external.ts";
import { refetch } from "../registry/refetch.ts";
import { listDamaged } from "../store/contents.ts";
import { type Affected, findAffected, noteInspected, printUse, setAside } from "./damage.ts";
import { type Inspected, inspect, PREFIXES, type Problem } from "./inspect.ts";
import { createPace } from "./pace.ts";

export interface VerifyOptions {
  readonly repair: boolean;
  readonly atOnce: number;
  readonly bytesPerSecond: number | undefined;
  readonly onFinding: (finding: Finding) => void;
  /** How far it has come, 0 to 1. */
  readonly onProgress: (done: number, soFar: Totals) => void;
}

/** Something that is not as it should be, or bytes that nobody uses. */
export interface Finding {
  readonly problem: Problem;
  readonly sha256: string;
  readonly bytes: number;
  readonly detail?: string;
  readonly affected: readonly Affected[];
  /** Where the corrupt bytes were taken. */
  readonly setAside?: string;
  readonly repair?: Awaited<ReturnType<typeof refetch>>;
}

export interface Totals {
  blobs: number;
  bytes: number;
  corrupt: number;
  missing: number;
  misrecorded: number;
  unused: number;
  unusedBytes: number;
  repaired: number;
}

/** Works beside running servers. Without `repair` it changes nothing but the list of known damage. */
export async function verify(deps: RegistryDeps, options: VerifyOptions): Promise<Totals> {
  const totals: Totals = {
    blobs: 0,
    bytes: 0,
    corrupt: 0,
    missing: 0,
    misrecorded: 0,
    unused: 0,
    unusedBytes: 0,
    repaired: 0,
  };
  const external = createExternal(deps);
  const known = new Set(await listDamaged(deps.database.read));
  const pace = createPace(options.bytesPerSecond);
  const onResult = async (result: Inspected): Promise<void> => {
    totals.blobs++;
    totals.bytes += result.bytes;
    await noteInspected(deps, result, known);
    if (result.problem === undefined) return;
    totals[result.problem]++;
    if (result.problem === "unused") totals.unusedBytes += result.bytes;
    const finding = await examine(result);
    if (finding.repair?.repaired === true) totals.repaired++;
    options.onFinding(finding);
  };
  const examine = async ({ sha256, bytes, problem, detail }: Inspected): Promise<Finding> => {
    const uses = problem === "unused" ? [] : await findAffected(deps, sha256);
    const told = {
      problem: problem as Problem,
      sha256,
      bytes,
      ...(detail === undefined ? {} : { detail }),
      affected: uses.map(printUse),
    };
    if (!options.repair || (problem !== "corrupt" && problem !== "missing")) return told;
    const place = problem === "corrupt" ? await setAside(deps, sha256) : undefined;
    const aside = place === undefined ? {} : { setAside: place };
    if (problem === "corrupt" && place === undefined) return { ...told, repair: STAYED };
    if (uses.length === 0) return { ...told, ...aside, repair: UNUSED };
    const repair = await refetch(deps, external, sha256, uses);
    if (repair.repaired) await noteInspected(deps, { sha256, bytes, recorded: true }, new Set([sha256]));
    return { ...told, ...aside, repair };
  };
  for (const [done, prefix] of PREFIXES.entries()) {
    await inspect({
      ...deps,
      prefix,
      atOnce: options.atOnce,
      pace: () => pace,
      unusedBefore: deps.now() - GRACE_MS,
      onResult,
    });
    options.onProgress((done + 1) / PREFIXES.length, totals);
  }
  return totals;
}

const STAYED = {
  repaired: false,
  because: [
    "The corrupt bytes could not be taken away now, since a backup or a sweep is running or the store refused; try again later.",
  ],
} as const;
/** Nobody points at them: with the bytes set aside all is as it should be. */
const UNUSED = { repaired: true, from: "nowhere: no asset points at it" } as const;
