// portcullis login for each tool in a fresh HOME, then a real command of that tool: against the server for npm's family,
// against a stub that notes what is asked for with whose token for the others, and Python and cargo against the server too.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createDomain, newName } from "../api.ts";
import { clients } from "../clients/family.ts";
import { startStub } from "../login-stub.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { run, succeeded } from "../processes.ts";
import { program } from "../server.ts";
import type { Stage } from "../suite.ts";
import { realDoors } from "./login-doors.ts";
import { cli, repository, type Scene } from "./login-scene.ts";
import { dryRuns, givenToken, helperAsks } from "./login-tokens.ts";
import { oneTool, trials } from "./login-trials.ts";

export async function login(stage: Stage): Promise<void> {
  const target = await stage.target();
  const { name: domain, ...setup } = await createDomain(target);
  await setup.createRepository({ name: repository });
  const stub = await startStub(target.endpoint, documents);
  const scene: Scene = { stage, stub, target, domain };
  try {
    // The others read the same files.
    for (const name of ["npm-11", "pnpm-12", "yarn-1", "yarn-4", "bun", "deno"]) await npmFamily(scene, name);
    for (const trial of trials) await oneTool(scene, trial);
    await helperAsks(scene);
    await realDoors(scene);
    await givenToken(scene);
    await dryRuns(scene);
  } finally {
    stub.close();
  }
}

/** What clients must read before they send what is looked for. */
function documents(path: string, endpoint: string): string | undefined {
  const [, base, rest] = /^(\/\w+\/d\/[^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
  if (rest === "config.json")
    return JSON.stringify({ dl: `${endpoint}${base}/dl`, api: `${endpoint}${base}`, "auth-required": true });
  if (rest === "v3/index.json")
    return JSON.stringify({
      version: "3.0.0",
      resources: [{ "@id": `${endpoint}${base}/v3/flat/`, "@type": "PackageBaseAddress/3.0.0" }],
    });
  return undefined;
}

async function npmFamily(scene: Scene, name: string): Promise<void> {
  const client = clients.find((each) => each.name === name);
  if (client === undefined) return;
  const tool = name.startsWith("yarn-1")
    ? "yarn-classic"
    : name.startsWith("yarn-4")
      ? "yarn-berry"
      : (name.split("-")[0] ?? "");
  await scene.stage.checks.check(`login ${tool}, and ${name} publishes and installs`, async () => {
    const { stub } = scene;
    const folder = join(scene.stage.folder, name);
    const place = await client.open(folder, { url: `${stub.endpoint}/none/`, token: "none" });
    const home = join(folder, "home");
    // What a user has: settings, but of no registry.
    writeFiles(home, { ".npmrc": "fund=false\naudit=false\nupdate-notifier=false\n" });
    if (existsSync(join(home, ".yarnrc.yml")))
      writeFiles(home, {
        ".yarnrc.yml": "enableGlobalCache: false\nenableTelemetry: false\nnpmMinimalAgeGate: 0\n",
      });
    const before = readFileSync(join(home, ".npmrc"), "utf8");
    succeeded(await cli(scene, place.env, folder, tool));
    const [name1, name2] = [newName(`login-${name}`), `@acme/${newName(`login-${name}`)}`];
    const publisher = client.publishes
      ? place
      : await clients[0]?.open(join(folder, "npm"), await registry(scene));
    assert.ok(publisher);
    succeeded(await publisher.publish(writePackage(join(folder, "p1"), { name: name1, version: "1.0.0" })));
    succeeded(
      await publisher.publish(
        writePackage(join(folder, "p2"), { name: name2, version: "1.0.0", dependencies: { [name1]: "1" } }),
      ),
    );
    const project = place.project("project");
    writeFiles(project, { "main.mjs": speaker(name2) });
    const added = succeeded(await place.add(project, [`${name2}@1.0.0`]));
    assert.match(succeeded(await place.execute(project, "main.mjs")).stdout, new RegExp(`said: ${name2} 1`));
    assert.doesNotMatch(added.output, /unknown .*config|always-auth/i);
    if (tool === "npm") {
      succeeded(await place.run(project, ["ping"]));
      assert.match(succeeded(await place.run(project, ["whoami"])).stdout, /\S/);
    }
    succeeded(await run([program, "logout", tool], { cwd: folder, env: place.env }));
    assert.equal(readFileSync(join(home, ".npmrc"), "utf8"), before);
  });
}

async function registry({ stub, domain }: Scene) {
  const token = stub.issued.at(-1) ?? "";
  return { url: `${stub.endpoint}/npm/d/${domain}-000000000000/${repository}/`, token };
}
