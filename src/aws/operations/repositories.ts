// Operations on repositories (spec 1.4, 4.1).
import * as administer from "../../registry/administer.ts";
import { authorizeAccount } from "../../registry/authorize.ts";
import type { RepositoryListing } from "../../store/repositories.ts";
import { listRepositories as listRepositoryRows } from "../../store/repositories.ts";
import type { Call } from "../dispatch.ts";
import type { OperationName, Operations, RepositorySummary, UpstreamRepository } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openDomain, openRepository, ownerOf } from "./context.ts";
import { describe, summarize } from "./describe-repository.ts";
import { loadPage } from "./page.ts";

/** Spec 5.8.3. */
const PAGE_SIZE = 50;

export async function createRepository(
  input: Operations["CreateRepository"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["CreateRepository"]["output"]> {
  const domain = { owner: ownerOf(input, call), name: input.domain };
  const options = { description: input.description, upstreams: namesOf(input.upstreams), tags: input.tags };
  const repository = await administer.createRepository(deps, domain, input.repository, options, call);
  return { repository: await describe(deps, repository) };
}

/** What is left out stays as it is; an empty list of upstreams clears it (spec 1.4.6). */
export async function updateRepository(
  input: Operations["UpdateRepository"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["UpdateRepository"]["output"]> {
  const repository = await openRepository(deps, call, input, "UpdateRepository");
  const change = { description: input.description, upstreams: namesOf(input.upstreams) };
  return {
    repository: await describe(deps, await administer.updateRepository(deps, repository, change, call)),
  };
}

/** Answers with the repository as it was. */
export async function deleteRepository(
  input: Operations["DeleteRepository"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeleteRepository"]["output"]> {
  const repository = await openRepository(deps, call, input, "DeleteRepository");
  const description = await describe(deps, repository);
  await administer.deleteRepository(deps, repository, call);
  return { repository: description };
}

export async function describeRepository(
  input: Operations["DescribeRepository"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DescribeRepository"]["output"]> {
  return { repository: await describe(deps, await openRepository(deps, call, input, "DescribeRepository")) };
}

/** Repositories that the caller's account administers, in any domain. */
export function listRepositories(
  input: Operations["ListRepositories"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListRepositories"]["output"]> {
  authorizeAccount(deps.region, call.caller, "ListRepositories", "*");
  return listPage(deps, call, "ListRepositories", input, { administratorAccount: call.caller.account });
}

/** Repositories of one domain, whichever account administers them. */
export async function listRepositoriesInDomain(
  input: Operations["ListRepositoriesInDomain"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListRepositoriesInDomain"]["output"]> {
  const { domain } = await openDomain(deps, call, input, "ListRepositoriesInDomain");
  const { administratorAccount } = input;
  const filter = {
    domainId: domain.id,
    ...(administratorAccount === undefined ? {} : { administratorAccount }),
  };
  return listPage(deps, call, "ListRepositoriesInDomain", input, filter);
}

async function listPage(
  deps: AwsDeps,
  call: Call,
  operation: OperationName,
  input: { readonly repositoryPrefix?: string; readonly maxResults?: number; readonly nextToken?: string },
  filter: { readonly domainId?: number; readonly administratorAccount?: string },
): Promise<{ repositories: readonly RepositorySummary[]; nextToken: string | undefined }> {
  const prefix = input.repositoryPrefix;
  const { rows, nextToken } = await loadPage<RepositoryListing, readonly [string, string]>(deps, call, {
    operation,
    input,
    sizeDefault: PAGE_SIZE,
    load: ([domain, name] = ["", ""], limit) =>
      listRepositoryRows(
        deps.database.read,
        prefix === undefined ? filter : { ...filter, prefix },
        { domain, name },
        limit,
      ),
    positionOf: ({ domainName, name }) => [domainName, name],
  });
  return { repositories: rows.map((row) => summarize(deps, row)), nextToken };
}

function namesOf(upstreams: readonly UpstreamRepository[] | undefined): readonly string[] | undefined {
  return upstreams?.map(({ repositoryName }) => repositoryName);
}
