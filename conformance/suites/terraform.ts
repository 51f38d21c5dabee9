// Terraform's AWS provider: applies, plans no change, updates in place, reads the data sources, destroys.
import assert from "node:assert/strict";
import { globSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  DescribeDomainCommand,
  DescribeRepositoryCommand,
  GetRepositoryPermissionsPolicyCommand,
  ListTagsForResourceCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-codeartifact";
import { connect, newName, region } from "../api.ts";
import { Skip } from "../checks.ts";
import { lastLine } from "../clients/installed.ts";
import { writeFiles } from "../packages.ts";
import { plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";

/** The provider is a program of 700 MB: each command takes seconds to start it. */
const COMMAND_TIMEOUT_MS = 180_000;

type Terraform = (...args: string[]) => Promise<Result>;

export async function terraform(stage: Stage): Promise<void> {
  const target = await stage.target();
  const domain = newName("tf");
  const terraform = await open(stage.folder, target, domain);
  const { checks } = stage;
  const provider = /hashicorp\/aws v(\S+)/.exec((await terraform("version")).stdout)?.[1];
  checks.client("Terraform's AWS provider", provider);
  const applied = await checks.check("apply: domain, repositories, connection, both policies", async () => {
    const { output } = succeeded(await terraform("apply", "-auto-approve"));
    assert.match(output, /Apply complete! Resources: 6 added, 0 changed, 0 destroyed/);
    assert.match(output, new RegExp(`endpoint = "${target.endpoint}/npm/d/${domain}-\\d{12}/team/"`));
  });
  if (!applied) return;
  const noChange = async (...args: string[]) => {
    const { code, output } = await terraform("plan", "-detailed-exitcode", ...args);
    assert.equal(code, 0, output);
  };
  await checks.check("plan: no change", () => noChange());
  await checks.check("plan: no change when the provider does not ask for the account", () =>
    noChange("-var", "ask_account=false"),
  );
  const second = ["-var", "stage=second"];
  await checks.check("apply: tags, description, upstreams, policies, all in place", async () => {
    const { output } = succeeded(await terraform("apply", "-auto-approve", ...second));
    assert.match(output, /Apply complete! Resources: 0 added, 4 changed, 0 destroyed/);
    await hasChanged(target, domain);
  });
  await checks.check("plan: no change after the update", () => noChange(...second));
  await checks.check("the data source of a token", async () => {
    const { output } = succeeded(
      await terraform("apply", "-auto-approve", ...second, "-var", "with_token=true"),
    );
    assert.match(output, /token_length = \d{2,}/);
  });
  await checks.check("import: what is there is taken over as it is", async () => {
    succeeded(
      await terraform("state", "rm", "aws_codeartifact_domain.this", "aws_codeartifact_repository.team"),
    );
    const arn = `arn:aws:codeartifact:${region}:000000000000`;
    for (const [address, id] of [
      ["aws_codeartifact_domain.this", `${arn}:domain/${domain}`],
      ["aws_codeartifact_repository.team", `${arn}:repository/${domain}/team`],
    ] as const)
      succeeded(await terraform("import", ...second, address, id));
    await noChange(...second);
  });
  await checks.check("destroy", async () => {
    const { output } = succeeded(await terraform("destroy", "-auto-approve", ...second));
    assert.match(output, /Destroy complete! Resources: 6 destroyed/);
    await assert.rejects(
      connect(target).send(new DescribeDomainCommand({ domain })),
      ResourceNotFoundException,
    );
  });
}

async function hasChanged(target: Target, domain: string): Promise<void> {
  const client = connect(target);
  const team = { domain, repository: "team" };
  const { repository } = await client.send(new DescribeRepositoryCommand(team));
  assert.deepEqual(
    [repository?.description, repository?.upstreams],
    ["second description", [{ repositoryName: "other" }, { repositoryName: "store" }]],
  );
  const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: repository?.arn }));
  assert.deepEqual(tags, [
    { key: "added", value: "yes" },
    { key: "stage", value: "second" },
  ]);
  const { policy } = await client.send(new GetRepositoryPermissionsPolicyCommand(team));
  assert.match(policy?.document ?? "", /codeartifact:DescribeRepository/);
}

