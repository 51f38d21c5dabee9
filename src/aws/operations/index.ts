// The operations that are there, by the model's names. What is left out answers an honest 501.
import type { OperationTable } from "../dispatch.ts";
import * as connections from "./connections.ts";
import type { AwsDeps } from "./context.ts";
import * as copy from "./copy.ts";
import * as domains from "./domains.ts";
import * as endpoint from "./endpoint.ts";
import * as groupLists from "./package-group-lists.ts";
import * as groups from "./package-groups.ts";
import * as packages from "./packages.ts";
import * as policies from "./policies.ts";
import * as publishing from "./publish-version.ts";
import * as repositories from "./repositories.ts";
import * as tags from "./tags.ts";
import * as tokens from "./tokens.ts";
import * as contents from "./version-contents.ts";
import * as versionStatus from "./version-status.ts";
import * as versions from "./versions.ts";

export const operations = {
  AssociateExternalConnection: connections.associateExternalConnection,
  CopyPackageVersions: copy.copyPackageVersions,
  CreateDomain: domains.createDomain,
  CreatePackageGroup: groups.createPackageGroup,
  CreateRepository: repositories.createRepository,
  DeleteDomain: domains.deleteDomain,
  DeleteDomainPermissionsPolicy: policies.deleteDomainPermissionsPolicy,
  DeletePackage: packages.deletePackage,
  DeletePackageVersions: versionStatus.deletePackageVersions,
  DisposePackageVersions: versionStatus.disposePackageVersions,
  UpdatePackageVersionsStatus: versionStatus.updatePackageVersionsStatus,
  DeletePackageGroup: groups.deletePackageGroup,
  DeleteRepository: repositories.deleteRepository,
  DeleteRepositoryPermissionsPolicy: policies.deleteRepositoryPermissionsPolicy,
  DescribeDomain: domains.describeDomain,
  DescribePackage: packages.describePackage,
  DescribePackageGroup: groups.describePackageGroup,
  DescribePackageVersion: versions.describePackageVersion,
  DescribeRepository: repositories.describeRepository,
  DisassociateExternalConnection: connections.disassociateExternalConnection,
  GetAssociatedPackageGroup: groups.getAssociatedPackageGroup,
  GetAuthorizationToken: tokens.getAuthorizationToken,
  GetDomainPermissionsPolicy: policies.getDomainPermissionsPolicy,
  GetPackageVersionAsset: versions.getPackageVersionAsset,
  GetPackageVersionReadme: contents.getPackageVersionReadme,
  GetRepositoryEndpoint: endpoint.getRepositoryEndpoint,
  GetRepositoryPermissionsPolicy: policies.getRepositoryPermissionsPolicy,
  ListAllowedRepositoriesForGroup: groupLists.listAllowedRepositoriesForGroup,
  ListAssociatedPackages: groupLists.listAssociatedPackages,
  ListDomains: domains.listDomains,
  ListPackageGroups: groupLists.listPackageGroups,
  ListPackageVersionAssets: versions.listPackageVersionAssets,
  ListPackageVersionDependencies: contents.listPackageVersionDependencies,
  ListPackageVersions: versions.listPackageVersions,
  ListPackages: packages.listPackages,
  ListRepositories: repositories.listRepositories,
  ListRepositoriesInDomain: repositories.listRepositoriesInDomain,
  ListSubPackageGroups: groupLists.listSubPackageGroups,
  ListTagsForResource: tags.listTagsForResource,
  PublishPackageVersion: publishing.publishPackageVersion,
  PutDomainPermissionsPolicy: policies.putDomainPermissionsPolicy,
  PutPackageOriginConfiguration: packages.putPackageOriginConfiguration,
  PutRepositoryPermissionsPolicy: policies.putRepositoryPermissionsPolicy,
  TagResource: tags.tagResource,
  UntagResource: tags.untagResource,
  UpdatePackageGroup: groups.updatePackageGroup,
  UpdatePackageGroupOriginConfiguration: groups.updatePackageGroupOriginConfiguration,
  UpdateRepository: repositories.updateRepository,
} satisfies OperationTable<AwsDeps>;
