// The server's own secrets and marks, one row each.
import type { Database, Queries } from "./database.ts";

/** Its row marks a database that a move or a restore has half filled: nothing else may use it, and it is never carried. */
export const UNFINISHED_MOVE = "moving";

export async function readSetting(db: Queries, key: string): Promise<string | undefined> {
  const row = await db.selectFrom("server_setting").select("value").where("key", "=", key).executeTakeFirst();
  return row?.value;
}

/** The value under `key`, made by `make` the first time; every node ends up with the same one. */
export async function settingOnce(db: Database, key: string, make: () => string): Promise<string> {
  const known = await readSetting(db.read, key);
  if (known !== undefined) return known;
  await db.write(async (tx) => {
    await tx
      .insertInto("server_setting")
      .values({ key, value: make() })
      .onConflict((c) => c.doNothing())
      .execute();
  });
  return (await readSetting(db.read, key)) as string;
}

export async function writeSetting(db: Queries, key: string, value: string): Promise<void> {
  await db
    .insertInto("server_setting")
    .values({ key, value })
    .onConflict((c) => c.column("key").doUpdateSet({ value }))
    .execute();
}
