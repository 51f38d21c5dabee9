// What things are called: domain, repository, package, version, asset; their ARNs; the limits of their names (spec 1.1, 1.2).

export const PACKAGE_FORMATS = [
  "npm",
  "pypi",
  "maven",
  "nuget",
  "generic",
  "ruby",
  "swift",
  "cargo",
] as const;
export type PackageFormat = (typeof PACKAGE_FORMATS)[number];

export function isPackageFormat(text: string): text is PackageFormat {
  return (PACKAGE_FORMATS as readonly string[]).includes(text);
}

/** A package's name within a repository. `namespace` is "" for none; npm scopes come without the `@` (spec 1.5.2). */
export interface PackageKey {
  readonly format: PackageFormat;
  readonly namespace: string;
  readonly name: string;
}

export const ACCOUNT_ID = /^[0-9]{12}$/;
const NAME = /^[^#/\s]{1,255}$/u;

/** Package names, namespaces and versions share one rule: 1 to 255 code points, no `#`, `/` or white space (spec 1.1). */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** How a package is written in messages and journals: `/npm/acme/ui`, `/npm//left-pad` (spec 3.1.1). */
export function packagePath(key: PackageKey): string {
  return `/${key.format}/${key.namespace}/${key.name}`;
}

/** Where ARNs are minted: the configured region (spec 1.2; a request signed for another region is accepted). */
export interface ArnScope {
  readonly region: string;
}

export function domainArn(scope: ArnScope, owner: string, domain: string): string {
  return `arn:aws:codeartifact:${scope.region}:${owner}:domain/${domain}`;
}

/** The account field is the domain owner, not the repository's administrator (spec 1.2.2). */
export function repositoryArn(scope: ArnScope, owner: string, domain: string, repository: string): string {
  return `arn:aws:codeartifact:${scope.region}:${owner}:repository/${domain}/${repository}`;
}

/** An empty namespace leaves `//` (spec 1.2.3). */
export function packageArn(
  scope: ArnScope,
  owner: string,
  domain: string,
  repository: string,
  key: PackageKey,
): string {
  return `arn:aws:codeartifact:${scope.region}:${owner}:package/${domain}/${repository}/${key.format}/${key.namespace}/${key.name}`;
}

/** The pattern without its leading slash; exactly `*`, `$` and `%` encoded, in lower case (spec 1.2.4). */
export function packageGroupArn(scope: ArnScope, owner: string, domain: string, pattern: string): string {
  const encoded = pattern.slice(1).replace(/[%*$]/g, (c) => (c === "%" ? "%25" : c === "*" ? "%2a" : "%24"));
  return `arn:aws:codeartifact:${scope.region}:${owner}:package-group/${domain}/${encoded}`;
}

/** The external connections of the API and the format each one feeds (spec 4.4). */
export const EXTERNAL_CONNECTIONS: ReadonlyMap<string, PackageFormat> = new Map([
  ["public:npmjs", "npm"],
  ["public:pypi", "pypi"],
  ["public:nuget-org", "nuget"],
  ["public:maven-central", "maven"],
  ["public:maven-googleandroid", "maven"],
  ["public:maven-gradleplugins", "maven"],
  ["public:maven-commonsware", "maven"],
  ["public:maven-clojars", "maven"],
  ["public:ruby-gems-org", "ruby"],
  ["public:crates-io", "cargo"],
]);
