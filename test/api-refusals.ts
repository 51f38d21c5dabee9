// Every error that the model documents for an operation: how it is provoked, or why Portcullis never gives it.
import type { OperationName } from "../src/aws/model/types.gen.ts";

const D1 = { domain: "d1" } as const;
const R1 = { ...D1, repository: "r1" } as const;
const PKG = { ...R1, format: "npm", package: "left-pad" } as const;
const VERSION = { ...PKG, packageVersion: "1.0.0" } as const;
const BATCH = { ...PKG, versions: ["1.0.0"] } as const;
const GROUP = { ...D1, packageGroup: "/npm/*" } as const;
const ARN = "arn:aws:codeartifact:us-east-1:000000000000";
export const POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { AWS: "000000000000" },
      Action: "codeartifact:ReadFromRepository",
      Resource: "*",
    },
  ],
});
const TAG = { key: "k", value: "v" } as const;
const restrictions = { publish: "ALLOW", upstream: "ALLOW" } as const;
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
export const GENERIC = {
  ...R1,
  format: "generic",
  namespace: "tools",
  package: "tool",
  packageVersion: "1.0.0",
  assetName: "tool.bin",
  assetContent: Buffer.alloc(0),
  assetSHA256: EMPTY_SHA256,
} as const;

/** One good input for each operation, in the scene that refusals.test.ts sets. */
export const INPUTS: Readonly<Record<OperationName, object>> = {
  AssociateExternalConnection: { ...D1, repository: "r2", externalConnection: "public:npmjs" },
  CopyPackageVersions: {
    ...D1,
    sourceRepository: "r1",
    destinationRepository: "r2",
    format: "npm",
    package: "left-pad",
    versions: ["1.0.0"],
  },
  CreateDomain: { domain: "d2" },
  CreatePackageGroup: { ...D1, packageGroup: "/pypi/*" },
  CreateRepository: { ...D1, repository: "r3" },
  DeleteDomain: { domain: "bare" },
  DeleteDomainPermissionsPolicy: D1,
  DeletePackage: PKG,
  DeletePackageGroup: GROUP,
  DeletePackageVersions: BATCH,
  DeleteRepository: R1,
  DeleteRepositoryPermissionsPolicy: R1,
  DescribeDomain: D1,
  DescribePackage: PKG,
  DescribePackageGroup: GROUP,
  DescribePackageVersion: VERSION,
  DescribeRepository: R1,
  DisassociateExternalConnection: { ...R1, externalConnection: "public:npmjs" },
  DisposePackageVersions: BATCH,
  GetAssociatedPackageGroup: { ...D1, format: "npm", package: "left-pad" },
  GetAuthorizationToken: D1,
  GetDomainPermissionsPolicy: D1,
  GetPackageVersionAsset: { ...VERSION, asset: "left-pad-1.0.0.tgz" },
  GetPackageVersionReadme: { ...VERSION, package: "told" },
  GetRepositoryEndpoint: { ...R1, format: "npm" },
  GetRepositoryPermissionsPolicy: R1,
  ListAllowedRepositoriesForGroup: { ...GROUP, originRestrictionType: "PUBLISH" },
  ListAssociatedPackages: GROUP,
  ListDomains: {},
  ListPackageGroups: D1,
  ListPackageVersionAssets: VERSION,
  ListPackageVersionDependencies: VERSION,
  ListPackageVersions: PKG,
  ListPackages: R1,
  ListRepositories: {},
  ListRepositoriesInDomain: D1,
  ListSubPackageGroups: GROUP,
  ListTagsForResource: { resourceArn: `${ARN}:domain/d1` },
  PublishPackageVersion: { ...GENERIC, packageVersion: "2.0.0" },
  PutDomainPermissionsPolicy: { ...D1, policyDocument: POLICY },
  PutPackageOriginConfiguration: { ...PKG, restrictions },
  PutRepositoryPermissionsPolicy: { ...R1, policyDocument: POLICY },
  TagResource: { resourceArn: `${ARN}:domain/d1`, tags: [TAG] },
  UntagResource: { resourceArn: `${ARN}:domain/d1`, tagKeys: ["k"] },
  UpdatePackageGroup: { ...GROUP, description: "new" },
  UpdatePackageGroupOriginConfiguration: { ...GROUP, restrictions: { PUBLISH: "BLOCK" } },
  UpdatePackageVersionsStatus: { ...BATCH, targetStatus: "Archived" },
  UpdateRepository: { ...R1, description: "new" },
};

