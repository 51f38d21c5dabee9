// The clients of npm's family: what each is called, how it is told of a registry, and its words for the same things.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { versionIn, writeFiles } from "../packages.ts";
import { plainPath, run, succeeded } from "../processes.ts";
import type { Client, Registry, Workplace } from "./client.ts";
import { installed, lastLine, nodeFolder } from "./installed.ts";

/** Some clients take nothing that was published today, unless told otherwise: that gate is set to 0 wherever there is one. */
interface Recipe {
  readonly name: string;
  /** What is started, before any arguments. */
  command(): Promise<readonly string[]>;
  /** Files in HOME that set the registry. */
  readonly home: (registry: Registry) => Readonly<Record<string, string>>;
  /** Files that make a folder a project. */
  readonly project?: Readonly<Record<string, string>>;
  readonly publish?: (tag: string | undefined, version: string) => readonly string[];
  readonly beforePublish?: readonly string[];
  readonly add: readonly string[];
  readonly restore: readonly string[];
  /** Arguments before the script's name; undefined: plain Node. */
  readonly execute?: readonly string[];
  /** Which Node the client's own shebang and scripts find; the pinned one unless said. */
  readonly systemNode?: boolean;
}

const node = process.execPath;

function npmrc({ url, token }: Registry): string {
  return `registry=${url}\n${url.replace(/^https?:/, "")}:_authToken=${token}\nupdate-notifier=false\nfund=false\naudit=false\n`;
}

const npmWords = {
  home: (registry: Registry) => ({ ".npmrc": npmrc(registry) }),
  publish: (tag: string | undefined) => ["publish", ...tagFlags(tag)],
  add: ["install"],
  restore: ["ci"],
};

const pnpmWords = {
  home: npmWords.home,
  publish: (tag: string | undefined) => ["publish", "--no-git-checks", ...tagFlags(tag)],
  add: ["add"],
  restore: ["install", "--frozen-lockfile"],
};

function tagFlags(tag: string | undefined): string[] {
  return tag === undefined ? [] : ["--tag", tag];
}

/** A script of a package, run by the pinned Node. */
function script(spec: string, path: string): () => Promise<readonly string[]> {
  return async () => [node, join(await installed(spec), path)];
}

/** A program that comes inside a package for this very system. */
function binary(spec: string, paths: Readonly<Record<string, string>>): () => Promise<readonly string[]> {
  return async () => {
    const path = paths[`${process.platform}-${process.arch}`];
    if (path === undefined)
      throw new Skip(`${spec} is not set up here for ${process.platform}-${process.arch}`);
    return [join(await installed(spec), path)];
  };
}

const recipes: readonly Recipe[] = [
  { name: "npm-11", command: script("npm@11.21.2", "npm/bin/npm-cli.js"), ...npmWords },
  { name: "npm-system", command: async () => ["npm"], systemNode: true, ...npmWords },
  { name: "pnpm-10", command: script("pnpm@10.34.9", "pnpm/bin/pnpm.cjs"), ...pnpmWords },
  {
    name: "pnpm-12",
    command: binary("pnpm@12.21.0", {
      "linux-x64": "@pnpm/exe.linux-x64/pnpm",
      "linux-arm64": "@pnpm/exe.linux-arm64/pnpm",
    }),
    ...pnpmWords,
    project: { "pnpm-workspace.yaml": "minimumReleaseAge: 0\n" },
  },
  {
    name: "yarn-1",
    command: script("yarn@1.22.22", "yarn/bin/yarn.js"),
    // Without this it sends no token for packages that have no scope.
    home: (registry) => ({ ".npmrc": `${npmrc(registry)}always-auth=true\n` }),
    publish: (tag, version) =>
      ["publish", "--new-version", version, "--no-git-tag-version", "--non-interactive"].concat(
        tagFlags(tag),
      ),
    add: ["add", "--non-interactive"],
    restore: ["install", "--frozen-lockfile", "--non-interactive"],
  },
  {
    name: "yarn-4",
    command: script("@yarnpkg/cli-dist@4.18.1", "@yarnpkg/cli-dist/bin/yarn.js"),
    home: ({ url, token }) => ({
      ".yarnrc.yml": [
        `npmRegistryServer: "${url.replace(/\/$/, "")}"`,
        "npmAlwaysAuth: true",
        `npmAuthToken: "${token}"`,
        `unsafeHttpWhitelist: ["${new URL(url).hostname}"]`,
        "enableGlobalCache: false",
        "enableTelemetry: false",
        "npmMinimalAgeGate: 0",
      ].join("\n"),
    }),
    project: { "yarn.lock": "" },
    beforePublish: ["install"], // it packs only what its lock file knows
    publish: (tag) => ["npm", "publish", ...tagFlags(tag)],
    add: ["add"],
    restore: ["install", "--immutable"],
    execute: ["node"],
  },
  {
    name: "bun",
    command: binary("bun@1.4.5", {
      "linux-x64": "@oven/bun-linux-x64/bin/bun",
      "linux-arm64": "@oven/bun-linux-aarch64/bin/bun",
    }),
    home: npmWords.home,
    publish: (tag) => ["publish", ...tagFlags(tag)],
    add: ["add"],
    restore: ["install", "--frozen-lockfile"],
    execute: ["run"],
  },
  {
    name: "deno",
    command: binary("deno@2.9.6", {
      "linux-x64": "@deno/linux-x64-glibc/deno",
      "linux-arm64": "@deno/linux-arm64-glibc/deno",
    }),
    home: npmWords.home,
    project: { "deno.json": JSON.stringify({ minimumDependencyAge: 0 }) },
    add: ["add", "--npm"],
    restore: ["install", "--frozen"],
    execute: ["run", "--allow-all"],
  },
];

