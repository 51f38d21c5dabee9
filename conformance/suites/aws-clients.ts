// boto3, the AWS CLI and the JavaScript SDK drive the API; then signatures that must not be believed.
import { createRequire } from "node:module";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { awsEnv, awsPython } from "../clients/python.ts";
import { run } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";
import { awsCli } from "./aws-cli.ts";
import { javascriptSdk } from "./aws-sdk.ts";
import { signatures } from "./signatures.ts";

export async function awsClients(stage: Stage): Promise<void> {
  const target = await stage.target();
  await boto3(stage, target);
  await awsCli(stage, target);
  stage.checks.client("AWS SDK for JavaScript", sdkVersion());
  await javascriptSdk(stage, target);
  stage.checks.client();
  await signatures(stage, target);
}

function sdkVersion(): string {
  const found = createRequire(import.meta.url)("@aws-sdk/client-codeartifact/package.json");
  return String((found as { version?: unknown }).version);
}

async function boto3({ checks, folder }: Stage, target: Target): Promise<void> {
  const script = join(import.meta.dirname, "aws_clients.py");
  try {
    const env = { ...awsEnv(target, folder), ENDPOINT: target.endpoint, PYTHONDONTWRITEBYTECODE: "1" };
    const shown = ["-c", "import boto3; print(boto3.__version__)"];
    checks.client("boto3", (await run([await awsPython(), ...shown], { cwd: folder, env })).stdout.trim());
    const { code, stdout, output } = await run([await awsPython(), script], { cwd: folder, env });
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    for (const line of lines) {
      const { outcome, title, reason }: { outcome: "ok" | "not ok" | "skip"; title: string; reason: string } =
        JSON.parse(line);
      checks.record(outcome, title, reason);
    }
    if (code !== 0) checks.record("not ok", "boto3: the script runs to its end", output.slice(-3000));
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    checks.skip("boto3", error.message);
  }
  checks.client();
}
