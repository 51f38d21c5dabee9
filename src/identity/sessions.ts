// Temporary credentials: a role that somebody has taken on, until they expire or the session is revoked.
import { randomBytes } from "node:crypto";
import type { PolicyDocument } from "../core/caller.ts";
import type { Database } from "../store/database.ts";
import { insertSession } from "../store/identities.ts";
import type { Key } from "./keys.ts";
import { newKey } from "./keys.ts";
import { hashOf } from "./tokens.ts";

export const SESSION_SECONDS_MIN = 900;
export const SESSION_SECONDS_MAX = 43_200;

export interface SessionCredentials extends Key {
  readonly sessionToken: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** `policies` narrow the session; undefined: it may what the role may. The secrets are shown once. */
export async function beginSession(
  database: Database,
  session: {
    readonly roleId: number;
    readonly name: string;
    readonly policies: readonly PolicyDocument[] | undefined;
    /** Who took it on, for the list of sessions. */
    readonly takenBy: string;
    readonly now: number;
    readonly expiresAt: number;
  },
): Promise<SessionCredentials> {
  const { roleId, name, policies, takenBy, now, expiresAt } = session;
  const key = newKey("ASIA");
  const sessionToken = randomBytes(96).toString("base64");
  const row = {
    ...key,
    name,
    policies,
    takenBy,
    principalId: roleId,
    tokenHash: hashOf(sessionToken),
    expiresAt,
  };
  await database.write((tx) => insertSession(tx, row, now));
  return { ...key, sessionToken, expiresAt };
}
