// The operations that are there, by the model's names. What is left out answers an honest 501.
import type { OperationTable } from "../dispatch.ts";
import * as connections from "./connections.ts";
import type { AwsDeps } from "./context.ts";
import * as domains from "./domains.ts";
import * as endpoint from "./endpoint.ts";
import * as packages from "./packages.ts";
import * as repositories from "./repositories.ts";
import * as tokens from "./tokens.ts";
import * as versions from "./versions.ts";

export const operations = {
  AssociateExternalConnection: connections.associateExternalConnection,
  CreateDomain: domains.createDomain,
  CreateRepository: repositories.createRepository,
  DeleteDomain: domains.deleteDomain,
  DeletePackage: packages.deletePackage,
  DeleteRepository: repositories.deleteRepository,
  DescribeDomain: domains.describeDomain,
  DescribePackage: packages.describePackage,
  DescribePackageVersion: versions.describePackageVersion,
  DescribeRepository: repositories.describeRepository,
  DisassociateExternalConnection: connections.disassociateExternalConnection,
  GetAuthorizationToken: tokens.getAuthorizationToken,
  GetPackageVersionAsset: versions.getPackageVersionAsset,
  GetRepositoryEndpoint: endpoint.getRepositoryEndpoint,
  ListDomains: domains.listDomains,
  ListPackageVersionAssets: versions.listPackageVersionAssets,
  ListPackageVersions: versions.listPackageVersions,
  ListPackages: packages.listPackages,
  ListRepositories: repositories.listRepositories,
  ListRepositoriesInDomain: repositories.listRepositoriesInDomain,
  PutPackageOriginConfiguration: packages.putPackageOriginConfiguration,
  UpdateRepository: repositories.updateRepository,
} satisfies OperationTable<AwsDeps>;
