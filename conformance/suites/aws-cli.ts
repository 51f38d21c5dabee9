// The AWS CLI: every operation once, errors as its user reads them, and `login --tool npm` up to a working npm.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as sdk from "@aws-sdk/client-codeartifact";
import { createDomain, newName } from "../api.ts";
import { Skip } from "../checks.ts";
import { npm } from "../clients/family.ts";
import { awsEnv, awsPython } from "../clients/python.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { failedSaying, type Result, run, succeeded } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";
import { paginators } from "./aws-cli-pages.ts";
import { rest } from "./aws-cli-rest.ts";
import { pythonLogin } from "./aws-login-python.ts";

export interface Cli {
  readonly home: string;
  /** Operations that have given what was asked, as the CLI calls them. */
  readonly succeeded: Set<string>;
  /** Operations that answered 501. */
  readonly unfinished: Set<string>;
  /** What a script of these lines prints, run by the CLI's own Python. */
  readonly python: (...lines: string[]) => Promise<string>;
  /** `aws codeartifact ARGS`. */
  readonly aws: (...args: string[]) => Promise<Result>;
  /** The same; gives the JSON of a success. */
  readonly json: (...args: string[]) => Promise<Record<string, unknown>>;
}

export async function awsCli(stage: Stage, target: Target): Promise<void> {
  const cli = await open(stage, target);
  if (cli === undefined) return;
  await operations(stage, cli);
  await rest(stage, cli);
  await paginators(stage, cli);
  await errors(stage, cli);
  await login(stage, target, cli);
  await pythonLogin(stage, target);
  await stage.checks.check("aws: every subcommand of the API has given what was asked", async () => {
    const known = Object.keys(sdk).flatMap((name) => /^([A-Z]\w+)Command$/.exec(name)?.[1] ?? []);
    assert.equal(known.length, 48);
    const left = known.map(subcommand).filter((name) => !cli.succeeded.has(name));
    if (left.length > 0 && left.every((name) => cli.unfinished.has(name)))
      throw new Skip(`answered 501: ${left.join(", ")}`);
    assert.deepEqual(left, []);
  });
}

