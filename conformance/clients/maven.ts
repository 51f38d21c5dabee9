// Maven and what else speaks to Maven repositories, each with a HOME, a local repository and settings of its own.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { writeFiles } from "../packages.ts";
import { plainEnv, plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Registry } from "./client.ts";
import { cacheFolder, lastLine } from "./installed.ts";

export const MAVEN = "3.9.11";
const COURSIER = "2.1.24";
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";

/** A way to run Maven against one repository for everything (mirrorOf *). */
export interface Maven {
  readonly version: string;
  readonly folder: string;
  /** Runs it in batch mode, quietly. */
  run(folder: string, ...args: string[]): Promise<Result>;
  /** The same program and local repository against another repository. */
  at(registry: Registry): Maven;
}

const TIMEOUT_MS = 200_000;

/** `program` is a path or a name on the PATH. `local` may be shared by several: what is in it is not asked for again. */
export function openMaven(
  program: string,
  version: string,
  folder: string,
  registry: Registry,
  local = join(folder, "local"),
): Maven {
  const id = createHash("sha256").update(registry.url).digest("hex").slice(0, 8);
  const settings = join(folder, `settings-${id}.xml`);
  writeFiles(folder, { [`settings-${id}.xml`]: settingsOf(registry, local) });
  const env = { ...plainEnv(), PATH: plainPath(), HOME: folder };
  const fixed = ["-B", "-ntp", "-Dstyle.color=never", `-Duser.home=${folder}`, "-s", settings];
  return {
    version,
    folder,
    run: (cwd, ...args) => run([program, ...fixed, ...args], { cwd, env, timeoutMs: TIMEOUT_MS }),
    at: (other) => openMaven(program, version, folder, other, local),
  };
}

function settingsOf({ url, token }: Registry, local: string): string {
  return `<settings><localRepository>${local}</localRepository>
<servers><server><id>pc</id><username>aws</username><password>${token}</password></server></servers>
<mirrors><mirror><id>pc</id><mirrorOf>*</mirrorOf><url>${url}</url></mirror></mirrors></settings>`;
}

/** Throws Skip where the machine has no Maven. */
export async function systemMaven(folder: string, registry: Registry): Promise<Maven> {
  mkdirSync(folder, { recursive: true });
  const { code, output } = await run(["mvn", "--version"], {
    cwd: folder,
    env: { ...plainEnv(), PATH: plainPath() },
  });
  if (code !== 0) throw new Skip(`there is no mvn: ${lastLine(output)}`);
  return openMaven("mvn", /Apache Maven (\d[\w.-]*)/.exec(output)?.[1] ?? "?", folder, registry);
}

/** A current Maven, fetched with the given one through its repository, once. */
export async function currentMaven(with_: Maven, folder: string, registry: Registry): Promise<Maven> {
  const tools = join(cacheFolder, "maven");
  const program = join(tools, `apache-maven-${MAVEN}`, "bin/mvn");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(program)) {
    await copy(with_, `org.apache.maven:apache-maven:${MAVEN}:zip:bin`, tools);
    const unzip = ["unzip", "-q", "-o", join(tools, `apache-maven-${MAVEN}-bin.zip`), "-d", tools];
    succeeded(await run(unzip, { cwd: tools, env: plainEnv() }));
  }
  return openMaven(program, MAVEN, folder, registry);
}

async function copy(maven: Maven, artifact: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const result = await maven.run(
    maven.folder,
    `${COPY}:copy`,
    `-Dartifact=${artifact}`,
    `-DoutputDirectory=${folder}`,
  );
  if (result.code !== 0) throw new Skip(`${artifact} cannot be had: ${errorOf(result)}`);
}

export function errorOf({ output }: Result): string {
  return (/\[ERROR\] (.*)/.exec(output)?.[1] ?? lastLine(output)).slice(0, 400);
}

/** Copies an artifact to a file of `folder`, without what it depends on. */
export function getArtifact(maven: Maven, artifact: string, folder: string): Promise<Result> {
  mkdirSync(folder, { recursive: true });
  return maven.run(folder, `${COPY}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`, "-U");
}