export interface Refusal {
  readonly operation: OperationName;
  readonly error: string;
  /** What is wrong, for a test's title. */
  readonly when: string;
  /** Laid over the operation's good input. */
  readonly change: object;
}

const R9 = { repository: "r9" };
const NO_DOMAIN: Row = ["the domain is not there", { domain: "d9" }];
const NO_REPOSITORY: Row = ["the repository is not there", R9];
const NO_PACKAGE: Row = ["the package is not there", { package: "absent" }];
const NO_VERSION: Row = ["the version is not there", { packageVersion: "9.9.9" }];
const NO_GROUP: Row = ["the group is not there", { packageGroup: "/npm/absent/*" }];
const BAD_DOMAIN: Row = ["a domain's name with capitals", { domain: "Bad" }];
const BAD_GROUP: Row = ["text that is no pattern", { packageGroup: "no pattern" }];
const BAD_FORMAT: Row = ["a format there is not", { format: "rpm" }];
const BAD_TOKEN: Row = ["a nextToken that was made up", { nextToken: "made-up" }];
const STALE: Row = ["a policy revision that is not the current one", { policyRevision: "stale" }];
const ELEVEN: Row = [
  "eleven upstreams",
  { upstreams: Array.from({ length: 11 }, (_, i) => ({ repositoryName: `up${i}` })) },
];
const NO_RESOURCE: Row = ["the resource is not there", { resourceArn: `${ARN}:domain/d9` }];
const BAD_ARN: Row = ["an ARN of another service", { resourceArn: "arn:aws:s3:::bucket" }];

type Row = readonly [when: string, change: object];

const missing: Partial<Record<OperationName, readonly Row[]>> = {
  AssociateExternalConnection: [NO_DOMAIN, NO_REPOSITORY],
  CopyPackageVersions: [
    NO_DOMAIN,
    ["the source is not there", { sourceRepository: "r9" }],
    ["the destination is not there", { destinationRepository: "r9" }],
    NO_PACKAGE,
  ],
  CreatePackageGroup: [NO_DOMAIN],
  CreateRepository: [NO_DOMAIN, ["an upstream is not there", { upstreams: [{ repositoryName: "r9" }] }]],
  DeleteDomainPermissionsPolicy: [NO_DOMAIN, ["there is no policy", { domain: "bare" }]],
  DeletePackage: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  DeletePackageGroup: [NO_DOMAIN, NO_GROUP],
  DeletePackageVersions: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  DeleteRepository: [NO_DOMAIN, NO_REPOSITORY],
  DeleteRepositoryPermissionsPolicy: [NO_DOMAIN, NO_REPOSITORY, ["there is no policy", { repository: "r2" }]],
  DescribeDomain: [NO_DOMAIN],
  DescribePackage: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  DescribePackageGroup: [NO_DOMAIN, NO_GROUP],
  DescribePackageVersion: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE, NO_VERSION],
  DescribeRepository: [NO_DOMAIN, NO_REPOSITORY],
  DisassociateExternalConnection: [
    NO_DOMAIN,
    NO_REPOSITORY,
    ["there is no such connection", { repository: "r2" }],
  ],
  DisposePackageVersions: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  GetAssociatedPackageGroup: [NO_DOMAIN],
  GetAuthorizationToken: [NO_DOMAIN],
  GetDomainPermissionsPolicy: [NO_DOMAIN, ["there is no policy", { domain: "bare" }]],
  GetPackageVersionAsset: [
    NO_DOMAIN,
    NO_REPOSITORY,
    NO_PACKAGE,
    NO_VERSION,
    ["the asset is not there", { asset: "absent" }],
  ],
  GetPackageVersionReadme: [
    NO_DOMAIN,
    NO_REPOSITORY,
    NO_PACKAGE,
    NO_VERSION,
    ["the version has no readme", { package: "left-pad" }],
  ],
  GetRepositoryEndpoint: [NO_DOMAIN, NO_REPOSITORY],
  GetRepositoryPermissionsPolicy: [NO_DOMAIN, NO_REPOSITORY, ["there is no policy", { repository: "r2" }]],
  ListAllowedRepositoriesForGroup: [NO_DOMAIN, NO_GROUP],
  ListAssociatedPackages: [NO_DOMAIN, NO_GROUP],
  ListPackageGroups: [NO_DOMAIN],
  ListPackageVersionAssets: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE, NO_VERSION],
  ListPackageVersionDependencies: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE, NO_VERSION],
  ListPackageVersions: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  ListPackages: [NO_DOMAIN, NO_REPOSITORY],
  ListRepositoriesInDomain: [NO_DOMAIN],
  ListSubPackageGroups: [NO_DOMAIN, NO_GROUP],
  ListTagsForResource: [NO_RESOURCE],
  PublishPackageVersion: [NO_DOMAIN, NO_REPOSITORY],
  PutDomainPermissionsPolicy: [NO_DOMAIN],
  PutPackageOriginConfiguration: [NO_DOMAIN, NO_REPOSITORY],
  PutRepositoryPermissionsPolicy: [NO_DOMAIN, NO_REPOSITORY],
  TagResource: [NO_RESOURCE],
  UntagResource: [NO_RESOURCE],
  UpdatePackageGroup: [NO_DOMAIN, NO_GROUP],
  UpdatePackageGroupOriginConfiguration: [
    NO_DOMAIN,
    NO_GROUP,
    [
      "a repository for the list is not there",
      {
        restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
        addAllowedRepositories: [{ repositoryName: "r9", originRestrictionType: "PUBLISH" }],
      },
    ],
  ],
  UpdatePackageVersionsStatus: [NO_DOMAIN, NO_REPOSITORY, NO_PACKAGE],
  UpdateRepository: [
    NO_DOMAIN,
    NO_REPOSITORY,
    ["an upstream is not there", { upstreams: [{ repositoryName: "r9" }] }],
  ],
};

