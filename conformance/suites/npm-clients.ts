// Every client of npm's family publishes, installs, and shows its user why something was refused.
import assert from "node:assert/strict";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { createDomain, type Domain, newName } from "../api.ts";
import { Skip } from "../checks.ts";
import type { Client, Registry, Workplace } from "../clients/client.ts";
import { clients, npm } from "../clients/family.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import { npmCommands } from "./npm-commands.ts";

/** A client at its two places: one publishes, the other installs with a cache of its own. */
interface Pair {
  readonly client: Client;
  readonly domain: Domain;
  readonly registry: Registry;
  readonly publisher: Workplace;
  readonly consumer: Workplace;
  /** The unscoped package, and the scoped one that depends on it. */
  readonly plain: string;
  readonly scoped: string;
}

const repository = "npm";

export async function npmClients(stage: Stage): Promise<void> {
  const domain = await createDomain(await stage.target());
  await domain.createRepository({ name: repository });
  const registry = await domain.registry(repository);
  for (const client of clients) await oneClient(stage, client, domain, registry);
  for (const client of clients.slice(0, 2)) await npmCommands(stage, client, registry);
}

export async function oneClient(
  stage: Stage,
  client: Client,
  domain: Domain,
  registry: Registry,
): Promise<void> {
  const folder = join(stage.folder, client.name);
  const names = {
    plain: newName(`plain-${client.name}`),
    scoped: `@acme/${newName(`scoped-${client.name}`)}`,
  };
  let pair: Pair | undefined;
  const started = await stage.checks.check(`${client.name} can be had`, async () => {
    const consumer = await client.open(join(folder, "consumer"), registry);
    const publishing = client.publishes ? client : npm;
    const publisher = await publishing.open(join(folder, "publisher"), registry);
    pair = { client, domain, registry, publisher, consumer, ...names };
  });
  if (!started || pair === undefined) return;
  if (await publishes(stage, pair)) {
    await installs(stage, pair);
    if (client.publishes) await isRefused(stage, pair);
  }
}

/** Gives true when both packages are there to be installed. */
async function publishes(
  stage: Stage,
  { client, publisher, registry, plain, scoped }: Pair,
): Promise<boolean> {
  const { checks } = stage;
  const by = client.publishes ? client.name : `${client.name} (by npm, as it publishes nothing)`;
  const first = writePackage(join(publisher.folder, "plain"), { name: plain, version: "1.0.0" });
  const second = writePackage(join(publisher.folder, "scoped"), {
    name: scoped,
    version: "1.0.0",
    dependencies: { [plain]: "^1.0.0" },
  });
  const published = await checks.check(
    `${by} publishes an unscoped package, and a scoped one that depends on it`,
    async () => {
      succeeded(await publisher.publish(first));
      succeeded(await publisher.publish(second));
    },
  );
  if (!published || !client.publishes) return published;
  const third = writePackage(join(publisher.folder, "next"), { name: plain, version: "2.0.0-beta.1" });
  await checks.check(`${by} publishes under --tag, and latest stays where it was`, async () => {
    succeeded(await publisher.publish(third, "next"));
    assert.deepEqual(await tagsOf(registry, plain), { latest: "1.0.0", next: "2.0.0-beta.1" });
  });
  return true;
}

async function installs(stage: Stage, { client, consumer, registry, plain, scoped }: Pair): Promise<void> {
  const { checks, folder } = stage;
  const project = consumer.project("project");
  writeFiles(project, { "main.mjs": speaker(scoped) });
  const expected = new RegExp(`said: ${scoped} 1\\.0\\.0 < ${plain} 1\\.0\\.0`);
  const installed = await checks.check(`${client.name} installs both elsewhere, and they run`, async () => {
    succeeded(await consumer.add(project, [`${scoped}@1.0.0`]));
    assert.match(succeeded(await consumer.execute(project, "main.mjs")).stdout, expected);
  });
  if (!installed) return;
  await checks.check(`${client.name} installs them from its lock file on another machine`, async () => {
    const other = await client.open(join(folder, client.name, "other"), registry);
    const copy = other.project("project");
    moveProject(project, copy);
    succeeded(await other.restore(copy));
    assert.match(succeeded(await other.execute(copy, "main.mjs")).stdout, expected);
  });
  if (!client.publishes) return;
  await checks.check(`${client.name} installs what a tag points at`, async () => {
    const tagged = consumer.project("tagged");
    writeFiles(tagged, { "main.mjs": speaker(plain) });
    succeeded(await consumer.add(tagged, [`${plain}@next`]));
    assert.match(succeeded(await consumer.execute(tagged, "main.mjs")).stdout, /2\.0\.0-beta\.1/);
  });
}

async function isRefused(stage: Stage, { client, domain, publisher, registry, plain }: Pair): Promise<void> {
  const { checks } = stage;
  const before = await send(`${registry.url}${plain}`, { headers: bearer(registry) });
  await checks.check(
    `${client.name} is refused the same version with other bytes, and says why`,
    async () => {
      const other = { name: plain, version: "1.0.0", says: "other bytes" };
      const result = await publisher.publish(writePackage(join(publisher.folder, "again"), other));
      // Some clients look first and refuse themselves; then the words are theirs.
      failedSaying(result, /\balready\b|previously published/i);
      const after = await send(`${registry.url}${plain}`, { headers: bearer(registry) });
      assert.equal(after.text, before.text, "the packument has changed");
    },
  );
  await checks.check(`${client.name} is refused where publish=BLOCK, and shows the rule`, async () => {
    await domain.origin(repository, plain, "BLOCK", "BLOCK");
    const next = { name: plain, version: "1.1.0" };
    const result = await publisher.publish(writePackage(join(publisher.folder, "blocked"), next));
    failedSaying(result, /publish=BLOCK/, /PutPackageOriginConfiguration/, new RegExp(`'${repository}'`));
    assert.deepEqual(await domain.versions(repository, plain).then((list) => list.sort()), [
      "1.0.0",
      "2.0.0-beta.1",
    ]);
  });
}

/** What goes into version control, and nothing else: the manifest, the lock file, the script. */
function moveProject(from: string, to: string): void {
  const locks = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "deno.lock"];
  for (const file of ["package.json", "main.mjs", ...locks]) {
    if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file));
  }
}

export function bearer({ token }: Registry): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

export async function tagsOf(registry: Registry, name: string): Promise<Record<string, string>> {
  const { text } = await send(`${registry.url}${name.replace("/", "%2f")}`, { headers: bearer(registry) });
  const document: { "dist-tags"?: Record<string, string> } = JSON.parse(text);
  if (document["dist-tags"] === undefined) throw new Skip(`no packument of ${name}: ${text.slice(0, 200)}`);
  return document["dist-tags"];
}
