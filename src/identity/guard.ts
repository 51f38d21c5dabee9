// Keeps somebody who may administer: a change that would leave nobody is undone, unless it is meant.
import { ACTIONS } from "../core/actions.ts";
import { evaluate } from "../core/permissions.ts";
import type { Queries } from "../store/database.ts";
import { listAccessKeys } from "../store/identities.ts";
import type { PrincipalRecord } from "../store/principals.ts";
import { listPrincipals, resolvePrincipal } from "../store/principals.ts";
import { ManageError } from "./manage.ts";

/**
 * Runs a change inside its transaction and throws ManageError, so that it is rolled back, when an account had somebody
 * to administer it before and has nobody now; not when `force` says it is meant.
 */
export async function keepAdministrators<T>(
  tx: Queries,
  force: boolean,
  change: () => Promise<T>,
): Promise<T> {
  if (force) return change();
  const before = await administeredAccounts(tx);
  const result = await change();
  const after = await administeredAccounts(tx);
  const lost = [...before].find((account) => !after.has(account));
  if (lost !== undefined && (after.size === 0 || (await ownsDomains(tx, lost))))
    throw new ManageError(
      `nothing was changed: it would leave nobody with a key who may administer account ${lost}. Make another administrator first (portcullis user create NAME --policy administrator --account ${lost}), or repeat it with --force`,
    );
  return result;
}

async function ownsDomains(tx: Queries, account: string): Promise<boolean> {
  return (
    (await tx.selectFrom("domain").select("id").where("owner", "=", account).limit(1).executeTakeFirst()) !==
    undefined
  );
}

/** Accounts with a user that has a key and may do everything there. Roles do not count: somebody must take them on. */
async function administeredAccounts(tx: Queries): Promise<ReadonlySet<string>> {
  const accounts = new Set<string>();
  const holders = new Set((await listAccessKeys(tx)).map(({ account, user }) => `${account}/${user}`));
  for (const row of await listPrincipals(tx, "user")) {
    if (accounts.has(row.account) || !holders.has(`${row.account}/${row.name}`)) continue;
    if (mayAdminister(await resolvePrincipal(tx, row))) accounts.add(row.account);
  }
  return accounts;
}

/** By the policy `administrator` or by any others that come to the same: every action, on whatever there is. */
export function mayAdminister({ account, policies }: PrincipalRecord): boolean {
  const resource = `arn:aws:codeartifact:any:${account}:domain/any`;
  const actions = [...ACTIONS.map((action) => `codeartifact:${action}`), "sts:GetServiceBearerToken"];
  return actions.every((action) => evaluate(policies, action, resource).allowed);
}
