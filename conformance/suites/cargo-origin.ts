// The matrix of spec 2.8 end to end through cargo, and what remains when the public index falls.
import assert from "node:assert/strict";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { build, isHidden, R, R2, U, type World } from "./cargo-world.ts";

export async function cargoOrigin(stage: Stage): Promise<void> {
  const world = await build(stage);
  try {
    await firstArrivals(world);
    await reachableVersions(world);
    await blocked(world);
    await groups(world);
    await publicYanks(world);
    await outage(world);
  } finally {
    world.close();
  }
}

async function firstArrivals({
  stage,
  domain,
  publicly,
  publish,
  fetch,
  listed,
  download,
}: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "rows 1 and 2: what is published first is ours, and P's version of it stays invisible",
    async () => {
      succeeded(await publish(R, "row-one", "1.0.0"));
      assert.equal(await domain.settings(R, "row-one"), "ALLOW/BLOCK");
      await publicly("row-one", "9.9.9");
      assert.deepEqual(await listed(R, "row-one"), ["1.0.0"]);
      failedSaying(await fetch(R, "row-one@9.9.9"), /failed to select a version/);
      isHidden(await download(R, "row-one", "9.9.9"), /upstream=BLOCK/);
      succeeded(await fetch(R, "row-one"));
      assert.deepEqual(await domain.versions(R, "row-one"), ["1.0.0"]);
      assert.deepEqual(await listed(R2, "row-one"), ["9.9.9"]);
    },
  );
  await checks.check("row 3: what is fetched first from P is theirs: BLOCK/ALLOW in U and in R", async () => {
    await publicly("row-three", "1.0.0");
    assert.deepEqual(await listed(R, "row-three"), ["1.0.0"]);
    assert.equal(await domain.settings(U, "row-three"), undefined, "looking lets nothing in");
    succeeded(await fetch(R, "row-three@1.0.0"));
    for (const name of [U, R] as const) {
      assert.equal(await domain.settings(name, "row-three"), "BLOCK/ALLOW");
      assert.deepEqual(await domain.versions(name, "row-three"), ["1.0.0"]);
      const refused = await publish(name, "row-three", "2.0.0");
      failedSaying(refused, /403/, /publish=BLOCK/, new RegExp(`'${name}'`), /PutPackageOriginConfiguration/);
    }
    assert.equal(await domain.settings(R2, "row-three"), undefined);
  });
}

async function reachableVersions({ stage, domain, publicly, publish, listed }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 4: ALLOW/ALLOW refuses a version that P has, and takes another", async () => {
    await publicly("row-four", "1.0.0");
    await domain.origin(R, "row-four", "ALLOW", "ALLOW");
    failedSaying(await publish(R, "row-four", "1.0.0"), /already (exists|reachable)/);
    assert.deepEqual(await domain.versions(R, "row-four"), []);
    succeeded(await publish(R, "row-four", "1.0.1"));
    assert.deepEqual(await listed(R, "row-four"), ["1.0.0", "1.0.1"]);
  });
  await checks.check(
    "row 5: ALLOW/BLOCK takes a version that P has, and R serves its own bytes",
    async () => {
      await publicly("row-five", "1.0.0");
      await domain.origin(R, "row-five", "ALLOW", "BLOCK");
      succeeded(await publish(R, "row-five", "1.0.0"));
      assert.deepEqual(await domain.versions(R, "row-five"), ["1.0.0"]);
      assert.deepEqual(await listed(R, "row-five"), ["1.0.0"]);
    },
  );
}

async function blocked({ stage, domain, publicly, publish, fetch, listed, download }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "rows 9 and 12: BLOCK refuses a publish, naming the rule, and lets nothing in",
    async () => {
      await publicly("row-twelve", "1.0.0");
      await domain.origin(R, "row-twelve", "BLOCK", "BLOCK");
      const refused = await publish(R, "row-twelve", "2.0.0");
      failedSaying(refused, /403/, /publish=BLOCK/, new RegExp(`'${R}'`), /PutPackageOriginConfiguration/);
      failedSaying(
        await fetch(R, "row-twelve"),
        /no matching package|failed to/,
        /upstream=BLOCK|row-twelve/,
      );
      isHidden(await download(R, "row-twelve", "1.0.0"), /upstream=BLOCK/);
      assert.deepEqual(await listed(R, "row-twelve"), []);
      assert.deepEqual(
        [await domain.settings(R, "row-twelve"), await domain.versions(R, "row-twelve")],
        ["BLOCK/BLOCK", []],
      );
    },
  );
  await checks.check(
    "rows 10 and 13: what is retained outlives upstream=BLOCK, what is not is gone",
    async () => {
      for (const version of ["1.0.0", "2.0.0"]) await publicly("row-thirteen", version);
      succeeded(await fetch(R, "row-thirteen@1.0.0"));
      assert.deepEqual(await listed(R, "row-thirteen"), ["1.0.0", "2.0.0"]);
      await domain.origin(R, "row-thirteen", "BLOCK", "BLOCK");
      assert.deepEqual(await listed(R, "row-thirteen"), ["1.0.0"]);
      succeeded(await fetch(R, "row-thirteen@1.0.0"));
      failedSaying(await fetch(R, "row-thirteen@2.0.0"), /failed to select a version/);
      isHidden(await download(R, "row-thirteen", "2.0.0"), /upstream=BLOCK/);
    },
  );
  await checks.check("row 14: settings outlive the deletion of every version", async () => {
    succeeded(await publish(R, "row-fourteen", "1.0.0"));
    await domain.origin(R, "row-fourteen", "ALLOW", "ALLOW");
    await domain.remove(R, "row-fourteen", ["1.0.0"]);
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/ALLOW");
    succeeded(await publish(R, "row-fourteen", "1.0.0"));
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/ALLOW");
  });
}

