// Tags of domains, repositories and package groups (spec 10.6).
import { domainArn, packageGroupArn, repositoryArn } from "../core/coordinates.ts";
import { Fault, invalid, notFound } from "../core/faults.ts";
import type { DomainSnapshot } from "../store/domains.ts";
import { appendDomainJournal } from "../store/journal.ts";
import { deleteTags, listTags as listTagRows, upsertTags } from "../store/policies.ts";
import type { ResourceTag } from "./administer.ts";
import { changeDomain, repositoryIn, uniqueTags } from "./administer.ts";
import type { RequestTags, Target } from "./authorize.ts";
import { authorizeTarget } from "./authorize.ts";
import type { RegistryDeps } from "./deps.ts";
import type { RequestContext } from "./registry.ts";

/** As many as the wire takes in one request; the service's own limit is not documented (spec 9). */
const TAGS_MAX = 200;

export async function listTags(
  deps: RegistryDeps,
  arn: string,
  { caller }: RequestContext,
): Promise<readonly ResourceTag[]> {
  const target = readArn(arn);
  await authorizeTarget(deps, caller, "ListTagsForResource", target);
  checkExists(await deps.catalog.domain(target.owner, target.domain), target);
  return listTagRows(deps.database.read, arnOf(deps, target));
}

/** A key that is there gets the new value. */
export async function tagResource(
  deps: RegistryDeps,
  arn: string,
  tags: readonly ResourceTag[],
  context: RequestContext,
): Promise<void> {
  const target = readArn(arn);
  await authorizeTarget(deps, context.caller, "TagResource", target, tags);
  uniqueTags(tags);
  await change(deps, target, context, { set: tags, removed: [] });
}

/** Keys that are not there are gone already. */
export async function untagResource(
  deps: RegistryDeps,
  arn: string,
  keys: readonly string[],
  context: RequestContext,
): Promise<void> {
  const target = readArn(arn);
  const asked: RequestTags = keys.map((key) => ({ key }));
  await authorizeTarget(deps, context.caller, "UntagResource", target, asked);
  await change(deps, target, context, { set: [], removed: keys });
}

async function change(
  deps: RegistryDeps,
  target: Target,
  { caller, requestId }: RequestContext,
  { set, removed }: { readonly set: readonly ResourceTag[]; readonly removed: readonly string[] },
): Promise<void> {
  const arn = arnOf(deps, target);
  await changeDomain(deps, { owner: target.owner, name: target.domain }, async (tx, snapshot) => {
    checkExists(snapshot, target);
    await deleteTags(tx, arn, removed);
    await upsertTags(tx, arn, set);
    if ((await listTagRows(tx, arn)).length > TAGS_MAX)
      throw new Fault("ServiceQuotaExceededException", `A resource has ${TAGS_MAX} tags at most.`);
    await appendDomainJournal(tx, {
      at: deps.now(),
      event: "resource-tags-changed",
      domainId: snapshot.domain.id,
      actor: caller.arn,
      requestId,
      detail: { resource: arn, set, removed },
    });
  });
}

function readArn(arn: string): Target {
  const [, owner = "", kind, domain = "", rest] =
    /^arn:aws:codeartifact:[a-z0-9-]+:(\d{12}):(domain|repository|package-group)\/([^/]+)(?:\/(.+))?$/.exec(
      arn,
    ) ?? [];
  if (kind === "domain" && rest === undefined) return { owner, domain };
  if (kind === "repository" && rest !== undefined && !rest.includes("/"))
    return { owner, domain, repository: rest };
  if (kind === "package-group" && rest !== undefined) return { owner, domain, group: readGroup(arn, rest) };
  throw invalid(
    `'${arn}' is not the ARN of a domain, a repository or a package group; only these have tags.`,
  );
}

/** Exactly `*`, `$` and `%` are encoded, in lower case (spec 1.2.4). */
function readGroup(arn: string, encoded: string): string {
  if (/[*$]|%(?!2a|24|25)/.test(encoded))
    throw invalid(
      `In '${arn}' the pattern must have '*' written as %2a, '$' as %24 and '%' as %25, and nothing else.`,
    );
  return `/${encoded.replace(/%2a/g, "*").replace(/%24/g, "$").replace(/%25/g, "%")}`;
}

function arnOf(deps: RegistryDeps, { owner, domain, repository, group }: Target): string {
  if (repository !== undefined) return repositoryArn(deps, owner, domain, repository);
  return group === undefined ? domainArn(deps, owner, domain) : packageGroupArn(deps, owner, domain, group);
}

function checkExists(snapshot: DomainSnapshot, { repository, group }: Target): void {
  if (repository !== undefined) repositoryIn(snapshot, repository);
  if (group !== undefined && snapshot.groups.find(group) === undefined)
    throw notFound(
      `Package group '${group}' in domain '${snapshot.domain.name}' does not exist.`,
      undefined,
      group,
    );
}
