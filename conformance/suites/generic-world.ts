// Where generic packages are played: a repository behind another, curl with a token, and the AWS CLI, in a folder of their own.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GetAuthorizationTokenCommand, GetRepositoryEndpointCommand } from "@aws-sdk/client-codeartifact";
import { createDomain, type Domain } from "../api.ts";
import { Skip } from "../checks.ts";
import { awsEnv, awsPython } from "../clients/python.ts";
import { plainEnv, plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";

export const U = "upper";
export const R = "tools";

/** One version of the package `build/NAME` in a repository. */
export interface Version {
  readonly repository: string;
  readonly name: string;
  readonly version: string;
}

export interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly folder: string;
  /** Writes a file there and gives its SHA-256. */
  file(name: string, content: string | Buffer): string;
  readFile(name: string): Buffer;
  /** Address of a package or of what is below it; each part is encoded. */
  url(repository: string, ...parts: string[]): string;
  /** curl with the token, told to fail on refusals and to say why. */
  curl(...args: string[]): Promise<Result>;
  /** Status of the answer, whatever it is. */
  status(...args: string[]): Promise<number>;
  /** `aws codeartifact ARGS` with JSON. Throws Skip where there is no AWS CLI. */
  aws(...args: string[]): Promise<Result>;
}

export async function build(stage: Stage, target: Target): Promise<World> {
  const domain = await createDomain(target, "generic", "build");
  await domain.createRepository({ name: U });
  await domain.createRepository({ name: R, upstreams: [U] });
  const folder = join(stage.folder, "work");
  mkdirSync(folder, { recursive: true });
  const bases = new Map<string, string>();
  for (const repository of [U, R]) bases.set(repository, await endpointOf(domain, repository));
  const { authorizationToken: token = "" } = await domain.client.send(
    new GetAuthorizationTokenCommand({ domain: domain.name }),
  );
  const env = { ...plainEnv(), PATH: plainPath(), HOME: folder };
  const curl = (...args: string[]) =>
    run(["curl", "--disable", "-sS", "--fail-with-body", "-u", `aws:${token}`, ...args], {
      cwd: folder,
      env,
    });
  return {
    stage,
    domain,
    folder,
    curl,
    file(name, content) {
      writeFileSync(join(folder, name), content);
      return createHash("sha256").update(content).digest("hex");
    },
    readFile: (name) => readFileSync(join(folder, name)),
    url: (repository, ...parts) => `${bases.get(repository)}${parts.map(encodeURIComponent).join("/")}`,
    async status(...args) {
      const { stdout } = await curl("-o", "answer", "-w", "%{http_code}", ...args);
      return Number(stdout);
    },
    async aws(...args) {
      const command = [await awsPython(), "-m", "awscli", "codeartifact", ...args, "--output", "json"];
      return run(command, { cwd: folder, env: awsEnv(target, folder) });
    },
  };
}

async function endpointOf({ name: domain, client }: Domain, repository: string): Promise<string> {
  const { repositoryEndpoint = "" } = await client.send(
    new GetRepositoryEndpointCommand({ domain, repository, format: "generic" }),
  );
  assert.match(repositoryEndpoint, /\/generic\/.*\/$/);
  return repositoryEndpoint;
}

export async function needCurl({ folder, curl }: World): Promise<void> {
  const { code, output } = await curl("--version");
  if (code !== 0) throw new Skip(`there is no curl: ${output} (looked for from ${folder})`);
}

/** The AWS CLI's words for one version. */
export function coordinates({ domain }: World, { repository, name, version }: Version): string[] {
  const place = ["--domain", domain.name, "--repository", repository, "--format", "generic"];
  return [...place, "--namespace", "build", "--package", name, "--package-version", version];
}

/** Publishes a file with the AWS CLI. */
export function awsPublish(world: World, of: Version, file: string, ...more: string[]): Promise<Result> {
  const sha256 = createHash("sha256").update(world.readFile(file)).digest("hex");
  const asset = ["--asset-name", file, "--asset-content", file, "--asset-sha256", sha256];
  return world.aws("publish-package-version", ...coordinates(world, of), ...asset, ...more);
}

/** Publishes a file with curl; `query` such as `?unfinished`. */
export function curlPublish(
  world: World,
  { repository, name, version }: Version,
  file: string,
  query = "",
): Promise<Result> {
  return world.curl("-T", file, `${world.url(repository, "build", name, version, file)}${query}`);
}

export async function curlDownloads(
  world: World,
  { repository, name, version }: Version,
  file: string,
): Promise<void> {
  succeeded(await world.curl("-o", "downloaded", world.url(repository, "build", name, version, file)));
  assert.ok(world.readFile("downloaded").equals(world.readFile(file)), "the bytes differ");
}
