// The AWS CLI's other subcommands: package groups, policies, tags, changes of versions, generic packages.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newName } from "../api.ts";
import { publishBody, writeFiles } from "../packages.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import type { Cli } from "./aws-cli.ts";

type Line = readonly [args: readonly string[], answer: RegExp];

export async function rest(stage: Stage, cli: Cli): Promise<void> {
  const domain = newName("cli");
  const team = ["--domain", domain, "--repository", "team"];
  await cli.json("create-domain", "--domain", domain);
  for (const repository of ["team", "release"])
    await cli.json("create-repository", "--domain", domain, "--repository", repository);
  await play(stage, cli, groups(domain));
  await play(stage, cli, policies(cli, domain, team));
  await versions(stage, cli, domain, team);
}

/** Order matters: each line stands on the ones before. */
async function play({ checks }: Stage, { json }: Cli, lines: readonly Line[]): Promise<void> {
  for (const [args, wanted] of lines) {
    await checks.check(`aws ${args[0]}`, async () =>
      assert.match(JSON.stringify(await json(...args)), wanted),
    );
  }
}

function groups(domain: string): Line[] {
  const group = ["--domain", domain, "--package-group", "/npm/acme/*"];
  const list = "originRestrictionType=PUBLISH,repositoryName=team";
  const ui = ["--format", "npm", "--namespace", "acme", "--package", "ui"];
  const settings = ["--restrictions", "publish=ALLOW,upstream=BLOCK"];
  return [
    [["create-package-group", ...group, "--description", "words"], /"pattern":"\/npm\/acme\/\*"/],
    [["describe-package-group", ...group], /"parent":\{.*"pattern":"\/\*"/],
    [["update-package-group", ...group, "--contact-info", "us"], /"contactInfo":"us".*"description":"words"/],
    [
      [
        "update-package-group-origin-configuration",
        ...group,
        "--restrictions",
        "PUBLISH=ALLOW_SPECIFIC_REPOSITORIES",
        "--add-allowed-repositories",
        list,
      ],
      /"PUBLISH":\{"ADDED":\["team"\]/,
    ],
    [
      ["list-allowed-repositories-for-group", ...group, "--origin-restriction-type", "PUBLISH"],
      /"allowedRepositories":\["team"\]/,
    ],
    [["list-package-groups", "--domain", domain], /"pattern":"\/\*".*"pattern":"\/npm\/acme\/\*"/],
    [["list-sub-package-groups", "--domain", domain, "--package-group", "/*"], /"pattern":"\/npm\/acme\/\*"/],
    [
      ["put-package-origin-configuration", "--domain", domain, "--repository", "team", ...ui, ...settings],
      /"upstream":"BLOCK"/,
    ],
    [["list-associated-packages", ...group], /"package":"ui".*"associationType":"STRONG"/],
    [["get-associated-package-group", "--domain", domain, ...ui], /"pattern":"\/npm\/acme\/\*"/],
    [["delete-package-group", ...group], /"pattern":"\/npm\/acme\/\*"/],
  ];
}

function policies({ home }: Cli, domain: string, team: readonly string[]): Line[] {
  const allow = {
    Effect: "Allow",
    Principal: { AWS: "111111111111" },
    Action: "codeartifact:*",
    Resource: "*",
  };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: [allow] });
  writeFileSync(join(home, "policy.json"), document);
  const given = ["--policy-document", "file://policy.json"];
  const arn = ["--resource-arn", `arn:aws:codeartifact:us-east-1:000000000000:domain/${domain}`];
  return [
    [["put-domain-permissions-policy", "--domain", domain, ...given], /"revision":"\S+"/],
    [["get-domain-permissions-policy", "--domain", domain], /111111111111/],
    [["delete-domain-permissions-policy", "--domain", domain], /"document":/],
    [["put-repository-permissions-policy", ...team, ...given], /"revision":"\S+"/],
    [["get-repository-permissions-policy", ...team], /111111111111/],
    [["delete-repository-permissions-policy", ...team], /"document":/],
    [["tag-resource", ...arn, "--tags", "key=k,value=v"], /^\{\}$/],
    [["list-tags-for-resource", ...arn], /"tags":\[\{"key":"k","value":"v"\}\]/],
    [["untag-resource", ...arn, "--tag-keys", "k"], /^\{\}$/],
  ];
}

async function versions(stage: Stage, cli: Cli, domain: string, team: readonly string[]): Promise<void> {
  for (const number of ["1.0.0", "1.1.0", "1.2.0"]) await publish(cli, domain, team, number);
  const tool = [...team, "--format", "npm", "--package", "tool"];
  const first = [...tool, "--package-version", "1.0.0"];
  const copy = ["--domain", domain, "--source-repository", "team", "--destination-repository", "release"];
  const generic = ["--format", "generic", "--namespace", "tools", "--package", "blob"];
  writeFiles(cli.home, { "blob.bin": "generic bytes" });
  const sha256 = createHash("sha256").update("generic bytes").digest("hex");
  const asset = ["--asset-content", "blob.bin", "--asset-name", "blob.bin", "--asset-sha256", sha256];
  await play(stage, cli, [
    [["get-package-version-readme", ...first], /"readme":"# tool/],
    [["list-package-version-dependencies", ...first], /"package":"left-pad"/],
    [
      ["copy-package-versions", ...copy, "--format", "npm", "--package", "tool", "--versions", "1.0.0"],
      /"successfulVersions":\{"1\.0\.0"/,
    ],
    [
      ["update-package-versions-status", ...tool, "--versions", "1.1.0", "--target-status", "Archived"],
      /"1\.1\.0":\{"revision":"\S+","status":"Archived"/,
    ],
    [["dispose-package-versions", ...tool, "--versions", "1.1.0"], /"status":"Disposed"/],
    [["delete-package-versions", ...tool, "--versions", "1.1.0", "1.2.0"], /"status":"Deleted"/],
    [
      ["publish-package-version", ...team, ...generic, "--package-version", "1.0.0", ...asset],
      /"status":"Published"/,
    ],
  ]);
}

/** npm's PUT, with a readme and one dependency. */
async function publish(
  { json }: Cli,
  domain: string,
  team: readonly string[],
  version: string,
): Promise<void> {
  const { repositoryEndpoint } = await json("get-repository-endpoint", ...team, "--format", "npm");
  const { authorizationToken } = await json("get-authorization-token", "--domain", domain);
  const url = String(repositoryEndpoint);
  const { body } = await publishBody({ name: "tool", version, dependencies: { "left-pad": "^1.3.0" } }, url);
  const headers = {
    authorization: `Bearer ${String(authorizationToken)}`,
    "content-type": "application/json",
  };
  const { status, text } = await send(`${url}tool`, { method: "PUT", headers, body });
  assert.ok(status === 200 || status === 201, text);
}
