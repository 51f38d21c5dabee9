// Brings identities to what a file wants, in one transaction; a second time there is nothing to do.
import { isDeepStrictEqual } from "node:util";
import { ACCOUNT_ID } from "../core/coordinates.ts";
import { readPolicy } from "../core/policy-document.ts";
import { providerArn } from "../core/web-identity.ts";
import type { Database, Queries } from "../store/database.ts";
import { findProvider, listProviders, putProvider } from "../store/oidc-providers.ts";
import * as rows from "../store/principals.ts";
import { keepAdministrators } from "./guard.ts";
import {
  checkAttached,
  checkPolicyName,
  checkSessionSeconds,
  createPrincipal,
  deletePolicy,
  deletePrincipal,
  findPrincipal,
  ManageError,
} from "./manage.ts";
import type { Manifest, WantedPolicy, WantedPrincipal, WantedProvider } from "./manifest.ts";
import { checkProvider, deleteProviderOf } from "./oidc-providers.ts";
import { recordIdentity } from "./record.ts";

export interface AppliedChange {
  readonly verb: "create" | "change" | "delete";
  readonly kind: rows.PrincipalKind | "policy" | "oidc";
  readonly account: string;
  readonly name: string;
  /** Of a change: what is another now. */
  readonly what: readonly string[];
}

export interface ApplyOptions {
  readonly actor: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Deletes what an earlier file made and this one does not name; never what was made by hand. */
  readonly prune?: boolean;
  /** Does everything and takes it back. */
  readonly dryRun?: boolean;
  /** Even if it leaves nobody who may administer. */
  readonly force?: boolean;
}

interface Work {
  readonly tx: Queries;
  readonly options: ApplyOptions;
  readonly changes: AppliedChange[];
}

const SESSION_SECONDS_DEFAULT = 3_600;

/** What was changed, in order. Throws ManageError, with nothing changed. */
export async function applyManifest(
  database: Database,
  manifest: Manifest,
  options: ApplyOptions,
): Promise<readonly AppliedChange[]> {
  try {
    return await database.write(async (tx) => {
      await database.lockDomain(tx, NO_DOMAIN); // nodes that start together apply one after another
      const work = { tx, options, changes: [] };
      await keepAdministrators(tx, options.force === true, () => applyAll(work, manifest));
      if (options.dryRun === true) throw new DryRun(work.changes);
      return work.changes;
    });
  } catch (error) {
    if (error instanceof DryRun) return error.changes;
    throw error;
  }
}

const NO_DOMAIN = 0;

/** Takes everything back. */
class DryRun extends Error {
  readonly changes: readonly AppliedChange[];
  constructor(changes: readonly AppliedChange[]) {
    super();
    this.changes = changes;
  }
}

async function applyAll(work: Work, manifest: Manifest): Promise<void> {
  // What is named by others comes first.
  for (const policy of manifest.policies) await placed(policy, () => applyPolicy(work, policy));
  for (const provider of manifest.providers) await placed(provider, () => applyProvider(work, provider));
  for (const wanted of manifest.principals) await placed(wanted, () => applyPrincipal(work, wanted));
  if (work.options.prune === true) await prune(work, manifest);
}

/** A refusal that comes later is told with its place as well. */
async function placed(
  { place }: { readonly place: WantedPolicy["place"] },
  run: () => Promise<void>,
): Promise<void> {
  const failure = await run().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (failure !== undefined)
    place(() => {
      throw failure.error;
    });
}

async function applyPolicy(work: Work, { account, name, document }: WantedPolicy): Promise<void> {
  const { tx, options } = work;
  checkPolicyName(name);
  if (!ACCOUNT_ID.test(account)) throw new ManageError(`'${account}' is no account: twelve digits`);
  const known = await rows.findNamedPolicy(tx, account, name);
  if (known !== undefined && isDeepStrictEqual(readPolicy(known.document), document)) return;
  const text = JSON.stringify(document, null, 2);
  await rows.putNamedPolicy(tx, { account, name, document: text }, options.now, options.now);
  const verb = known === undefined ? "create" : "change";
  await recordIdentity(tx, options.actor, `policy-${verb}d`, { account, name });
  work.changes.push({ verb, kind: "policy", account, name, what: known === undefined ? [] : ["document"] });
}

async function applyProvider(work: Work, wanted: WantedProvider): Promise<void> {
  const { tx, options } = work;
  const { account, name: url, audiences, authorities } = wanted;
  checkProvider({ ...wanted, url });
  const arn = providerArn(account, url);
  const known = await findProvider(tx, arn);
  const what =
    known === undefined
      ? []
      : [
          ...(known.url === url ? [] : ["url"]),
          ...(sameSet(known.audiences, audiences) ? [] : ["audiences"]),
          ...(known.authorities === authorities ? [] : ["ca"]),
        ];
  if (known !== undefined && what.length === 0) return;
  await putProvider(tx, { arn, account, url, audiences, authorities }, options.now, options.now);
  const verb = known === undefined ? "create" : "change";
  await recordIdentity(tx, options.actor, `oidc-provider-${verb}d`, { arn, audiences });
  work.changes.push({ verb, kind: "oidc", account, name: url, what });
}

