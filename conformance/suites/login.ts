// portcullis login for each tool in a fresh HOME, then a real command of that tool: against the server for npm's family,
// against a stub that notes what is asked for with whose token for the others.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createDomain, newName } from "../api.ts";
import { clients } from "../clients/family.ts";
import { machineTool, pythonTools } from "../clients/login-tools.ts";
import { type Stub, startStub } from "../login-stub.ts";
import { speaker, writeFiles, writePackage } from "../packages.ts";
import { failedSaying, plainPath, type Result, run, succeeded } from "../processes.ts";
import { program, type Target } from "../server.ts";
import type { Stage } from "../suite.ts";

interface Scene {
  readonly stage: Stage;
  readonly stub: Stub;
  readonly target: Target;
  readonly domain: string;
}

const repository = "main";

export async function login(stage: Stage): Promise<void> {
  const target = await stage.target();
  const { name: domain, ...setup } = await createDomain(target);
  await setup.createRepository({ name: repository });
  const stub = await startStub(target.endpoint, documents);
  const scene: Scene = { stage, stub, target, domain };
  try {
    // The others read the same files.
    for (const name of ["npm-11", "pnpm-12", "yarn-1", "yarn-4", "bun", "deno"]) await npmFamily(scene, name);
    for (const trial of trials) await oneTool(scene, trial);
    await givenToken(scene);
    await dryRuns(scene);
  } finally {
    stub.close();
  }
}

