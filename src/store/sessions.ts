// Rows of temporary credentials as they are managed: which there are, and their end.
import type { Queries } from "./database.ts";

export interface SessionListing {
  /** ASIA… */
  readonly id: string;
  readonly account: string;
  readonly role: string;
  readonly name: string;
  readonly takenBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Sessions that still open something, newest first. */
export async function listSessions(db: Queries, now: number): Promise<readonly SessionListing[]> {
  const rows = await db
    .selectFrom("session as s")
    .innerJoin("principal as p", "p.id", "s.principal_id")
    .select(["s.id", "p.account", "p.name as role", "s.name", "s.taken_by", "s.created_at", "s.expires_at"])
    .where("s.revoked_at", "is", null)
    .where("s.expires_at", ">", now)
    .orderBy("s.created_at", "desc")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    account: row.account,
    role: row.role,
    name: row.name,
    takenBy: row.taken_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }));
}

/** Ends one session or all of a role, and every token that they made. Tells which were ended, and how many tokens. */
export async function revokeSessions(
  db: Queries,
  which: { readonly id: string } | { readonly roleId: number },
  at: number,
): Promise<{ readonly sessions: readonly string[]; readonly tokens: number }> {
  let update = db.updateTable("session").set({ revoked_at: at }).where("revoked_at", "is", null);
  update =
    "id" in which ? update.where("id", "=", which.id) : update.where("principal_id", "=", which.roleId);
  const sessions = (await update.returning("id").execute()).map(({ id }) => id);
  let tokens = 0;
  for (const id of sessions) {
    const ended = await db
      .updateTable("authorization_token")
      .set({ revoked_at: at })
      .where("session_id", "=", id)
      .where("revoked_at", "is", null)
      .returning("id")
      .execute();
    tokens += ended.length;
  }
  return { sessions, tokens };
}
