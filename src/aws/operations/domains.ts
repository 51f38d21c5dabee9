// Operations on domains (spec 1.3).
import { domainArn } from "../../core/coordinates.ts";
import * as administer from "../../registry/administer.ts";
import { authorizeAccount } from "../../registry/authorize.ts";
import type { DomainRecord } from "../../registry/registry.ts";
import { countRepositories, listDomains as listDomainRows } from "../../store/domains.ts";
import type { Call } from "../dispatch.ts";
import type { DomainDescription, DomainSummary, Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openDomain, ownerOf } from "./context.ts";
import { loadPage } from "./page.ts";

const PAGE_SIZE = 100;

export async function createDomain(
  input: Operations["CreateDomain"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["CreateDomain"]["output"]> {
  const domain = await administer.createDomain(deps, input.domain, input, call);
  return { domain: describe(deps, domain, { repositoryCount: 0, assetSizeBytes: 0 }) };
}

/** A domain that is not there is gone already: the model has no error for it (spec 1.3.4). */
export async function deleteDomain(
  input: Operations["DeleteDomain"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeleteDomain"]["output"]> {
  const domain = await administer.deleteDomain(deps, ownerOf(input, call), input.domain, call);
  return domain === undefined
    ? {}
    : { domain: describe(deps, domain, { repositoryCount: 0, assetSizeBytes: 0 }) };
}

export async function describeDomain(
  input: Operations["DescribeDomain"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DescribeDomain"]["output"]> {
  const { domain } = await openDomain(deps, call, input, "DescribeDomain");
  const repositoryCount = await countRepositories(deps.database.lagging, domain.id); // a figure to look at
  const assetSizeBytes = await deps.domainBytes(domain.id);
  return { domain: describe(deps, domain, { repositoryCount, assetSizeBytes }) };
}

/** The caller's own account only. */
export async function listDomains(
  input: Operations["ListDomains"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListDomains"]["output"]> {
  authorizeAccount(deps.region, call.caller, "ListDomains", "*");
  const { rows, nextToken } = await loadPage<DomainRecord, readonly [string]>(deps, call, {
    operation: "ListDomains",
    input,
    sizeDefault: PAGE_SIZE,
    load: (after, limit) => listDomainRows(deps.database.read, call.caller.account, after?.[0] ?? "", limit),
    positionOf: ({ name }) => [name],
  });
  return { domains: rows.map((domain) => summarize(deps, domain)), nextToken };
}

/** A deleted domain too is shown as Active, as it was last (spec 1.3.3). */
function summarize(deps: AwsDeps, domain: DomainRecord): DomainSummary {
  return {
    name: domain.name,
    owner: domain.owner,
    arn: domainArn(deps, domain.owner, domain.name),
    status: "Active",
    createdTime: new Date(domain.createdAt),
    encryptionKey: domain.encryptionKey,
  };
}

function describe(
  deps: AwsDeps,
  domain: DomainRecord,
  counts: { readonly repositoryCount: number; readonly assetSizeBytes: number },
): DomainDescription {
  return { ...summarize(deps, domain), ...counts };
}