const conflicting: Partial<Record<OperationName, readonly Row[]>> = {
  AssociateExternalConnection: [["the repository has a connection", { repository: "r1" }]],
  CreateDomain: [["the name is taken", { domain: "d1" }]],
  CreatePackageGroup: [["the pattern is taken", { packageGroup: "/npm/*" }]],
  CreateRepository: [["the name is taken", { repository: "r1" }]],
  DeleteDomain: [["it has repositories", { domain: "d1" }]],
  DeleteDomainPermissionsPolicy: [STALE],
  DeleteRepositoryPermissionsPolicy: [STALE],
  GetPackageVersionAsset: [["a revision that is not the current one", { packageVersionRevision: "stale" }]],
  PublishPackageVersion: [
    [
      "a finished version has other bytes",
      {
        packageVersion: "1.0.0",
        assetContent: Buffer.from("x"),
        assetSHA256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      },
    ],
  ],
  PutDomainPermissionsPolicy: [STALE],
  PutRepositoryPermissionsPolicy: [STALE],
};

const overQuota: Partial<Record<OperationName, readonly Row[]>> = {
  CreateRepository: [ELEVEN],
  UpdateRepository: [ELEVEN],
  PublishPackageVersion: [
    [
      "an asset over the server's limit, a megabyte in test/api.ts",
      { assetContent: Buffer.alloc(1024 * 1024 + 1) },
    ],
  ],
  TagResource: [
    [
      "more than 200 tags with those that are there",
      { tags: Array.from({ length: 200 }, (_, i) => ({ key: `many-${i}`, value: "" })) },
    ],
  ],
};

