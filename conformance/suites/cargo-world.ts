// Where cargo plays the matrix of spec 2.8: a public index P, a repository U in front of it, and R and R2 behind U.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  CreatePackageGroupCommand,
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
import { createDomain, type Domain, type Setting } from "../api.ts";
import { type CargoIndex, startCargoIndex } from "../cargo-index.ts";
import { type Cargo, openCargo } from "../clients/cargo.ts";
import type { Registry } from "../clients/client.ts";
import type { Result } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";

export const U = "U-store";
export const R = "R-team";
export const R2 = "R2-team";
export type Repository = typeof U | typeof R | typeof R2;

export type Modes = Partial<Record<PackageGroupOriginRestrictionType, PackageGroupOriginRestrictionMode>>;

export interface World {
  readonly stage: Stage;
  readonly P: CargoIndex;
  /** Adds a version that cargo packaged to P. */
  publicly(name: string, version: string): Promise<void>;
  publish(to: Repository, name: string, version: string, says?: string): Promise<Result>;
  /** With an empty cache, in a new project. */
  fetch(from: Repository, spec: string): Promise<Result>;
  /** Numbers in the index and in the API, which must agree. */
  listed(from: Repository, name: string): Promise<string[]>;
  download(from: Repository, name: string, version: string): Promise<Answer>;
  api: CargoApi;
  close(): void;
}

/** The control plane, about crates. */
export interface CargoApi {
  origin(repository: string, name: string, publish: Setting, upstream: Setting): Promise<void>;
  /** As `PUBLISH/UPSTREAM`; undefined where the repository has no record of it. */
  settings(repository: string, name: string): Promise<string | undefined>;
  held(repository: string, name: string): Promise<string[]>;
  remove(repository: string, name: string, versions: string[]): Promise<void>;
  /** The group of this very name; `lists`: one repository to add for a way in. */
  guard(
    name: string,
    modes: Modes,
    lists?: Partial<Record<PackageGroupOriginRestrictionType, string>>,
  ): Promise<void>;
}

export async function build(stage: Stage): Promise<World> {
  const P = await startCargoIndex();
  const flags = ["--upstream", `public:crates-io=${P.url}`, "--upstream-freshness-ms", "0"];
  const domain = await createDomain(await stage.server("matrix", { flags }));
  await domain.createRepository({ name: U, connection: "public:crates-io" });
  for (const name of [R, R2]) await domain.createRepository({ name, upstreams: [U] });
  const registries = new Map<Repository, Registry>();
  const places = new Map<Repository, Cargo>();
  for (const name of [U, R, R2] as const) {
    const registry = await registryOf(domain, name);
    registries.set(name, registry);
    places.set(name, await openCargo(join(stage.folder, name), registry));
  }
  const place = (name: Repository): Cargo => places.get(name) as Cargo;
  // no-cache, because what P was asked a moment ago may be remembered for a short time.
  const get = (from: Repository, path: string): Promise<Answer> => {
    const { url, token } = registries.get(from) as Registry;
    return send(url + path, { headers: { authorization: token, "cache-control": "no-cache" } });
  };
  return {
    stage,
    P,
    async publicly(name, version) {
      P.add(name, version, await place(U).packaged({ name, version, says: "from P" }));
    },
    publish: (to, name, version, says = `from ${to}`) => place(to).publish({ name, version, says }),
    fetch: (from, spec) => place(from).fetch(spec),
    async listed(from, name) {
      const index = await get(from, `${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`);
      const api = await get(from, `api/v1/crates/${name}/versions`);
      assert.equal(api.status, index.status, api.text);
      if (index.status === 404) return [];
      assert.equal(index.status, 200, index.text);
      const lines = index.text.trim().split("\n");
      const numbers = lines.map((line) => (JSON.parse(line) as { vers: string }).vers);
      const { versions }: { versions: { num: string }[] } = JSON.parse(api.text);
      assert.deepEqual(versions.map(({ num }) => num).sort(), numbers.toSorted());
      return numbers;
    },
    download: (from, name, version) => get(from, `api/v1/crates/${name}/${version}/download`),
    api: apiOf(domain),
    close: () => P.close(),
  };
}

export async function registryOf(
  { client, name: domain }: Pick<Domain, "client" | "name">,
  repository: string,
): Promise<Registry> {
  const { authorizationToken: token } = await client.send(new GetAuthorizationTokenCommand({ domain }));
  const endpoint = { domain, repository, format: "cargo" } as const;
  const { repositoryEndpoint: url } = await client.send(new GetRepositoryEndpointCommand(endpoint));
  if (!token || !url?.endsWith("/")) throw new Error("no token, or no endpoint");
  return { url, token };
}

export function apiOf({ client, name: domain }: Pick<Domain, "client" | "name">): CargoApi {
  const about = (repository: string, name: string) =>
    ({ domain, repository, format: "cargo", package: name }) as const;
  return {
    async origin(repository, name, publish, upstream) {
      const restrictions = { publish, upstream };
      await client.send(
        new PutPackageOriginConfigurationCommand({ ...about(repository, name), restrictions }),
      );
    },
    async settings(repository, name) {
      const answer = await orAbsent(client.send(new DescribePackageCommand(about(repository, name))));
      const found = answer?.package?.originConfiguration?.restrictions;
      return found && `${found.publish}/${found.upstream}`;
    },
    async held(repository, name) {
      const answer = await orAbsent(client.send(new ListPackageVersionsCommand(about(repository, name))));
      return (answer?.versions ?? []).map(({ version }) => version ?? "").sort();
    },
    async remove(repository, name, versions) {
      await client.send(new DeletePackageVersionsCommand({ ...about(repository, name), versions }));
    },
    async guard(name, modes, lists = {}) {
      const packageGroup = `/cargo//${name}$`;
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

async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

/** The contract: 404 with a body, and a header that name the rule. */
export function isHidden({ status, headers, text }: Answer, rule: RegExp): void {
  assert.equal(status, 404, text);
  assert.match(String(headers["x-portcullis-reason"]), rule);
  assert.match(text, rule);
}
