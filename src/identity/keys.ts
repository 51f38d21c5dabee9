// New names and secrets in AWS's own shapes: access keys, session credentials, unique ids.
import { randomBytes } from "node:crypto";

export interface Key {
  readonly id: string;
  readonly secret: string;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function letters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte & 31]).join("");
}

/** Twenty capitals and digits, forty characters of base64; `ASIA` for a session's. */
export function newKey(prefix: "AKIA" | "ASIA" = "AKIA"): Key {
  return { id: prefix + letters(16), secret: randomBytes(30).toString("base64") };
}

const PREFIXES = { user: "AIDA", group: "AGPA", role: "AROA" } as const;

export function newUniqueId(kind: keyof typeof PREFIXES): string {
  return PREFIXES[kind] + letters(17);
}

/** AWS's shared-credentials form. */
export function credentialsText(profile: string, key: Key): string {
  return `[${profile}]\naws_access_key_id = ${key.id}\naws_secret_access_key = ${key.secret}\n`;
}
