// A repository in front of a public registry: the machine's own one where it can be reached, and Verdaccio always.
import assert from "node:assert/strict";
import { join } from "node:path";
import { createDomain, type Domain, newName } from "../api.ts";
import { eventually } from "../checks.ts";
import type { Client, Registry, Workplace } from "../clients/client.ts";
import { clients, npm } from "../clients/family.ts";
import { lastLine, nodeFolder } from "../clients/installed.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { failedSaying, plainEnv, plainPath, run, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { startVerdaccio, type Verdaccio } from "../verdaccio.ts";
import { type Answer, send } from "../wire.ts";
import { bearer } from "./npm-clients.ts";

const connection = "public:npmjs";
const repository = "proxy";
/** A public package of no importance, whose name is claimed here. */
const claimed = "is-odd";

export async function npmProxy(stage: Stage): Promise<void> {
  await inFrontOfThePublicRegistry(stage);
  await inFrontOfVerdaccio(stage);
}

async function inFrontOfThePublicRegistry(stage: Stage): Promise<void> {
  const { checks } = stage;
  const trouble = await publicRegistryTrouble(stage);
  if (trouble !== undefined) return checks.skip("express and its tree from the public registry", trouble);
  const domain = await createDomain(await stage.target());
  await domain.createRepository({ name: repository, connection });
  const registry = await domain.registry(repository);
  for (const client of clients) await installsExpress(stage, client, registry);
  await keepsTheNamesApart(stage, domain, registry);
}

/** Undefined when npm, as this machine is set up, reaches its registry. */
async function publicRegistryTrouble({ folder }: Stage): Promise<string | undefined> {
  const env = { ...plainEnv(), PATH: `${nodeFolder}:${plainPath()}` };
  const result = await run(["npm", "view", "express", "version"], { cwd: folder, env, timeoutMs: 60_000 });
  return result.code === 0 ? undefined : `npm does not reach its registry: ${lastLine(result.output)}`;
}

async function installsExpress({ checks, folder }: Stage, client: Client, registry: Registry): Promise<void> {
  await checks.check(
    `${client.name} installs express and its tree through the proxy, and it serves`,
    async () => {
      const place = await client.open(join(folder, client.name), registry);
      const project = place.project("project");
      writeFiles(project, { "main.mjs": server });
      succeeded(await place.add(project, ["express@5"]));
      assert.match(succeeded(await place.execute(project, "main.mjs")).stdout, /answered: 200 hello/);
    },
  );
}

const server = `
import express from "express";
const app = express().get("/", (request, response) => response.send("hello"));
const server = app.listen(0, "127.0.0.1", async () => {
  const answer = await fetch("http://127.0.0.1:" + server.address().port);
  console.log("answered:", answer.status, await answer.text());
  process.exit(0);
});
`;

async function keepsTheNamesApart(
  { checks, folder }: Stage,
  domain: Domain,
  registry: Registry,
): Promise<void> {
  const place = await npm.open(join(folder, "names"), registry);
  const published = (name: string, version: string) =>
    place.publish(writePackage(join(place.folder, `${name}-${version}`), { name, version, says: "ours" }));
  await checks.check("an own package publishes and installs beside express", async () => {
    const name = newName("own");
    succeeded(await published(name, "1.0.0"));
    const project = place.project("own");
    writeFiles(project, { "main.mjs": speaker(name) });
    succeeded(await place.add(project, [name, "express@5"]));
    assert.match(succeeded(await place.execute(project, "main.mjs")).stdout, /said: ours/);
  });
  await checks.check("a publish of express is refused, saying why", async () => {
    const result = await published("express", "99.0.0");
    failedSaying(
      result,
      /E403/,
      /publish=BLOCK/,
      new RegExp(`'${repository}'`),
      /PutPackageOriginConfiguration/,
    );
    assert.ok(!(await domain.versions(repository, "express")).includes("99.0.0"));
  });
  await checks.check(
    "an outside version of an own package is invisible, and its file says why (2.8, row 2)",
    async () => {
      // The name is known outside, and here it is claimed by publishing before anything came in.
      succeeded(await published(claimed, "99.0.0"));
      const view = await place.run(place.folder, ["view", claimed, "versions", "--json"]);
      assert.deepEqual([JSON.parse(succeeded(view).stdout)].flat(), ["99.0.0"]);
      failedSaying(await place.add(place.project("outside"), [`${claimed}@3.0.1`]), /ETARGET/);
      const hidden = await get(registry, `${claimed}/-/${claimed}-3.0.1.tgz`);
      assert.equal(hidden.status, 404);
      assert.match(String(hidden.headers["x-portcullis-reason"]), /upstream=BLOCK/);
    },
  );
}