const wrong: Readonly<Record<OperationName, readonly Row[]>> = {
  AssociateExternalConnection: [["a connection nobody knows", { externalConnection: "public:nothing" }]],
  CopyPackageVersions: [
    BAD_FORMAT,
    ["neither versions nor versionRevisions", { versions: undefined }],
    ["both versions and versionRevisions", { versionRevisions: { "1.0.0": "x" } }],
  ],
  CreateDomain: [BAD_DOMAIN, ["one tag key twice", { tags: [TAG, TAG] }]],
  CreatePackageGroup: [BAD_GROUP],
  CreateRepository: [
    ["a repository's name that begins with a dash", { repository: "-r" }],
    ["an upstream that is the repository itself", { upstreams: [{ repositoryName: "r3" }] }],
  ],
  DeleteDomain: [BAD_DOMAIN],
  DeleteDomainPermissionsPolicy: [["a revision with a space", { policyRevision: "a b" }]],
  DeletePackage: [BAD_FORMAT, ["a namespace that is npm's scope with its @", { namespace: "@acme" }]],
  DeletePackageGroup: [["the root group", { packageGroup: "/*" }], BAD_GROUP],
  DeletePackageVersions: [
    ["more than a hundred versions", { versions: Array.from({ length: 101 }, (_, i) => `1.0.${i}`) }],
    ["an expected status there is not", { expectedStatus: "Lost" }],
  ],
  DeleteRepository: [["a name of one letter", { repository: "r" }]],
  DeleteRepositoryPermissionsPolicy: [["a revision with a space", { policyRevision: "a b" }]],
  DescribeDomain: [BAD_DOMAIN, ["an owner that is no account", { domainOwner: "123" }]],
  DescribePackage: [BAD_FORMAT],
  DescribePackageGroup: [BAD_GROUP],
  DescribePackageVersion: [["a version of 256 characters", { packageVersion: "1".repeat(256) }]],
  DescribeRepository: [["a name of 101 characters", { repository: "r".repeat(101) }]],
  DisassociateExternalConnection: [["a connection with a space", { externalConnection: "a b" }]],
  DisposePackageVersions: [["revisions of other versions", { versionRevisions: { "2.0.0": "x" } }]],
  GetAssociatedPackageGroup: [BAD_FORMAT, ["a format that needs a namespace", { format: "maven" }]],
  GetAuthorizationToken: [["a duration of 899 seconds", { durationSeconds: 899 }]],
  GetDomainPermissionsPolicy: [BAD_DOMAIN],
  GetPackageVersionAsset: [["an asset's name of 256 characters", { asset: "a".repeat(256) }]],
  GetPackageVersionReadme: [BAD_FORMAT],
  GetRepositoryEndpoint: [BAD_FORMAT, ["an endpoint type there is not", { endpointType: "ipv9" }]],
  GetRepositoryPermissionsPolicy: [["a name of one letter", { repository: "r" }]],
  ListAllowedRepositoriesForGroup: [
    ["a restriction type there is not", { originRestrictionType: "READ" }],
    BAD_TOKEN,
  ],
  ListAssociatedPackages: [BAD_GROUP, BAD_TOKEN],
  ListDomains: [["a page of 1001", { maxResults: 1001 }], BAD_TOKEN],
  ListPackageGroups: [["a page of none", { maxResults: 0 }], BAD_TOKEN],
  ListPackageVersionAssets: [["a page of none", { maxResults: 0 }], BAD_TOKEN],
  ListPackageVersionDependencies: [BAD_TOKEN],
  ListPackageVersions: [["an order there is not", { sortBy: "NAME" }], BAD_TOKEN],
  ListPackages: [["a namespace without a format", { namespace: "acme" }], BAD_TOKEN],
  ListRepositories: [["a page of 1001", { maxResults: 1001 }], BAD_TOKEN],
  ListRepositoriesInDomain: [["an account of three digits", { administratorAccount: "123" }], BAD_TOKEN],
  ListSubPackageGroups: [BAD_GROUP, BAD_TOKEN],
  ListTagsForResource: [BAD_ARN],
  PublishPackageVersion: [
    ["a format other than generic", { format: "npm" }],
    ["a digest that is not the content's", { assetSHA256: "0".repeat(64) }],
  ],
  PutDomainPermissionsPolicy: [["a document that is no policy", { policyDocument: "{}" }]],
  PutPackageOriginConfiguration: [["half of the restrictions", { restrictions: { publish: "ALLOW" } }]],
  PutRepositoryPermissionsPolicy: [["a document that is no policy", { policyDocument: "{}" }]],
  TagResource: [BAD_ARN, ["one key twice", { tags: [TAG, TAG] }]],
  UntagResource: [BAD_ARN],
  UpdatePackageGroup: [["a description of 1001 characters", { description: "x".repeat(1001) }]],
  UpdatePackageGroupOriginConfiguration: [
    ["a mode there is not", { restrictions: { PUBLISH: "MAYBE" } }],
    ["the root group set to INHERIT", { packageGroup: "/*", restrictions: { PUBLISH: "INHERIT" } }],
  ],
  UpdatePackageVersionsStatus: [["a target that is an end", { targetStatus: "Disposed" }]],
  UpdateRepository: [
    ["a description of 1001 characters", { description: "x".repeat(1001) }],
    ["an upstream that is the repository itself", { upstreams: [{ repositoryName: "r1" }] }],
  ],
};