/** A folder with a configuration, and the program in it, initialised. Throws Skip where it cannot be had. */
async function open(folder: string, { endpoint, credentials }: Target, domain: string): Promise<Terraform> {
  const work = join(folder, "work");
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  writeFiles(work, { "main.tf": configuration(endpoint, domain), "terraform.rc": mirrorOf(findMirror()) });
  const env = {
    PATH: plainPath(),
    HOME: home,
    TMPDIR: folder,
    TF_CLI_CONFIG_FILE: join(work, "terraform.rc"),
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
    TF_VAR_access_key: credentials.accessKeyId,
    TF_VAR_secret_key: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const terraform: Terraform = (command = "", ...args) => {
    const flags = command === "state" || command === "version" ? [] : ["-no-color", "-input=false"];
    return run(["terraform", command, ...flags, ...args], { cwd: work, env, timeoutMs: COMMAND_TIMEOUT_MS });
  };
  const version = await run(["terraform", "version"], { cwd: work, env });
  if (version.code !== 0) throw new Skip(`terraform is not on this machine: ${lastLine(version.output)}`);
  const init = await terraform("init");
  if (init.code !== 0) throw new Skip(`terraform init: ${init.output.trim().slice(0, 500)}`);
  return terraform;
}

/**
 * A folder of providers in the layout of a mirror (HOST/NAMESPACE/NAME/VERSION/SYSTEM) that has the AWS provider: where
 * the variable says, or where systems keep such folders. Nothing is downloaded.
 */
function findMirror(): string {
  const named = process.env["PORTCULLIS_TERRAFORM_MIRROR"];
  const usual = [
    "/opt/*",
    "/usr/share/terraform/*",
    "/usr/local/share/terraform/*",
    join(homedir(), ".terraform.d/*"),
  ];
  for (const pattern of named === undefined ? usual : [named]) {
    const [found] = globSync(join(pattern, "*/hashicorp/aws"));
    if (found !== undefined) return join(found, "../../..");
  }
  throw new Skip(
    "terraform's AWS provider is not on this machine (PORTCULLIS_TERRAFORM_MIRROR names its folder)",
  );
}

function mirrorOf(path: string): string {
  return `provider_installation {\n  filesystem_mirror {\n    path = "${path}"\n  }\n}\ndisable_checkpoint = true\n`;
}

function configuration(endpoint: string, domain: string): string {
  return `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "access_key" {}
variable "secret_key" { sensitive = true }
variable "stage" { default = "first" }
variable "ask_account" { default = true }
variable "with_token" { default = false }

provider "aws" {
  region                      = "${region}"
  access_key                  = var.access_key
  secret_key                  = var.secret_key
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = !var.ask_account
  endpoints {
    codeartifact = "${endpoint}"
    sts          = "${endpoint}"
  }
}

locals {
  second = var.stage == "second"
  tags   = local.second ? { stage = "second", added = "yes" } : { stage = "first", gone = "soon" }
  policy = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "111111111111" }
      Action    = local.second ? ["codeartifact:DescribeRepository", "codeartifact:ReadFromRepository"] : ["codeartifact:ReadFromRepository"]
      Resource  = "*"
    }]
  }
}

resource "aws_codeartifact_domain" "this" {
  domain = "${domain}"
  tags   = local.tags
}

resource "aws_codeartifact_repository" "store" {
  domain     = aws_codeartifact_domain.this.domain
  repository = "store"
  external_connections {
    external_connection_name = "public:npmjs"
  }
}

resource "aws_codeartifact_repository" "other" {
  domain     = aws_codeartifact_domain.this.domain
  repository = "other"
}

resource "aws_codeartifact_repository" "team" {
  domain      = aws_codeartifact_domain.this.domain
  repository  = "team"
  description = "\${var.stage} description"
  tags        = local.tags
  dynamic "upstream" {
    for_each = local.second ? [aws_codeartifact_repository.other.repository, aws_codeartifact_repository.store.repository] : [aws_codeartifact_repository.store.repository]
    content {
      repository_name = upstream.value
    }
  }
}

resource "aws_codeartifact_domain_permissions_policy" "this" {
  domain          = aws_codeartifact_domain.this.domain
  policy_document = jsonencode(local.policy)
}

resource "aws_codeartifact_repository_permissions_policy" "team" {
  domain          = aws_codeartifact_domain.this.domain
  repository      = aws_codeartifact_repository.team.repository
  policy_document = jsonencode(local.policy)
}

data "aws_codeartifact_repository_endpoint" "team" {
  domain     = aws_codeartifact_domain.this.domain
  repository = aws_codeartifact_repository.team.repository
  format     = "npm"
}

# A token ends at another time whenever it is read: only asked for where no plan is held against it.
data "aws_codeartifact_authorization_token" "this" {
  count  = var.with_token ? 1 : 0
  domain = aws_codeartifact_domain.this.domain
}

output "endpoint" {
  value = data.aws_codeartifact_repository_endpoint.team.repository_endpoint
}

output "token_length" {
  value = nonsensitive(length(join("", data.aws_codeartifact_authorization_token.this[*].authorization_token)))
}
`;
}