async function groups(world: World): Promise<void> {
  const { stage, domain, publicly, publish, fetch, listed, download } = world;
  const { checks } = stage;
  await checks.check(
    "rows 6 and 7: a group that blocks P lets us publish; one that blocks publishing refuses",
    async () => {
      await publicly("row-six", "9.9.9");
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
      succeeded(await publish(R, "row-six", "1.0.0"));
      assert.equal(await domain.settings(R, "row-six"), "ALLOW/ALLOW");
      assert.deepEqual(await listed(R, "row-six"), ["1.0.0"]);
      isHidden(await download(R, "row-six", "9.9.9"), /EXTERNAL_UPSTREAM=BLOCK/);
      await domain.group("row-seven", { PUBLISH: "BLOCK" });
      const refused = await publish(R, "row-seven", "1.0.0");
      failedSaying(refused, /403/, /row-seven\$ has PUBLISH=BLOCK/, /UpdatePackageGroupOriginConfiguration/);
      assert.equal(await domain.settings(R, "row-seven"), undefined);
    },
  );
  await checks.check(
    "row 8: lists let P in through U and into R; R2 is not on one and gets 404",
    async () => {
      await publicly("row-eight", "1.0.0");
      await domain.origin(R, "row-eight", "ALLOW", "ALLOW");
      const specific = "ALLOW_SPECIFIC_REPOSITORIES";
      const modes = { EXTERNAL_UPSTREAM: specific, INTERNAL_UPSTREAM: specific } as const;
      await domain.group("row-eight", modes, { EXTERNAL_UPSTREAM: U, INTERNAL_UPSTREAM: R });
      succeeded(await fetch(R, "row-eight@1.0.0"));
      failedSaying(await fetch(R2, "row-eight"), /no matching package|failed to/);
      isHidden(await download(R2, "row-eight", "1.0.0"), /INTERNAL_UPSTREAM=ALLOW_SPECIFIC_REPOSITORIES/);
      assert.deepEqual(
        [await domain.versions(U, "row-eight"), await domain.versions(R2, "row-eight")],
        [["1.0.0"], []],
      );
    },
  );
  await checks.check(
    "row 10, by a group: INTERNAL_UPSTREAM=BLOCK hides what only U holds, and keeps what R has",
    async () => {
      succeeded(await publish(U, "row-ten", "1.0.0"));
      await domain.origin(R, "row-ten", "ALLOW", "ALLOW");
      succeeded(await fetch(R, "row-ten@1.0.0"));
      succeeded(await publish(U, "row-ten", "2.0.0"));
      assert.deepEqual(await listed(R, "row-ten"), ["1.0.0", "2.0.0"]);
      await domain.group("row-ten", { INTERNAL_UPSTREAM: "BLOCK" });
      assert.deepEqual(await listed(R, "row-ten"), ["1.0.0"]);
      isHidden(await download(R, "row-ten", "2.0.0"), /INTERNAL_UPSTREAM=BLOCK/);
      succeeded(await fetch(R, "row-ten@1.0.0"));
    },
  );
  await lookAlikes(world);
}

async function lookAlikes({
  stage,
  domain,
  P,
  publicly,
  publish,
  fetch,
  listed,
  download,
}: World): Promise<void> {
  await stage.checks.check(
    "row 11: a look-alike of a guarded name is neither published, nor taken in, nor asked for",
    async () => {
      await domain.group("row-eleven", { PUBLISH: "ALLOW" });
      succeeded(await publish(R, "row-eleven", "1.0.0"));
      for (const name of ["row_eleven", "row-e1even"]) {
        await publicly(name, "1.0.0");
        const before = P.asked.length;
        failedSaying(await publish(R, name, "2.0.0"), /403/, /weak association/, /row-eleven\$/);
        failedSaying(await fetch(R, name), /no matching package|failed to/);
        assert.deepEqual(await listed(R, name), []);
        isHidden(await download(R, name, "1.0.0"), /weak association/);
        assert.deepEqual(
          P.asked.slice(before).filter((path) => path.endsWith(`/${name}`)),
          [],
        );
      }
    },
  );
}

async function publicYanks({ stage, P, publicly, fetch }: World): Promise<void> {
  await stage.checks.check(
    "P's yanks are mirrored, also onto what is held, and taken back with P",
    async () => {
      await publicly("yanked-outside", "1.0.0");
      succeeded(await fetch(R, "yanked-outside@1.0.0"));
      P.yank("yanked-outside", "1.0.0", true);
      failedSaying(await fetch(R, "yanked-outside"), /failed to select a version|yanked/);
      P.yank("yanked-outside", "1.0.0", false);
      succeeded(await fetch(R, "yanked-outside"));
    },
  );
}

/** The last: P does not come back. */
async function outage({ stage, P, publicly, fetch, publish }: World): Promise<void> {
  await stage.checks.check(
    "4.5.4: P down: what is retained is served, what is not fails and names the connection",
    async () => {
      for (const name of ["kept-crate", "unheard-crate"]) await publicly(name, "1.0.0");
      succeeded(await fetch(R, "kept-crate@1.0.0"));
      P.fall();
      succeeded(await fetch(R, "kept-crate@1.0.0"));
      succeeded(await fetch(R, "row-one"));
      failedSaying(await fetch(R, "unheard-crate"), /50[234]/, /public:crates-io/);
      failedSaying(await publish(R, "new-crate", "1.0.0"), /50[234]/, /public:crates-io/);
    },
  );
}
