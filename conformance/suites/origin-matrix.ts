// The matrix of spec 2.8 end to end through npm, with Verdaccio as the public registry P.
import assert from "node:assert/strict";
import { DeletePackageVersionsCommand } from "@aws-sdk/client-codeartifact";
import { type Domain, packageKey } from "../api.ts";
import type { Workplace } from "../clients/client.ts";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";
import { bearer } from "./npm-clients.ts";
import { groupRows } from "./origin-groups.ts";
import { build, isHidden, R, R2, type Repository, U, type World } from "./origin-world.ts";

export async function originMatrix(stage: Stage): Promise<void> {
  const world = await build(stage);
  await firstArrivals(world);
  await reachableVersions(world);
  await refusals(world);
  await blocking(world);
  await survival(world);
  await groupRows(world);
}

async function firstArrivals({ stage, domain, P, publish, install, listed, tarball }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 1: what is published first is ours: ALLOW/BLOCK", async () => {
    succeeded(await publish(R, "row-one", "1.0.0"));
    assert.equal(await domain.settings(R, "row-one"), "ALLOW/BLOCK");
    assert.equal(await domain.settings(U, "row-one"), undefined);
  });
  await checks.check("row 2: an outside version of our package stays invisible on every route", async () => {
    await P.publish({ name: "row-one", version: "9.9.9", says: "from P" });
    assert.deepEqual(await listed(R, "row-one"), ["1.0.0"]);
    failedSaying(await install(R, "row-one@9.9.9"), /ETARGET/);
    await isHidden(await tarball(R, "row-one", "9.9.9"), /upstream=BLOCK/);
    assert.match(succeeded(await install(R, "row-one")).output, /added 1 package/);
    assert.deepEqual(await domain.versions(R, "row-one"), ["1.0.0"]);
  });
  await checks.check(
    "row 2, beside it: another repository has made no such claim, and sees the outside version",
    async () => {
      assert.deepEqual(await listed(R2, "row-one"), ["9.9.9"]);
    },
  );
  await checks.check(
    "row 3: what is installed first from outside is theirs: BLOCK/ALLOW in U and in R",
    async () => {
      await P.publish({ name: "row-three", version: "1.0.0" });
      succeeded(await install(R, "row-three@1.0.0"));
      for (const name of [U, R]) {
        assert.equal(await domain.settings(name, "row-three"), "BLOCK/ALLOW", name);
        assert.deepEqual(await domain.versions(name, "row-three"), ["1.0.0"], name);
      }
      assert.equal(await domain.settings(R2, "row-three"), undefined);
      for (const name of [U, R]) {
        const result = await publish(name, "row-three", "2.0.0");
        failedSaying(
          result,
          /E403/,
          /publish=BLOCK/,
          new RegExp(`'${name}'`),
          /PutPackageOriginConfiguration/,
        );
      }
      assert.deepEqual(await listed(R, "row-three"), ["1.0.0"]);
    },
  );
  await checks.check("row 3, beside it: looking alone lets nothing in", async () => {
    await P.publish({ name: "row-looked", version: "1.0.0" });
    assert.deepEqual(await listed(R, "row-looked"), ["1.0.0"]);
    for (const name of [U, R]) assert.equal(await domain.settings(name, "row-looked"), undefined, name);
  });
}

async function reachableVersions({ stage, domain, P, publish, install, listed }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 4: ALLOW/ALLOW refuses a version that P has with 409, and takes another",
    async () => {
      await P.publish({ name: "row-four", version: "1.0.0" });
      await domain.origin(R, "row-four", "ALLOW", "ALLOW");
      const registry = await domain.registry(R);
      failedSaying(await publish(R, "row-four", "1.0.0"), /E409|previously published/);
      assert.deepEqual(await domain.versions(R, "row-four"), []);
      succeeded(await publish(R, "row-four", "1.0.1"));
      assert.deepEqual(await listed(R, "row-four"), ["1.0.0", "1.0.1"], registry.url);
    },
  );
  await checks.check("row 4, beside it: a version that only U holds is reachable too", async () => {
    succeeded(await publish(U, "row-four-u", "1.0.0"));
    await domain.origin(R, "row-four-u", "ALLOW", "ALLOW");
    failedSaying(await publish(R, "row-four-u", "1.0.0"), /E409|previously published/);
    assert.deepEqual(await domain.versions(R, "row-four-u"), []);
  });
  await checks.check(
    "row 5: ALLOW/BLOCK takes a version that P has, and R serves its own bytes",
    async () => {
      await P.publish({ name: "row-five", version: "1.0.0", says: "from P" });
      await domain.origin(R, "row-five", "ALLOW", "BLOCK");
      succeeded(await publish(R, "row-five", "1.0.0"));
      assert.deepEqual(await listed(R, "row-five"), ["1.0.0"]);
      assert.notEqual(
        (await document(domain, R, "row-five")).integrity,
        (await document(domain, R2, "row-five")).integrity,
      );
    },
  );
  await checks.check("row 8, without groups: ALLOW/ALLOW installs through R, and R2 as well", async () => {
    await P.publish({ name: "row-eight", version: "1.0.0" });
    await domain.origin(R, "row-eight", "ALLOW", "ALLOW");
    succeeded(await install(R, "row-eight@1.0.0"));
    succeeded(await install(R2, "row-eight@1.0.0"));
    assert.equal(await domain.settings(R, "row-eight"), "ALLOW/ALLOW");
    assert.equal(await domain.settings(R2, "row-eight"), "BLOCK/ALLOW");
  });
}

