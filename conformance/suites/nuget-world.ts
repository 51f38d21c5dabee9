// Where NuGet is played: repositories R and R2 behind U, a public V3 feed P on this machine, and the real nuget.exe on mono.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { createDomain, type Domain } from "../api.ts";
import { Skip } from "../checks.ts";
import { installed } from "../clients/installed.ts";
import { plainEnv, type Result, run } from "../processes.ts";
import type { Stage } from "../suite.ts";

export const U = "upper";
export const R = "packages";
export const R2 = "others";

export interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  /** Any nuget command, with the repository as the only source. */
  nuget(repository: string, ...args: string[]): Promise<Result>;
  /** `nuget pack` of a .nuspec; gives the file. */
  pack(id: string, version: string, more?: string): Promise<string>;
  /** A package's file made without nuget, for what need not be its. */
  build(id: string, version: string, more?: string): string;
  push(repository: string, ...files: string[]): Promise<Result>;
  /** `nuget install` into an empty folder; what came of it. */
  install(repository: string, id: string, ...args: string[]): Promise<Installed>;
  /** `nuget restore` of a packages.config into an empty folder. */
  restore(repository: string, packages: Readonly<Record<string, string>>): Promise<Installed>;
  /** What the registration lists, and does not mark as unlisted. */
  listed(repository: string, id: string): Promise<string[]>;
  fetch(repository: string, path: string, init?: RequestInit): Promise<Response>;
  publicly(id: string, version: string, more?: string): void;
  /** P cuts every connection from now on. */
  fall(): void;
  close(): void;
}

export interface Installed {
  readonly result: Result;
  /** `Kit.1.0.0` */
  readonly folders: readonly string[];
}

interface PublicPackage {
  readonly id: string;
  readonly version: string;
  readonly bytes: Buffer;
}