/** What clients must read before they send what is looked for. */
function documents(path: string, endpoint: string): string | undefined {
  const [, base, rest] = /^(\/\w+\/d\/[^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
  if (rest === "config.json")
    return JSON.stringify({ dl: `${endpoint}${base}/dl`, api: `${endpoint}${base}`, "auth-required": true });
  if (rest === "v3/index.json")
    return JSON.stringify({
      version: "3.0.0",
      resources: [{ "@id": `${endpoint}${base}/v3/flat/`, "@type": "PackageBaseAddress/3.0.0" }],
    });
  return undefined;
}

function cli(
  { stub, target, domain }: Scene,
  env: NodeJS.ProcessEnv,
  cwd: string,
  tool: string,
  ...flags: readonly string[]
): Promise<Result> {
  const given = ["--domain", domain, "--repository", repository, "--endpoint-url", stub.endpoint];
  const keys = {
    AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
  };
  return run([program, "login", tool, ...given, ...flags], { cwd, env: { ...env, ...keys } });
}

async function npmFamily(scene: Scene, name: string): Promise<void> {
  const client = clients.find((each) => each.name === name);
  if (client === undefined) return;
  const tool = name.startsWith("yarn-1")
    ? "yarn-classic"
    : name.startsWith("yarn-4")
      ? "yarn-berry"
      : (name.split("-")[0] ?? "");
  await scene.stage.checks.check(`login ${tool}, and ${name} publishes and installs`, async () => {
    const { stub } = scene;
    const folder = join(scene.stage.folder, name);
    const place = await client.open(folder, { url: `${stub.endpoint}/none/`, token: "none" });
    const home = join(folder, "home");
    // What a user has: settings, but of no registry.
    writeFiles(home, { ".npmrc": "fund=false\naudit=false\nupdate-notifier=false\n" });
    if (existsSync(join(home, ".yarnrc.yml")))
      writeFiles(home, {
        ".yarnrc.yml": "enableGlobalCache: false\nenableTelemetry: false\nnpmMinimalAgeGate: 0\n",
      });
    const before = readFileSync(join(home, ".npmrc"), "utf8");
    succeeded(await cli(scene, place.env, folder, tool));
    const [name1, name2] = [newName(`login-${name}`), `@acme/${newName(`login-${name}`)}`];
    const publisher = client.publishes
      ? place
      : await clients[0]?.open(join(folder, "npm"), await registry(scene));
    assert.ok(publisher);
    succeeded(await publisher.publish(writePackage(join(folder, "p1"), { name: name1, version: "1.0.0" })));
    succeeded(
      await publisher.publish(
        writePackage(join(folder, "p2"), { name: name2, version: "1.0.0", dependencies: { [name1]: "1" } }),
      ),
    );
    const project = place.project("project");
    writeFiles(project, { "main.mjs": speaker(name2) });
    const added = succeeded(await place.add(project, [`${name2}@1.0.0`]));
    assert.match(succeeded(await place.execute(project, "main.mjs")).stdout, new RegExp(`said: ${name2} 1`));
    assert.doesNotMatch(added.output, /unknown .*config|always-auth/i);
    if (tool === "npm") {
      succeeded(await place.run(project, ["ping"]));
      assert.match(succeeded(await place.run(project, ["whoami"])).stdout, /\S/);
    }
    succeeded(await run([program, "logout", tool], { cwd: folder, env: place.env }));
    assert.equal(readFileSync(join(home, ".npmrc"), "utf8"), before);
  });
}

async function registry({ stub, domain }: Scene) {
  const token = stub.issued.at(-1) ?? "";
  return { url: `${stub.endpoint}/npm/d/${domain}-000000000000/${repository}/`, token };
}

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

const trials: readonly Trial[] = [
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
];

async function oneTool(
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

async function givenToken(scene: Scene): Promise<void> {
  await scene.stage.checks.check(
    "a token of 'portcullis token create' is taken from standard input or PORTCULLIS_TOKEN, and no other is asked for",
    async () => {
      const { stub, domain } = scene;
      const home = join(scene.stage.folder, "given");
      mkdirSync(home);
      const env = { PATH: plainPath(), HOME: home };
      const from = stub.issued.length;
      const given = `--domain ${domain} --repository ${repository} --endpoint-url ${stub.endpoint}`;
      const token = "AAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
      const result = succeeded(
        await run(["sh", "-c", `echo ${token} | '${program}' login npm ${given} --token-stdin`], {
          cwd: home,
          env,
        }),
      );
      assert.match(readFileSync(join(home, ".npmrc"), "utf8"), new RegExp(`:_authToken=${token}`));
      assert.ok(!result.output.includes(token));
      succeeded(
        await run(["sh", "-c", `PORTCULLIS_TOKEN=${token} '${program}' login cargo ${given}`], {
          cwd: home,
          env,
        }),
      );
      assert.match(readFileSync(join(home, ".cargo/credentials.toml"), "utf8"), new RegExp(token));
      assert.equal(stub.issued.length, from);
    },
  );
  await scene.stage.checks.check(
    "without credentials it says which are looked for; a wrong option says what would help",
    async () => {
      const home = join(scene.stage.folder, "wrong");
      mkdirSync(home);
      const env = { PATH: plainPath(), HOME: home };
      const given = [
        "--domain",
        scene.domain,
        "--repository",
        repository,
        "--endpoint-url",
        scene.stub.endpoint,
      ];
      const wrong = (...args: string[]) => run([program, "login", ...args], { cwd: home, env });
      failedSaying(await wrong("npm", ...given), /no AWS credentials: .*--token-stdin/);
      failedSaying(await wrong("nmp", ...given), /there is no tool 'nmp'; there are npm/);
      failedSaying(await wrong("npm", ...given, "--extra"), /npm has no --extra: use --scope/);
      failedSaying(
        await wrong("npm", ...given.slice(0, 4), "--endpoint-url", "http://127.0.0.1:1", "--profile", "x"),
        /no profile 'x'/,
      );
      const dead = await cli(
        { ...scene, stub: { ...scene.stub, endpoint: "http://127.0.0.1:1" } },
        env,
        home,
        "npm",
      );
      failedSaying(dead, /nothing answers at http:\/\/127\.0\.0\.1:1 .*--endpoint-url/);
      failedSaying(
        await cli({ ...scene, domain: "no-such-domain" }, env, home, "npm"),
        /ResourceNotFoundException/,
      );
      assert.deepEqual(readdirSync(home), []);
    },
  );
}

async function dryRuns(scene: Scene): Promise<void> {
  const tools = [
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "deno",
    "pip",
    "uv",
    "poetry",
    "twine",
    "mvn",
    "gradle",
    "sbt",
    "nuget",
    "dotnet",
    "gem",
    "bundler",
    "cargo",
    "swift",
  ];
  await scene.stage.checks.check(
    `a dry run asks for no token and writes nothing: ${tools.join(", ")}`,
    async () => {
      const home = join(scene.stage.folder, "dry");
      mkdirSync(home);
      const from = scene.stub.issued.length;
      for (const tool of tools) {
        const result = succeeded(
          await cli(scene, { PATH: plainPath(), HOME: home }, home, tool, "--dry-run"),
        );
        assert.match(result.stdout, new RegExp(`^Nothing was changed; this would be:\n${home}`));
      }
      assert.deepEqual(readdirSync(home), []);
      assert.equal(scene.stub.issued.length, from);
    },
  );
}