async function refusals({ stage, domain, P, publish, install, listed, tarball }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 9: publish=BLOCK refuses a publish, naming the rule", async () => {
    await domain.origin(R, "row-nine", "BLOCK", "ALLOW");
    const result = await publish(R, "row-nine", "1.0.0");
    failedSaying(result, /E403/, /publish=BLOCK/, new RegExp(`'${R}'`), /PutPackageOriginConfiguration/);
    assert.deepEqual(await domain.versions(R, "row-nine"), []);
  });
  await checks.check(
    "row 12: BLOCK/BLOCK on an absent package lets nothing in, and the record stands",
    async () => {
      await P.publish({ name: "row-twelve", version: "1.0.0" });
      await domain.origin(R, "row-twelve", "BLOCK", "BLOCK");
      failedSaying(await publish(R, "row-twelve", "2.0.0"), /E403/, /publish=BLOCK/);
      failedSaying(await install(R, "row-twelve"), /E404|ETARGET|ENOVERSIONS/);
      await isHidden(await tarball(R, "row-twelve", "1.0.0"), /upstream=BLOCK/);
      assert.deepEqual(await listed(R, "row-twelve"), []);
      assert.equal(await domain.settings(R, "row-twelve"), "BLOCK/BLOCK");
      assert.deepEqual(await domain.versions(R, "row-twelve"), []);
    },
  );
}

async function blocking({ stage, domain, P, publish, install, listed, tarball }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 13: what is retained outlives upstream=BLOCK, what is not is gone", async () => {
    for (const version of ["1.0.0", "2.0.0"]) await P.publish({ name: "row-thirteen", version });
    succeeded(await install(R, "row-thirteen@1.0.0"));
    assert.deepEqual(await listed(R, "row-thirteen"), ["1.0.0", "2.0.0"]);
    await domain.origin(R, "row-thirteen", "BLOCK", "BLOCK");
    assert.deepEqual(await listed(R, "row-thirteen"), ["1.0.0"]);
    succeeded(await install(R, "row-thirteen@1.0.0"));
    failedSaying(await install(R, "row-thirteen@2.0.0"), /ETARGET/);
    await isHidden(await tarball(R, "row-thirteen", "2.0.0"), /upstream=BLOCK/);
  });
  await checks.check(
    "row 10, without groups: upstream=BLOCK in R hides what only U holds, and keeps what R has",
    async () => {
      succeeded(await publish(U, "row-ten", "1.0.0"));
      succeeded(await install(R, "row-ten@1.0.0"));
      succeeded(await publish(U, "row-ten", "2.0.0"));
      await domain.origin(R, "row-ten", "ALLOW", "BLOCK");
      assert.deepEqual(await listed(R, "row-ten"), ["1.0.0"]);
      await isHidden(await tarball(R, "row-ten", "2.0.0"), /upstream=BLOCK/);
      succeeded(await install(R, "row-ten@1.0.0"));
      succeeded(await install(R2, "row-ten@2.0.0"));
    },
  );
  await checks.check(
    "2.4.6: where U is blocked, R sees what U already holds and nothing beyond",
    async () => {
      for (const version of ["1.0.0", "2.0.0"]) await P.publish({ name: "behind-u", version });
      succeeded(await install(U, "behind-u@1.0.0"));
      await domain.origin(U, "behind-u", "BLOCK", "BLOCK");
      assert.deepEqual(await listed(R, "behind-u"), ["1.0.0"]);
      succeeded(await install(R, "behind-u@1.0.0"));
      await isHidden(await tarball(R, "behind-u", "2.0.0"), /upstream=BLOCK/);
    },
  );
}

async function survival({ stage, domain, places, publish, listed }: World): Promise<void> {
  await stage.checks.check("row 14: settings outlive the deletion of every version", async () => {
    for (const version of ["1.0.0", "1.1.0"]) succeeded(await publish(R, "row-fourteen", version));
    await domain.origin(R, "row-fourteen", "ALLOW", "ALLOW");
    const how = await deleteVersions(domain, places[R], "row-fourteen", ["1.1.0", "1.0.0"]);
    assert.deepEqual(await domain.versions(R, "row-fourteen"), []);
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/ALLOW", `after ${how}`);
    succeeded(await publish(R, "row-fourteen", "1.0.0"));
    assert.deepEqual(await listed(R, "row-fourteen"), ["1.0.0"]);
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/ALLOW", "after publishing again");
  });
}

/** Through the API where it is there, else through npm. Gives the way taken. */
async function deleteVersions(
  domain: Domain,
  place: Workplace,
  name: string,
  versions: string[],
): Promise<string> {
  const input = { domain: domain.name, repository: R, ...packageKey(name), versions };
  try {
    await domain.client.send(new DeletePackageVersionsCommand(input));
    return "DeletePackageVersions";
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status !== 501) throw error;
  }
  const folder = place.project("unpublishing");
  for (const version of versions)
    succeeded(await place.run(folder, ["unpublish", `${name}@${version}`, "--force"]));
  return "npm unpublish";
}

async function document(
  domain: Domain,
  repository: Repository,
  name: string,
): Promise<{ integrity: string }> {
  const registry = await domain.registry(repository);
  const { text } = await send(registry.url + name, { headers: bearer(registry) });
  const { versions }: { versions: Record<string, { dist: { integrity: string } }> } = JSON.parse(text);
  const version = Object.values(versions)[0];
  if (version === undefined) throw new Error(`no version: ${text}`);
  return version.dist;
}
