// Where the login suite plays: a repository, a stub before the server, and users with a HOME of their own.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Stub } from "../login-stub.ts";
import { plainPath, type Result, run } from "../processes.ts";
import { program, type Target } from "../server.ts";
import type { Stage } from "../suite.ts";

export const repository = "main";

export interface Scene {
  readonly stage: Stage;
  readonly stub: Stub;
  readonly target: Target;
  readonly domain: string;
}

export function cli(
  { stub, target, domain }: Scene,
  env: NodeJS.ProcessEnv,
  cwd: string,
  tool: string,
  ...flags: readonly string[]
): Promise<Result> {
  const given = ["--domain", domain, "--repository", repository, "--endpoint-url", stub.endpoint];
  const keys = {
    AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
  };
  return run([program, "login", tool, ...given, ...flags], { cwd, env: { ...env, ...keys } });
}

/** The environment of a user with credentials, whose HOME is this folder. */
export function userEnv({ target }: Scene, home: string, bin?: string): NodeJS.ProcessEnv {
  mkdirSync(home, { recursive: true });
  return {
    PATH: [bin, plainPath()].filter((each) => each !== undefined).join(":"),
    HOME: home,
    CARGO_HOME: join(home, ".cargo"),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(process.env.HOME ?? "", ".rustup"),
    PIP_NO_CACHE_DIR: "1",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    LANG: "C.UTF-8",
    AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
  };
}
