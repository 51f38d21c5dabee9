// A Python that has boto3 and the AWS CLI: the machine's own, or a virtual environment made on demand.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { region } from "../api.ts";
import { Skip } from "../checks.ts";
import { plainEnv, plainPath, run } from "../processes.ts";
import type { Target } from "../server.ts";
import { cacheFolder, lastLine } from "./installed.ts";

const wanted = ["awscli==1.45.11", "boto3==1.43.11"];

let found: Promise<string> | undefined;

/** The path of its interpreter. Throws Skip when it cannot be had. */
export function awsPython(): Promise<string> {
  found ??= find();
  return found;
}

async function find(): Promise<string> {
  const own = await interpreter("python3");
  if (own !== undefined) return own;
  const folder = join(cacheFolder, "python");
  const made = join(folder, "bin/python3");
  if (!existsSync(made)) await succeed("python3", "-m", "venv", folder);
  await succeed(made, "-m", "pip", "install", "--quiet", ...wanted);
  const path = await interpreter(made);
  if (path === undefined) throw new Skip(`${wanted.join(" and ")} do not start`);
  return path;
}

/** The real path of an interpreter (not of a version switcher's shim), when both are importable there. */
async function interpreter(python: string): Promise<string | undefined> {
  const { code, stdout } = await call(python, "-c", "import sys, awscli, boto3; print(sys.executable)");
  return code === 0 ? stdout.trim() : undefined;
}

async function succeed(...command: string[]): Promise<void> {
  const result = await call(...command);
  if (result.code !== 0) throw new Skip(`boto3 and the AWS CLI cannot be had: ${lastLine(result.output)}`);
}

function call(...command: string[]) {
  mkdirSync(cacheFolder, { recursive: true });
  const env = { ...plainEnv(), PATH: plainPath() };
  return run(command, { cwd: cacheFolder, env, timeoutMs: 300_000 });
}

/** What AWS's own clients are told by, and nothing of the user's own. */
export function awsEnv({ endpoint, credentials }: Target, home: string): NodeJS.ProcessEnv {
  return {
    PATH: plainPath(),
    HOME: home,
    LANG: "C.UTF-8",
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL_CODEARTIFACT: endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
  };
}
