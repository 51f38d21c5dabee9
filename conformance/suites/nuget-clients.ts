// NuGet with the real nuget.exe: pack, push, install, search, delete, restore, a public feed, refusals, and the matrix of spec 2.8.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { UpdatePackageVersionsStatusCommand } from "@aws-sdk/client-codeartifact";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { build, R, R2, U, type World } from "./nuget-world.ts";

export async function nugetClients(stage: Stage): Promise<void> {
  const world = await build(stage);
  try {
    await commands(world);
    await matrix(world);
    await outage(world);
  } finally {
    world.close();
  }
}

async function commands(world: World): Promise<void> {
  const { stage, pack, push, build: make, install, nuget, restore, listed, fetch } = world;
  const { checks } = stage;
  await checks.check("nuget pack, push, and install with a dependency, in any spelling", async () => {
    const needs = '<dependencies><dependency id="Acme.Kit" version="1.0" /></dependencies>';
    const kit = await pack("Acme.Kit", "1.00.0.0");
    assert.match(succeeded(await push(R, kit)).output, /Your package was pushed/);
    assert.match(succeeded(await push(R, kit)).output, /Your package was pushed/);
    succeeded(await push(R, make("Acme.App", "2.0.0-Beta.1", needs)));
    const { result, folders } = await install(R, "acme.app", "-Prerelease");
    succeeded(result);
    assert.deepEqual(folders, ["Acme.App.2.0.0-Beta.1", "Acme.Kit.1.0.0"]);
  });
  await checks.check("nuget push of a package with its symbols beside it", async () => {
    const type = '<packageTypes><packageType name="SymbolsPackage" /></packageTypes>';
    const file = make("Acme.Symbols", "1.0.0");
    copyFileSync(make("Acme.Symbols", "1.0.0", type), file.replace(/nupkg$/, "snupkg"));
    succeeded(await push(R, file));
    const path = "v3/flat2/acme.symbols/1.0.0/acme.symbols.1.0.0.snupkg";
    assert.equal((await fetch(R, path)).status, 200);
  });
  await checks.check("nuget push of other bytes is a conflict that says so", async () => {
    failedSaying(await push(R, make("Acme.Kit", "1.0.0")), /409/, /already with other content/);
  });
  await checks.check("nuget restore of a packages.config, and nuget search", async () => {
    const { result, folders } = await restore(R, { "Acme.Kit": "1.0.0", "acme.app": "2.0.0-beta.1" });
    succeeded(result);
    assert.equal(folders.length, 2);
    const found = succeeded(await nuget(R, "search", "acme", "-Source", "here")).output;
    assert.match(found, /Acme\.Kit \| 1\.0\.0/);
    assert.doesNotMatch(found, /Acme\.App/);
    assert.match(
      succeeded(await nuget(R, "search", "acme", "-PreRelease", "-Source", "here")).output,
      /Acme\.App \| 2\.0\.0-Beta\.1/,
    );
  });
  await checks.check(
    "nuget delete takes a version off the lists; its file stays for an exact version; it can be listed again",
    async () => {
      succeeded(await push(R, make("Acme.Short", "1.0.0")));
      succeeded(await nuget(R, "delete", "Acme.Short", "1.0.0", "-Source", "here"));
      assert.deepEqual(await listed(R, "Acme.Short"), []);
      const found = await nuget(R, "search", "Acme.Short", "-Source", "here");
      assert.doesNotMatch(found.stdout, /Acme\.Short \| 1/);
      succeeded((await install(R, "Acme.Short", "-Version", "1.0.0")).result);
      assert.equal((await fetch(R, "v3/package/Acme.Short/1.0.0", { method: "POST" })).status, 200);
      assert.deepEqual(await listed(R, "Acme.Short"), ["1.0.0"]);
    },
  );
}

