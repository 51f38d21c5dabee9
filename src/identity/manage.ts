// Managing identities: users, groups and roles, their keys and policies. What the command line does, without the command line.
import type { PolicyDocument } from "../core/caller.ts";
import { ACCOUNT_ID } from "../core/coordinates.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import type { Database, Queries } from "../store/database.ts";
import { insertAccessKey } from "../store/identities.ts";
import type { PrincipalKind, PrincipalRow } from "../store/principals.ts";
import * as rows from "../store/principals.ts";
import type { Key } from "./keys.ts";
import { newKey, newUniqueId } from "./keys.ts";
import { recordIdentity } from "./record.ts";
import { SESSION_SECONDS_MAX } from "./sessions.ts";

/** Something that cannot be done as asked; the message is for whoever asked. */
export class ManageError extends Error {}

/** A principal by its account and name. */
export interface PrincipalName {
  readonly kind: PrincipalKind;
  readonly account: string;
  readonly name: string;
}

/** Policies given by name, and policies given in full. */
export interface GivenPolicies {
  readonly attached: readonly string[];
  readonly policies: readonly PolicyDocument[];
}

export function principalArn({ kind, account, name }: PrincipalName): string {
  return `arn:aws:iam::${account}:${kind}/${name}`;
}

function checkName({ kind, account, name }: PrincipalName): void {
  if (!/^[\w+=,.@-]{1,64}$/.test(name))
    throw new ManageError(`'${name}' cannot be a ${kind}'s name: 1 to 64 letters, digits or any of +=,.@_-`);
  if (!ACCOUNT_ID.test(account)) throw new ManageError(`'${account}' is no account: twelve digits`);
}

export interface GivenPrincipal extends GivenPolicies {
  /** Of a role, as written. */
  readonly trust?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Of a role. */
  readonly sessionSecondsMax?: number;
  /** When a file of identities makes it. */
  readonly appliedAt?: number;
}

/** AWS's bounds. */
export function checkSessionSeconds(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < 3_600 || seconds > SESSION_SECONDS_MAX)
    throw new ManageError(`the longest session of a role is 3600 to ${SESSION_SECONDS_MAX} seconds`);
}

/** Throws ManageError when no policy may be stored under the name. */
export function checkPolicyName(name: string): void {
  if (!/^[\w+=,.@-]{1,128}$/.test(name) || name.endsWith(".json"))
    throw new ManageError(`'${name}' cannot be a policy's name`);
  if (READY_POLICIES.has(name))
    throw new ManageError(`'${name}' is one of the ready policies; choose another name`);
}

/** Throws ManageError when there is one of that name. */
export async function createPrincipal(
  tx: Queries,
  actor: string,
  name: PrincipalName,
  given: GivenPrincipal,
  now: number,
): Promise<number> {
  checkName(name);
  if (given.sessionSecondsMax !== undefined) checkSessionSeconds(given.sessionSecondsMax);
  await checkAttached(tx, name.account, given.attached);
  const arn = principalArn(name);
  const id = await rows.insertNewPrincipal(
    tx,
    { ...name, ...given, arn, uniqueId: newUniqueId(name.kind) },
    now,
  );
  if (id === undefined)
    throw new ManageError(`there is a ${name.kind} '${name.name}' in account ${name.account} already`);
  await recordIdentity(tx, actor, `${name.kind}-created`, { arn, policies: given.attached });
  return id;
}

export async function checkAttached(tx: Queries, account: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (READY_POLICIES.has(name) || (await rows.findNamedPolicy(tx, account, name)) !== undefined) continue;
    const ready = [...READY_POLICIES.keys()].join(", ");
    throw new ManageError(
      `there is no policy '${name}': give ${ready}, the name of a policy of account ${account}, or a file that ends in .json`,
    );
  }
}

export async function findPrincipal(tx: Queries, name: PrincipalName): Promise<PrincipalRow> {
  const found = await rows.findPrincipalRow(tx, principalArn(name));
  if (found !== undefined) return found;
  throw new ManageError(`there is no ${name.kind} '${name.name}' in account ${name.account}`);
}

/** With its keys, sessions and tokens. */
export async function deletePrincipal(tx: Queries, actor: string, name: PrincipalName): Promise<void> {
  const { id, arn } = await findPrincipal(tx, name);
  await rows.deletePrincipal(tx, id);
  await recordIdentity(tx, actor, `${name.kind}-deleted`, { arn });
}

/** A user with a first access key. */
export function createUser(
  database: Database,
  actor: string,
  name: Omit<PrincipalName, "kind">,
  given: GivenPolicies & {
    readonly groups: readonly string[];
    readonly tags: Readonly<Record<string, string>>;
  },
  now: number,
): Promise<Key> {
  return database.write(async (tx) => {
    const { groups, ...policies } = given;
    const id = await createPrincipal(tx, actor, { ...name, kind: "user" }, policies, now);
    for (const group of groups) {
      const found = await findPrincipal(tx, { kind: "group", account: name.account, name: group });
      await rows.insertMember(tx, found.id, id);
      await recordIdentity(tx, actor, "member-added", { group, user: name.name });
    }
    return createKey(tx, actor, id, now);
  });
}

export async function createKey(tx: Queries, actor: string, principalId: number, now: number): Promise<Key> {
  const key = newKey();
  await insertAccessKey(tx, { ...key, principalId }, now);
  const user = (await rows.findPrincipal(tx, principalId))?.arn;
  await recordIdentity(tx, actor, "key-created", { key: key.id, user });
  return key;
}

/** Adds or takes away one attached policy. */
export async function attach(
  tx: Queries,
  actor: string,
  name: PrincipalName,
  policy: string,
  on: boolean,
): Promise<void> {
  const found = await findPrincipal(tx, name);
  const before = JSON.parse(found.attached) as string[];
  if (on) await checkAttached(tx, name.account, [policy]);
  if (!on && !before.includes(policy))
    throw new ManageError(`the policy '${policy}' is not attached to ${name.kind} '${name.name}'`);
  const others = before.filter((other) => other !== policy);
  await rows.updatePrincipal(tx, found.id, { attached: on ? [...others, policy] : others });
  await recordIdentity(tx, actor, on ? "policy-attached" : "policy-detached", { policy, arn: found.arn });
}

/** Refused while somebody has it, by name. */
export async function deletePolicy(tx: Queries, actor: string, account: string, name: string): Promise<void> {
  if ((await rows.findNamedPolicy(tx, account, name)) === undefined)
    throw new ManageError(`there is no policy '${name}' in account ${account}`);
  for (const kind of ["user", "group", "role"] as const) {
    const holder = (await rows.listPrincipals(tx, kind)).find(
      (row) => row.account === account && (JSON.parse(row.attached) as string[]).includes(name),
    );
    if (holder !== undefined)
      throw new ManageError(`the policy '${name}' is attached to ${kind} '${holder.name}'; detach it first`);
  }
  await rows.deleteNamedPolicy(tx, account, name);
  await recordIdentity(tx, actor, "policy-deleted", { account, name });
}
