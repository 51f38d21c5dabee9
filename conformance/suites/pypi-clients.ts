// Python's own tools: uploads by twine, uv, poetry, flit and hatch; installs by pip, uv and poetry, of own packages and of public ones, with the public side up and down.
import assert from "node:assert/strict";
import { join } from "node:path";
import { createDomain, type Domain, newName } from "../api.ts";
import { eventually } from "../checks.ts";
import type { Registry } from "../clients/client.ts";
import { lastLine } from "../clients/installed.ts";
import {
  installedPip,
  installers,
  openPlace,
  type Publisher,
  type PythonPlace,
  publishers,
  twine,
} from "../clients/python-tools.ts";
import { failedSaying, freePort, plainEnv, plainPath, run, succeeded } from "../processes.ts";
import { moduleOf, startStaticIndex, writeProject } from "../python-packages.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";

const connection = "public:pypi";

export async function pypiClients(stage: Stage): Promise<void> {
  const domain = await createDomain(await stage.target(), "pypi");
  await domain.createRepository({ name: "own" });
  const place = await openPlace(join(stage.folder, "own"), await domain.registry("own"));
  for (const publisher of publishers) await publishes(stage, domain, place, publisher);
  await answersOf(stage, place);
  await yanking(stage, place);
  await fromThePublicIndex(stage);
  await fromAStaticIndex(stage);
}

async function publishes(
  { checks }: Stage,
  domain: Domain,
  place: PythonPlace,
  publisher: Publisher,
): Promise<void> {
  const name = newName(`Demo.${publisher.name}_pkg`);
  const folder = join(place.folder, `project-${publisher.name}`);
  const published = await checks.check(
    `${publisher.name} publishes a wheel and an sdist, and the same again`,
    async () => {
      writeProject(folder, {
        name,
        version: "1.0.0",
        backend: publisher.backend,
        says: `hello from ${name}`,
      });
      succeeded(await publisher.build(place, folder));
      succeeded(await publisher.publish(place, folder));
      const key = name.toLowerCase().replace(/[-_.]+/g, "-");
      assert.deepEqual(await domain.versions("own", key), ["1.0.0"]);
      const page = await simple(place.registry, key);
      assert.equal(page.files.length, 2, page.files.map(({ filename }) => filename).join());
      succeeded(await publisher.publish(place, folder));
    },
  );
  if (!published) return;
  await checks.check(`${publisher.name} shows why other bytes of the same version are refused`, async () => {
    writeProject(folder, { name, version: "1.0.0", backend: publisher.backend, says: "changed" });
    succeeded(await publisher.build(place, folder));
    // hatch says the status only.
    failedSaying(
      await publisher.publish(place, folder),
      publisher.name === "hatch" ? /409/ : /already with other content/,
    );
  });
  for (const installer of installers) {
    await checks.check(`${installer.name} installs what ${publisher.name} published`, async () => {
      const project = `${installer.name.replace(/\W/g, "")}-of-${publisher.name}`;
      succeeded(await installer.install(place, project, [`${name}==1.0.0`]));
      const imported = await installer.importing(place, project, moduleOf(name));
      assert.match(succeeded(imported).stdout, new RegExp(`hello from ${name}`));
    });
  }
}

interface Page {
  readonly versions: readonly string[];
  readonly files: readonly { readonly filename: string; readonly url: string; readonly yanked: unknown }[];
}

const json = "application/vnd.pypi.simple.v1+json";

function get({ url, token }: Registry, path: string, accept = json): Promise<Answer> {
  const headers = { accept, authorization: `Bearer ${token}`, "cache-control": "no-cache" };
  return send(url + path, { headers });
}

async function simple(registry: Registry, name: string): Promise<Page> {
  const { status, text } = await get(registry, `simple/${name}/`);
  assert.equal(status, 200, text);
  return JSON.parse(text) as Page;
}

async function answersOf({ checks }: Stage, place: PythonPlace): Promise<void> {
  await checks.check("8.2.3: JSON, HTML and 406 by what is accepted", async () => {
    const name = newName("forms");
    const folder = writeProject(join(place.folder, "forms"), { name, version: "1.0" });
    succeeded(await twine.build(place, folder));
    succeeded(await twine.publish(place, folder));
    for (const [accept, type] of [
      [json, /^application\/vnd\.pypi\.simple\.v1\+json/],
      ["application/vnd.pypi.simple.v1+html", /^application\/vnd\.pypi\.simple\.v1\+html/],
      ["text/html", /^text\/html/],
      ["*/*", /^text\/html/],
    ] as const)
      assert.match(
        String((await get(place.registry, `simple/${name}/`, accept)).headers["content-type"]),
        type,
      );
    assert.equal((await get(place.registry, `simple/${name}/`, "application/json")).status, 406);
    for (const { url } of (await simple(place.registry, name)).files) {
      const path = url.slice(place.registry.url.length);
      assert.equal((await get(place.registry, path)).status, 200, path);
      const metadata = (await get(place.registry, `${path}.metadata`)).status;
      assert.equal(metadata, path.endsWith(".whl") ? 200 : 404, path);
    }
  });
}

