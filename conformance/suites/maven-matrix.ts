// The matrix of spec 2.8 end to end with mvn: a public registry P, U in front of it, R and R2 behind U.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import type { Registry } from "../clients/client.ts";
import { deployFile, getArtifact, type Maven } from "../clients/maven.ts";
import {
  GROUP,
  getJar,
  listed,
  type PublicMaven,
  putRelease,
  startPublicMaven,
  statuses,
} from "../maven-world.ts";
import { failedSaying, type Result, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import type { Answer } from "../wire.ts";

const U = "store";
const R = "team";
const R2 = "other";

interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly P: PublicMaven;
  readonly at: (repository: string) => Registry;
  publish(repository: string, artifact: string, version: string): Promise<Result>;
  install(repository: string, artifact: string, version: string): Promise<Result>;
}

/** `maven` has what its plugins need in its local repository: P has none of them. */
export async function mavenMatrix(stage: Stage, maven: Maven): Promise<void> {
  const P = await startPublicMaven();
  try {
    const server = await stage.server("matrix", {
      flags: ["--upstream", `public:maven-central=${P.url}`, "--upstream-freshness-ms", "0"],
    });
    const domain = await createDomain(server, "maven", GROUP);
    await domain.createRepository({ name: U, connection: "public:maven-central" });
    await domain.createRepository({ name: R, upstreams: [U] });
    await domain.createRepository({ name: R2, upstreams: [U] });
    const world = await openWorld(stage, domain, P, maven);
    await arrivals(world);
    await refusals(world);
    await groups(world);
    await survival(world);
  } finally {
    await P.close();
  }
}

async function openWorld(stage: Stage, domain: Domain, P: PublicMaven, maven: Maven): Promise<World> {
  const registries = new Map<string, Registry>();
  for (const name of [U, R, R2]) registries.set(name, await domain.registry(name));
  const at = (name: string) => registries.get(name) as Registry;
  const jar = join(maven.folder, "matrix.jar");
  writeFileSync(jar, "a jar of the matrix");
  let places = 0;
  return {
    stage,
    domain,
    P,
    at,
    publish: (repository, artifact, version) =>
      deployFile(maven.at(at(repository)), at(repository), [GROUP, artifact, version], jar),
    install: (repository, artifact, version) =>
      getArtifact(
        maven.at(at(repository)),
        `${GROUP}:${artifact}:${version}`,
        join(maven.folder, `matrix-${++places}`),
      ),
  };
}

function isHidden({ status, headers, text }: Answer, rule: RegExp): void {
  assert.equal(status, 404, text);
  assert.match(String(headers["x-portcullis-reason"]), rule);
}

async function arrivals({ stage, domain, P, at, publish, install }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 1: what mvn deploys first is ours: ALLOW/BLOCK", async () => {
    succeeded(await publish(R, "row-one", "1.0"));
    assert.equal(await domain.settings(R, "row-one"), "ALLOW/BLOCK");
  });
  await checks.check("row 2: P's version of our name is neither listed nor installed", async () => {
    P.publish("row-one", "9.9");
    assert.deepEqual(await listed(at(R), "row-one"), ["1.0"]);
    failedSaying(await install(R, "row-one", "9.9"), /row-one/);
    isHidden(await getJar(at(R), "row-one", "9.9"), /upstream=BLOCK/);
    succeeded(await install(R, "row-one", "1.0"));
  });
  await checks.check(
    "row 3: what is installed first from P is theirs in U and in R; our deploy is refused",
    async () => {
      P.publish("row-three", "1.0");
      succeeded(await install(R, "row-three", "1.0"));
      for (const name of [U, R]) assert.equal(await domain.settings(name, "row-three"), "BLOCK/ALLOW", name);
      failedSaying(await publish(R, "row-three", "2.0"), /403/, /publish=BLOCK/, new RegExp(R));
    },
  );
  await checks.check(
    "row 4: ALLOW/ALLOW refuses a version that P has with 409, and takes another",
    async () => {
      P.publish("row-four", "1.0");
      await domain.origin(R, "row-four", "ALLOW", "ALLOW");
      failedSaying(await publish(R, "row-four", "1.0"), /409/, /public:maven-central/);
      succeeded(await publish(R, "row-four", "1.1"));
      assert.deepEqual(await listed(at(R), "row-four"), ["1.0", "1.1"]);
    },
  );
  await checks.check("row 5: ALLOW/BLOCK takes a version that P has, and serves ours", async () => {
    P.publish("row-five", "1.0");
    await domain.origin(R, "row-five", "ALLOW", "BLOCK");
    assert.ok((await putRelease(at(R), "row-five", "1.0", "ours")).status < 300);
    assert.equal((await getJar(at(R), "row-five", "1.0")).text, "ours");
  });
}

