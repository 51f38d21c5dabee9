// Maven, Gradle and coursier over a repository in front of the public registry that Maven here is set to, and with it down.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import type { Registry } from "../clients/client.ts";
import {
  coursierResolves,
  currentMaven,
  deployFile,
  getArtifact,
  gradleResolves,
  type Maven,
  projectOf,
  systemMaven,
} from "../clients/maven.ts";
import { GROUP, listed, request, statuses } from "../maven-world.ts";
import { writeFiles } from "../packages.ts";
import { failedSaying, freePort, succeeded } from "../processes.ts";
import type { Server } from "../server.ts";
import type { Stage } from "../suite.ts";
import { mavenMatrix } from "./maven-matrix.ts";

const CENTRAL = "central";
const APP = "app";
const CONNECTION = "public:maven-central";

interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly app: Registry;
  readonly server: Server;
}

export async function mavenClients(stage: Stage): Promise<void> {
  const server = await stage.server("server");
  const domain = await createDomain(server, "maven", GROUP);
  await domain.createRepository({ name: CENTRAL, connection: CONNECTION });
  await domain.createRepository({ name: APP, upstreams: [CENTRAL] });
  const world: World = { stage, domain, server, app: await domain.registry(APP) };
  const { checks, folder } = stage;
  const trouble = await publicTrouble(world);
  if (trouble !== undefined) return checks.skip("everything that needs Maven's plugins", trouble);

  let system: Maven | undefined;
  await checks.check(
    "the machine's mvn verifies a project whose whole tree, plugins too, comes through: cold",
    async () => {
      const maven = await systemMaven(join(folder, "system"), world.app);
      succeeded(await maven.run(writeProject(join(maven.folder, "project")), "verify"));
      system = maven;
    },
  );
  if (system === undefined) return;
  const first = system;
  let current: Maven | undefined;
  await checks.check(
    "a current Maven comes through, and verifies the project against the warm server",
    async () => {
      const maven = await currentMaven(first, join(folder, "current"), world.app);
      succeeded(await maven.run(writeProject(join(maven.folder, "project")), "verify"));
      current = maven;
    },
  );
  for (const maven of [system, current]) if (maven !== undefined) await deploys(world, maven);
  await others(world, first);
  await mavenMatrix(stage, current ?? first);
  await publicSideDown(world, first);
}

/** Undefined when the connection has an address here and answers. */
async function publicTrouble({ app }: World): Promise<string | undefined> {
  const { status, text } = await request(app, "GET", "junit/junit/maven-metadata.xml");
  return status === 200 ? undefined : `the public registry is not reached: ${status} ${text.slice(0, 300)}`;
}

/** A library with a test, a dependency with a tree, and a main class. */
function writeProject(folder: string, version = "1.0", name = "demo", registry?: Registry): string {
  writeFiles(folder, {
    "pom.xml": projectOf(
      name,
      version,
      [
        ["com.google.guava", "guava", "33.0.0-jre"],
        ["junit", "junit", "4.13.2"],
      ],
      registry,
    ),
    "src/main/java/acme/Demo.java":
      "package acme; public class Demo { public static int size() { return com.google.common.collect.ImmutableList.of(1, 2).size(); } }",
    "src/test/java/acme/DemoTest.java":
      "package acme; public class DemoTest { @org.junit.Test public void counts() { org.junit.Assert.assertEquals(2, Demo.size()); } }",
  });
  return folder;
}

