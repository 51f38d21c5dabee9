// Logins for every tool in a temporary home: written beside what is there, done again without piling up, undone to the byte.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NewLogin } from "./perform.ts";
import { performLogin, performLogout } from "./perform.ts";
import { loadLogins, loginFor } from "./record.ts";
import { describeChanges } from "./show.ts";
import type { Around, Feature, Site } from "./tool.ts";
import { TOOLS } from "./tools/index.ts";

const TOKEN = "abcdefghijkl.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NEXT = "mnopqrstuvwx.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

let root: string;
let around: Around;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "portcullis-login-"));
  const home = join(root, "home");
  const cwd = join(root, "project");
  mkdirSync(home);
  mkdirSync(cwd);
  around = { env: {}, home, cwd, platform: "linux", program: "/opt/portcullis/bin/portcullis" };
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

type Options = Partial<Site> & { readonly tool?: string };

function site(tool: string, options: Options): Site {
  const { repository = "main" } = options;
  const { format } = TOOLS.get(tool) ?? { format: "" };
  const url = `http://127.0.0.1:8484/${format}/d/acme-000000000000/${repository}/`;
  return {
    url,
    name: `acme-${repository}`,
    named: false,
    domain: "acme",
    repository,
    token: TOKEN,
    variable: undefined,
    scope: undefined,
    extra: false,
    project: false,
    helper: false,
    around,
    ...options,
  };
}

function login(tool: string, options: Options = {}, dryRun = false): string {
  const given = site(tool, options);
  const plan = TOOLS.get(tool)?.plan(given);
  const record: NewLogin = {
    tool,
    format: TOOLS.get(tool)?.format ?? "",
    domain: "acme",
    owner: "000000000000",
    repository: given.repository,
    ...(given.scope === undefined ? {} : { scope: given.scope }),
    ...(given.project ? { project: around.cwd } : {}),
    url: given.url,
    source: { endpointUrl: "http://127.0.0.1:8484" },
  };
  return describeChanges(performLogin(around, record, plan?.settings ?? [], dryRun), given.token);
}

function logout(tool: string, repository?: string): string {
  const chosen = (each: { tool: string; repository: string }) =>
    each.tool === tool && (repository ?? each.repository) === each.repository;
  return describeChanges(performLogout(around, chosen, false).changes, "");
}

function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

/** Path → mode and text, of all files but our own record; folders too. */
function tree(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const path = join(root, name);
    const stats = lstatSync(path);
    if (/(^|\/)home\/\.config(\/portcullis.*)?$/.test(name)) continue;
    found[relative(root, path)] = stats.isFile()
      ? `${(stats.mode & 0o777).toString(8)} ${readFileSync(path, "utf8")}`
      : "";
  }
  return found;
}