async function matrix(world: World): Promise<void> {
  const { stage, domain, push, build: make, install, restore, listed, publicly, fetch } = world;
  const { checks } = stage;
  await checks.check(
    "rows 1 and 2: what is pushed first is ours, and P's version of it stays invisible",
    async () => {
      succeeded(await push(R, make("Row.One", "1.0.0")));
      assert.equal(await domain.settings(R, "row.one"), "ALLOW/BLOCK");
      publicly("Row.One", "9.9.9");
      assert.deepEqual(await listed(R, "Row.One"), ["1.0.0"]);
      const hidden = await fetch(R, "v3/flat2/row.one/9.9.9/row.one.9.9.9.nupkg");
      assert.equal(hidden.status, 404);
      assert.match(hidden.headers.get("x-portcullis-reason") ?? "", /upstream=BLOCK/);
      const { folders } = await install(R, "Row.One");
      assert.deepEqual(folders, ["Row.One.1.0.0"]);
    },
  );
  await checks.check(
    "row 3: what is installed first from P is theirs; pushing it is refused, naming the rule",
    async () => {
      publicly("Row.Three", "1.0.0");
      succeeded((await install(R, "Row.Three")).result);
      for (const name of [U, R]) {
        assert.equal(await domain.settings(name, "row.three"), "BLOCK/ALLOW");
        assert.deepEqual(await domain.versions(name, "row.three"), ["1.0.0"]);
      }
      failedSaying(await push(R, make("Row.Three", "2.0.0")), /publish=BLOCK/);
    },
  );
  await checks.check("rows 4 and 5: a version that P has is a conflict while it is reachable", async () => {
    publicly("Row.Four", "1.0.0");
    await domain.origin(R, "row.four", "ALLOW", "ALLOW");
    const ours = make("Row.Four", "1.0", "<title>ours</title>");
    failedSaying(await push(R, ours), /already reachable/);
    await domain.origin(R, "row.four", "ALLOW", "BLOCK");
    succeeded(await push(R, ours));
  });
  await checks.check("rows 6, 7, 8 and 10: a group closes a way in, or opens it to some", async () => {
    for (const id of ["Row.Six", "Row.Eight"]) publicly(id, "9.9.9");
    await domain.group("row.six", { EXTERNAL_UPSTREAM: "BLOCK" });
    await domain.group("row.seven", { PUBLISH: "BLOCK" });
    const some = "ALLOW_SPECIFIC_REPOSITORIES";
    await domain.group(
      "row.eight",
      { EXTERNAL_UPSTREAM: some, INTERNAL_UPSTREAM: some },
      {
        EXTERNAL_UPSTREAM: U,
        INTERNAL_UPSTREAM: R,
      },
    );
    succeeded(await push(R, make("Row.Six", "1.0.0")));
    assert.equal(await domain.settings(R, "row.six"), "ALLOW/ALLOW");
    assert.deepEqual(await listed(R, "Row.Six"), ["1.0.0"]);
    failedSaying(await push(R, make("Row.Seven", "1.0.0")), /\/nuget\/\/row\.seven\$/);
    succeeded(await push(U, make("Row.Ten", "1.0.0")));
    await domain.group("row.ten", { INTERNAL_UPSTREAM: "BLOCK" });
    const { result, folders } = await restore(R, { "Row.Six": "1.0.0", "Row.Eight": "9.9.9" });
    succeeded(result);
    assert.equal(folders.length, 2);
    failedSaying(
      (await restore(R2, { "Row.Eight": "9.9.9", "Row.Ten": "1.0.0" })).result,
      /Row\.Eight/,
      /Row\.Ten/,
    );
  });
  await checks.check("rows 9, 12 and 13: settings refuse, hide and keep", async () => {
    await domain.origin(R, "row.twelve", "BLOCK", "BLOCK");
    for (const id of ["Row.Twelve", "Row.Thirteen"]) publicly(id, "1.0.0");
    failedSaying(await push(R, make("Row.Twelve", "2.0.0")), /publish=BLOCK/);
    succeeded((await install(R, "Row.Thirteen")).result);
    publicly("Row.Thirteen", "2.0.0");
    await domain.origin(R, "row.thirteen", "BLOCK", "BLOCK");
    const wanted = { "Row.Twelve": "1.0.0", "Row.Thirteen": "2.0.0" };
    failedSaying((await restore(R, wanted)).result, /Row\.Twelve/, /Row\.Thirteen/);
    assert.deepEqual((await restore(R, { "Row.Thirteen": "1.0.0" })).folders, ["Row.Thirteen.1.0.0"]);
    assert.deepEqual(await listed(R, "Row.Thirteen"), ["1.0.0"]);
  });
  await checks.check("row 11: a name that only looks like a guarded one goes nowhere", async () => {
    await domain.group("acme.client", {});
    publicly("Acme_Client", "1.0.0");
    failedSaying((await install(R, "Acme_Client")).result, /Acme_Client/);
    failedSaying(await push(R, make("Acme-Client", "1.0.0")), /weak association|only looks like/);
  });
  await checks.check(
    "5.1: an Unlisted version is marked and still downloads; an Archived one is gone",
    async () => {
      succeeded(await push(R, make("Status", "1.0.0")));
      for (const [targetStatus, code] of [
        ["Unlisted", 200],
        ["Archived", 404],
      ] as const) {
        const of = { domain: domain.name, repository: R, format: "nuget", package: "Status" } as const;
        await domain.client.send(
          new UpdatePackageVersionsStatusCommand({ ...of, versions: ["1.0"], targetStatus }),
        );
        assert.deepEqual(await listed(R, "Status"), []);
        assert.equal((await fetch(R, "v3/flat2/status/1.0.0/status.1.0.0.nupkg")).status, code);
      }
    },
  );
}

async function outage({ stage, install, listed, publicly, fall, fetch }: World): Promise<void> {
  await stage.checks.check(
    "with the public side down, what is retained installs, and what is not says which connection",
    async () => {
      publicly("Kept", "1.0.0");
      publicly("Missing", "1.0.0");
      succeeded((await install(R, "Kept")).result);
      fall();
      succeeded((await install(R, "Kept")).result);
      assert.deepEqual(await listed(R, "Kept"), ["1.0.0"]);
      const answer = await fetch(R, "v3/registration4/missing/index.json");
      assert.ok(answer.status >= 502 && answer.status <= 504, String(answer.status));
      assert.match(await answer.text(), /public:nuget-org/);
    },
  );
}
