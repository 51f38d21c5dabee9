// Contents by their SHA-256: which assets point at them.
import type { Queries } from "./database.ts";

/** Which of these contents some asset still points at. */
export async function referencedContents(
  db: Queries,
  sha256s: readonly string[],
): Promise<ReadonlySet<string>> {
  if (sha256s.length === 0) return new Set();
  const rows = await db
    .selectFrom("asset")
    .select("sha256")
    .distinct()
    .where("sha256", "in", sha256s)
    .execute();
  return new Set(rows.map((row) => row.sha256));
}