export async function build(stage: Stage): Promise<World> {
  const work = join(stage.folder, "work");
  mkdirSync(work, { recursive: true });
  const exe = join(await installed("nuget-exe@5.8.0"), "nuget-exe", "nuget-5.8.0.exe");
  let places = 0;
  const place = (): string => {
    const folder = join(work, `place-${++places}`);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  /** A home of its own each time: nuget.exe keeps service indexes and packages there. */
  const tool = (args: readonly string[], cwd: string) =>
    run(["mono", exe, ...args, "-NonInteractive"], { cwd, env: { ...plainEnv(), HOME: place() } });
  const mono = await run(["mono", "--version"], { cwd: work, env: plainEnv() });
  if (mono.code !== 0) throw new Skip(`there is no mono: ${mono.output}`);

  const packages: PublicPackage[] = [];
  let down = false;
  const P = createServer((req, res) => {
    if (down) return void req.socket.destroy();
    const found = documents(`http://127.0.0.1:${port}/`, packages).get(req.url ?? "");
    return void (found === undefined ? res.writeHead(404).end() : res.end(found));
  });
  await new Promise<void>((resolve) => P.listen(0, "127.0.0.1", resolve));
  const { port } = P.address() as AddressInfo;
  const server = await stage.server("nuget", {
    flags: [
      "--upstream",
      `public:nuget-org=http://127.0.0.1:${port}/v3/index.json`,
      "--upstream-freshness-ms",
      "0",
    ],
  });
  const domain = await createDomain(server, "nuget");
  await domain.createRepository({ name: U, connection: "public:nuget-org" });
  await domain.createRepository({ name: R, upstreams: [U] });
  await domain.createRepository({ name: R2, upstreams: [U] });

  async function folderFor(repository: string): Promise<string> {
    const folder = place();
    const { url, token } = await domain.registry(repository);
    writeFileSync(join(folder, "NuGet.Config"), configOf(`${url}v3/index.json`, token, place()));
    return folder;
  }
  /** The settings lie in the folder it is started in: not every command takes them as an option. */
  const nugetIn = (folder: string, args: readonly string[]) => tool(args, folder);
  const installedIn = (folder: string): readonly string[] => {
    const to = join(folder, "packages");
    mkdirSync(to, { recursive: true });
    return readdirSync(to).sort();
  };

  const world: World = {
    stage,
    domain,
    async nuget(repository, ...args) {
      return nugetIn(await folderFor(repository), args);
    },
    async pack(id, version, more = "") {
      const folder = place();
      mkdirSync(join(folder, "content"));
      writeFileSync(join(folder, "content", "a.txt"), `${id} ${version}`);
      writeFileSync(join(folder, "x.nuspec"), nuspecOf(id, version, more));
      const made = await tool(["pack", "x.nuspec", "-OutputDirectory", "out"], folder);
      const [file] = made.code === 0 ? readdirSync(join(folder, "out")) : [];
      if (file === undefined) throw new Error(made.output);
      return join(folder, "out", file);
    },
    build(id, version, more = "") {
      const file = join(place(), `${id}.${version}.nupkg`);
      writeFileSync(file, nupkgOf(id, version, more));
      return file;
    },
    async push(repository, ...files) {
      const folder = await folderFor(repository);
      const results: Result[] = [];
      for (const file of files) results.push(await nugetIn(folder, ["push", file, "-Source", "here"]));
      return {
        code: Math.max(...results.map(({ code }) => code)),
        stdout: results.map(({ stdout }) => stdout).join(""),
        stderr: results.map(({ stderr }) => stderr).join(""),
        output: results.map(({ output }) => output).join(""),
      };
    },
    async install(repository, id, ...args) {
      const folder = await folderFor(repository);
      const to = ["-OutputDirectory", "packages", "-NoCache", "-DirectDownload", "-PackageSaveMode", "nupkg"];
      const result = await nugetIn(folder, ["install", id, ...args, ...to]);
      return { result, folders: installedIn(folder) };
    },
    async restore(repository, wanted) {
      const folder = await folderFor(repository);
      const lines = Object.entries(wanted).map(
        ([id, version]) => `<package id="${id}" version="${version}" targetFramework="net45" />`,
      );
      writeFileSync(
        join(folder, "packages.config"),
        `<?xml version="1.0"?><packages>${lines.join("")}</packages>`,
      );
      const to = ["-PackagesDirectory", "packages", "-NoCache", "-DirectDownload"];
      const result = await nugetIn(folder, ["restore", "packages.config", ...to]);
      return { result, folders: installedIn(folder) };
    },
    async listed(repository, id) {
      const answer = await world.fetch(
        repository,
        `v3/registration4-gz-semver2/${id.toLowerCase()}/index.json`,
      );
      if (answer.status === 404) return [];
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      const { items } = (await answer.json()) as Registration;
      return items
        .flatMap((page) => page.items)
        .flatMap(({ catalogEntry: { listed, version } }) => (listed ? [version] : []));
    },
    async fetch(repository, path, init = {}) {
      const { url, token } = await domain.registry(repository);
      return fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${token}` } });
    },
    publicly(id, version, more = "") {
      packages.push({ id, version, bytes: nupkgOf(id, version, more) });
    },
    fall() {
      down = true;
    },
    close() {
      P.close();
      P.closeAllConnections();
    },
  };
  return world;
}

interface Registration {
  readonly items: readonly {
    readonly items: readonly {
      readonly catalogEntry: { readonly version: string; readonly listed: boolean };
    }[];
  }[];
}

function configOf(source: string, token: string, cache: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <config><add key="globalPackagesFolder" value="${cache}" /></config>
  <packageSources><clear /><add key="here" value="${source}" protocolVersion="3" /></packageSources>
  <packageSourceCredentials><here>
    <add key="Username" value="aws" /><add key="ClearTextPassword" value="${token}" />
  </here></packageSourceCredentials>
</configuration>
`;
}

function nuspecOf(id: string, version: string, more: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
  <id>${id}</id><version>${version}</version><authors>Somebody</authors>
  <description>What ${id} is</description>${more}
</metadata></package>
`;
}

function nupkgOf(id: string, version: string, more: string): Buffer {
  return Buffer.from(
    zipSync(
      {
        "_rels/.rels": strToU8(
          `<?xml version="1.0" encoding="utf-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/${id}.nuspec" Id="R1" /></Relationships>`,
        ),
        [`${id}.nuspec`]: strToU8(nuspecOf(id, version, more)),
        "lib/net40/content.txt": strToU8(`${id} ${version}`),
        "[Content_Types].xml": strToU8(
          `<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml" /><Default Extension="nuspec" ContentType="application/octet" /><Default Extension="txt" ContentType="application/octet" /></Types>`,
        ),
      },
      { mtime: new Date(2000, 0, 1) },
    ),
  );
}

/** P, laid out as the large public feed is: the digest is told by the catalogue alone. */
function documents(base: string, packages: readonly PublicPackage[]): ReadonlyMap<string, Buffer | string> {
  const files = new Map<string, Buffer | string>();
  const resource = { "@id": `${base}registration/`, "@type": "RegistrationsBaseUrl/3.6.0" };
  files.set("/v3/index.json", JSON.stringify({ version: "3.0.0", resources: [resource] }));
  for (const [name, of] of Map.groupBy(packages, ({ id }) => id.toLowerCase())) {
    const items = of.map(({ id, version, bytes }) => {
      const content = `content/${name}/${version}/${name}.${version}.nupkg`;
      const leaf = `catalog/${name}.${version}.json`;
      const packageHash = createHash("sha512").update(bytes).digest("base64");
      files.set(`/${content}`, bytes);
      files.set(`/${leaf}`, JSON.stringify({ id, version, packageHash, packageHashAlgorithm: "SHA512" }));
      const published = "2024-05-06T07:08:09Z";
      const catalogEntry = { "@id": `${base}${leaf}`, id, version, listed: true, published };
      return { packageContent: `${base}${content}`, catalogEntry };
    });
    files.set(`/registration/${name}/index.json`, JSON.stringify({ items: [{ items }] }));
  }
  return files;
}
