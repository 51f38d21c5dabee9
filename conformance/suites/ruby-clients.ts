// Gems with the real gem and bundler: push, install, list, yank, a Gemfile, public gems, refusals, and the matrix of spec 2.8.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpdatePackageVersionsStatusCommand } from "@aws-sdk/client-codeartifact";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { build, R, R2, U, type World } from "./ruby-world.ts";

export async function rubyClients(stage: Stage): Promise<void> {
  const world = await build(stage);
  try {
    await commands(world);
    await bundler(world);
    await matrix(world);
    await outage(world);
  } finally {
    world.close();
  }
}

async function commands({
  stage,
  build: make,
  push,
  yank,
  install,
  gem,
  fetch,
  domain,
}: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "gem push, install with a dependency, and push of the same and of other bytes",
    async () => {
      const kit = await make("kit", "1.0.0");
      assert.match(succeeded(await push(R, kit)).output, /Successfully registered gem: kit \(1\.0\.0\)/);
      succeeded(await push(R, await make("app", "1.0.0", 's.add_dependency "kit", ">= 1.0", "< 2"')));
      assert.match(
        succeeded(await install(R, "app")).output,
        /installed kit-1\.0\.0[\s\S]*installed app-1\.0\.0/,
      );
      assert.match(succeeded(await push(R, kit)).output, /was there already/);
      const other = await make("kit", "1.0.0", 's.description = "other"');
      const refused = await push(R, other);
      assert.match(refused.output, /has the asset 'kit-1\.0\.0\.gem' already with other content/);
    },
  );
  await checks.check("gem list, search, specification and fetch read the older indexes", async () => {
    succeeded(await push(R, await make("kit", "1.1.0.rc1")));
    assert.match(succeeded(await gem(R, "list", "-r", "^kit$")).stdout, /^kit \(1\.0\.0\)$/m);
    assert.match(
      succeeded(await gem(R, "list", "-r", "-a", "--pre", "^kit$")).stdout,
      /kit \(1\.1\.0\.rc1, 1\.0\.0\)/,
    );
    const spec = succeeded(await gem(R, "specification", "-r", "app")).stdout;
    assert.match(spec, /name: kit[\s\S]*">="[\s\S]*version: '1\.0'[\s\S]*"<"[\s\S]*version: '2'/);
    assert.match(succeeded(await gem(R, "fetch", "app")).output, /Downloaded app-1\.0\.0/);
  });
  await checks.check(
    "gem yank takes a version out of the indexes; its file stays for lock files",
    async () => {
      succeeded(await push(R, await make("short", "1.0.0")));
      assert.match(
        succeeded(await yank(R, "short", "1.0.0")).output,
        /Successfully deleted gem: short \(1\.0\.0\)/,
      );
      const gone = await install(R, "short");
      failedSaying(gone, /Could not find a valid gem 'short'/);
      assert.equal((await fetch(R, "gems/short-1.0.0.gem")).status, 200);
    },
  );
  await checks.check("gem install without credentials is told so", async () => {
    const { url } = await domain.registry(R);
    const answer = await globalThis.fetch(`${url}info/kit`);
    assert.equal(answer.status, 401);
  });
}

