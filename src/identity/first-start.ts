// The first start's administrator: made once, its access key written where only the operator can read it.
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Database, Queries } from "../store/database.ts";
import { countPrincipals, insertAccessKey, insertPrincipal } from "../store/identities.ts";
import type { Key } from "./keys.ts";
import { credentialsText, newKey, newUniqueId } from "./keys.ts";

/**
 * Creates the administrator when the database has no identity at all. The file (mode 0600, AWS shared-credentials
 * form) is on disk before the key is valid: a crash in between leaves a key that opens nothing, never a server
 * nobody can enter. A file that is already there is taken as the operator's choice of key and left as it is: it may be
 * a secret mounted into every node.
 */
export async function ensureAdministrator(
  database: Database,
  account: string,
  credentialsFile: string,
  now: number,
): Promise<boolean> {
  if ((await countPrincipals(database.read)) > 0) return false;
  const given = await readKey(credentialsFile);
  const key = given ?? newKey();
  if (given === undefined) await writeKey(credentialsFile, key);
  const first = await database.write(async (tx) => {
    await database.lockDomain(tx, NO_DOMAIN); // nodes that start together ask one after another
    return insertFirst(tx, account, key, now);
  });
  // Another node was first: a key of ours would open nothing.
  if (!first && given === undefined && (await readKey(credentialsFile))?.id === key.id)
    await rm(credentialsFile);
  return first;
}

const NO_DOMAIN = 0;

async function insertFirst(tx: Queries, account: string, key: Key, now: number): Promise<boolean> {
  if ((await countPrincipals(tx)) > 0) return false;
  const arn = `arn:aws:iam::${account}:user/administrator`;
  const first = { account, name: "administrator", arn, uniqueId: newUniqueId("user"), policies: [] };
  const principalId = await insertPrincipal(tx, { ...first, attached: ["administrator"] }, now);
  await insertAccessKey(tx, { ...key, principalId }, now);
  return true;
}

async function readKey(file: string): Promise<Key | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const id = /^\s*aws_access_key_id\s*=\s*(\w{16,128})\s*$/m.exec(text)?.[1];
  const secret = /^\s*aws_secret_access_key\s*=\s*(\S{16,128})\s*$/m.exec(text)?.[1];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

async function writeKey(file: string, key: Key): Promise<void> {
  await writeFile(`${file}.new`, credentialsText("default", key), { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