async function refusals({ stage, domain, P, at, publish, install }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 9: BLOCK/ALLOW refuses a deploy", async () => {
    await domain.origin(R, "row-nine", "BLOCK", "ALLOW");
    failedSaying(await publish(R, "row-nine", "1.0"), /403/, /publish=BLOCK/);
    assert.deepEqual(await statuses(domain, R, "row-nine"), {});
  });
  await checks.check("row 12: BLOCK/BLOCK on an absent package refuses a deploy and an install", async () => {
    P.publish("row-twelve", "1.0");
    await domain.origin(R, "row-twelve", "BLOCK", "BLOCK");
    assert.equal((await putRelease(at(R), "row-twelve", "2.0")).status, 403);
    failedSaying(await install(R, "row-twelve", "1.0"), /row-twelve/);
    isHidden(await getJar(at(R), "row-twelve", "1.0"), /upstream=BLOCK/);
    assert.deepEqual(await statuses(domain, R, "row-twelve"), {});
    assert.equal(await domain.settings(R, "row-twelve"), "BLOCK/BLOCK");
  });
}

async function groups({ stage, domain, P, at, publish, install }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 6: a group that blocks P leaves ALLOW/ALLOW, and P stays invisible", async () => {
    P.publish("row-six", "9.9");
    await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
    assert.ok((await putRelease(at(R), "row-six", "1.0")).status < 300);
    assert.equal(await domain.settings(R, "row-six"), "ALLOW/ALLOW");
    assert.deepEqual(await listed(at(R), "row-six"), ["1.0"]);
    isHidden(await getJar(at(R), "row-six", "9.9"), /EXTERNAL_UPSTREAM/);
  });
  await checks.check("row 7: a group that blocks publishing refuses a deploy", async () => {
    await domain.group("row-seven", { PUBLISH: "BLOCK" });
    failedSaying(await publish(R, "row-seven", "1.0"), /403/, /PUBLISH/);
  });
  await checks.check(
    "row 8: allowed for U and R, an install through R works, and through R2 it does not",
    async () => {
      P.publish("row-eight", "1.0");
      const specific = "ALLOW_SPECIFIC_REPOSITORIES" as const;
      await domain.group(
        "row-eight",
        { EXTERNAL_UPSTREAM: specific, INTERNAL_UPSTREAM: specific },
        { EXTERNAL_UPSTREAM: U, INTERNAL_UPSTREAM: R },
      );
      isHidden(await getJar(at(R2), "row-eight", "1.0"), /INTERNAL_UPSTREAM/);
      succeeded(await install(R, "row-eight", "1.0"));
      isHidden(await getJar(at(R2), "row-eight", "1.0"), /INTERNAL_UPSTREAM/);
    },
  );
  await checks.check(
    "row 10: a group that blocks upstream repositories: what only U has is 404, R's own is served",
    async () => {
      await putRelease(at(U), "row-ten", "1.0");
      await getJar(at(R), "row-ten", "1.0");
      await putRelease(at(U), "row-ten", "2.0");
      await domain.group("row-ten", { INTERNAL_UPSTREAM: "BLOCK" });
      isHidden(await getJar(at(R), "row-ten", "2.0"), /INTERNAL_UPSTREAM/);
      assert.equal((await getJar(at(R), "row-ten", "1.0")).status, 200);
    },
  );
  await checks.check(
    "row 11: a name that only looks like a guarded one is refused on both ways",
    async () => {
      await domain.group("row_eleven", {});
      P.publish("row.eleven", "1.0");
      assert.equal((await putRelease(at(R), "row.eleven", "2.0")).status, 403);
      assert.equal((await getJar(at(R), "row.eleven", "1.0")).status, 404);
    },
  );
}

async function survival({ stage, domain, P, at, install }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 13: what was retained stays when upstream is blocked, and nothing new comes",
    async () => {
      P.publish("row-thirteen", "1.0");
      P.publish("row-thirteen", "2.0");
      succeeded(await install(R, "row-thirteen", "1.0"));
      await domain.origin(R, "row-thirteen", "BLOCK", "BLOCK");
      assert.deepEqual(await listed(at(R), "row-thirteen"), ["1.0"]);
      assert.equal((await getJar(at(R), "row-thirteen", "1.0")).status, 200);
      isHidden(await getJar(at(R), "row-thirteen", "2.0"), /upstream=BLOCK/);
    },
  );
  await checks.check("row 14: deleting every version leaves the settings", async () => {
    await putRelease(at(R), "row-fourteen", "1.0");
    const before = await domain.settings(R, "row-fourteen");
    await domain.remove(R, "row-fourteen", ["1.0"]);
    assert.ok((await putRelease(at(R), "row-fourteen", "1.0")).status < 300);
    assert.equal(await domain.settings(R, "row-fourteen"), before);
  });
}
