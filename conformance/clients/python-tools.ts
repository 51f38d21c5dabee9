// Python's package managers, each isolated: its own HOME, cache and settings, with one repository as its only index.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { writeFiles } from "../packages.ts";
import { plainEnv, plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Registry } from "./client.ts";
import { cacheFolder, lastLine } from "./installed.ts";

const wanted = [
  "pip==26.3",
  "uv==0.13.9",
  "poetry==2.5.1",
  "twine==7.0.0",
  "build==1.6.1",
  "flit==4.2.0",
  "hatch==1.18.2",
  "hatchling==1.33.0",
];

let tools: Promise<string> | undefined;

/** The folder of the tools' programs: a virtual environment made on demand, from the index that pip here is set to. Throws Skip. */
export function pythonTools(): Promise<string> {
  tools ??= makeTools();
  return tools;
}

async function makeTools(): Promise<string> {
  const folder = join(cacheFolder, "python-tools");
  const programs = join(folder, "bin");
  const done = join(folder, "installed");
  if (existsSync(done)) return programs;
  mkdirSync(cacheFolder, { recursive: true });
  for (const command of [
    ["python3", "-m", "venv", folder],
    [join(programs, "python3"), "-m", "pip", "install", "--quiet", ...wanted],
  ]) {
    const env = { ...plainEnv(), PATH: plainPath() };
    const { code, output } = await run(command, { cwd: cacheFolder, env, timeoutMs: 400_000 });
    if (code !== 0) throw new Skip(`Python's package managers cannot be had: ${lastLine(output)}`);
  }
  writeFileSync(done, "");
  return programs;
}

export interface PythonPlace {
  readonly folder: string;
  /** The programs' folder. */
  readonly tools: string;
  readonly registry: Registry;
  readonly env: NodeJS.ProcessEnv;
  run(cwd: string, command: readonly string[]): Promise<Result>;
}

/** A workplace below `folder`, with nothing of the user's own settings for pip, uv or poetry. */
export async function openPlace(folder: string, registry: Registry): Promise<PythonPlace> {
  mkdirSync(folder, { recursive: true });
  const tools = await pythonTools();
  const kept = Object.entries(plainEnv()).filter(
    ([name]) => !/^(PIP|UV|POETRY|TWINE|FLIT|HATCH|PYTHON)_?/.test(name),
  );
  const env = {
    ...Object.fromEntries(kept),
    PATH: plainPath(),
    HOME: folder,
    PIP_CONFIG_FILE: "/dev/null",
    PIP_NO_INPUT: "1",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
    NO_COLOR: "1",
    COLUMNS: "400",
  };
  return {
    folder,
    tools,
    registry,
    env,
    run: (cwd, command) => run(command, { cwd, env, timeoutMs: 240_000 }),
  };
}

/** The index with the credentials in it, as `aws codeartifact login --tool pip` writes it. */
export function indexUrl({ registry }: PythonPlace): string {
  const url = new URL(`${registry.url}simple/`);
  url.username = "aws";
  url.password = registry.token;
  return url.href;
}

/** Something that installs packages into a new project of its own and can import them. */
export interface Installer {
  readonly name: string;
  /** Adds the packages (`name==version`) with an empty cache; `project` is a new folder's name. */
  install(place: PythonPlace, project: string, specs: readonly string[]): Promise<Result>;
  /** Imports the module in the project; its output is the module's. */
  importing(place: PythonPlace, project: string, module: string): Promise<Result>;
}

/** `python` makes the environment, and so decides which pip it is. */
function pip(name: string, upgrade: boolean): Installer {
  return {
    name,
    async install(place, project, specs) {
      const folder = join(place.folder, project);
      if (!existsSync(folder)) succeeded(await place.run(place.folder, ["python3", "-m", "venv", folder]));
      const own = [join(folder, "bin/python3"), "-m", "pip"];
      const program = upgrade
        ? [join(place.tools, "python3"), "-m", "pip", "--python", join(folder, "bin/python3")]
        : own;
      const index = ["--index-url", indexUrl(place), "--no-cache-dir"];
      return place.run(place.folder, [...program, "install", ...index, ...specs]);
    },
    importing: (place, project, module) =>
      place.run(place.folder, [join(place.folder, project, "bin/python3"), "-c", `import ${module}`]),
  };
}

const uv: Installer = {
  name: "uv",
  async install(place, project, specs) {
    const folder = join(place.folder, project);
    const index = `[[tool.uv.index]]\nname = "ca"\nurl = "${place.registry.url}simple/"\ndefault = true\n`;
    writeFiles(folder, { "pyproject.toml": `${projectHead}\n${index}` });
    const secrets = { UV_INDEX_CA_USERNAME: "aws", UV_INDEX_CA_PASSWORD: place.registry.token };
    const command = [join(place.tools, "uv"), "add", "--no-cache", ...specs];
    return run(command, { cwd: folder, env: { ...place.env, ...secrets }, timeoutMs: 240_000 });
  },
  importing: (place, project, module) =>
    place.run(join(place.folder, project), [".venv/bin/python3", "-c", `import ${module}`]),
};