/** `ListDomains` as the CLI calls it: `list-domains`. */
function subcommand(operation: string): string {
  return operation.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

async function open({ checks, folder }: Stage, target: Target): Promise<Cli | undefined> {
  try {
    const python = await awsPython();
    const home = join(folder, "cli-home");
    mkdirSync(home, { recursive: true });
    const env = awsEnv(target, home);
    const succeededOnes = new Set<string>();
    const unfinished = new Set<string>();
    const aws = async (...args: string[]) => {
      const result = await run([python, "-m", "awscli", "codeartifact", ...args], { cwd: home, env });
      if (result.code === 0) succeededOnes.add(args[0] ?? "");
      else if (result.output.includes("NotImplementedException")) unfinished.add(args[0] ?? "");
      return result;
    };
    return {
      home,
      succeeded: succeededOnes,
      unfinished,
      python: async (...lines) =>
        succeeded(await run([python, "-c", lines.join("\n")], { cwd: home, env })).stdout,
      aws,
      async json(...args) {
        const result = await aws(...args, "--output", "json");
        if (result.output.includes("NotImplementedException")) throw new Skip(result.output.trim());
        // Some answer with nothing at all, and the CLI then writes nothing.
        return JSON.parse(succeeded(result).stdout || "{}");
      },
    };
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    checks.skip("the AWS CLI", error.message);
    return undefined;
  }
}

/** Order matters: each line stands on the ones before. The last word says what the answer must hold. */
async function operations({ checks }: Stage, { home, json }: Cli): Promise<void> {
  const domain = ["--domain", newName("cli")];
  const team = [...domain, "--repository", "team"];
  const held = [...team, "--format", "npm", "--package", "held"];
  const lines: [string[], RegExp][] = [
    [["create-domain", ...domain], /"status":"Active"/],
    [["describe-domain", ...domain], /"repositoryCount":0/],
    [["list-domains"], /"name":"cli-/],
    [["create-repository", ...domain, "--repository", "store"], /"name":"store"/],
    [["create-repository", ...team, "--upstreams", "repositoryName=store"], /"repositoryName":"store"/],
    [["describe-repository", ...team], /"name":"team"/],
    [["update-repository", ...team, "--description", "words"], /"description":"words"/],
    [["list-repositories", "--repository-prefix", "te"], /"name":"team"/],
    [["list-repositories-in-domain", ...domain], /"name":"store"/],
    [
      [
        "associate-external-connection",
        ...domain,
        "--repository",
        "store",
        "--external-connection",
        "public:npmjs",
      ],
      /"externalConnectionName":"public:npmjs"/,
    ],
    [
      [
        "disassociate-external-connection",
        ...domain,
        "--repository",
        "store",
        "--external-connection",
        "public:npmjs",
      ],
      /"externalConnections":\[\]/,
    ],
    [["get-repository-endpoint", ...team, "--format", "npm"], /"repositoryEndpoint":".*\/npm\/.*\/team\/"/],
    [["get-authorization-token", ...domain, "--duration-seconds", "900"], /"authorizationToken":"\S+"/],
    [
      ["put-package-origin-configuration", ...held, "--restrictions", "publish=BLOCK,upstream=BLOCK"],
      /"publish":"BLOCK","upstream":"BLOCK"/,
    ],
    [["describe-package", ...held], /"name":"held"/],
    [["list-packages", ...team], /"package":"held"/],
    [["list-package-versions", ...held], /"versions":\[\]/],
    [["delete-package", ...held], /"deletedPackage"/],
    [["delete-repository", ...team], /"name":"team"/],
    [["delete-repository", ...domain, "--repository", "store"], /"name":"store"/],
    [["delete-domain", ...domain], /"name":"cli-/],
  ];
  for (const [args, wanted] of lines) {
    await checks.check(`aws ${args[0]}`, async () => {
      assert.match(JSON.stringify(await json(...args)), wanted, home);
    });
  }
}

async function errors({ checks }: Stage, { aws }: Cli): Promise<void> {
  await checks.check("aws shows what was not found, what was wrong, and what was in the way", async () => {
    const name = newName("cli");
    failedSaying(
      await aws("describe-domain", "--domain", name),
      /ResourceNotFoundException/,
      new RegExp(name),
    );
    failedSaying(
      await aws("create-domain", "--domain", "Upper"),
      /ValidationException/,
      /regular expression/,
    );
    succeeded(await aws("create-domain", "--domain", name));
    failedSaying(await aws("create-domain", "--domain", name), /ConflictException/, new RegExp(name));
  });
}

/** The five minutes of a newcomer: log in, publish, install; and read one asset through the API. */
async function login({ checks, folder }: Stage, target: Target, { aws, json, home }: Cli): Promise<void> {
  const domain = await createDomain(target);
  await domain.createRepository({ name: "team" });
  const team = ["--domain", domain.name, "--repository", "team"];
  const registry = await domain.registry("team");
  // npm as the CLI finds it: the one that the machine has; and the CLI must write into a HOME of its own.
  const place = await npm.open(join(folder, "login"), { url: registry.url, token: "none yet" });
  const loggedIn = await checks.check("aws codeartifact login --tool npm", async () => {
    const result = await aws("login", "--tool", "npm", ...team);
    assert.match(succeeded(result).output, /Successfully configured npm/);
    const written = readFileSync(join(home, ".npmrc"), "utf8");
    assert.match(written, new RegExp(`^registry=${registry.url}$`, "m"));
    writeFiles(dirname(String(place.env.npm_config_userconfig)), { ".npmrc": written });
  });
  if (!loggedIn) return;
  await checks.check("npm works after the login: ping, publish, install, run", async () => {
    const project = place.project("project");
    writeFiles(project, { "main.mjs": speaker("after-login") });
    succeeded(await place.run(project, ["ping"]));
    succeeded(
      await place.publish(
        writePackage(join(place.folder, "package"), { name: "after-login", version: "1.0.0" }),
      ),
    );
    succeeded(await place.add(project, ["after-login"]));
    assert.match(succeeded(await place.execute(project, "main.mjs")).stdout, /said: after-login 1\.0\.0/);
  });
  const version = [...team, "--format", "npm", "--package", "after-login", "--package-version", "1.0.0"];
  await checks.check(
    "aws describe-package-version, list-package-version-assets, get-package-version-asset",
    async () => {
      assert.match(
        JSON.stringify(await json("describe-package-version", ...version)),
        /"status":"Published"/,
      );
      const { assets } = await json("list-package-version-assets", ...version);
      const [asset] = assets as { name: string; size: number }[];
      assert.ok(asset);
      await json("get-package-version-asset", ...version, "--asset", asset.name, "asset.tgz");
      assert.equal(readFileSync(join(home, "asset.tgz")).length, asset.size);
    },
  );
}
