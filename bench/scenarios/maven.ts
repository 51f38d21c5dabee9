// Maven beside a static nginx with the same files: mvn resolves a tree into an empty local repository, and jars are read under load.
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { read } from "../load.ts";
import { cpuMs, has, settle } from "../processes.ts";
import { loadRows, pick } from "../report.ts";
import { type Contestant, newPlace, type Place, type Server, start } from "../servers.ts";
import { alternate, type Stage } from "../stage.ts";

const run = promisify(execFile);
const artifacts = 200;
const jarBytes = 50_000;
const group = "com.bench";
const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:resolve";

/** Path in the layout → bytes; checksum files are left to the servers. */
type Tree = ReadonlyMap<string, Buffer>;

export async function maven(stage: Stage): Promise<void> {
  const ours = stage.registries.find(({ name }) => name === "Portcullis");
  if (!ours || !stage.nginx || !has("mvn")) throw new Error("it needs mvn, nginx and Portcullis");
  const tree = makeTree();
  const local = join(stage.work, "maven-local");
  await prefetch(local);
  const servers = [await startOurs(stage, ours, tree), await startNginx(stage, stage.nginx, tree)];
  try {
    await compareResolving(stage, servers, local);
    await compareReading(stage, servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** A root that needs twenty artifacts, each of which needs nine more; every one with a POM and a jar. */
function makeTree(): Tree {
  const tree = new Map<string, Buffer>();
  for (let i = 1; i <= artifacts; i++) {
    const needs = i % 10 === 1 ? Array.from({ length: 9 }, (_, k) => i + k + 1) : [];
    const path = pathOf(i, "");
    tree.set(`${path}jar`, randomBytes(jarBytes));
    tree.set(`${path}pom`, Buffer.from(pomOf(`a${i}`, needs)));
  }
  return tree;
}

function pathOf(i: number, extension: string): string {
  return `com/bench/a${i}/1.0/a${i}-1.0.${extension}`;
}

function pomOf(artifact: string, needs: readonly number[]): string {
  const list = needs
    .map(
      (n) =>
        `<dependency><groupId>${group}</groupId><artifactId>a${n}</artifactId><version>1.0</version></dependency>`,
    )
    .join("");
  return `<project><modelVersion>4.0.0</modelVersion><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>1.0</version><dependencies>${list}</dependencies></project>`;
}

/** The plugin and what it needs, from the registry that mvn here is set to, so that only the tree is asked of the servers. */
async function prefetch(local: string): Promise<void> {
  const project = join(local, "..", "maven-empty");
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "pom.xml"), pomOf("empty", []));
  await run("mvn", ["-B", "-q", `-Dmaven.repo.local=${local}`, goal], { cwd: project, timeout: 300_000 });
  // Without the note of where a file came from, Maven takes it as at hand whatever repository it is set to.
  for (const file of readdirSync(local, { recursive: true }) as string[])
    if (file.endsWith("_remote.repositories")) rmSync(join(local, file));
}

async function startOurs(stage: Stage, contestant: Contestant, tree: Tree): Promise<Server> {
  const server = await start(contestant, await newPlace(stage.work, "maven-portcullis"));
  const maven = { ...server, registry: server.registry.replace("/npm/", "/maven/") };
  const put = async (path: string, body: Buffer | string): Promise<void> => {
    const init = { method: "PUT", headers: server.publishHeaders, body: body as string };
    const answer = await fetch(maven.registry + path, init);
    if (!answer.ok) throw new Error(`Portcullis refused ${path}: ${answer.status} ${await answer.text()}`);
  };
  for (const [path, body] of tree) await put(path, body);
  for (let i = 1; i <= artifacts; i++) await put(`com/bench/a${i}/maven-metadata.xml`, metadataOf(`a${i}`));
  return maven;
}

function metadataOf(artifact: string): string {
  return `<metadata><groupId>${group}</groupId><artifactId>${artifact}</artifactId><versioning><versions><version>1.0</version></versions></versioning></metadata>`;
}

async function startNginx(stage: Stage, contestant: Contestant, tree: Tree): Promise<Server> {
  const place: Place = await newPlace(stage.work, "maven-nginx");
  for (const [path, body] of tree) {
    const file = join(place.dir, "www", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, body);
    writeFileSync(`${file}.sha1`, createHash("sha1").update(body).digest("hex"));
  }
  return start(contestant, place);
}

async function compareResolving(stage: Stage, servers: Server[], local: string): Promise<void> {
  const samples = await alternate(servers, stage.rounds, (server) => resolveOnce(stage, server, local));
  const scenario = `mvn dependency:resolve of ${artifacts} artifacts, cold client`;
  const less = { scenario, better: "less" as const };
  stage.rows.push(
    { ...less, measure: "s", samples: pick(samples, ({ seconds }) => seconds) },
    { ...less, measure: "server CPU s", samples: pick(samples, ({ cpuSeconds }) => cpuSeconds) },
  );
}

async function resolveOnce(stage: Stage, server: Server, local: string) {
  const project = join(stage.work, `maven-client-${server.name}`);
  mkdirSync(project, { recursive: true });
  const roots = Array.from({ length: artifacts / 10 }, (_, i) => i * 10 + 1);
  writeFileSync(join(project, "pom.xml"), pomOf("root", roots));
  writeFileSync(join(project, "settings.xml"), settingsOf(server, local));
  rmSync(join(local, "com/bench"), { recursive: true, force: true });
  await settle(server.pid);
  const before = { cpu: cpuMs(server.pid), time: performance.now() };
  await run("mvn", ["-B", "-q", "-ntp", "-s", "settings.xml", goal], { cwd: project, timeout: 240_000 });
  const seconds = (performance.now() - before.time) / 1000;
  const found = readdirSync(join(local, "com/bench")).length;
  if (found !== artifacts) throw new Error(`${server.name}: mvn resolved ${found} of ${artifacts} artifacts`);
  return { seconds, cpuSeconds: (cpuMs(server.pid) - before.cpu) / 1000 };
}

function settingsOf({ registry, readHeaders }: Server, local: string): string {
  const token = readHeaders["authorization"]?.replace("Bearer ", "") ?? "none";
  return `<settings><localRepository>${local}</localRepository>
<servers><server><id>bench</id><username>aws</username><password>${token}</password></server></servers>
<mirrors><mirror><id>bench</id><mirrorOf>*</mirrorOf><url>${registry}</url></mirror></mirrors></settings>`;
}

async function compareReading(stage: Stage, servers: Server[]): Promise<void> {
  const whats = [
    { title: "maven jar 50 kB", path: pathOf(1, "jar") },
    { title: "maven pom", path: pathOf(1, "pom") },
    { title: "maven checksum", path: `${pathOf(1, "jar")}.sha1` },
  ];
  for (const { title, path } of whats) {
    const load = (server: Server, seconds: number) => read(server, { path, headers: {} }, 16, seconds);
    for (const server of servers) await load(server, 2);
    stage.rows.push(...loadRows(title, await alternate(servers, stage.rounds, (server) => load(server, 3))));
  }
}
