// The actions of the service: which there are, and on what kind of resource each is asked (spec 6.3).

const ON_ACCOUNT = ["ListDomains", "ListRepositories"];

const ON_DOMAIN = [
  "CreateDomain",
  "DeleteDomain",
  "DeleteDomainPermissionsPolicy",
  "DescribeDomain",
  "GetAuthorizationToken",
  "GetDomainPermissionsPolicy",
  "ListPackageGroups",
  "ListRepositoriesInDomain",
  "PutDomainPermissionsPolicy",
];

const ON_REPOSITORY = [
  "AssociateExternalConnection",
  "AssociateWithDownstreamRepository",
  "CopyPackageVersions",
  "CreateRepository",
  "DeleteRepository",
  "DeleteRepositoryPermissionsPolicy",
  "DescribeRepository",
  "DisassociateExternalConnection",
  "GetRepositoryEndpoint",
  "GetRepositoryPermissionsPolicy",
  "ListPackages",
  "PutRepositoryPermissionsPolicy",
  "ReadFromRepository",
  "UpdateRepository",
];

const ON_PACKAGE = [
  "DeletePackage",
  "DeletePackageVersions",
  "DescribePackage",
  "DescribePackageVersion",
  "DisposePackageVersions",
  "GetPackageVersionAsset",
  "GetPackageVersionReadme",
  "ListPackageVersionAssets",
  "ListPackageVersionDependencies",
  "ListPackageVersions",
  "PublishPackageVersion",
  "PutPackageMetadata",
  "PutPackageOriginConfiguration",
  "UpdatePackageVersionsStatus",
];

const ON_PACKAGE_GROUP = [
  "CreatePackageGroup",
  "DeletePackageGroup",
  "DescribePackageGroup",
  "GetAssociatedPackageGroup",
  "ListAllowedRepositoriesForGroup",
  "ListAssociatedPackages",
  "ListSubPackageGroups",
  "UpdatePackageGroup",
  "UpdatePackageGroupOriginConfiguration",
];

const ON_ANY_TAGGED = ["ListTagsForResource", "TagResource", "UntagResource"];

/** Asked on a package's ARN; the rest of a repository's actions on its own. */
export const PACKAGE_ACTIONS: ReadonlySet<string> = new Set(ON_PACKAGE);

/** Every action, without the service's prefix. */
export const ACTIONS: readonly string[] = [
  ...ON_ACCOUNT,
  ...ON_DOMAIN,
  ...ON_REPOSITORY,
  ...ON_PACKAGE,
  ...ON_PACKAGE_GROUP,
  ...ON_ANY_TAGGED,
];

/** Whether an action or operation only looks; handing out a token is not looking (as CloudTrail has it). */
export function isRead(action: string): boolean {
  return /^(?:Read|Get(?!AuthorizationToken)|List|Describe)/.test(action);
}