async function deploys({ stage, domain, app }: World, maven: Maven): Promise<void> {
  const { checks } = stage;
  const name = `demo-${maven.version.replaceAll(".", "-")}`;
  const project = join(maven.folder, "deployed");
  const deploy = (version: string) =>
    maven.run(writeProject(project, version, name, app), "deploy", "-DskipTests", "-q");
  await checks.check(
    `mvn ${maven.version} deploys a release, which is Published and closed to the public side`,
    async () => {
      succeeded(await deploy("1.0"));
      assert.deepEqual(await statuses(domain, APP, name), { "1.0": "Published" });
      assert.equal(await domain.settings(APP, name), "ALLOW/BLOCK");
      succeeded(await deploy("1.1"));
      assert.deepEqual(await listed(app, name), ["1.0", "1.1"]);
    },
  );
  await checks.check(
    `mvn ${maven.version} deploys two snapshot builds, which are three versions (8.3.8)`,
    async () => {
      succeeded(await deploy("2.0-SNAPSHOT"));
      succeeded(await deploy("2.0-SNAPSHOT"));
      const held = await statuses(domain, APP, name);
      const builds = Object.keys(held).filter((version) => /^2\.0-\d{8}\.\d{6}-[12]$/.test(version));
      assert.deepEqual(
        builds.map((version) => held[version]),
        ["Unlisted", "Unlisted"],
      );
      assert.equal(held["2.0-SNAPSHOT"], "Published");
      const place = join(maven.folder, "snapshot");
      succeeded(await getArtifact(maven, `${GROUP}:${name}:2.0-SNAPSHOT`, place));
    },
  );
  await checks.check(
    `mvn ${maven.version} tells its user why a release with other bytes is refused`,
    async () => {
      const other = join(maven.folder, "other.jar");
      writeFileSync(other, "other bytes");
      failedSaying(
        await deployFile(maven, app, [GROUP, name, "1.0"], other),
        /409/,
        /already with other content/,
      );
    },
  );
  await checks.check(`mvn ${maven.version} tells its user the rule that refuses a publish`, async () => {
    const jar = join(maven.folder, "mine.jar");
    writeFileSync(jar, "mine");
    failedSaying(
      await deployFile(maven, app, ["com.google.guava", "guava", "99.0"], jar),
      /403/,
      /publish=BLOCK/,
    );
  });
}

async function others({ stage, app }: World, maven: Maven): Promise<void> {
  const { checks, folder } = stage;
  const name = `demo-${maven.version.replaceAll(".", "-")}`;
  await checks.check(
    "Gradle resolves an artifact of ours, its newest by range, and a public tree",
    async () => {
      const files = await gradleResolves(join(folder, "gradle"), app, [
        `${GROUP}:${name}:1.+`,
        "org.slf4j:slf4j-simple:2.0.9",
      ]);
      for (const file of [`${name}-1.1.jar`, "guava-33.0.0-jre.jar", "slf4j-api-2.0.9.jar"])
        assert.ok(files.includes(file), file);
    },
  );
  await checks.check("coursier resolves an artifact of ours, a snapshot, and a public tree", async () => {
    const files = await coursierResolves(maven, join(folder, "coursier"), app, [
      `${GROUP}:${name}:2.0-SNAPSHOT`,
      "org.slf4j:slf4j-simple:2.0.9",
    ]);
    assert.ok(
      files.some((file) => file.startsWith(`${name}-2.0-`)),
      files.join(" "),
    );
    for (const file of ["guava-33.0.0-jre.jar", "slf4j-simple-2.0.9.jar"])
      assert.ok(files.includes(file), file);
  });
}

async function publicSideDown({ stage, domain, server }: World, maven: Maven): Promise<void> {
  await server.stop();
  const nobody = `http://127.0.0.1:${await freePort()}/`;
  const port = Number(new URL(server.endpoint).port);
  await stage.server("server", { port, flags: ["--upstream", `${CONNECTION}=${nobody}`] });
  const app = await domain.registry(APP);
  const { checks, folder } = stage;
  await checks.check(
    "with the public side down, what is retained still builds, from an empty local repository",
    async () => {
      const fresh = await systemMaven(join(folder, "down"), app);
      succeeded(await fresh.run(writeProject(join(fresh.folder, "project")), "verify"));
    },
  );
  await checks.check(
    "with the public side down, what is not retained says so, naming the connection",
    async () => {
      const result = await getArtifact(maven.at(app), "org.slf4j:slf4j-nop:2.0.9", join(folder, "missing"));
      failedSaying(result, /50[234]/);
      const answer = await request(app, "GET", "org/slf4j/slf4j-nop/2.0.9/slf4j-nop-2.0.9.pom");
      assert.ok(answer.status >= 502 && answer.status <= 504, `${answer.status}`);
      assert.match(answer.text, new RegExp(CONNECTION));
    },
  );
}
