// boto3, the AWS CLI and the JavaScript SDK drive the API; then signatures that must not be believed.
import { join } from "node:path";
import { region } from "../api.ts";
import { Skip } from "../checks.ts";
import { awsPython } from "../clients/python.ts";
import { plainPath, run } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";
import { awsCli } from "./aws-cli.ts";
import { javascriptSdk } from "./aws-sdk.ts";
import { signatures } from "./signatures.ts";

export async function awsClients(stage: Stage): Promise<void> {
  const target = await stage.target();
  await boto3(stage, target);
  await awsCli(stage, target);
  await javascriptSdk(stage, target);
  await signatures(stage, target);
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

async function boto3({ checks, folder }: Stage, target: Target): Promise<void> {
  const script = join(import.meta.dirname, "aws_clients.py");
  try {
    const env = { ...awsEnv(target, folder), ENDPOINT: target.endpoint, PYTHONDONTWRITEBYTECODE: "1" };
    const { code, stdout, output } = await run([await awsPython(), script], { cwd: folder, env });
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    for (const line of lines) {
      const { outcome, title, reason }: { outcome: "ok" | "not ok"; title: string; reason: string } =
        JSON.parse(line);
      checks.record(outcome, title, reason);
    }
    if (code !== 0) checks.record("not ok", "boto3: the script runs to its end", output.slice(-3000));
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    checks.skip("boto3", error.message);
  }
}
