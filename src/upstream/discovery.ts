// Where this machine's own package managers get their packages, so that a company's mirrors are followed (contract, External connections).
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

export interface Discovered {
  /** External connection name → URL. */
  readonly urls: Readonly<Record<string, string>>;
  /** URL prefix without scheme (`//host/path/`) → Authorization header, from npm's settings. Never to be written anywhere. */
  readonly authorizations: Readonly<Record<string, string>>;
}

/** Where to look; the machine's own by default, a made-up one in tests. */
export interface Machine {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly cwd: string;
}

const HERE: Machine = { env: process.env, home: homedir(), cwd: process.cwd() };

/** What files and variables say: no child process, a few milliseconds. Never throws. */
export function discoverQuickly(machine: Machine = HERE): Discovered {
  const npmrc = readNpmrc(machine);
  return {
    urls: webUrls({
      "public:npmjs": npmrc.get("registry") ?? npmDefault(machine),
      "public:pypi": pipIndex(machine),
      "public:maven-central": mavenMirror(machine),
      "public:crates-io": cargoReplacement(machine),
      "public:ruby-gems-org": gemSource(machine),
      "public:nuget-org": nugetSource(machine),
    }),
    authorizations: npmAuthorizations(npmrc),
  };
}

/** Asks the package managers themselves for what no file says: their built-in defaults. Never rejects; ten seconds at most. */
export async function discoverByAsking(machine: Machine = HERE): Promise<Readonly<Record<string, string>>> {
  const [npm, pip, maven, gem, cargo] = await Promise.all([
    ask(machine, "npm", ["config", "get", "registry"]),
    ask(machine, "python3", ["-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"]),
    askMaven(machine),
    ask(machine, "gem", ["sources", "--list"]),
    askCargo(machine),
  ]);
  return webUrls({
    "public:npmjs": npm.trim(),
    "public:pypi": pip.trim(),
    "public:maven-central": maven,
    "public:ruby-gems-org": /^https?:\/\/\S+$/m.exec(gem)?.[0],
    "public:crates-io": cargo,
  });
}

function webUrls(found: Record<string, string | undefined>): Record<string, string> {
  const usable = Object.entries(found).filter(
    ([, url]) => url !== undefined && /^https?:/.test(url) && URL.canParse(url),
  ) as [string, string][];
  return Object.fromEntries(
    usable.map(([name, url]) => [name, url.endsWith("/") || url.endsWith(".json") ? url : `${url}/`]),
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // absent or not ours to read: says nothing
  }
}

/** npm's settings, nearest first wins: variables, project, user, global. `${NAME}` is the environment's. */
function readNpmrc({ env, home, cwd }: Machine): ReadonlyMap<string, string> {
  const variable = (name: string): string | undefined =>
    Object.entries(env).find(([key]) => key.toLowerCase() === `npm_config_${name}`)?.[1];
  const files = [
    join(cwd, ".npmrc"),
    variable("userconfig") ?? join(home, ".npmrc"),
    ...(variable("globalconfig") === undefined
      ? ["/usr/etc/npmrc", "/usr/local/etc/npmrc", "/etc/npmrc"]
      : [variable("globalconfig") as string]),
  ];
  const settings = new Map<string, string>();
  const registry = variable("registry");
  if (registry !== undefined && registry !== "") settings.set("registry", registry);
  for (const file of files) {
    for (const [, key, value] of readText(file).matchAll(
      /^[ \t]*([^#;=\s][^=\n]*?)[ \t]*=[ \t]*(.*?)[ \t]*$/gm,
    )) {
      const expanded = (value as string)
        .replace(/^"(.*)"$/, "$1")
        .replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
      if (!settings.has(key as string)) settings.set(key as string, expanded);
    }
  }
  return settings;
}

function npmAuthorizations(npmrc: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [key, value] of npmrc) {
    const [, prefix, name] = /^(\/\/.+\/):(_authToken|_auth|_password)$/.exec(key) ?? [];
    if (prefix === undefined) continue;
    if (name === "_authToken") headers[prefix] = `Bearer ${value}`;
    else if (name === "_auth") headers[prefix] ??= `Basic ${value}`;
    else {
      const password = Buffer.from(value, "base64").toString("utf8");
      headers[prefix] ??=
        `Basic ${Buffer.from(`${npmrc.get(`${prefix}:username`) ?? ""}:${password}`).toString("base64")}`;
    }
  }
  return headers;
}

/** The default that npm itself was built with, read from the npm on the PATH. */
function npmDefault({ env }: Machine): string | undefined {
  const npm = findProgram("npm", env);
  if (npm === undefined) return undefined;
  try {
    const definitions = createRequire(npm)("@npmcli/config/lib/definitions/definitions.js") as {
      registry?: { default?: unknown };
    };
    const url = definitions.registry?.default;
    return typeof url === "string" ? url : undefined;
  } catch {
    return undefined; // another layout: discoverByAsking will ask npm itself
  }
}

function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const place = (env.PATH ?? "")
    .split(delimiter)
    .find((folder) => folder !== "" && existsSync(join(folder, name)));
  try {
    return place === undefined ? undefined : realpathSync(join(place, name));
  } catch {
    return undefined;
  }
}