export const clients: readonly Client[] = recipes.map((recipe) => ({
  name: recipe.name,
  publishes: recipe.publish !== undefined,
  open: (folder, registry) => open(recipe, folder, registry),
}));

/** The client that drives what is not about clients. */
export const npm = clients[0] as Client;

async function open(recipe: Recipe, folder: string, registry: Registry): Promise<Workplace> {
  const command = await recipe.command();
  const home = join(folder, "home");
  writeFiles(home, recipe.home(registry));
  const env = environment(home, recipe.systemNode === true);
  const check = await run([...command, "--version"], { cwd: home, env });
  if (check.code !== 0) throw new Skip(`${recipe.name} does not start: ${lastLine(check.output)}`);
  const workplace = (cwd: string, args: readonly string[]) => run([...command, ...args], { cwd, env });
  const { publish, execute } = recipe;
  return {
    folder,
    env,
    run: workplace,
    project(name) {
      const project = join(folder, name);
      const manifest = JSON.stringify({ name: "consumer", version: "1.0.0", private: true, type: "module" });
      writeFiles(project, { "package.json": manifest, ...recipe.project });
      return project;
    },
    async publish(from, tag) {
      if (publish === undefined) throw new Skip(`${recipe.name} does not publish`);
      if (recipe.project !== undefined) writeFiles(from, recipe.project);
      if (recipe.beforePublish !== undefined) succeeded(await workplace(from, recipe.beforePublish));
      return workplace(from, publish(tag, versionIn(from)));
    },
    add: (project, specs) =>
      workplace(project, [...recipe.add, ...specs.map((spec) => prefixed(recipe, spec))]),
    restore: (project) => workplace(project, recipe.restore),
    execute: (project, file) =>
      execute === undefined
        ? run([node, file], { cwd: project, env })
        : workplace(project, [...execute, file]),
  };
}

function prefixed({ name }: Recipe, spec: string): string {
  return name === "deno" ? `npm:${spec}` : spec;
}

/** Nothing of the user's own configuration, caches or proxies. */
function environment(home: string, systemNode: boolean): NodeJS.ProcessEnv {
  mkdirSync(join(home, "tmp"), { recursive: true });
  return {
    PATH: systemNode ? plainPath() : `${nodeFolder}:${plainPath()}`,
    HOME: home,
    TMPDIR: join(home, "tmp"),
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_CACHE_HOME: join(home, ".cache"),
    XDG_DATA_HOME: join(home, ".local/share"),
    XDG_STATE_HOME: join(home, ".local/state"),
    DENO_DIR: join(home, ".deno"),
    BUN_INSTALL: join(home, ".bun"),
    npm_config_userconfig: join(home, ".npmrc"),
    NO_COLOR: "1",
    LANG: "C.UTF-8",
  };
}
