// Setting the stage through the API, as an operator would: domains, repositories, settings, tokens.
import { randomBytes } from "node:crypto";
import {
  AssociateExternalConnectionCommand,
  CodeartifactClient,
  CreateDomainCommand,
  CreatePackageGroupCommand,
  CreateRepositoryCommand,
  DeletePackageVersionsCommand,
  DescribePackageCommand,
  GetAuthorizationTokenCommand,
  GetRepositoryEndpointCommand,
  ListPackageVersionsCommand,
  type PackageGroupOriginRestrictionMode,
  type PackageGroupOriginRestrictionType,
  PutPackageOriginConfigurationCommand,
  UpdatePackageGroupOriginConfigurationCommand,
} from "@aws-sdk/client-codeartifact";
import type { Registry } from "./clients/client.ts";
import type { Target } from "./server.ts";

export const region = "us-east-1";

export interface RepositorySetup {
  readonly name: string;
  readonly upstreams?: readonly string[];
  readonly connection?: string;
}

/** A domain of this run's own, so that a server may be used again and again. */
export interface Domain {
  readonly name: string;
  readonly client: CodeartifactClient;
  createRepository(setup: RepositorySetup): Promise<void>;
  /** Address and token of a repository for the format's clients. */
  registry(repository: string): Promise<Registry>;
  /** PutPackageOriginConfiguration, e.g. `origin("r", "@acme/ui", "ALLOW", "BLOCK")`. */
  origin(repository: string, name: string, publish: Setting, upstream: Setting): Promise<void>;
  /** The package's own settings as `PUBLISH/UPSTREAM`; undefined where the repository has no record of it. */
  settings(repository: string, name: string): Promise<string | undefined>;
  /** The versions the repository itself holds. */
  versions(repository: string, name: string): Promise<string[]>;
  /** DeletePackageVersions. */
  remove(repository: string, name: string, versions: readonly string[]): Promise<void>;
  /** Modes of the group of this very name, which is made where it is not there yet; `lists`: one repository to add for a way in. */
  group(name: string, modes: Modes, lists?: Lists): Promise<void>;
}

export type Setting = "ALLOW" | "BLOCK";
type Modes = Partial<Record<PackageGroupOriginRestrictionType, PackageGroupOriginRestrictionMode>>;
type Lists = Partial<Record<PackageGroupOriginRestrictionType, string>>;

export function connect({ endpoint, credentials }: Target): CodeartifactClient {
  // A copy: the SDK writes notes of its own into it.
  return new CodeartifactClient({ endpoint, region, credentials: { ...credentials }, maxAttempts: 1 });
}

export type PackageFormat = "npm" | "pypi" | "ruby" | "nuget" | "cargo" | "maven" | "generic";

/** Creates a domain under a new name. Packages that it is asked about are of this format and in this namespace. */
export async function createDomain(
  target: Target,
  format: PackageFormat = "npm",
  namespace?: string,
): Promise<Domain> {
  const client = connect(target);
  const domain = newName("conformance");
  await client.send(new CreateDomainCommand({ domain }));
  const coordinates = (repository: string, name: string) => ({
    domain,
    repository,
    ...packageKey(name, format, namespace),
  });
  return {
    name: domain,
    client,
    async createRepository({ name, upstreams = [], connection }) {
      const list = upstreams.map((repositoryName) => ({ repositoryName }));
      await client.send(new CreateRepositoryCommand({ domain, repository: name, upstreams: list }));
      if (connection === undefined) return;
      const association = { domain, repository: name, externalConnection: connection };
      await client.send(new AssociateExternalConnectionCommand(association));
    },
    registry: (repository) => registryOf(client, domain, repository, format),
    async origin(repository, name, publish, upstream) {
      const restrictions = { publish, upstream };
      await client.send(
        new PutPackageOriginConfigurationCommand({ ...coordinates(repository, name), restrictions }),
      );
    },
    async settings(repository, name) {
      const answer = await orAbsent(client.send(new DescribePackageCommand(coordinates(repository, name))));
      const found = answer?.package?.originConfiguration?.restrictions;
      return found && `${found.publish}/${found.upstream}`;
    },
    async versions(repository, name) {
      const input = { ...coordinates(repository, name), maxResults: 1000 };
      const answer = await orAbsent(client.send(new ListPackageVersionsCommand(input)));
      return (answer?.versions ?? []).map(({ version }) => version ?? "");
    },
    async remove(repository, name, versions) {
      const input = { ...coordinates(repository, name), versions: [...versions] };
      await client.send(new DeletePackageVersionsCommand(input));
    },
    async group(name, modes, lists = {}) {
      const packageGroup = patternOf(packageKey(name, format, namespace));
      await client.send(new CreatePackageGroupCommand({ domain, packageGroup })).catch((error: Error) => {
        if (error.name !== "ConflictException") throw error;
      });
      const addAllowedRepositories = Object.entries(lists).map(([type, repositoryName]) => ({
        originRestrictionType: type as PackageGroupOriginRestrictionType,
        repositoryName,
      }));
      const change = { domain, packageGroup, restrictions: modes, addAllowedRepositories };
      await client.send(new UpdatePackageGroupOriginConfigurationCommand(change));
    },
  };
}

async function registryOf(
  client: CodeartifactClient,
  domain: string,
  repository: string,
  format: PackageFormat,
): Promise<Registry> {
  const { authorizationToken } = await client.send(new GetAuthorizationTokenCommand({ domain }));
  const endpoint = { domain, repository, format };
  const { repositoryEndpoint } = await client.send(new GetRepositoryEndpointCommand(endpoint));
  if (!authorizationToken || !repositoryEndpoint?.endsWith("/")) throw new Error("no token, or no endpoint");
  return { url: repositoryEndpoint, token: authorizationToken };
}

interface PackageKey {
  readonly format: PackageFormat;
  readonly namespace?: string;
  readonly package: string;
}

/** `@acme/ui` as the API has it; of Python packages the normalised name. */
export function packageKey(name: string, format: PackageFormat = "npm", namespace?: string): PackageKey {
  const [, scope, bare = ""] = /^@([^/]+)\/(.+)$/.exec(name) ?? [];
  if (scope !== undefined) return { format, namespace: scope, package: bare };
  return { format, ...(namespace === undefined ? {} : { namespace }), package: name };
}

/** The package group of this very package. */
export function patternOf({ format, namespace = "", package: name }: PackageKey): string {
  return `/${format}/${namespace}/${name}$`;
}

async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

/** A name that no earlier run has used. */
export function newName(stem: string): string {
  return `${stem}-${randomBytes(4).toString("hex")}`;
}
