// The rows of spec 2.8 that package groups decide, end to end through npm; each row has a group of its own name.
import assert from "node:assert/strict";
import { DeletePackageGroupCommand } from "@aws-sdk/client-codeartifact";
import { packageKey, patternOf } from "../api.ts";
import { failedSaying, succeeded } from "../processes.ts";
import { isHidden, R, R2, U, type World } from "./origin-world.ts";

export async function groupRows(world: World): Promise<void> {
  await publishing(world);
  await lists(world);
  await entering(world);
  await lookAlikes(world);
}

async function publishing({ stage, domain, P, publish, listed, tarball }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 6: a group that blocks P lets us publish, ALLOW/ALLOW, and P stays invisible",
    async () => {
      await P.publish({ name: "row-six", version: "9.9.9" });
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
      succeeded(await publish(R, "row-six", "1.0.0"));
      assert.equal(await domain.settings(R, "row-six"), "ALLOW/ALLOW");
      assert.deepEqual(await listed(R, "row-six"), ["1.0.0"]);
      await isHidden(await tarball(R, "row-six", "9.9.9"), /EXTERNAL_UPSTREAM=BLOCK/);
    },
  );
  await checks.check(
    "row 6, beside it: opening the group shows P at once, closing it hides P at once",
    async () => {
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "INHERIT" });
      assert.deepEqual(await listed(R, "row-six"), ["1.0.0", "9.9.9"]);
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
      assert.deepEqual(await listed(R, "row-six"), ["1.0.0"]);
    },
  );
  await checks.check(
    "row 7: a group that blocks publishing refuses, naming itself and the call",
    async () => {
      await domain.group("row-seven", { PUBLISH: "BLOCK" });
      const result = await publish(R, "row-seven", "1.0.0");
      failedSaying(result, /E403/, /row-seven\$ has PUBLISH=BLOCK/, /UpdatePackageGroupOriginConfiguration/);
      assert.deepEqual(await domain.versions(R, "row-seven"), []);
      assert.equal(await domain.settings(R, "row-seven"), undefined);
    },
  );
}

async function lists({ stage, domain, P, install, listed, tarball }: World): Promise<void> {
  await stage.checks.check(
    "row 8: lists let P in through U and into R; R2 is not on one and gets 404",
    async () => {
      const name = "row-eight-listed";
      await P.publish({ name, version: "1.0.0" });
      await domain.origin(R, name, "ALLOW", "ALLOW");
      const specific = "ALLOW_SPECIFIC_REPOSITORIES";
      await domain.group(
        name,
        { EXTERNAL_UPSTREAM: specific, INTERNAL_UPSTREAM: specific },
        { EXTERNAL_UPSTREAM: U, INTERNAL_UPSTREAM: R },
      );
      succeeded(await install(R, `${name}@1.0.0`));
      failedSaying(await install(R2, name), /E404/);
      assert.deepEqual(await listed(R2, name), []);
      await isHidden(await tarball(R2, name, "1.0.0"), /INTERNAL_UPSTREAM=ALLOW_SPECIFIC_REPOSITORIES/);
      assert.deepEqual([await domain.versions(U, name), await domain.versions(R2, name)], [["1.0.0"], []]);
    },
  );
}

async function entering({ stage, domain, publish, install, listed, tarball }: World): Promise<void> {
  await stage.checks.check(
    "row 10: INTERNAL_UPSTREAM=BLOCK hides what only U holds, and keeps what R has",
    async () => {
      const name = "row-ten-group";
      succeeded(await publish(U, name, "1.0.0"));
      await domain.origin(R, name, "ALLOW", "ALLOW");
      succeeded(await install(R, `${name}@1.0.0`));
      succeeded(await publish(U, name, "2.0.0"));
      assert.deepEqual(await listed(R, name), ["1.0.0", "2.0.0"]);
      await domain.group(name, { INTERNAL_UPSTREAM: "BLOCK" });
      assert.deepEqual(await listed(R, name), ["1.0.0"]);
      await isHidden(await tarball(R, name, "2.0.0"), /INTERNAL_UPSTREAM=BLOCK/);
      succeeded(await install(R, `${name}@1.0.0`));
      failedSaying(await install(R, `${name}@2.0.0`), /ETARGET/);
    },
  );
}

async function lookAlikes({ stage, domain, P, publish, install, listed, tarball }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 11: a look-alike of a guarded name is neither published nor taken in", async () => {
    await domain.group("row-eleven", { PUBLISH: "ALLOW" });
    succeeded(await publish(R, "row-eleven", "1.0.0"));
    for (const name of ["row.eleven", "row_eleven", "row-e1even"]) {
      await P.publish({ name, version: "1.0.0" });
      failedSaying(await publish(R, name, "2.0.0"), /E403/, /weak association/, /row-eleven\$/);
      failedSaying(await install(R, name), /E404/);
      assert.deepEqual(await listed(R, name), []);
      await isHidden(await tarball(R, name, "1.0.0"), /weak association/);
      assert.equal(await domain.settings(U, name), undefined);
    }
  });
  await checks.check(
    "row 11, beside it: a group of its own frees the name, and deleting that binds it again",
    async () => {
      await domain.group("row.eleven", {});
      succeeded(await install(R, "row.eleven@1.0.0"));
      await P.publish({ name: "row.eleven", version: "2.0.0" });
      assert.deepEqual(await listed(R, "row.eleven"), ["1.0.0", "2.0.0"]);
      const { client, name } = domain;
      await client.send(
        new DeletePackageGroupCommand({ domain: name, packageGroup: patternOf(packageKey("row.eleven")) }),
      );
      assert.deepEqual(await listed(R, "row.eleven"), ["1.0.0"]);
    },
  );
}