async function inFrontOfVerdaccio(stage: Stage): Promise<void> {
  const { checks } = stage;
  const verdaccio = await startVerdaccio(join(stage.folder, "verdaccio"));
  const flags = ["--upstream", `${connection}=${verdaccio.url}`, "--upstream-freshness-ms", "0"];
  const domain = await createDomain(await stage.server("before-verdaccio", { flags }));
  await domain.createRepository({ name: "store", connection });
  await domain.createRepository({ name: repository, upstreams: ["store"] });
  const registry = await domain.registry(repository);
  for (const version of ["1.0.0", "1.1.0"]) {
    await verdaccio.publish({ name: "@outer/inner", version });
    await verdaccio.publish({ name: "outer", version, dependencies: { "@outer/inner": "~1.0.0" } });
  }
  for (const client of clients) {
    await checks.check(
      `${client.name} installs from Verdaccio through a chain of two repositories`,
      async () => {
        const place = await client.open(join(stage.folder, "verdaccio", client.name), registry);
        const project = place.project("project");
        writeFiles(project, { "main.mjs": speaker("outer") });
        succeeded(await place.add(project, ["outer@1.0.0"]));
        const said = succeeded(await place.execute(project, "main.mjs")).stdout;
        assert.match(said, /said: outer 1\.0\.0 < @outer\/inner 1\.0\.0/);
      },
    );
  }
  await checks.check(
    "what was installed is kept where it was asked for and where it came in, and nothing else is",
    async () => {
      for (const name of [repository, "store"]) {
        assert.deepEqual(await domain.versions(name, "outer"), ["1.0.0"], name);
        assert.deepEqual(await domain.versions(name, "@outer/inner"), ["1.0.0"], name);
      }
    },
  );
  await outage(stage, verdaccio, registry, await npm.open(join(stage.folder, "outage"), registry));
}

async function outage(
  { checks }: Stage,
  verdaccio: Verdaccio,
  registry: Registry,
  place: Workplace,
): Promise<void> {
  const locked = place.project("locked");
  writeFiles(locked, { "main.mjs": speaker("outer") });
  const own = newName("during-outage");
  const publish = async (version: string) =>
    succeeded(
      await place.publish(writePackage(join(place.folder, `${own}-${version}`), { name: own, version })),
    );
  const prepared = await checks.check(
    "before the outage: a lock file is written, and an own package published",
    async () => {
      succeeded(await place.add(locked, ["outer@1.0.0"]));
      await publish("1.0.0");
    },
  );
  if (!prepared) return;
  await verdaccio.stop();
  const fresh = (project: string, ...args: string[]) =>
    place.run(project, [...args, "--cache", join(project, "cache")]);
  await checks.check(
    "upstream down: retained versions install from a lock file and by their version",
    async () => {
      succeeded(await fresh(locked, "ci"));
      assert.match(succeeded(await place.execute(locked, "main.mjs")).stdout, /said: outer 1\.0\.0/);
      succeeded(await fresh(place.project("retained"), "install", "outer@1.0.0"));
    },
  );
  await checks.check("upstream down: what is not retained says so, naming the connection", async () => {
    isOutage(await get(registry, "outer/-/outer-1.1.0.tgz"));
    isOutage(await get(registry, "never-asked-for"));
    failedSaying(
      await fresh(place.project("unknown"), "install", "outer@1.1.0", "--fetch-retries=0"),
      /E50[234]|ETARGET/,
    );
  });
  await checks.check("upstream down: an own package still publishes and installs", async () => {
    await publish("1.1.0");
    succeeded(await fresh(place.project("own"), "install", `${own}@1.1.0`));
  });
  await verdaccio.restart();
  await checks.check("upstream back: it is used again within 10 s", async () => {
    await eventually("outer 1.1.0 is served", 10_000, async () => {
      const answer = await get(registry, "outer/-/outer-1.1.0.tgz");
      return answer.status === 200 ? true : undefined;
    });
    succeeded(await fresh(place.project("back"), "install", "outer@1.1.0"));
  });
}

function get(registry: Registry, path: string): Promise<Answer> {
  return send(registry.url + path, { headers: bearer(registry) });
}

/** The contract: 502, 503 or 504, naming the connection. */
function isOutage({ status, text }: Answer): void {
  if (![502, 503, 504].includes(status))
    throw new Error(`status ${status}, wanted 502, 503 or 504: ${text.slice(0, 300)}`);
  assert.match(text, new RegExp(connection));
}