/** What people have: comments, other registries, CRLF, no newline at the end. */
const FILES: Readonly<Record<string, string>> = {
  "home/.npmrc":
    "; mine\r\n@corp:registry=https://registry.example/npm/\r\n//registry.example/npm/:_authToken=corp-secret\r\nregistry=https://registry.example/all/",
  "project/.npmrc": "# ours\nengine-strict = true\n",
  "home/.yarnrc.yml":
    '# mine\nnpmScopes:\n    corp:\n        npmRegistryServer: "https://registry.example" # corp\n\nnodeLinker: pnp',
  "project/.yarnrc.yml": "yarnPath: .yarn/releases/x.cjs\n",
  "home/.config/pip/pip.conf":
    "[install]\r\nno-compile = yes\r\n\r\n[global]\r\nindex-url = https://user:corp-secret@registry.example/simple ; old\r\ntimeout = 60\r\n",
  "home/.config/uv/uv.toml":
    '# mine\nnative-tls = true\n\n[[index]]\nname = "corp"\nurl = "https://registry.example/simple"\ndefault = true # the only one\n\n[pip]\nstrict = true',
  "project/pyproject.toml":
    '[project]\nname = "x" # x\nversion = "1"\n\n[[tool.poetry.source]]\nname = "corp"\nurl = "https://registry.example/simple"\n\n[tool.ruff]\nline-length = 100\n',
  "home/.config/pypoetry/config.toml": "[virtualenvs]\nin-project = true\n",
  "home/.config/pypoetry/auth.toml": '[http-basic.corp]\nusername = "u"\npassword = "corp-secret"\n',
  "home/.pypirc":
    "[distutils]\nindex-servers =\n    pypi\n    corp\n\n[corp]\nrepository: https://registry.example/\nusername: u\npassword: corp-secret\n",
  "home/.m2/settings.xml":
    '<?xml version="1.0"?>\n<settings xmlns="http://maven.example/SETTINGS/1.0.0">\n\t<!-- mine -->\n\t<servers>\n\t\t<server>\n\t\t\t<id>corp</id>\n\t\t\t<password>corp-secret</password>\n\t\t</server>\n\t</servers>\n\t<mirrors>\n\t\t<mirror><id>corp</id><mirrorOf>*</mirrorOf><url>https://registry.example/</url></mirror>\n\t</mirrors>\n</settings>\n',
  "home/.gradle/gradle.properties": "# mine\norg.gradle.daemon=true\ncorpPassword=corp-secret",
  "home/.config/coursier/credentials.properties":
    "corp.host=registry.example\ncorp.username=u\ncorp.password=corp-secret\n",
  "home/.config/NuGet/NuGet.Config":
    '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<configuration>\r\n  <packageSources>\r\n    <add key="public" value="https://registry.example/v3/index.json" />\r\n  </packageSources>\r\n</configuration>',
  "home/.nuget/NuGet/NuGet.Config":
    '<configuration>\n  <packageSources>\n    <clear />\n    <add key="public" value="https://registry.example/v3/index.json" />\n  </packageSources>\n  <disabledPackageSources>\n    <add key="old" value="true" />\n  </disabledPackageSources>\n</configuration>\n',
  "home/.gemrc": "---\n# mine\n:sources:\n- https://registry.example/\ngem: --no-document\n",
  "home/.gem/credentials": "---\n:rubygems_api_key: corp-secret\n",
  "home/.bundle/config": '---\nBUNDLE_PATH: "vendor/bundle"\nBUNDLE_REGISTRY__EXAMPLE: "u:corp-secret"\n',
  "home/.cargo/config.toml":
    '[build]\njobs = 2 # few\n\n[source.crates-io]\nreplace-with = "corp"\n\n[source.corp]\nregistry = "sparse+https://registry.example/"\n',
  "home/.cargo/credentials.toml": '[registries.corp]\ntoken = "corp-secret"\n',
  "home/.swiftpm/configuration/registries.json":
    '{\n  "registries": {\n    "[default]": {\n      "supportsAvailability": false,\n      "url": "https://registry.example/"\n    }\n  },\n  "version": 1\n}\n',
  "home/.netrc": "machine registry.example login u password corp-secret\ndefault login anonymous password x",
};

function putFiles(): void {
  for (const [path, text] of Object.entries(FILES))
    put(path, text, /netrc|credentials|auth/.test(path) ? 0o600 : 0o644);
}

/** Every way to log a tool in. */
const WAYS = [...TOOLS.values()].flatMap((tool) => {
  // These write what npm and the two yarns write.
  if (["deno", "bun", "yarn"].includes(tool.name)) return [];
  const ways: Options[] = [{}];
  const features: Readonly<Record<Feature, Options>> = {
    scope: { scope: "corp" },
    extra: { extra: true },
    project: { project: true },
    variable: { variable: "CI_TOKEN", token: "" },
    helper: { helper: true },
  };
  for (const feature of tool.takes) ways.push(features[feature]);
  if (tool.takes.includes("project") && tool.takes.includes("variable"))
    ways.push({ project: true, variable: "CI_TOKEN", token: "" });
  return ways
    .filter((way) => !(tool.name === "pip" && way.project === true))
    .map((way) => ({ tool: tool.name, way, title: `${tool.name} ${JSON.stringify(way)}` }));
});

