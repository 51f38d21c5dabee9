// The AWS CLI's paginators: --page-size, --max-items and --starting-token on every list that it can page.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { newName } from "../api.ts";
import { Skip } from "../checks.ts";
import { publishBody, writeFiles } from "../packages.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import type { Cli } from "./aws-cli.ts";

interface List {
  readonly command: string;
  readonly args: readonly string[];
  /** The member of the answer that is the list. */
  readonly key: string;
}

export async function paginators(stage: Stage, cli: Cli): Promise<void> {
  const domain = newName("cli-pages");
  const lists = listsOf(domain);
  await stage.checks.check("aws: every list that the CLI can page is paged here", async () => {
    const known = await paged(cli);
    assert.deepEqual(lists.map(({ command }) => command).sort(), known);
  });
  await setScene(cli, domain);
  for (const list of lists)
    await stage.checks.check(`aws ${list.command}: --page-size, --max-items, --starting-token`, () =>
      page(cli, list),
    );
}

/** All of it in pages of one; then by two, with the token that the CLI gives for the rest. */
async function page({ json, unfinished }: Cli, { command, args, key }: List): Promise<void> {
  if (command === "list-package-version-assets" && unfinished.has("publish-package-version"))
    throw new Skip("several assets need publish-package-version, which answered 501");
  const items = (answer: Record<string, unknown>) => {
    assert.ok(Array.isArray(answer[key]), JSON.stringify(answer));
    return answer[key] as unknown[];
  };
  const whole = items(await json(command, ...args, "--no-paginate"));
  assert.ok(whole.length >= 3, `${whole.length} items`);
  assert.deepEqual(items(await json(command, ...args, "--page-size", "1")), whole);
  const first = await json(command, ...args, "--page-size", "1", "--max-items", "2");
  assert.deepEqual(items(first), whole.slice(0, 2));
  const token = String(first["NextToken"]);
  const rest = await json(command, ...args, "--page-size", "2", "--starting-token", token);
  assert.deepEqual(items(rest), whole.slice(2));
}

function listsOf(domain: string): List[] {
  const within = ["--domain", domain];
  const team = [...within, "--repository", "team"];
  const group = [...within, "--package-group", "/npm/*"];
  const blob = ["--format", "generic", "--namespace", "tools", "--package", "blob"];
  const allowed = [...group, "--origin-restriction-type", "PUBLISH"];
  return [
    { command: "list-allowed-repositories-for-group", args: allowed, key: "allowedRepositories" },
    { command: "list-associated-packages", args: group, key: "packages" },
    { command: "list-domains", args: [], key: "domains" },
    { command: "list-package-groups", args: within, key: "packageGroups" },
    {
      command: "list-package-version-assets",
      args: [...team, ...blob, "--package-version", "1.0.0"],
      key: "assets",
    },
    {
      command: "list-package-versions",
      args: [...team, "--format", "npm", "--package", "tool"],
      key: "versions",
    },
    { command: "list-packages", args: team, key: "packages" },
    { command: "list-repositories", args: [], key: "repositories" },
    { command: "list-repositories-in-domain", args: within, key: "repositories" },
    { command: "list-sub-package-groups", args: group, key: "packageGroups" },
  ];
}

/** What the CLI itself says it pages: its model names these operations. */
async function paged({ python }: Cli): Promise<string[]> {
  const text = await python(
    "import botocore.session, botocore",
    "model = botocore.session.get_session().get_paginator_model('codeartifact')",
    "print(' '.join(sorted(botocore.xform_name(name, '-') for name in model._paginator_config)))",
  );
  return text.trim().split(" ");
}

/** Three of everything that can be listed. */
async function setScene(cli: Cli, domain: string): Promise<void> {
  const { json } = cli;
  const within = ["--domain", domain];
  for (const name of [domain, `${domain}-b`, `${domain}-c`]) await json("create-domain", "--domain", name);
  for (const name of ["team", "b-repo", "c-repo"])
    await json("create-repository", ...within, "--repository", name);
  for (const pattern of ["/npm/*", "/npm/a/*", "/npm/b/*", "/npm/c/*"])
    await json("create-package-group", ...within, "--package-group", pattern);
  const names = ["team", "b-repo", "c-repo"];
  const lists = names.map((name) => `originRestrictionType=PUBLISH,repositoryName=${name}`);
  const change = [
    "--restrictions",
    "PUBLISH=ALLOW_SPECIFIC_REPOSITORIES",
    "--add-allowed-repositories",
    ...lists,
  ];
  const group = ["--package-group", "/npm/*"];
  await json("update-package-group-origin-configuration", ...within, ...group, ...change);
  const team = [...within, "--repository", "team"];
  const { repositoryEndpoint } = await json("get-repository-endpoint", ...team, "--format", "npm");
  const { authorizationToken } = await json("get-authorization-token", ...within);
  const headers = {
    authorization: `Bearer ${String(authorizationToken)}`,
    "content-type": "application/json",
  };
  for (const [name, version] of [
    ["tool", "1.0.0"],
    ["tool", "1.1.0"],
    ["tool", "2.0.0"],
    ["anvil", "1.0.0"],
    ["broom", "1.0.0"],
  ] as const) {
    const { body } = await publishBody({ name, version }, String(repositoryEndpoint));
    const { status, text } = await send(`${String(repositoryEndpoint)}${name}`, {
      method: "PUT",
      headers,
      body,
    });
    assert.ok(status === 200 || status === 201, text);
  }
  await publishAssets(cli, team);
}

async function publishAssets({ aws, home }: Cli, team: readonly string[]): Promise<void> {
  const blob = ["--format", "generic", "--namespace", "tools", "--package", "blob"];
  for (const name of ["a.bin", "b.bin", "c.bin"]) {
    writeFiles(home, { [name]: name });
    const digest = createHash("sha256").update(name).digest("hex");
    const asset = ["--asset-content", name, "--asset-name", name, "--asset-sha256", digest];
    await aws(
      "publish-package-version",
      ...team,
      ...blob,
      "--package-version",
      "1.0.0",
      ...asset,
      "--unfinished",
    );
  }
}
