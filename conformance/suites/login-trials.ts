// Each tool beside npm's family after its login: what it asks for, and with whose token.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { machineTool, nugetTool, pythonTools } from "../clients/login-tools.ts";
import { writeFiles } from "../packages.ts";
import { plainPath, run, succeeded } from "../processes.ts";
import { program } from "../server.ts";
import { cli, repository, type Scene } from "./login-scene.ts";

interface Trial {
  readonly tool: string;
  readonly flags?: readonly string[];
  /** Throws Skip when the tool cannot be had; gives what goes before PATH. */
  ready(): Promise<string | undefined>;
  /** Files of the project. */
  readonly project?: Readonly<Record<string, string>>;
  readonly env?: (home: string) => NodeJS.ProcessEnv;
  readonly commands: readonly (readonly string[])[];
  /** `METHOD path-after-the-repository`: each must have been asked for with the token. */
  readonly asks: readonly string[];
}

const wheel = {
  "pyproject.toml":
    '[project]\nname = "demo-login"\nversion = "1.0"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
};
const onMachine =
  (name: string, ...args: readonly string[]) =>
  async () => {
    await machineTool(name, ...args);
    return undefined;
  };
const rust = {
  "Cargo.toml":
    '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\ndemo-login = "1"\n',
  "src/lib.rs": "",
};
const pom =
  "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>a</artifactId><version>1</version><packaging>pom</packaging></project>";
const bundle = { Gemfile: 'source "http://127.0.0.1:1/"\ngem "demo-login"\n' };

export const trials: readonly Trial[] = [
  {
    tool: "pip",
    ready: pythonTools,
    commands: [["pip", "download", "--no-input", "demo-login"]],
    asks: ["GET simple/demo-login/"],
  },
  {
    tool: "pip",
    flags: ["--helper"],
    ready: pythonTools,
    commands: [["pip", "download", "--no-input", "demo-login"]],
    asks: ["GET simple/demo-login/"],
  },
  {
    tool: "uv",
    ready: pythonTools,
    project: wheel,
    commands: [
      ["uv", "pip", "compile", "--no-cache", "in.txt"],
      ["uv", "publish", "--index", "INDEX", "dist/demo_login-1.0.tar.gz"],
    ],
    asks: ["GET simple/demo-login/", "POST "],
  },
  {
    tool: "uv",
    flags: ["--project"],
    ready: pythonTools,
    project: wheel,
    commands: [["uv", "pip", "compile", "--no-cache", "in.txt"]],
    asks: ["GET simple/demo-login/"],
  },
  {
    tool: "uv",
    flags: ["--helper"],
    ready: pythonTools,
    commands: [["uv", "pip", "compile", "--no-cache", "in.txt"]],
    asks: ["GET simple/demo-login/"],
  },
  {
    tool: "poetry",
    flags: ["--project"],
    ready: pythonTools,
    project: {
      "pyproject.toml":
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["demo-login"]\n',
    },
    commands: [
      ["poetry", "lock", "--no-interaction"],
      ["poetry", "publish", "--no-interaction", "-r", "INDEX"],
    ],
    asks: ["GET simple/demo-login/", "POST "],
  },
  {
    tool: "twine",
    ready: pythonTools,
    commands: [["twine", "upload", "--non-interactive", "-r", "INDEX", "dist/demo_login-1.0.tar.gz"]],
    asks: ["POST "],
  },
  {
    tool: "mvn",
    ready: onMachine("mvn", "--version"),
    project: { "pom.xml": pom },
    env: (home) => ({ MAVEN_OPTS: `-Duser.home=${home}` }),
    commands: [["mvn", "-B", "-q", "help:effective-settings"]],
    asks: ["GET org/apache/maven/plugins/maven-metadata.xml"],
  },
  {
    tool: "gradle",
    ready: onMachine("gradle", "--version"),
    project: {
      "src/main/java/A.java": "class A {}\n",
      "build.gradle":
        "apply plugin: 'java'\nrepositories { mavenCentral() }\ndependencies { compile 'g:demo-login:1' }\n",
    },
    commands: [["gradle", "--no-daemon", "compileJava"]],
    asks: ["GET g/demo-login/1/demo-login-1.pom"],
  },
  {
    tool: "gradle",
    flags: ["--no-helper", "--extra"],
    ready: onMachine("gradle", "--version"),
    project: {
      "src/main/java/A.java": "class A {}\n",
      "build.gradle":
        "apply plugin: 'java'\nrepositories { maven { url 'URL' } }\ndependencies { compile 'g:demo-login:1' }\n",
    },
    commands: [["gradle", "--no-daemon", "compileJava"]],
    asks: ["GET g/demo-login/1/demo-login-1.pom"],
  },
  {
    tool: "gem",
    ready: onMachine("gem", "--version"),
    project: {
      "demo-login.gemspec":
        'Gem::Specification.new { |s| s.name = "demo-login"; s.version = "1.0"; s.summary = "s"; s.authors = ["a"]; s.files = [] }\n',
    },
    commands: [
      ["gem", "install", "demo-login"],
      ["gem", "build", "demo-login.gemspec"],
      ["gem", "push", "demo-login-1.0.gem", "--key", "INDEX", "--host", "HOST"],
    ],
    asks: ["GET specs.4.8.gz", "POST api/v1/gems"],
  },
  {
    tool: "bundler",
    ready: onMachine("bundle", "--version"),
    project: bundle,
    commands: [["bundle", "install"]],
    asks: ["GET versions"],
  },
  {
    tool: "bundler",
    flags: ["--project"],
    ready: onMachine("bundle", "--version"),
    project: bundle,
    commands: [["bundle", "install"]],
    asks: ["GET versions"],
  },
  {
    tool: "cargo",
    ready: onMachine("cargo", "--version"),
    project: rust,
    commands: [["cargo", "fetch"]],
    asks: ["GET config.json", "GET de/mo/demo-login"],
  },
  {
    tool: "cargo",
    flags: ["--no-helper", "--project"],
    ready: onMachine("cargo", "--version"),
    project: rust,
    commands: [["cargo", "fetch"]],
    asks: ["GET config.json", "GET de/mo/demo-login"],
  },
  {
    tool: "nuget",
    ready: nugetTool,
    commands: [["nuget", "install", "demo-login", "-NoCache", "-DirectDownload", "-NonInteractive"]],
    asks: ["GET v3/index.json"],
  },
];