/** AccessDeniedException is asked for with every operation's good input, by a user without policies. */
const denied = Object.fromEntries(
  Object.keys(INPUTS).map((operation) => [operation, [["no policy allows it", {}]]]),
) as unknown as Record<OperationName, readonly Row[]>;

export const REFUSALS: readonly Refusal[] = Object.entries({
  AccessDeniedException: denied,
  ResourceNotFoundException: missing,
  ConflictException: conflicting,
  ServiceQuotaExceededException: overQuota,
  ValidationException: wrong,
}).flatMap(([error, table]) =>
  Object.entries(table).flatMap(([operation, rows]) =>
    rows.map(([when, change]) => ({ operation: operation as OperationName, error, when, change })),
  ),
);

const OUTCOMES_INSTEAD = "what is in the way of one version is told in failedVersions (5.3.3)";
const ORDERED = "changes of one domain happen one after another, none is refused for another's sake";
const NO_LIMIT = "Portcullis sets no limit here";

/** Documented errors that Portcullis does not give, each with the reason. */
export const NEVER: Readonly<Record<string, string>> = {
  "AssociateExternalConnection ServiceQuotaExceededException":
    "a second connection is a ConflictException (decision 0002, 4.1.4)",
  "CopyPackageVersions ConflictException": OUTCOMES_INSTEAD,
  "CopyPackageVersions ServiceQuotaExceededException": NO_LIMIT,
  "CreateDomain ResourceNotFoundException": "an encryption key is a name here and is not looked up (1.3.5)",
  "CreateDomain ServiceQuotaExceededException": NO_LIMIT,
  "CreatePackageGroup ServiceQuotaExceededException": "no limit of groups (decision 0002, 3.5.9)",
  "DeletePackage ConflictException": ORDERED,
  "DeletePackageGroup ConflictException": ORDERED,
  "DeletePackageGroup ServiceQuotaExceededException": NO_LIMIT,
  "DeletePackageVersions ConflictException": OUTCOMES_INSTEAD,
  "DeleteRepository ConflictException": ORDERED,
  "DescribePackageVersion ConflictException": "reading conflicts with nothing here",
  "DisassociateExternalConnection ConflictException": ORDERED,
  "DisassociateExternalConnection ServiceQuotaExceededException": NO_LIMIT,
  "DisposePackageVersions ConflictException": OUTCOMES_INSTEAD,
  "ListAllowedRepositoriesForGroup ServiceQuotaExceededException": NO_LIMIT,
  "PutDomainPermissionsPolicy ServiceQuotaExceededException":
    "a document over 7168 characters is a ValidationException",
  "PutRepositoryPermissionsPolicy ServiceQuotaExceededException":
    "a document over 7168 characters is a ValidationException",
  "UpdatePackageGroup ServiceQuotaExceededException": NO_LIMIT,
  "UpdatePackageGroupOriginConfiguration ServiceQuotaExceededException": NO_LIMIT,
  "UpdatePackageVersionsStatus ConflictException": OUTCOMES_INSTEAD,
  "UpdateRepository ConflictException": ORDERED,
};

/** Documented for nearly every operation and shown once for all of them, at the door (src/aws/dispatch.test.ts). */
export const AT_THE_DOOR: Readonly<Record<string, string>> = {
  InternalServerException: "a bug of Portcullis' own; no input provokes it on demand",
  ThrottlingException: "Portcullis does not throttle the API",
};