/** Publishes one file with a POM that Maven makes, as `mvn deploy:deploy-file` does. */
export function deployFile(
  maven: Maven,
  registry: Registry,
  [group, artifact, version]: readonly [string, string, string],
  file: string,
): Promise<Result> {
  const place = [`-DgroupId=${group}`, `-DartifactId=${artifact}`, `-Dversion=${version}`, "-Dpackaging=jar"];
  return maven.run(
    maven.folder,
    "org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file",
    ...place,
    `-Dfile=${file}`,
    "-DrepositoryId=pc",
    `-Durl=${registry.url}`,
  );
}

/** Gradle resolves these; gives the names of the files. Throws Skip where there is none. */
export async function gradleResolves(
  folder: string,
  { url, token }: Registry,
  artifacts: readonly string[],
): Promise<string[]> {
  const env = {
    ...plainEnv(),
    PATH: plainPath(),
    HOME: folder,
    GRADLE_USER_HOME: join(folder, "gradle-home"),
  };
  mkdirSync(folder, { recursive: true });
  const { code, output } = await run(["gradle", "--version"], { cwd: folder, env });
  if (code !== 0) throw new Skip(`there is no gradle: ${lastLine(output)}`);
  const old = Number(/Gradle (\d+)/.exec(output)?.[1] ?? 0) < 7;
  const lines = artifacts.map((artifact) => `${old ? "compile" : "implementation"} '${artifact}'`).join("\n");
  writeFiles(folder, {
    "settings.gradle": "",
    "build.gradle": `apply plugin: 'java'
repositories { maven { url '${url}'; ${old ? "" : "allowInsecureProtocol = true;"} credentials { username 'aws'; password '${token}' } } }
dependencies { ${lines} }
task show { doLast { configurations.compileClasspath.files.each { println 'file: ' + it.name } } }
`,
  });
  const result = succeeded(
    await run(["gradle", "--no-daemon", "-q", "show"], { cwd: folder, env, timeoutMs: TIMEOUT_MS }),
  );
  return [...result.stdout.matchAll(/^file: (.*)$/gm)].map(([, name]) => name as string);
}

/** Coursier, whose own tree Maven fetches through the repository once, resolves these; gives the files' names. */
export async function coursierResolves(
  maven: Maven,
  folder: string,
  { url, token }: Registry,
  artifacts: readonly string[],
): Promise<string[]> {
  const tools = join(cacheFolder, `coursier-${COURSIER}`);
  if (!existsSync(join(tools, "done"))) {
    writeFiles(tools, {
      "pom.xml": projectOf("coursier", "1", [["io.get-coursier", "coursier-cli_2.13", COURSIER]]),
    });
    const result = await maven.run(
      tools,
      `${COPY}:copy-dependencies`,
      `-DoutputDirectory=${join(tools, "jars")}`,
    );
    if (result.code !== 0) throw new Skip(`coursier cannot be had: ${errorOf(result)}`);
    writeFileSync(join(tools, "done"), "");
  }
  mkdirSync(folder, { recursive: true });
  const env = {
    ...plainEnv(),
    PATH: plainPath(),
    HOME: folder,
    COURSIER_CACHE: join(folder, "cache"),
    COURSIER_REPOSITORIES: url,
    COURSIER_CREDENTIALS: `${new URL(url).hostname} aws:${token}`,
  };
  const command = ["java", "-cp", join(tools, "jars/*"), "coursier.cli.Coursier", "fetch", ...artifacts];
  const result = succeeded(await run(command, { cwd: folder, env, timeoutMs: TIMEOUT_MS }));
  return result.stdout
    .trim()
    .split("\n")
    .map((path) => path.slice(path.lastIndexOf("/") + 1));
}

export type Coordinates = readonly [group: string, artifact: string, version: string];

/** A project's POM. `registry` is where `mvn deploy` puts it. */
export function projectOf(
  artifact: string,
  version: string,
  dependencies: readonly Coordinates[],
  registry?: Registry,
): string {
  const place = (name: string) => `<${name}><id>pc</id><url>${registry?.url}</url></${name}>`;
  const distribution =
    registry === undefined
      ? ""
      : `<distributionManagement>${place("repository")}${place("snapshotRepository")}</distributionManagement>`;
  const list = dependencies
    .map(
      ([g, a, v]) =>
        `<dependency><groupId>${g}</groupId><artifactId>${a}</artifactId><version>${v}</version>${a === "junit" ? "<scope>test</scope>" : ""}</dependency>`,
    )
    .join("");
  return `<project><modelVersion>4.0.0</modelVersion>
<groupId>com.acme</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
<properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies>${list}</dependencies>${distribution}</project>
`;
}