function pipIndex({ env, home }: Machine): string | undefined {
  if (env.PIP_INDEX_URL) return env.PIP_INDEX_URL;
  const files = [
    env.PIP_CONFIG_FILE,
    join(home, ".config/pip/pip.conf"),
    join(home, ".pip/pip.conf"),
    "/etc/pip.conf",
  ];
  return firstMatch(files, /^[ \t]*index[-_]url[ \t]*[=:][ \t]*(\S+)/m);
}

function mavenMirror({ home }: Machine): string | undefined {
  const settings = readText(join(home, ".m2/settings.xml")).replace(/<!--[\s\S]*?-->/g, "");
  for (const [, mirror] of settings.matchAll(/<mirror>([\s\S]*?)<\/mirror>/g)) {
    const of = /<mirrorOf>\s*(.*?)\s*<\/mirrorOf>/.exec(mirror as string)?.[1] ?? "";
    const covers = of.split(",").map((name) => name.trim());
    if (covers.includes("!central")) continue;
    if (covers.some((name) => name === "central" || name === "*" || name === "external:*"))
      return /<url>\s*(\S+?)\s*<\/url>/.exec(mirror as string)?.[1];
  }
  return undefined;
}

function cargoReplacement({ env, home }: Machine): string | undefined {
  const folder = env.CARGO_HOME ?? join(home, ".cargo");
  const text = readText(join(folder, "config.toml")) || readText(join(folder, "config"));
  const sections = new Map(
    [...text.matchAll(/^\[([^\]]+)\]([^[]*)/gm)].map(([, name, body]) => [
      (name as string).replaceAll('"', ""),
      body as string,
    ]),
  );
  const replacement = /^\s*replace-with\s*=\s*"([^"]+)"/m.exec(sections.get("source.crates-io") ?? "")?.[1];
  const source =
    replacement === undefined
      ? ""
      : `${sections.get(`source.${replacement}`) ?? ""}\n${sections.get(`registries.${replacement}`) ?? ""}`;
  // An index in git is not read here.
  return /^\s*(?:registry|index)\s*=\s*"sparse\+([^"]+)"/m.exec(source)?.[1];
}

function gemSource({ home }: Machine): string | undefined {
  return firstMatch(
    [join(home, ".gemrc"), "/etc/gemrc"],
    /^:sources:\s*\n\s*-\s*['"]?(https?:\/\/[^\s'"]+)/m,
  );
}

function nugetSource({ home }: Machine): string | undefined {
  const files = [join(home, ".nuget/NuGet/NuGet.Config"), join(home, ".config/NuGet/NuGet.Config")];
  return firstMatch(files, /<packageSources>[\s\S]*?<add\s[^>]*value="(https?:\/\/[^"]+)"/);
}

function firstMatch(files: readonly (string | undefined)[], pattern: RegExp): string | undefined {
  for (const file of files) {
    const found = file === undefined ? undefined : pattern.exec(readText(file))?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

const ASK_TIMEOUT_MS = 10_000;

async function ask({ env, cwd }: Machine, program: string, args: readonly string[]): Promise<string> {
  if (findProgram(program, env) === undefined) return "";
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      env,
      cwd,
      timeout: ASK_TIMEOUT_MS,
      maxBuffer: 1024 * 1024,
    });
    return stdout;
  } catch {
    return "";
  }
}

/** A proxy on a port where nothing listens. */
const NOWHERE = "http://127.0.0.1:1";

/**
 * Cargo tells the address of its index, settings and replacements applied, only when it cannot reach it: so it is sent
 * to a proxy that is not there.
 */
async function askCargo({ env, cwd }: Machine): Promise<string | undefined> {
  if (findProgram("cargo", env) === undefined) return undefined;
  const astray = {
    ...env,
    CARGO_HTTP_PROXY: NOWHERE,
    NO_PROXY: "",
    no_proxy: "",
    CARGO_NET_RETRY: "0",
    CARGO_NET_OFFLINE: "false",
    CARGO_TERM_COLOR: "never",
  };
  try {
    await promisify(execFile)("cargo", ["info", "cargo"], { env: astray, cwd, timeout: ASK_TIMEOUT_MS });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: unknown };
    return /`(https?:\/\/[^`\s]+\/)config\.json`/.exec(String(stderr))?.[1];
  }
}

/** Maven's default is in the super POM that its own jar carries. */
async function askMaven(machine: Machine): Promise<string | undefined> {
  const mvn = findProgram("mvn", machine.env);
  const libraries = mvn === undefined ? "" : join(dirname(dirname(mvn)), "lib");
  const jar = existsSync(libraries)
    ? readdirSync(libraries).find((name) => /^maven-model-builder-.*\.jar$/.test(name))
    : undefined;
  if (jar === undefined) return undefined;
  const pom = await ask(machine, "unzip", [
    "-p",
    join(libraries, jar),
    "org/apache/maven/model/pom-4.0.0.xml",
  ]);
  return /<repository>[\s\S]*?<id>central<\/id>[\s\S]*?<url>\s*(\S+?)\s*<\/url>/.exec(pom)?.[1];
}