async function bundler({ stage, build: make, push, bundle, url, domain }: World): Promise<void> {
  await stage.checks.check(
    "bundle install of a Gemfile, again from its lock file, and a new version after bundle update",
    async () => {
      succeeded(await push(R, await make("tool", "1.0.0", 's.add_dependency "kit", "~> 1.0"')));
      const folder = join(stage.folder, "work", "project");
      mkdirSync(folder);
      const { token } = await domain.registry(R);
      const address = await url(R);
      writeFileSync(join(folder, "Gemfile"), `source "${address}"\ngem "tool"\n`);
      succeeded(await bundle(folder, "config", "set", "--local", address, `aws:${token}`));
      succeeded(await bundle(folder, "config", "set", "--local", "path", join(folder, "vendor")));
      succeeded(await bundle(folder, "install"));
      const lock = readFileSync(join(folder, "Gemfile.lock"), "utf8");
      assert.match(lock, /kit \(1\.0\.0\)[\s\S]*tool \(1\.0\.0\)/);
      assert.equal(
        succeeded(await bundle(folder, "exec", "ruby", "-e", "require 'tool'")).stdout,
        "tool 1.0.0\n",
      );
      succeeded(await push(R, await make("kit", "1.2.0")));
      succeeded(await bundle(folder, "install"));
      assert.match(readFileSync(join(folder, "Gemfile.lock"), "utf8"), /kit \(1\.0\.0\)/);
      succeeded(await bundle(folder, "update"));
      assert.match(readFileSync(join(folder, "Gemfile.lock"), "utf8"), /kit \(1\.2\.0\)/);
    },
  );
}