async function yanking({ checks }: Stage, place: PythonPlace): Promise<void> {
  await checks.check(
    "a yanked own version is passed over, and installed by those who name it, with the reason shown",
    async () => {
      const name = newName("yanked");
      for (const version of ["1.0", "2.0"]) {
        const folder = writeProject(join(place.folder, `yank-${version}`), { name, version });
        succeeded(await twine.build(place, folder));
        succeeded(await twine.publish(place, folder));
      }
      const { url, token } = place.registry;
      const { status } = await send(`${url}pypi/${name}/2.0/yank`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: '{"reason":"it leaks"}',
      });
      assert.equal(status, 200);
      const newest = succeeded(await installedPip.install(place, "yanked-newest", [name]));
      assert.match(newest.output, /-1\.0/);
      const pinned = succeeded(await installedPip.install(place, "yanked-pinned", [`${name}==2.0`]));
      assert.match(pinned.output, /it leaks/);
    },
  );
}

/** jinja2 has a dependency with compiled wheels; idna stands for what nobody fetched. */
async function fromThePublicIndex(stage: Stage): Promise<void> {
  const { checks, folder } = stage;
  const trouble = await publicIndexTrouble(stage);
  if (trouble !== undefined) return checks.skip("public packages through a repository", trouble);
  const server = await stage.server("proxy");
  const domain = await createDomain(server, "pypi");
  await domain.createRepository({ name: "store", connection });
  for (const [index, installer] of installers.entries()) {
    const name = `team-${index}`;
    await domain.createRepository({ name, upstreams: ["store"] });
    const place = await openPlace(join(folder, name), await domain.registry(name));
    for (const state of ["cold", "warm"])
      await checks.check(
        `${installer.name} installs jinja2 and its tree through the proxy, ${state}`,
        async () => {
          succeeded(await installer.install(place, state, ["jinja2==3.1.6"]));
          succeeded(await installer.importing(place, state, "jinja2"));
          assert.deepEqual(await domain.versions(name, "jinja2"), ["3.1.6"]);
          assert.equal(await domain.settings(name, "jinja2"), "BLOCK/ALLOW");
        },
      );
  }
  const registry = await domain.registry("team-0");
  await server.stop();
  const nowhere = `http://127.0.0.1:${await freePort()}/simple/`;
  const flags = ["--upstream", `${connection}=${nowhere}`];
  const { port } = new URL(server.endpoint);
  await stage.server("proxy", { flags, port: Number(port) });
  for (const [index, installer] of installers.entries()) {
    const place = await openPlace(join(folder, `team-${index}`), {
      ...registry,
      url: registry.url.replace("team-0", `team-${index}`),
    });
    await checks.check(
      `${installer.name} installs what is retained while the public side is down`,
      async () => {
        succeeded(await installer.install(place, "down", ["jinja2==3.1.6"]));
        succeeded(await installer.importing(place, "down", "jinja2"));
      },
    );
  }
  await checks.check("what is not retained says that the public side is down", async () => {
    const answer = await get(registry, "simple/idna/");
    assert.ok([502, 503, 504].includes(answer.status), answer.text);
    assert.match(answer.text, /public:pypi/);
  });
}

/** Undefined when pip, as this machine is set up, reaches its index. */
async function publicIndexTrouble({ folder }: Stage): Promise<string | undefined> {
  const env = { ...plainEnv(), PATH: plainPath() };
  const command = ["python3", "-m", "pip", "download", "--no-deps", "--no-cache-dir", "-d", folder, "idna"];
  const { code, output } = await run(command, { cwd: folder, env, timeoutMs: 60_000 });
  return code === 0 ? undefined : `pip does not reach its index: ${lastLine(output)}`;
}

async function fromAStaticIndex(stage: Stage): Promise<void> {
  const { checks, folder } = stage;
  const outside = await startStaticIndex();
  try {
    const flags = ["--upstream", `${connection}=${outside.url}`, "--upstream-freshness-ms", "0"];
    const domain = await createDomain(await stage.server("before-static", { flags }), "pypi");
    await domain.createRepository({ name: "team", connection });
    const registry = await domain.registry("team");
    const place = await openPlace(join(folder, "static"), registry);
    outside.publish("Static.Demo", "1.0", "from a static index");
    for (const installer of installers)
      await checks.check(`${installer.name} installs from a plain HTML index through the proxy`, async () => {
        const project = installer.name.replace(/\W/g, "");
        succeeded(await installer.install(place, project, ["static_demo==1.0"]));
        assert.match(
          succeeded(await installer.importing(place, project, "static_demo")).stdout,
          /from a static index/,
        );
      });
    await checks.check("8.2.7: a version that is yanked outside is yanked here", async () => {
      outside.yank("static-demo", "1.0", "bad build");
      await eventually("the flag shows", 10_000, async () => {
        const { files } = await simple(registry, "static-demo");
        return files[0]?.yanked === "bad build" ? true : undefined;
      });
    });
  } finally {
    outside.close();
  }
}
