// Where gems are played: repositories R and R2 behind U, a public registry P on this machine, and the real gem and bundler.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import { Skip } from "../checks.ts";
import { plainEnv, type Result, run, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";

export const U = "upper";
export const R = "gems";
export const R2 = "others";

export interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  /** Builds a gem with the real `gem build`; gives its path. */
  build(name: string, version: string, more?: string): Promise<string>;
  push(repository: string, file: string): Promise<Result>;
  yank(repository: string, name: string, version: string): Promise<Result>;
  /** `gem install` into an empty folder of its own. */
  install(repository: string, name: string, ...args: string[]): Promise<Result>;
  /** `gem …` with the repository as the only source. */
  gem(repository: string, ...args: string[]): Promise<Result>;
  /** Bundler in a project folder, with credentials set as users set them. */
  bundle(folder: string, ...args: string[]): Promise<Result>;
  /** The repository's address, without credentials. */
  url(repository: string): Promise<string>;
  /** Versions in `/info`; none for a 404. */
  listed(repository: string, name: string): Promise<string[]>;
  fetch(repository: string, path: string): Promise<Response>;
  /** Adds a gem to P. */
  publicly(name: string, version: string): Promise<void>;
  /** P cuts every connection from now on. */
  fall(): void;
  close(): void;
}

interface PublicGem {
  readonly version: string;
  readonly bytes: Buffer;
}

export async function build(stage: Stage): Promise<World> {
  const work = join(stage.folder, "work");
  mkdirSync(work, { recursive: true });
  const env: NodeJS.ProcessEnv = {
    ...plainEnv(),
    HOME: work,
    BUNDLE_APP_CONFIG: join(work, "bundle-config"),
  };
  const tool = (command: readonly string[], cwd = work, more: NodeJS.ProcessEnv = {}) =>
    run(command, { cwd, env: { ...env, ...more } });
  const ruby = await tool(["gem", "--version"]);
  if (ruby.code !== 0) throw new Skip(`there is no gem: ${ruby.output}`);

  const gems = new Map<string, PublicGem[]>();
  let down = false;
  const P = createServer((req, res) => {
    if (down) return void req.socket.destroy();
    const [, kind, file = ""] = /^\/(info|gems)\/(.+)$/.exec(req.url ?? "") ?? [];
    if (kind === "info" && gems.has(file)) return void res.end(infoOf(gems.get(file) ?? []));
    const found = [...gems].flatMap(([name, list]) =>
      list.map((gem) => [`${name}-${gem.version}.gem`, gem.bytes] as const),
    );
    const bytes = kind === "gems" ? found.find(([name]) => name === file)?.[1] : undefined;
    return void (bytes === undefined ? res.writeHead(404).end() : res.end(bytes));
  });
  await new Promise<void>((resolve) => P.listen(0, "127.0.0.1", resolve));
  const port = (P.address() as AddressInfo).port;
  const server = await stage.server("ruby", {
    flags: ["--upstream", `public:ruby-gems-org=http://127.0.0.1:${port}/`, "--upstream-freshness-ms", "0"],
  });
  const domain = await createDomain(server, "ruby");
  await domain.createRepository({ name: U, connection: "public:ruby-gems-org" });
  await domain.createRepository({ name: R, upstreams: [U] });
  await domain.createRepository({ name: R2, upstreams: [U] });
  let places = 0;
  const place = (): string => {
    const folder = join(work, `place-${++places}`);
    mkdirSync(folder);
    return folder;
  };
  const source = async (repository: string): Promise<string> => {
    const { url, token } = await domain.registry(repository);
    return url.replace("://", `://aws:${token}@`);
  };

  async function make(name: string, version: string, more = ""): Promise<string> {
    const folder = place();
    mkdirSync(join(folder, "lib"));
    writeFileSync(join(folder, "lib", `${name}.rb`), `puts "${name} ${version}"\n`);
    writeFileSync(
      join(folder, "x.gemspec"),
      `Gem::Specification.new do |s|
        s.name = "${name}"; s.version = "${version}"; s.summary = "x"; s.authors = ["x"]; s.files = ["lib/${name}.rb"]
        s.license = "MIT"; s.homepage = "https://home.example"
        ${more}
      end\n`,
    );
    const made = succeeded(await tool(["gem", "build", "-q", "x.gemspec"], folder));
    return join(folder, /File: (\S+)/.exec(made.stdout)?.[1] ?? `${name}-${version}.gem`);
  }

  return {
    stage,
    domain,
    build: make,
    async push(repository, file) {
      const { url, token } = await domain.registry(repository);
      const host = url.replace(/\/$/, "");
      return tool(["gem", "push", file, "--host", host], work, { GEM_HOST_API_KEY: `Bearer ${token}` });
    },
    async yank(repository, name, version) {
      const { url, token } = await domain.registry(repository);
      const host = url.replace(/\/$/, "");
      return tool(["gem", "yank", name, "-v", version, "--host", host], work, {
        GEM_HOST_API_KEY: `Bearer ${token}`,
      });
    },
    async install(repository, name, ...args) {
      const to = ["--clear-sources", "--source", await source(repository), "-i", place(), "--no-document"];
      return tool(["gem", "install", name, ...args, ...to], place());
    },
    gem: async (repository, ...args) =>
      tool(["gem", ...args, "--clear-sources", "--source", await source(repository)], place()),
    bundle: (folder, ...args) => tool(["bundle", ...args], folder),
    url: async (repository) => (await domain.registry(repository)).url,
    async listed(repository, name) {
      const { url, token } = await domain.registry(repository);
      const answer = await fetch(`${url}info/${name}`, { headers: { authorization: `Bearer ${token}` } });
      if (answer.status === 404) return [];
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      return (await answer.text()).split("\n").flatMap((line) => /^(\S+) /.exec(line)?.[1] ?? []);
    },
    async fetch(repository, path) {
      const { url, token } = await domain.registry(repository);
      return fetch(`${url}${path}`, { headers: { authorization: token } });
    },
    async publicly(name, version) {
      const bytes = readFileSync(await make(name, version));
      gems.set(name, [...(gems.get(name) ?? []), { version, bytes }]);
    },
    fall() {
      down = true;
    },
    close() {
      P.close();
      P.closeAllConnections();
    },
  };
}

function infoOf(gems: readonly PublicGem[]): string {
  const lines = gems.map(
    ({ version, bytes }) => `${version} |checksum:${createHash("sha256").update(bytes).digest("hex")}`,
  );
  return `---\n${lines.map((line) => `${line}\n`).join("")}`;
}