async function applyPrincipal(work: Work, wanted: WantedPrincipal): Promise<void> {
  const { tx, options } = work;
  const { kind, account, name, attached, policies, tags, trust } = wanted;
  const sessionSecondsMax = wanted.sessionSecondsMax ?? SESSION_SECONDS_DEFAULT;
  checkSessionSeconds(sessionSecondsMax);
  const trustText = trust === undefined ? {} : { trust: JSON.stringify(trust, null, 2) };
  const given = { attached, policies, tags, ...trustText, sessionSecondsMax };
  const arn = `arn:aws:iam::${account}:${kind}/${name}`;
  const known = await rows.findPrincipalRow(tx, arn);
  let id: number;
  let what: string[] = [];
  if (known === undefined) {
    const made = { ...given, appliedAt: options.now };
    id = await createPrincipal(tx, options.actor, { kind, account, name }, made, options.now);
  } else {
    id = known.id;
    what = differences(known, wanted, sessionSecondsMax);
    if (what.includes("policies")) await checkAttached(tx, account, attached);
    if (what.length > 0) await rows.updatePrincipal(tx, id, given);
  }
  if (kind === "user" && (await applyGroups(work, id, wanted)) && known !== undefined) what.push("groups");
  if (known !== undefined && what.length === 0) return;
  if (known !== undefined) await recordIdentity(tx, options.actor, `${kind}-changed`, { arn, what });
  work.changes.push({ verb: known === undefined ? "create" : "change", kind, account, name, what });
}

function differences(row: rows.PrincipalRow, wanted: WantedPrincipal, sessionSecondsMax: number): string[] {
  const attached = JSON.parse(row.attached) as string[];
  const samePolicies =
    sameSet(attached, wanted.attached) && isDeepStrictEqual(JSON.parse(row.policies), wanted.policies);
  const trust = row.trust === null ? undefined : readPolicy(row.trust);
  return [
    ...(samePolicies ? [] : ["policies"]),
    ...(isDeepStrictEqual(JSON.parse(row.tags), { ...wanted.tags }) ? [] : ["tags"]),
    ...(isDeepStrictEqual(trust, wanted.trust) ? [] : ["trust"]),
    ...(row.session_seconds_max === sessionSecondsMax ? [] : ["maxSession"]),
  ];
}

/** A user that the file names is in the groups it says, and in no other. */
async function applyGroups({ tx }: Work, id: number, wanted: WantedPrincipal): Promise<boolean> {
  const { account } = wanted;
  const before = (await rows.listMembers(tx)).filter(({ memberId }) => memberId === id);
  const after: number[] = [];
  for (const name of wanted.groups)
    after.push((await findPrincipal(tx, { kind: "group", account, name })).id);
  const added = after.filter((groupId) => !before.some((member) => member.groupId === groupId));
  const gone = before.filter(({ groupId }) => !after.includes(groupId));
  for (const groupId of added) await rows.insertMember(tx, groupId, id);
  for (const { groupId } of gone) await rows.deleteMember(tx, groupId, id);
  return added.length + gone.length > 0;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return isDeepStrictEqual([...new Set(a)].sort(), [...new Set(b)].sort());
}

/** Holders before what they hold. */
async function prune(work: Work, manifest: Manifest): Promise<void> {
  const { tx, options, changes } = work;
  const { actor } = options;
  const deleted = (kind: AppliedChange["kind"], account: string, name: string): void =>
    void changes.push({ verb: "delete", kind, account, name, what: [] });
  const isNamed = (list: readonly { account: string; name: string }[], account: string, name: string) =>
    list.some((wanted) => wanted.account === account && wanted.name === name);
  for (const kind of ["role", "user", "group"] as const) {
    const wanted = manifest.principals.filter((principal) => principal.kind === kind);
    for (const { account, name, applied_at } of await rows.listPrincipals(tx, kind)) {
      if (applied_at === null || isNamed(wanted, account, name)) continue;
      await deletePrincipal(tx, actor, { kind, account, name });
      deleted(kind, account, name);
    }
  }
  for (const { account, url, arn, appliedAt } of await listProviders(tx)) {
    if (appliedAt === undefined || isNamed(manifest.providers, account, url)) continue;
    await deleteProviderOf(tx, actor, account, arn);
    deleted("oidc", account, url);
  }
  for (const { account, name, applied_at } of await rows.listNamedPolicies(tx)) {
    if (applied_at === null || isNamed(manifest.policies, account, name)) continue;
    await deletePolicy(tx, actor, account, name);
    deleted("policy", account, name);
  }
}
