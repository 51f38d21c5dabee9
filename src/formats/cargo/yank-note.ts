// Whether a version is yanked, as it is kept beside its file: it changes while the version does not; pure.
import type { AssetRow } from "../../registry/registry.ts";

/** What is kept about the file (AssetRow.document). */
export function yankNote(yanked: boolean): string {
  return yanked ? '{"yanked":true}' : "";
}

export function isYanked(assets: readonly AssetRow[] | undefined): boolean {
  return assets?.some(({ document }) => document !== "" && document === yankNote(true)) ?? false;
}
