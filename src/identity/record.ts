// What was changed in identities, told to the journal in the transaction that changes it; never a secret.
import type { Queries } from "../store/database.ts";
import { appendServerJournal } from "../store/journal.ts";

export type IdentityChange =
  | `${"user" | "group" | "role" | "policy" | "oidc-provider"}-${"created" | "changed" | "deleted"}`
  | "key-created"
  | "key-deleted"
  | "policy-attached"
  | "policy-detached"
  | "member-added"
  | "member-removed"
  | "token-created"
  | "token-revoked"
  | "session-revoked";

/** `actor`: who changed it, e.g. `cli:anna`. `of`: names and ids of what was changed. */
export async function recordIdentity(
  tx: Queries,
  actor: string,
  change: IdentityChange,
  of: Readonly<Record<string, unknown>>,
): Promise<void> {
  await appendServerJournal(tx, {
    at: Date.now(),
    event: "identity-changed",
    actor,
    requestId: "",
    detail: { change, ...of },
  });
}
