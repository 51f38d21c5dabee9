// The first start's administrator: made once, its access key written where only the operator can read it.
import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import type { Database } from "../store/database.ts";
import { countPrincipals, insertAccessKey, insertPrincipal } from "../store/identities.ts";

/**
 * Creates the administrator when the database has no identity at all. The file (mode 0600, AWS shared-credentials
 * form) is on disk before the key is valid: a crash in between leaves a key that opens nothing, never a server
 * nobody can enter. A file that is already there is taken as the operator's choice of key.
 */
export async function ensureAdministrator(
  database: Database,
  account: string,
  credentialsFile: string,
  now: number,
): Promise<boolean> {
  if ((await countPrincipals(database.read)) > 0) return false;
  const key = (await readKey(credentialsFile)) ?? newKey();
  await writeKey(credentialsFile, key);
  return database.write(async (tx) => {
    if ((await countPrincipals(tx)) > 0) return false; // another node was first
    const arn = `arn:aws:iam::${account}:user/administrator`;
    const policies = [
      { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
    ] as const;
    const principalId = await insertPrincipal(tx, { account, name: "administrator", arn, policies }, now);
    await insertAccessKey(tx, { ...key, principalId }, now);
    return true;
  });
}

interface Key {
  readonly id: string;
  readonly secret: string;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** An access key in AWS's own shape: 20 capitals and digits, 40 characters of base64. */
export function newKey(): Key {
  const id = `AKIA${Array.from(randomBytes(16), (byte) => ALPHABET[byte & 31]).join("")}`;
  return { id, secret: randomBytes(30).toString("base64") };
}

async function readKey(file: string): Promise<Key | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const id = /^\s*aws_access_key_id\s*=\s*(\w{16,128})\s*$/m.exec(text)?.[1];
  const secret = /^\s*aws_secret_access_key\s*=\s*(\S{16,128})\s*$/m.exec(text)?.[1];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

async function writeKey(file: string, key: Key): Promise<void> {
  const text = `[default]\naws_access_key_id = ${key.id}\naws_secret_access_key = ${key.secret}\n`;
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
