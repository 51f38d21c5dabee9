// A repository as the API shows it (spec 1.4.2).
import { EXTERNAL_CONNECTIONS, repositoryArn } from "../../core/coordinates.ts";
import type { RepositoryRecord } from "../../registry/registry.ts";
import type { RepositoryDescription, RepositorySummary } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";

export async function describe(deps: AwsDeps, repository: RepositoryRecord): Promise<RepositoryDescription> {
  const { domain } = repository;
  const { repositories } = await deps.catalog.domain(domain.owner, domain.name);
  const upstreams = repository.upstreams
    .map((id) => repositories.get(id))
    .filter((found) => found !== undefined);
  return {
    ...summarize(deps, { ...repository, domainName: domain.name, domainOwner: domain.owner }),
    upstreams: upstreams.map(({ name }) => ({ repositoryName: name })),
    externalConnections: repository.connections.map((name) => ({
      externalConnectionName: name,
      packageFormat: EXTERNAL_CONNECTIONS.get(name),
      status: "AVAILABLE",
    })),
  };
}

export function summarize(
  deps: AwsDeps,
  row: {
    readonly name: string;
    readonly domainName: string;
    readonly domainOwner: string;
    readonly administratorAccount: string;
    readonly description: string | undefined;
    readonly createdAt: number;
  },
): RepositorySummary {
  const { name, administratorAccount, domainName, domainOwner, description } = row;
  return {
    name,
    administratorAccount,
    domainName,
    domainOwner,
    arn: repositoryArn(deps, domainOwner, domainName, name),
    description,
    createdTime: new Date(row.createdAt),
  };
}
