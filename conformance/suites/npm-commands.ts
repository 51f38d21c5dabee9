// npm's other commands: view, outdated, ci, dist-tag, deprecate, ping, whoami, search, unpublish, audit.
import assert from "node:assert/strict";
import { join } from "node:path";
import { newName } from "../api.ts";
import type { Client, Registry, Workplace } from "../clients/client.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";

interface Desk {
  readonly stage: Stage;
  readonly client: Client;
  readonly npm: Workplace;
  /** A package with versions 1.0.0, 1.1.0 and 2.0.0 (latest), and a folder to run npm in. */
  readonly name: string;
  readonly folder: string;
}

export async function npmCommands(stage: Stage, client: Client, registry: Registry): Promise<void> {
  const name = `@acme/${newName("commands")}`;
  let desk: Desk | undefined;
  const ready = await stage.checks.check(
    `${client.name}: three versions are published for its commands`,
    async () => {
      const npm = await client.open(join(stage.folder, client.name, "commands"), registry);
      for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
        succeeded(await npm.publish(writePackage(join(npm.folder, version), { name, version })));
      }
      desk = { stage, client, npm, name, folder: npm.project("commands") };
    },
  );
  if (!ready || desk === undefined) return;
  await reads(desk);
  await tags(desk);
  await identity(desk);
  await deprecates(desk);
  await unpublishes(desk);
}

async function reads({ stage, client, npm, name, folder }: Desk): Promise<void> {
  const { checks } = stage;
  const json = async (...args: string[]) =>
    JSON.parse((await npm.run(folder, [...args, "--json"])).stdout || "null");
  await checks.check(`${client.name} view`, async () => {
    const view = await json("view", name);
    assert.equal(view.name, name);
    assert.equal(view.version, "2.0.0");
    assert.deepEqual(view.versions, ["1.0.0", "1.1.0", "2.0.0"]);
    assert.deepEqual(view["dist-tags"], { latest: "2.0.0" });
    assert.deepEqual(Object.keys(view.time).sort(), ["1.0.0", "1.1.0", "2.0.0", "created", "modified"]);
  });
  await checks.check(`${client.name} view of an unknown package says 404`, async () => {
    failedSaying(await npm.run(folder, ["view", newName("nothing")]), /E404/);
  });
  await checks.check(`${client.name} ci, outdated, update`, async () => {
    writeFiles(folder, { "main.mjs": speaker(name) });
    succeeded(await npm.add(folder, [`${name}@~1.0.0`]));
    succeeded(await npm.restore(folder));
    const outdated = await json("outdated");
    assert.deepEqual(
      [outdated[name].current, outdated[name].wanted, outdated[name].latest],
      ["1.0.0", "1.0.0", "2.0.0"],
    );
    succeeded(await npm.add(folder, [`${name}@^1.0.0`]));
    succeeded(await npm.run(folder, ["update"]));
    assert.match((await npm.execute(folder, "main.mjs")).stdout, /1\.1\.0/);
  });
  for (const [what, words] of [
    ["part of the name", name.slice(name.indexOf("/") + 1)],
    ["the whole name", name],
  ] as const) {
    await checks.check(`${client.name} search by ${what}`, async () => {
      const found: { name: string; version: string }[] = await json("search", words);
      assert.deepEqual(
        found.map((entry) => [entry.name, entry.version]),
        [[name, "2.0.0"]],
      );
    });
  }
  await checks.check(`${client.name} audit`, async () => {
    const audit = await json("audit");
    assert.equal(audit.metadata?.vulnerabilities?.total, 0, JSON.stringify(audit));
  });
}

async function tags({ stage, client, npm, name, folder }: Desk): Promise<void> {
  const list = async () => {
    const { stdout } = succeeded(await npm.run(folder, ["dist-tag", "ls", name]));
    return stdout.trim().split("\n").sort();
  };
  await stage.checks.check(`${client.name} dist-tag add, ls, rm`, async () => {
    succeeded(await npm.run(folder, ["dist-tag", "add", `${name}@1.1.0`, "stable"]));
    assert.deepEqual(await list(), ["latest: 2.0.0", "stable: 1.1.0"]);
    succeeded(await npm.run(folder, ["dist-tag", "add", `${name}@1.0.0`, "constructor"]));
    assert.deepEqual(await list(), ["constructor: 1.0.0", "latest: 2.0.0", "stable: 1.1.0"]);
    succeeded(await npm.run(folder, ["dist-tag", "rm", name, "constructor"]));
    succeeded(await npm.run(folder, ["dist-tag", "rm", name, "stable"]));
    assert.deepEqual(await list(), ["latest: 2.0.0"]);
  });
  await stage.checks.check(`${client.name} dist-tag add of an unknown version is refused`, async () => {
    failedSaying(await npm.run(folder, ["dist-tag", "add", `${name}@7.0.0`, "stable"]), /7\.0\.0|E404|E400/);
    assert.deepEqual(await list(), ["latest: 2.0.0"]);
  });
}

async function identity({ stage, client, npm, folder }: Desk): Promise<void> {
  await stage.checks.check(`${client.name} ping`, async () => {
    assert.match(succeeded(await npm.run(folder, ["ping"])).output, /PONG/);
  });
  await stage.checks.check(`${client.name} whoami`, async () => {
    assert.match(succeeded(await npm.run(folder, ["whoami"])).stdout.trim(), /^\S+$/);
  });
}

async function deprecates({ stage, client, npm, name, folder }: Desk): Promise<void> {
  const message = async () =>
    succeeded(await npm.run(folder, ["view", `${name}@1.0.0`, "deprecated"])).stdout.trim();
  await stage.checks.check(`${client.name} deprecate, and takes it back`, async () => {
    succeeded(await npm.run(folder, ["deprecate", `${name}@1.0.0`, "use 2.0.0 instead"]));
    assert.equal(await message(), "use 2.0.0 instead");
    assert.match(
      succeeded(await npm.add(npm.project("deprecated"), [`${name}@1.0.0`])).output,
      /use 2\.0\.0 instead/,
    );
    succeeded(await npm.run(folder, ["deprecate", `${name}@1.0.0`, ""]));
    assert.equal(await message(), "");
  });
}

async function unpublishes({ stage, client, npm, name, folder }: Desk): Promise<void> {
  const versions = async () =>
    JSON.parse(succeeded(await npm.run(folder, ["view", name, "versions", "--json"])).stdout);
  await stage.checks.check(`${client.name} unpublish of the latest version moves latest`, async () => {
    succeeded(await npm.run(folder, ["unpublish", `${name}@2.0.0`]));
    assert.deepEqual(await versions(), ["1.0.0", "1.1.0"]);
    assert.equal(succeeded(await npm.run(folder, ["view", name, "version"])).stdout.trim(), "1.1.0");
    failedSaying(await npm.add(npm.project("gone"), [`${name}@2.0.0`]), /ETARGET|E404/);
  });
  await stage.checks.check(`${client.name} unpublish of the whole package`, async () => {
    succeeded(await npm.run(folder, ["unpublish", name, "--force"]));
    failedSaying(await npm.run(folder, ["view", name, "versions"]), /E404/);
  });
}