export async function oneTool(
  scene: Scene,
  { tool, flags = [], ready, project = {}, env, commands, asks }: Trial,
): Promise<void> {
  const title = ["login", tool, ...flags].join(" ");
  await scene.stage.checks.check(`${title}, and its token goes where it belongs`, async () => {
    const { stub, domain, target } = scene;
    const before = await ready();
    const home = join(scene.stage.folder, title.replace(/\W+/g, "-"));
    const cwd = join(home, "project");
    const url = `${stub.endpoint}/${formats[tool]}/d/${domain}-000000000000/${repository}/`;
    const index = `${domain}-${repository}`;
    const fill = (text: string) =>
      text.replaceAll("INDEX", index).replaceAll("URL", url).replaceAll("HOST", url.slice(0, -1));
    mkdirSync(join(cwd, "dist"), { recursive: true });
    writeFiles(cwd, {
      "in.txt": "demo-login\n",
      ...Object.fromEntries(Object.entries(project).map(([path, text]) => [path, fill(text)])),
    });
    const place: NodeJS.ProcessEnv = {
      PATH: [join(home, ".local/bin"), before, plainPath()].filter((each) => each !== undefined).join(":"),
      HOME: home,
      LANG: "C.UTF-8",
      GRADLE_USER_HOME: join(home, ".gradle"),
      CARGO_HOME: join(home, ".cargo"),
      NO_COLOR: "1",
      PIP_NO_CACHE_DIR: "1",
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      POETRY_VIRTUALENVS_CREATE: "false",
      RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(process.env.HOME ?? "", ".rustup"),
      ...env?.(home),
    };
    await artefacts(cwd, place);
    succeeded(await cli(scene, place, cwd, tool, ...flags));
    const from = stub.seen.length;
    const keys = {
      AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
    };
    let output = "";
    for (const command of commands)
      output += (await run(command.map(fill), { cwd, env: { ...place, ...keys } })).output;
    const token = stub.issued.at(-1);
    const seen = stub.seen.slice(from);
    for (const ask of asks) {
      const [method = "", path = ""] = ask.split(" ");
      const found = seen.some(
        (each) =>
          each.method === method &&
          each.token === token &&
          each.path.startsWith(`${new URL(url).pathname}${path}`) &&
          (path !== "" || each.path === new URL(url).pathname),
      );
      assert.ok(
        found,
        `${ask} with the token was not seen; seen:\n${seen.map((each) => `${each.method} ${each.path} ${each.scheme} ${each.token === token}`).join("\n")}\n${output.slice(-3000)}`,
      );
    }
    const project_ = flags.includes("--project") ? readTree(cwd) : "";
    assert.ok(!project_.includes(token ?? "?"), "the token is in the project");
    succeeded(await run([program, "logout", tool], { cwd, env: place }));
    rmSync(home, { recursive: true, force: true });
  });
}

const formats: Readonly<Record<string, string>> = {
  pip: "pypi",
  uv: "pypi",
  poetry: "pypi",
  twine: "pypi",
  mvn: "maven",
  gradle: "maven",
  gem: "ruby",
  bundler: "ruby",
  cargo: "cargo",
  nuget: "nuget",
};

/** Something to upload, for those who look into what they upload. */
async function artefacts(cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (const [name, version] of [
    ["demo_login", "1.0"],
    ["x", "1"],
  ]) {
    const folder = `${name}-${version}`;
    writeFiles(cwd, {
      [`${folder}/PKG-INFO`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    });
    succeeded(await run(["tar", "-czf", `dist/${folder}.tar.gz`, folder], { cwd, env }));
  }
}

function readTree(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  return files
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name), "latin1"))
    .join("\n");
}