async function matrix(world: World): Promise<void> {
  const { stage, domain, build: make, push, install, listed, publicly, fetch } = world;
  const { checks } = stage;
  await checks.check(
    "rows 1 and 2: what is pushed first is ours, and P's version of it stays invisible",
    async () => {
      succeeded(await push(R, await make("row-one", "1.0.0")));
      assert.equal(await domain.settings(R, "row-one"), "ALLOW/BLOCK");
      await publicly("row-one", "9.9.9");
      assert.deepEqual(await listed(R, "row-one"), ["1.0.0"]);
      const hidden = await fetch(R, "gems/row-one-9.9.9.gem");
      assert.equal(hidden.status, 404);
      assert.match(hidden.headers.get("x-portcullis-reason") ?? "", /upstream=BLOCK/);
      assert.match(succeeded(await install(R, "row-one")).output, /row-one-1\.0\.0/);
      failedSaying(await install(R, "row-one", "-v", "9.9.9"), /Could not find a valid gem/);
    },
  );
  await checks.check(
    "row 3: what is installed first from P is theirs; pushing it is refused, naming the rule",
    async () => {
      await publicly("row-three", "1.0.0");
      succeeded(await install(R, "row-three"));
      for (const name of [U, R]) {
        assert.equal(await domain.settings(name, "row-three"), "BLOCK/ALLOW");
        assert.deepEqual(await domain.versions(name, "row-three"), ["1.0.0"]);
      }
      const refused = await push(R, await make("row-three", "2.0.0"));
      assert.match(refused.output, /publish=BLOCK/);
      assert.match(refused.output, /PutPackageOriginConfiguration/);
    },
  );
  await checks.check("rows 4 and 5: a version that P has is a conflict while it is reachable", async () => {
    await publicly("row-four", "1.0.0");
    await domain.origin(R, "row-four", "ALLOW", "ALLOW");
    const taken = await make("row-four", "1.0.0", 's.description = "ours"');
    assert.match((await push(R, taken)).output, /already reachable/);
    await domain.origin(R, "row-four", "ALLOW", "BLOCK");
    succeeded(await push(R, taken));
  });
  await checks.check(
    "rows 6 and 8: a group closes the outside, or opens it to named repositories",
    async () => {
      await publicly("row-six", "9.9.9");
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
      succeeded(await push(R, await make("row-six", "1.0.0")));
      assert.equal(await domain.settings(R, "row-six"), "ALLOW/ALLOW");
      assert.deepEqual(await listed(R, "row-six"), ["1.0.0"]);
      await publicly("row-eight", "1.0.0");
      await domain.group(
        "row-eight",
        {
          EXTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES",
          INTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES",
        },
        { EXTERNAL_UPSTREAM: U, INTERNAL_UPSTREAM: R },
      );
      succeeded(await install(R, "row-eight"));
      assert.deepEqual(await listed(R2, "row-eight"), []);
      failedSaying(await install(R2, "row-eight"), /Could not find a valid gem/);
    },
  );
  await checks.check("row 7: a group closes publishing", async () => {
    await domain.group("row-seven", { PUBLISH: "BLOCK" });
    assert.match((await push(R, await make("row-seven", "1.0.0"))).output, /PUBLISH=BLOCK/);
    assert.deepEqual(await listed(R, "row-seven"), []);
  });
  await checks.check(
    "row 10: what only U has does not come while the inside is closed; what R has stays",
    async () => {
      for (const version of ["1.0.0", "2.0.0"]) succeeded(await push(U, await make("row-ten", version)));
      await domain.origin(R, "row-ten", "ALLOW", "ALLOW");
      succeeded(await install(R, "row-ten", "-v", "1.0.0"));
      await domain.group("row-ten", { INTERNAL_UPSTREAM: "BLOCK" });
      succeeded(await install(R, "row-ten", "-v", "1.0.0"));
      failedSaying(await install(R, "row-ten", "-v", "2.0.0"), /Could not find a valid gem/);
    },
  );
  await checks.check("row 14: deleting every version leaves the settings", async () => {
    succeeded(await push(R, await make("row-fourteen", "1.0.0")));
    await domain.remove(R, "row-fourteen", ["1.0.0"]);
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/BLOCK");
    succeeded(await push(R, await make("row-fourteen", "1.0.0", 's.description = "again"')));
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/BLOCK");
  });
  await checks.check("rows 9, 12 and 13: settings refuse, hide and keep", async () => {
    await domain.origin(R, "row-twelve", "BLOCK", "BLOCK");
    await publicly("row-twelve", "1.0.0");
    assert.match((await push(R, await make("row-twelve", "2.0.0"))).output, /publish=BLOCK/);
    failedSaying(await install(R, "row-twelve"), /Could not find a valid gem/);
    await publicly("row-thirteen", "1.0.0");
    succeeded(await install(R, "row-thirteen"));
    await publicly("row-thirteen", "2.0.0");
    await domain.origin(R, "row-thirteen", "BLOCK", "BLOCK");
    assert.match(succeeded(await install(R, "row-thirteen")).output, /row-thirteen-1\.0\.0/);
    assert.deepEqual(await listed(R, "row-thirteen"), ["1.0.0"]);
  });
  await checks.check("row 11: a name that only looks like a guarded one goes nowhere", async () => {
    await domain.group("acme-client", {});
    await publicly("acme_client", "1.0.0");
    failedSaying(await install(R, "acme_client"), /Could not find a valid gem/);
    assert.match(
      (await push(R, await make("acme.client", "1.0.0"))).output,
      /weak association|only looks like/,
    );
  });
  await checks.check(
    "5.1: an Unlisted version is not listed and still downloads; an Archived one is gone",
    async () => {
      succeeded(await push(R, await make("status", "1.0.0")));
      for (const [targetStatus, code] of [
        ["Unlisted", 200],
        ["Archived", 404],
      ] as const) {
        await domain.client.send(
          new UpdatePackageVersionsStatusCommand({
            domain: domain.name,
            repository: R,
            format: "ruby",
            package: "status",
            versions: ["1.0.0"],
            targetStatus,
          }),
        );
        assert.deepEqual(await listed(R, "status"), []);
        assert.equal((await fetch(R, "gems/status-1.0.0.gem")).status, code);
      }
    },
  );
}

async function outage({ stage, install, listed, publicly, fall, fetch }: World): Promise<void> {
  await stage.checks.check(
    "with the public side down, what is retained installs, and what is not says which connection",
    async () => {
      await publicly("kept", "1.0.0");
      await publicly("missing", "1.0.0");
      succeeded(await install(R, "kept"));
      fall();
      succeeded(await install(R, "kept"));
      assert.deepEqual(await listed(R, "kept"), ["1.0.0"]);
      const answer = await fetch(R, "info/missing");
      assert.ok(answer.status >= 502 && answer.status <= 504, String(answer.status));
      assert.match(await answer.text(), /public:ruby-gems-org/);
      assert.notEqual((await install(R, "missing")).code, 0);
    },
  );
}