const poetry: Installer = {
  name: "poetry",
  async install(place, project, specs) {
    const folder = join(place.folder, project);
    const source = `[[tool.poetry.source]]\nname = "ca"\nurl = "${place.registry.url}simple/"\npriority = "primary"\n`;
    writeFiles(folder, {
      "pyproject.toml": `${projectHead.replace(">=3.9", ">=3.9,<4")}\n[tool.poetry]\npackage-mode = false\n${source}`,
    });
    const env = {
      ...place.env,
      POETRY_HTTP_BASIC_CA_USERNAME: "aws",
      POETRY_HTTP_BASIC_CA_PASSWORD: place.registry.token,
      POETRY_VIRTUALENVS_IN_PROJECT: "true",
      POETRY_CACHE_DIR: join(folder, "cache"),
    };
    const command = [join(place.tools, "poetry"), "add", "--no-interaction", ...specs];
    return run(command, { cwd: folder, env, timeoutMs: 240_000 });
  },
  importing: (place, project, module) =>
    place.run(join(place.folder, project), [".venv/bin/python3", "-c", `import ${module}`]),
};

const projectHead =
  '[project]\nname = "consumer"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = []\n';

export const installedPip = pip("the system's pip", false);
export const installers: readonly Installer[] = [installedPip, pip("pip 26", true), uv, poetry];

/** Something that publishes what was built into `dist`. */
export interface Publisher {
  readonly name: string;
  readonly backend: "hatchling" | "flit_core" | "poetry-core";
  /** Builds the wheel and the sdist of the project in `folder`. */
  build(place: PythonPlace, folder: string): Promise<Result>;
  publish(place: PythonPlace, folder: string): Promise<Result>;
}

const files = (folder: string): string[] =>
  readdirSync(join(folder, "dist"))
    .filter((file) => /\.(whl|tar\.gz)$/.test(file))
    .map((file) => join("dist", file));

const buildWith = (place: PythonPlace, folder: string) =>
  place.run(folder, [join(place.tools, "python3"), "-m", "build", "--no-isolation"]);

export const twine: Publisher = {
  name: "twine",
  backend: "hatchling",
  build: buildWith,
  publish({ tools, registry, run: go }, folder) {
    const target = ["--repository-url", registry.url, "-u", "aws", "-p", registry.token];
    return go(folder, [
      join(tools, "twine"),
      "upload",
      "--non-interactive",
      "--disable-progress-bar",
      ...target,
      ...files(folder),
    ]);
  },
};

export const publishers: readonly Publisher[] = [
  twine,
  {
    name: "uv",
    backend: "hatchling",
    build: buildWith,
    publish: ({ tools, registry, run: go }, folder) =>
      go(folder, [
        join(tools, "uv"),
        "publish",
        "--publish-url",
        registry.url,
        "-u",
        "aws",
        "-p",
        registry.token,
        ...files(folder),
      ]),
  },
  {
    name: "poetry",
    backend: "poetry-core",
    build: ({ tools, run: go }, folder) => go(folder, [join(tools, "poetry"), "build"]),
    publish({ tools, registry, env }, folder) {
      const secrets = {
        POETRY_REPOSITORIES_CA_URL: registry.url,
        POETRY_HTTP_BASIC_CA_USERNAME: "aws",
        POETRY_HTTP_BASIC_CA_PASSWORD: registry.token,
      };
      const command = [join(tools, "poetry"), "publish", "--no-interaction", "-r", "ca"];
      return run(command, { cwd: folder, env: { ...env, ...secrets }, timeoutMs: 120_000 });
    },
  },
  {
    name: "flit",
    backend: "flit_core",
    build: ({ tools, run: go }, folder) => go(folder, [join(tools, "flit"), "build", "--no-use-vcs"]),
    publish({ tools, registry, env }, folder) {
      const secrets = { FLIT_INDEX_URL: registry.url, FLIT_USERNAME: "aws", FLIT_PASSWORD: registry.token };
      const command = [join(tools, "flit"), "publish", "--no-use-vcs"];
      return run(command, { cwd: folder, env: { ...env, ...secrets }, timeoutMs: 120_000 });
    },
  },
  {
    name: "hatch",
    backend: "hatchling",
    build: buildWith,
    publish: ({ tools, registry, run: go }, folder) =>
      go(folder, [
        join(tools, "hatch"),
        "publish",
        "--no-prompt",
        "-r",
        registry.url,
        "-u",
        "aws",
        "-a",
        registry.token,
      ]),
  },
];