describe.each(WAYS)("$title", ({ tool, way }) => {
  test.each([
    ["files of their own", true],
    ["an empty home", false],
  ])("with %s: logout leaves every byte, mode and folder as it was", (_, full) => {
    if (full) putFiles();
    const before = tree();
    login(tool, way);
    expect(tree()).not.toEqual(before);
    login(tool, { ...way, token: way.token ?? NEXT });
    logout(tool);
    expect(tree()).toEqual(before);
    expect(loadLogins(around)).toEqual([]);
  });

  test("again, it changes the token and nothing else; the same token changes nothing", () => {
    putFiles();
    login(tool, way);
    const first = tree();
    login(tool, way);
    expect(tree()).toEqual(first);
    if (way.token === "") return;
    login(tool, { ...way, token: NEXT });
    const second = Object.entries(tree()).map(([path, text]) => [path, text.replaceAll(NEXT, TOKEN)]);
    expect(Object.fromEntries(second)).toEqual(first);
  });

  test("a dry run tells every file and no secret, and changes nothing", () => {
    putFiles();
    const before = tree();
    const shown = login(tool, way, true);
    expect(tree()).toEqual(before);
    expect(loadLogins(around)).toEqual([]);
    expect(shown).not.toMatch(/corp-secret|abcdefghijkl/);
    login(tool, way);
    const after = tree();
    for (const path of Object.keys(after).filter(
      (each) => after[each] !== before[each] && after[each] !== "",
    ))
      expect(shown).toContain(join(root, path));
  });

  test("the secrets of others stay, ours are for the owner only, and none is in the project or the record", () => {
    putFiles();
    login(tool, way);
    const after = tree();
    for (const [path, text] of Object.entries(FILES))
      for (const line of text
        .split(/\r?\n/)
        .filter((each) => /corp-secret/.test(each) && !/index-url/.test(each)))
        expect(after[path]).toContain(line.trim());
    for (const [path, text] of Object.entries(after)) {
      if (!text.includes(TOKEN)) continue;
      expect(path).toMatch(/^home/);
      expect(text.slice(0, 3), path).toBe("600");
    }
    expect(readFileSync(join(around.home, ".config/portcullis/logins.json"), "utf8")).not.toContain(TOKEN);
  });
});

test("what the user changed since stays, and is told", () => {
  login("npm");
  const file = join(around.home, ".npmrc");
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(/^registry=.*$/m, "registry=https://registry.example/"),
  );
  expect(logout("npm")).toContain("registry: it was changed since, so it stays");
  expect(readFileSync(file, "utf8")).toBe("registry=https://registry.example/\n");
});

test("logins to two repositories of one tool are undone in any order", () => {
  for (const order of [
    ["main", "other"],
    ["other", "main"],
  ]) {
    for (const tool of ["npm", "pip", "cargo", "mvn", "twine", "uv", "bundler"]) {
      putFiles();
      const before = tree();
      login(tool, { repository: "main" });
      login(tool, { repository: "other", name: "acme-other" });
      login(tool, { repository: "main", token: NEXT });
      for (const repository of order) logout(tool, repository);
      const after = tree();
      // Blank lines between may stay where another login's lines were.
      const squeeze = (files: Record<string, string>) =>
        Object.fromEntries(
          Object.entries(files).map(([path, text]) => [path, text.slice(4).replace(/\s+/g, " ").trim()]),
        );
      expect(squeeze(after), `${tool} ${order.join()}`).toEqual(squeeze(before));
    }
  }
});

test("other options undo what the earlier ones wrote", () => {
  putFiles();
  login("pip");
  login("pip", { extra: true });
  const text = readFileSync(join(root, "home/.config/pip/pip.conf"), "utf8");
  expect(text).toContain("index-url = https://user:corp-secret@registry.example/simple ; old");
  expect(text).toContain(`extra-index-url = http://aws:${TOKEN}@127.0.0.1`);
});

test("a file that cannot be read as what it is stays, nothing else is written, and the message names it", () => {
  put("home/.pypirc", "[distutils\nnonsense");
  const before = tree();
  expect(() => login("twine")).toThrow(/home\/\.pypirc is left alone: .*Nothing was changed/);
  put("home/.config/pypoetry/auth.toml", "a = \n");
  expect(() => login("poetry")).toThrow(/auth\.toml is left alone/);
  writeFileSync(join(around.home, ".npmrc"), Buffer.from([0xff, 0xfe, 0x00]));
  expect(() => login("npm")).toThrow(/no UTF-8 text/);
  rmSync(join(around.home, ".npmrc"));
  rmSync(join(around.home, ".config/pypoetry"), { recursive: true });
  expect(tree()).toEqual(before);
});

test("a symbolic link stays one, and what it points at is edited", () => {
  put("dotfiles/npmrc", "fund=false\n", 0o640);
  symlinkSync(join(root, "dotfiles/npmrc"), join(around.home, ".npmrc"));
  login("npm");
  expect(lstatSync(join(around.home, ".npmrc")).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(root, "dotfiles/npmrc"), "utf8")).toContain(TOKEN);
  expect(statSync(join(root, "dotfiles/npmrc")).mode & 0o777).toBe(0o600);
  logout("npm");
  expect(readFileSync(join(root, "dotfiles/npmrc"), "utf8")).toBe("fund=false\n");
  expect(statSync(join(root, "dotfiles/npmrc")).mode & 0o777).toBe(0o640);
  symlinkSync(join(root, "dotfiles/none.yml"), join(around.home, ".yarnrc.yml"));
  login("yarn-berry");
  expect(existsSync(join(root, "dotfiles/none.yml"))).toBe(true);
});

test("the tools' own variables say where files are", () => {
  const env = {
    NPM_CONFIG_USERCONFIG: join(root, "a/npmrc"),
    PIP_CONFIG_FILE: join(root, "a/pip.conf"),
    UV_CONFIG_FILE: join(root, "a/uv.toml"),
    POETRY_CONFIG_DIR: join(root, "a/poetry"),
    CARGO_HOME: join(root, "a/cargo"),
    GRADLE_USER_HOME: join(root, "a/gradle"),
    BUNDLE_USER_CONFIG: join(root, "a/bundle"),
    NETRC: join(root, "a/netrc"),
    YARN_RC_FILENAME: ".other.yml",
  };
  around = { ...around, env };
  for (const tool of ["npm", "pip", "uv", "poetry", "cargo", "gradle", "bundler", "swift", "yarn-berry"])
    login(tool);
  expect(
    Object.keys(tree())
      .filter((path) => tree()[path] !== "")
      .sort(),
  ).toEqual([
    "a/bundle",
    "a/cargo/config.toml",
    "a/cargo/credentials.toml",
    "a/gradle/gradle.properties",
    "a/gradle/init.d/portcullis-acme-main.gradle",
    "a/netrc",
    "a/npmrc",
    "a/pip.conf",
    "a/poetry/auth.toml",
    "a/poetry/config.toml",
    "a/uv.toml",
    "home/.other.yml",
    "home/.swiftpm/configuration/registries.json",
  ]);
});

test("another keyring is never replaced", () => {
  put("home/.local/bin/keyring", "#!/usr/bin/python3\n");
  expect(() => login("pip", { helper: true })).toThrow(/is another keyring/);
});

test("a helper answers only for addresses that a login was made for", () => {
  login("cargo", { helper: true });
  const logins = loadLogins(around);
  const known = "http://127.0.0.1:8484/cargo/d/acme-000000000000/main/";
  for (const address of [
    `sparse+${known}`,
    known,
    known.slice(0, -1),
    known.replace("//", "//aws@"),
    `${known}config.json`,
    "127.0.0.1:8484",
  ])
    expect(loginFor(logins, address)?.repository, address).toBe("main");
  for (const address of [
    "http://127.0.0.1:8485/cargo/d/acme-000000000000/main/",
    `http://evil.example/${known}`,
    known.replace("//", "//127.0.0.1:8484@evil.example/"),
    known.replace("/main/", "/mai/"),
    "evil.example",
    "",
  ])
    expect(loginFor(logins, address), address).toBeUndefined();
});
